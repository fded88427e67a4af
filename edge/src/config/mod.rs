//! The settings, read here and nowhere else: one TOML file, each field also by `FLODRAMA_<SECTION>__<FIELD>`.
//!
//! Unknown fields are refused and nothing that matters has a silent default. Credentials and region of AWS come by
//! the AWS SDK's own variables.

mod read;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use secrecy::SecretString;
use serde::{Deserialize, Serialize, Serializer};

pub use read::{ConfigError, lambda_runtime, load, variables};

/// Every setting of the edge. Field by field in `docs/CONFIG.md`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The listener and its limits.
    #[serde(default)]
    pub server: Server,
    /// How much one client may ask for.
    #[serde(default)]
    pub rates: Rates,
    /// The bucket.
    pub s3: S3,
    /// Whose tokens are good.
    pub cognito: Cognito,
    /// CloudFront: where media is served, and the key that opens it.
    pub cdn: Cdn,
    /// A key beside the one that signs whose links open too, while one takes the other's place.
    #[serde(default)]
    pub second_key: Option<SecondKey>,
    /// The cookies of `?delivery=cookies`.
    #[serde(default)]
    pub cookies: Cookies,
    /// How long links last.
    #[serde(default)]
    pub playback: Playback,
    /// Who may see more than what is published.
    #[serde(default)]
    pub entitlement: Entitlement,
    /// What is logged.
    #[serde(default)]
    pub log: Log,
    /// Where traces go.
    #[serde(default)]
    pub traces: Traces,
}

/// `[server]`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Server {
    /// Address and port to listen on.
    pub listen: SocketAddr,
    /// Origins of web pages that may call the edge from a browser; exact, such as `https://www.example.com`.
    pub cors_origins: Vec<String>,
    /// Connections at a time; more wait to be accepted.
    pub max_connections: usize,
    /// Connections at a time of one address; more are closed at once. 0 sets no limit.
    pub max_connections_per_address: usize,
    /// Seconds after which a connection ends by its next answer.
    pub max_connection_s: u64,
    /// Seconds that a client may take to send a request's head, and that an idle connection is kept.
    pub header_timeout_s: u64,
    /// Seconds that a request may take, from its head to its answer.
    pub request_timeout_s: u64,
    /// Seconds that a client may take over what it is sent without taking any of it.
    pub write_timeout_s: u64,
    /// HTTP/2 without TLS ("prior knowledge") beside HTTP/1.1: for load balancers that speak it.
    pub http2: bool,
    /// Largest request body, bytes.
    pub max_body_bytes: usize,
    /// Memory for playlists, bytes: half for stored ones, half for signed ones.
    pub cache_bytes: u64,
}

/// `[rates]`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rates {
    /// Requests a minute of one viewer whose token holds, and as many at once. 0 sets no limit.
    pub viewer_per_minute: u32,
    /// Requests a minute of one address without such a token, and as many at once. 0 sets no limit.
    pub address_per_minute: u32,
    /// The address is what `CloudFront-Viewer-Address` says. Only where nobody reaches the edge but by CloudFront.
    pub trust_viewer_address: bool,
}

/// `[s3]`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct S3 {
    /// The bucket's name.
    pub bucket: String,
    /// Another endpoint than AWS's own for the region.
    #[serde(default)]
    pub endpoint_url: Option<String>,
}

/// `[cognito]`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Cognito {
    /// `iss` of the tokens, exactly.
    pub issuer: String,
    /// Where the pool's public keys are. Not derived from `issuer`: the two are separate statements.
    pub jwks_url: String,
    /// App clients whose access tokens are good.
    pub client_ids: Vec<String>,
    /// Seconds that clocks may differ.
    #[serde(default = "default_leeway_s")]
    pub leeway_s: u64,
}

/// `[cdn]`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Cdn {
    /// Scheme and host of the distribution, such as `https://cdn.example.com`.
    pub base_url: String,
    /// CloudFront's id of the public key.
    pub key_pair_id: String,
    /// The private key's PEM file.
    #[serde(default)]
    pub private_key_file: Option<PathBuf>,
    /// The private key's PEM text, instead of the file.
    #[serde(default, serialize_with = "masked")]
    pub private_key: Option<SecretString>,
    /// The private key's PEM text as a secret of AWS Secrets Manager, instead: its name or ARN.
    #[serde(default)]
    pub private_key_secret: Option<String>,
    /// Hash of the signatures.
    #[serde(default)]
    pub hash: Hash,
}

