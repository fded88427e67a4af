//! File and environment to [`Config`].

use std::path::{Path, PathBuf};

use flodrama_asset::ErrorKind;
use toml::{Table, Value};

use super::Config;

const PREFIX: &str = "FLODRAMA_";
/// OpenTelemetry's own name for `traces.endpoint`; ours wins over it.
const OTLP_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

/// How a field's text in the environment is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Number,
    Switch,
    /// Comma-separated.
    List,
}

/// Every section and field. A test holds it against [`Config`] and against the documentation.
const FIELDS: [(&str, &str, Kind); 41] = [
    ("server", "listen", Kind::Text),
    ("server", "cors_origins", Kind::List),
    ("server", "max_connections", Kind::Number),
    ("server", "max_connections_per_address", Kind::Number),
    ("server", "max_connection_s", Kind::Number),
    ("server", "header_timeout_s", Kind::Number),
    ("server", "request_timeout_s", Kind::Number),
    ("server", "write_timeout_s", Kind::Number),
    ("server", "http2", Kind::Switch),
    ("server", "max_body_bytes", Kind::Number),
    ("server", "cache_bytes", Kind::Number),
    ("rates", "viewer_per_minute", Kind::Number),
    ("rates", "address_per_minute", Kind::Number),
    ("rates", "trust_viewer_address", Kind::Switch),
    ("s3", "bucket", Kind::Text),
    ("s3", "endpoint_url", Kind::Text),
    ("cognito", "issuer", Kind::Text),
    ("cognito", "jwks_url", Kind::Text),
    ("cognito", "client_ids", Kind::List),
    ("cognito", "leeway_s", Kind::Number),
    ("cdn", "base_url", Kind::Text),
    ("cdn", "key_pair_id", Kind::Text),
    ("cdn", "private_key_file", Kind::Text),
    ("cdn", "private_key", Kind::Text),
    ("cdn", "private_key_secret", Kind::Text),
    ("cdn", "hash", Kind::Text),
    ("second_key", "key_pair_id", Kind::Text),
    ("second_key", "public_key_file", Kind::Text),
    ("second_key", "public_key", Kind::Text),
    ("second_key", "hash", Kind::Text),
    ("cookies", "domain", Kind::Text),
    ("cookies", "same_site", Kind::Text),
    ("cookies", "secure", Kind::Switch),
    ("playback", "min_ttl_s", Kind::Number),
    ("playback", "pause_allowance_s", Kind::Number),
    ("entitlement", "preview_groups", Kind::List),
    ("entitlement", "trust_cloudfront_country", Kind::Switch),
    ("log", "format", Kind::Text),
    ("log", "level", Kind::Text),
    ("traces", "endpoint", Kind::Text),
    ("traces", "sample_percent", Kind::Number),
];

/// Settings that cannot be used. Names the file, the field or the variable; never a value, which may be secret.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("the settings file {} cannot be read", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is no TOML.
    #[error("the settings file {} is no TOML: {problem} (line {line})", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What the parser says, without the text that it stumbled on.
        problem: String,
    },
    /// A variable of a section of ours names no field.
    #[error("the variable {name} names no setting; docs/CONFIG.md lists them")]
    Variable {
        /// The variable.
        name: String,
    },
    /// A variable's text is not of the field's kind.
    #[error("the variable {name} must be {wanted}")]
    VariableValue {
        /// The variable.
        name: String,
        /// What it must be.
        wanted: &'static str,
    },
    /// A field is missing, unknown or of the wrong kind.
    #[error("the settings do not fit: {problem}; docs/CONFIG.md lists them")]
    Fields {
        /// Which field, and how.
        problem: String,
    },
}

impl ConfigError {
    /// Always `Config`.
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::Config
    }
}

