//! Which stack the commands talk to: one TOML file, every field settable by `FLODRAMA_<SECTION>__<FIELD>`.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, bail};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};

/// All settings. `docs/CONFIG.md` documents every field.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Credentials of a local stack; with AWS itself, the SDK's own settings serve.
    #[serde(default)]
    pub aws: Aws,
    /// The bucket.
    pub s3: S3,
    /// The queue with the bucket's events.
    pub queue: Queue,
    /// The distribution in front of the bucket.
    pub cloudfront: CloudFront,
    /// The edge service.
    pub edge: Edge,
    /// Whom `play` signs in as.
    pub cognito: Cognito,
}

/// Credentials.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Aws {
    /// Region.
    pub region: Option<String>,
    /// Access key id.
    pub access_key_id: Option<String>,
    /// Secret access key.
    #[serde(serialize_with = "exposed")]
    pub secret_access_key: Option<SecretString>,
}

/// The bucket.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct S3 {
    /// Bucket name.
    pub bucket: String,
    /// Endpoint in place of AWS's own.
    pub endpoint_url: Option<String>,
}

/// The queue.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Queue {
    /// Queue URL.
    pub url: String,
    /// URL of its dead-letter queue.
    pub dead_letter_url: String,
    /// Endpoint in place of AWS's own.
    pub endpoint_url: Option<String>,
}

/// The distribution.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CloudFront {
    /// Distribution id.
    pub distribution_id: String,
    /// Where viewers get media: scheme and host.
    pub url: String,
    /// Endpoint in place of AWS's own.
    pub endpoint_url: Option<String>,
}

/// The edge service.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edge {
    /// Scheme and host.
    pub url: String,
}

/// Whom `play` signs in as.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cognito {
    /// Cognito's endpoint: `https://cognito-idp.<region>.amazonaws.com`, or a local stack's.
    pub endpoint_url: String,
    /// App client, with the password flow allowed.
    pub client_id: String,
    /// User name.
    pub username: String,
    /// Password.
    #[serde(serialize_with = "exposed_always")]
    pub password: SecretString,
}

/// Only [`Config::write`] serialises, into a file that nobody else may read.
fn exposed<S: Serializer>(secret: &Option<SecretString>, serializer: S) -> Result<S::Ok, S::Error> {
    match secret {
        Some(secret) => exposed_always(secret, serializer),
        None => serializer.serialize_none(),
    }
}

fn exposed_always<S: Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose_secret())
}

impl Config {
    /// Reads the file and the environment over it.
    pub fn load(file: Option<&Path>) -> anyhow::Result<Config> {
        let text = match file {
            Some(path) => std::fs::read_to_string(path)
                .with_context(|| format!("cannot read the settings in {}", path.display()))?,
            None => String::new(),
        };
        Config::parse(&text, std::env::vars()).with_context(|| match file {
            Some(path) => format!("the settings in {} are not valid", path.display()),
            None => "name the stack: --config <data>/flodrama.toml, as `flodrama up` writes it".to_owned(),
        })
    }

    fn parse(text: &str, env: impl Iterator<Item = (String, String)>) -> anyhow::Result<Config> {
        let mut table: toml::Table = text.parse()?;
        for (name, value) in env {
            let Some((section, field)) = name.strip_prefix("FLODRAMA_").and_then(|n| n.split_once("__"))
            else {
                continue;
            };
            let section = table.entry(section.to_lowercase()).or_insert_with(|| toml::Table::new().into());
            let Some(section) = section.as_table_mut() else { bail!("{name}: not a section") };
            section.insert(field.to_lowercase(), toml::Value::String(value));
        }
        Ok(table.try_into()?)
    }

    /// Writes the file, readable by its owner alone: it holds the local stack's secrets.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        let text = format!(
            "# Written by `flodrama up` at every start: the ports change.\n{}",
            toml::to_string(self)?
        );
        let context = || format!("cannot write {}", path.display());
        let temporary = path.with_extension("toml.tmp");
        let mut options = OpenOptions::new();
        let options = options.create(true).truncate(true).write(true).mode(0o600);
        let mut file = options.open(&temporary).with_context(context)?;
        file.write_all(text.as_bytes()).with_context(context)?;
        // A name appears only once its content is whole: others wait for this file.
        std::fs::rename(&temporary, path).with_context(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Config {
        let text = r#"
            aws = { region = "eu-west-3", access_key_id = "AK", secret_access_key = "test-secret" }
            s3 = { bucket = "b", endpoint_url = "http://127.0.0.1:1" }
            queue = { url = "q", dead_letter_url = "d", endpoint_url = "http://127.0.0.1:2" }
            cloudfront = { distribution_id = "E", url = "http://127.0.0.1:3", endpoint_url = "http://127.0.0.1:4" }
            edge = { url = "http://127.0.0.1:5" }
            cognito = { endpoint_url = "http://127.0.0.1:6", client_id = "c", username = "u", password = "test-pass" }
        "#;
        Config::parse(text, std::iter::empty()).expect("config")
    }

    #[test]
    fn secrets_are_written_to_the_file_and_nowhere_else() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("flodrama.toml");
        sample().write(&path).expect("write");
        let again = Config::load(Some(&path)).expect("read");
        assert_eq!(again.cognito.password.expose_secret(), "test-pass");
        let shown = format!("{again:?}");
        assert!(!shown.contains("test-pass") && !shown.contains("test-secret"), "{shown}");
        let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&path).expect("file"));
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn unknown_and_missing_fields_are_refused() {
        let text = toml::to_string(&sample()).expect("toml");
        assert!(Config::parse(&text.replace("[edge]", "[edge]\nport = 1"), std::iter::empty()).is_err());
        assert!(Config::parse("", std::iter::empty()).is_err());
    }

    #[test]
    fn every_field_is_documented() {
        let docs = include_str!("../../../docs/CONFIG.md");
        let table: toml::Table = toml::to_string(&sample()).expect("toml").parse().expect("table");
        for (section, fields) in table {
            for field in fields.as_table().expect("section").keys() {
                let name = format!("FLODRAMA_{}__{}", section.to_uppercase(), field.to_uppercase());
                assert!(docs.contains(&name), "docs/CONFIG.md does not have {name}");
            }
        }
    }
}
