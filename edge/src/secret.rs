//! The private key's text, from wherever the settings say that it is: themselves, a file, or AWS Secrets Manager.

use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::timeout::TimeoutConfig;
use secrecy::SecretString;

use crate::app::StartError;
use crate::config;

/// How long Secrets Manager may take, retries included: who waits longer at a start is better told.
const TIMEOUT: Duration = Duration::from_secs(10);

const FILE: &str = "cdn.private_key_file";
const SECRET: &str = "cdn.private_key_secret";

/// The setting that says where the key is, and the PEM. Fails naming the setting, never with anything of the key.
pub(crate) async fn private_key(settings: &config::Cdn) -> Result<(&'static str, SecretString), StartError> {
    let config::Cdn { private_key, private_key_file, private_key_secret, .. } = settings;
    match (private_key, private_key_file, private_key_secret) {
        (Some(pem), None, None) => Ok(("cdn.private_key", pem.clone())),
        (None, Some(path), None) => match std::fs::read_to_string(path) {
            Ok(pem) => Ok((FILE, SecretString::from(pem))),
            Err(error) => Err(StartError::caused(FILE, error)),
        },
        (None, None, Some(name)) => Ok((SECRET, from_secrets_manager(name).await?)),
        _ => Err(StartError::new(FILE, "give one of it, cdn.private_key and cdn.private_key_secret")),
    }
}

/// Region, credentials and another endpoint come by the AWS SDK's own settings.
async fn from_secrets_manager(name: &str) -> Result<SecretString, StartError> {
    let timeouts = TimeoutConfig::builder().operation_timeout(TIMEOUT).build();
    let shared = aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts).load().await;
    let asked = aws_sdk_secretsmanager::Client::new(&shared).get_secret_value().secret_id(name).send().await;
    let secret = asked.map_err(|error| StartError::caused(SECRET, error))?;
    let text = secret.secret_string.ok_or_else(|| StartError::new(SECRET, "the secret has no text"))?;
    Ok(SecretString::from(text))
}