/// The settings of `file`, if any, with those of `variables` (name and text) over them.
///
/// Only variables of this service's sections count, so that two services can share an environment.
pub fn load(
    file: Option<&Path>,
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<Config, ConfigError> {
    let mut table = file.map(read_file).transpose()?.unwrap_or_default();
    let mut variables: Vec<(String, String)> = variables.into_iter().collect();
    if let Some((_, url)) = variables.iter().find(|(name, url)| name == OTLP_ENDPOINT && !url.is_empty()) {
        variables.insert(0, (format!("{PREFIX}TRACES__ENDPOINT"), url.clone()));
    }
    for (name, text) in variables {
        let Some((section, field)) = name.strip_prefix(PREFIX).and_then(|rest| rest.split_once("__")) else {
            continue;
        };
        let (section, field) = (section.to_ascii_lowercase(), field.to_ascii_lowercase());
        if FIELDS.iter().all(|(known, ..)| *known != section) {
            continue;
        }
        let known = FIELDS.iter().find(|(s, f, _)| (*s, *f) == (&section, &field));
        let Some((.., kind)) = known else { return Err(ConfigError::Variable { name }) };
        let value = parse(*kind, text).map_err(|wanted| ConfigError::VariableValue { name, wanted })?;
        let section = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
        if let Value::Table(fields) = section {
            fields.insert(field, value);
        }
    }
    let fields = |e: toml::de::Error| ConfigError::Fields { problem: without_value(&e) };
    Value::Table(table).try_into().map_err(fields)
}

/// What is wrong with which field. The parser would show a value of the wrong kind, and somebody may have given a key.
fn without_value(error: &toml::de::Error) -> String {
    let (message, text) = (error.message(), error.to_string());
    match message.split_once(", expected ") {
        Some(_) if message.starts_with("unknown field") => message.to_owned(),
        Some((_, expected)) => {
            let field = text.trim_end().rsplit_once("in `").map_or("a field", |(_, field)| field);
            format!("{} must be {expected}", field.trim_end_matches('`'))
        }
        None => message.to_owned(),
    }
}

/// Where Lambda's runtime API listens (host and port), in an execution environment of Lambda's.
pub fn lambda_runtime(variables: impl IntoIterator<Item = (String, String)>) -> Option<String> {
    variables.into_iter().find(|(name, _)| name == "AWS_LAMBDA_RUNTIME_API").map(|(_, address)| address)
}

/// The variables of this process that are readable text.
pub fn variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, text)| Some((name.into_string().ok()?, text.into_string().ok()?)))
}

fn read_file(path: &Path) -> Result<Table, ConfigError> {
    let path = path.to_owned();
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(source) => return Err(ConfigError::File { path, source }),
    };
    text.parse().map_err(|e: toml::de::Error| {
        let before = e.span().map_or("", |span| text.get(..span.start).unwrap_or_default());
        ConfigError::Syntax { path, line: before.lines().count().max(1), problem: e.message().to_owned() }
    })
}

