//! Clients of the stack that the settings name.

use std::time::Duration;

use anyhow::{Context, bail};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::Credentials;
use flodrama_store::Store;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;

use crate::config::{Aws, Cognito, Config};

/// No answer of the edge or of Cognito takes longer.
const HTTP_TIMEOUT: Duration = Duration::from_secs(30);

/// AWS settings with an endpoint in place of AWS's own, if one is given.
pub async fn sdk(aws: &Aws, endpoint: Option<&str>) -> SdkConfig {
    let mut loader = aws_config::defaults(BehaviorVersion::latest());
    if let Some(region) = &aws.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let (Some(id), Some(secret)) = (&aws.access_key_id, &aws.secret_access_key) {
        let credentials = Credentials::new(id, secret.expose_secret(), None, None, "flodrama-settings");
        loader = loader.credentials_provider(credentials);
    }
    if let Some(url) = endpoint {
        loader = loader.endpoint_url(url);
    }
    loader.load().await
}

/// The bucket. Other hosts than AWS's are addressed path-style.
pub async fn store(config: &Config) -> Store {
    let endpoint = config.s3.endpoint_url.as_deref();
    let sdk = sdk(&config.aws, endpoint).await;
    let settings = aws_sdk_s3::config::Builder::from(&sdk).force_path_style(endpoint.is_some()).build();
    Store::new(aws_sdk_s3::Client::from_conf(settings), &config.s3.bucket)
}

/// The queue's service.
pub async fn sqs(config: &Config) -> aws_sdk_sqs::Client {
    aws_sdk_sqs::Client::new(&sdk(&config.aws, config.queue.endpoint_url.as_deref()).await)
}

/// CloudFront's control plane.
pub async fn cloudfront(config: &Config) -> aws_sdk_cloudfront::Client {
    aws_sdk_cloudfront::Client::new(&sdk(&config.aws, config.cloudfront.endpoint_url.as_deref()).await)
}

/// For the edge and for Cognito.
pub fn http() -> anyhow::Result<reqwest::Client> {
    Ok(reqwest::Client::builder().timeout(HTTP_TIMEOUT).build()?)
}

/// Signs in and gives an access token.
pub async fn sign_in(http: &reqwest::Client, cognito: &Cognito) -> anyhow::Result<SecretString> {
    #[derive(Deserialize)]
    struct Answer {
        #[serde(rename = "AuthenticationResult")]
        result: Tokens,
    }
    #[derive(Deserialize)]
    struct Tokens {
        #[serde(rename = "AccessToken")]
        access_token: SecretString,
    }
    let request = json!({
        "AuthFlow": "USER_PASSWORD_AUTH",
        "ClientId": cognito.client_id,
        "AuthParameters": { "USERNAME": cognito.username, "PASSWORD": cognito.password.expose_secret() },
    });
    let answer = http
        .post(&cognito.endpoint_url)
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", "AWSCognitoIdentityProviderService.InitiateAuth")
        .body(request.to_string())
        .send()
        .await
        .context("cannot reach Cognito: is the stack running?")?;
    if !answer.status().is_success() {
        bail!("Cognito refused to sign in '{}' ({})", cognito.username, answer.status());
    }
    Ok(answer
        .json::<Answer>()
        .await
        .context("Cognito gave an answer that is none of its own")?
        .result
        .access_token)
}