/// `[second_key]`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SecondKey {
    /// CloudFront's id of the public key.
    pub key_pair_id: String,
    /// The public key's PEM file. Whoever only verifies has no use for the private half.
    #[serde(default)]
    pub public_key_file: Option<PathBuf>,
    /// The public key's PEM text, instead of the file.
    #[serde(default)]
    pub public_key: Option<String>,
    /// Hash of the signatures that it opens by.
    #[serde(default)]
    pub hash: Hash,
}

/// Hash of CloudFront signatures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Hash {
    /// SHA-256, said by `Hash-Algorithm=SHA256`.
    #[default]
    Sha256,
    /// SHA-1, what CloudFront takes where nothing is said.
    Sha1,
}

/// `[cookies]`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Cookies {
    /// `Domain`: the common parent of the edge's and the distribution's host. Without it the cookies are for the
    /// edge's own host.
    pub domain: Option<String>,
    /// `SameSite`.
    pub same_site: SameSite,
    /// `Secure`: off for plain HTTP on loopback alone.
    pub secure: bool,
}

/// `SameSite` of a cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SameSite {
    /// Sent from pages of other sites too.
    None,
    /// Sent from other sites when the viewer follows a link.
    Lax,
    /// Sent from pages of the same site.
    Strict,
}

/// `[playback]`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Playback {
    /// Seconds that a link lasts at least.
    pub min_ttl_s: u64,
    /// Seconds of pause that a link allows for, on top of the asset's duration.
    pub pause_allowance_s: u64,
}

/// `[entitlement]`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Entitlement {
    /// Cognito groups whose members may play episodes that are still being encoded or not open yet; none unless given.
    pub preview_groups: Vec<String>,
    /// Whether `CloudFront-Viewer-Country` says where a viewer is: only where every request comes by CloudFront.
    pub trust_cloudfront_country: bool,
}

/// `[log]`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// For people or for machines.
    pub format: LogFormat,
    /// Least level of our own lines. Other libraries log from `warn` on, because below that they may show headers.
    pub level: LogLevel,
}

/// Form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Lines for people.
    Human,
    /// One JSON object a line.
    Json,
    /// The same, with CloudWatch's embedded metrics in it.
    Emf,
}

/// `[traces]`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Traces {
    /// Base URL of an OTLP collector, such as `http://127.0.0.1:4318`; none are made without.
    pub endpoint: Option<String>,
    /// Traces of a hundred that are sent.
    pub sample_percent: u8,
}

/// Least level that is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl Default for Server {
    fn default() -> Server {
        Server {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            cors_origins: Vec::new(),
            max_connections: 4096,
            max_connections_per_address: 0,
            max_connection_s: 300,
            header_timeout_s: 10,
            request_timeout_s: 15,
            write_timeout_s: 20,
            http2: false,
            max_body_bytes: 16 * 1024,
            cache_bytes: 128 * 1024 * 1024,
        }
    }
}

impl Default for Rates {
    fn default() -> Rates {
        Rates { viewer_per_minute: 1200, address_per_minute: 0, trust_viewer_address: false }
    }
}

impl Default for Traces {
    fn default() -> Traces {
        Traces { endpoint: None, sample_percent: 100 }
    }
}

impl Default for Cookies {
    fn default() -> Cookies {
        Cookies { domain: None, same_site: SameSite::None, secure: true }
    }
}

impl Default for Playback {
    fn default() -> Playback {
        Playback { min_ttl_s: 12 * 3600, pause_allowance_s: 4 * 3600 }
    }
}

impl Default for Log {
    fn default() -> Log {
        Log { format: LogFormat::Human, level: LogLevel::Info }
    }
}

impl Config {
    /// The effective settings as TOML, secrets masked.
    pub fn to_masked_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string_pretty(self)
    }
}

fn default_leeway_s() -> u64 {
    30
}

fn masked<S: Serializer>(secret: &Option<SecretString>, serializer: S) -> Result<S::Ok, S::Error> {
    match secret {
        Some(_) => serializer.serialize_some("***"),
        None => serializer.serialize_none(),
    }
}