fn parse(kind: Kind, text: String) -> Result<Value, &'static str> {
    match kind {
        Kind::Text => Ok(Value::String(text)),
        Kind::Number => text.parse().map(Value::Integer).map_err(|_| "a whole number"),
        Kind::Switch => text.parse().map(Value::Boolean).map_err(|_| "true or false"),
        Kind::List => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            Ok(Value::Array(items.map(|item| Value::String(item.to_owned())).collect()))
        }
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    const FULL: &str = r#"
[server]
listen = "127.0.0.1:0"
cors_origins = ["https://www.example.com"]
[s3]
bucket = "media"
endpoint_url = "http://127.0.0.1:1"
[cognito]
issuer = "https://issuer"
jwks_url = "https://issuer/keys"
client_ids = ["app"]
[cdn]
base_url = "https://cdn.example.com"
key_pair_id = "K1"
private_key_file = "key.pem"
private_key = "canary"
private_key_secret = "name"
[second_key]
key_pair_id = "K0"
public_key_file = "key.pem"
public_key = "PEM"
[cookies]
domain = "example.com"
[traces]
endpoint = "http://127.0.0.1:4318"
"#;

    fn from(text: &str, variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("edge.toml");
        std::fs::write(&file, text).expect("a file");
        load(Some(&file), variables.iter().map(|(name, text)| (name.to_string(), text.to_string())))
    }

    fn refusal(text: &str, variables: &[(&str, &str)]) -> String {
        from(text, variables).expect_err("refused").to_string()
    }

    #[test]
    fn the_table_of_fields_is_the_configuration() {
        let toml = from(FULL, &[]).expect("settings").to_masked_toml().expect("toml");
        let table: Table = toml.parse().expect("a table");
        let mut effective: Vec<(String, String)> = Vec::new();
        for (section, fields) in table {
            let fields = fields.as_table().expect("a section").clone();
            effective.extend(fields.into_iter().map(|(field, _)| (section.clone(), field)));
        }
        let mut known: Vec<(String, String)> = FIELDS.map(|(s, f, _)| (s.to_owned(), f.to_owned())).to_vec();
        effective.sort();
        known.sort();
        assert_eq!(effective, known);
    }

    #[test]
    fn every_field_is_documented_with_its_variable() {
        let manual = include_str!("../../../docs/CONFIG.md");
        for (section, field, _) in FIELDS {
            let variable = format!("`{PREFIX}{}__{}`", section.to_uppercase(), field.to_uppercase());
            let line = manual.lines().find(|line| line.contains(&variable));
            let line = line.unwrap_or_else(|| panic!("{variable} is not in docs/CONFIG.md"));
            assert!(line.starts_with(&format!("| `{field}` |")), "{line}");
        }
    }

    #[test]
    fn variables_win_over_the_file_whatever_the_kind() {
        let config = from(
            FULL,
            &[
                ("FLODRAMA_CDN__KEY_PAIR_ID", "12345"),
                ("FLODRAMA_SERVER__MAX_CONNECTIONS", "7"),
                ("FLODRAMA_COOKIES__SECURE", "false"),
                ("FLODRAMA_COGNITO__CLIENT_IDS", "a, b"),
                ("FLODRAMA_LOG__LEVEL", "debug"),
                ("FLODRAMA_ENCODE__THREADS", "the other service's"),
            ],
        )
        .expect("settings");
        assert_eq!(config.cdn.key_pair_id, "12345");
        assert_eq!(config.server.max_connections, 7);
        assert!(!config.cookies.secure);
        assert_eq!(config.cognito.client_ids, ["a", "b"]);
        assert_eq!(config.cdn.private_key.expect("a key").expose_secret(), "canary");
    }

    #[test]
    fn the_collector_is_also_named_by_opentelemetrys_own_variable() {
        let standard = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://standard");
        let ours = ("FLODRAMA_TRACES__ENDPOINT", "http://ours");
        let endpoint = |variables: &[(&str, &str)]| from(FULL, variables).expect("settings").traces.endpoint;
        assert_eq!(endpoint(&[standard]).as_deref(), Some("http://standard"));
        assert_eq!(endpoint(&[ours, standard]).as_deref(), Some("http://ours"));
        assert_eq!(endpoint(&[]).as_deref(), Some("http://127.0.0.1:4318"));
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let hash = FULL.replacen("key_pair_id", "hash = \"canary\"\nkey_pair_id", 1);
        let table = [
            (refusal("[s3]\nbuket = \"x\"", &[]), "buket"),
            (refusal("[s3]", &[]), "bucket"),
            (refusal(FULL, &[("FLODRAMA_S3__BUKET", "x")]), "FLODRAMA_S3__BUKET"),
            (refusal(FULL, &[("FLODRAMA_SERVER__MAX_BODY_BYTES", "1 MB")]), "a whole number"),
            (refusal("[s3]\nbucket = \"x\"\nbucket", &[]), "line 3"),
            (refusal(&hash, &[]), "cdn.hash must be `sha256` or `sha1`"),
            (refusal(&FULL.replace("[\"app\"]", "\"canary\""), &[]), "cognito.client_ids must be a sequence"),
        ];
        for (sentence, part) in table {
            assert!(sentence.contains(part) && !sentence.contains("canary"), "{sentence}");
        }
        assert!(load(None, []).expect_err("nothing set").to_string().contains("s3"));
    }

    #[test]
    fn the_private_key_is_never_shown() {
        let config = from(FULL, &[]).expect("settings");
        let shown = config.to_masked_toml().expect("toml") + &format!("{config:?}");
        assert!(shown.contains("***") && !shown.contains("canary"), "{shown}");
        let broken = FULL.replace("private_key = \"canary\"", "private_key = [\"canary\"]");
        assert!(!refusal(&broken, &[]).contains("canary"));
    }
}
