//! The worker's settings: one TOML file, every field settable by `FLODRAMA_<SECTION>__<FIELD>`. Read here only.

use std::path::{Path, PathBuf};
use std::time::Duration;

use flodrama_media::confine::{Confinement, Isolation};
use flodrama_media::task::Limits;
use serde::{Deserialize, Serialize};

use crate::compiled::Compiled;
use crate::job::share::Sharing;

/// All settings. `docs/CONFIG.md` documents every field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The bucket.
    pub s3: S3,
    /// The queue with the bucket's events.
    pub queue: Queue,
    /// How work is done.
    #[serde(default)]
    pub work: Work,
    /// What a source may be at most.
    #[serde(default = "limits")]
    pub limits: Limits,
    /// The distribution in front of the bucket.
    #[serde(default)]
    pub cloudfront: CloudFront,
    /// Notices that a spot instance is about to be taken away.
    #[serde(default)]
    pub spot: Spot,
    /// Logging.
    #[serde(default)]
    pub log: Log,
}

/// The bucket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct S3 {
    /// Bucket name.
    pub bucket: String,
    /// Endpoint in place of AWS's own.
    #[serde(default)]
    pub endpoint_url: Option<String>,
}

/// The queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Queue {
    /// Queue URL.
    pub url: String,
    /// Endpoint in place of AWS's own.
    #[serde(default)]
    pub endpoint_url: Option<String>,
    /// Seconds that a received message stays hidden; a heartbeat renews it at a third of this.
    #[serde(default = "visibility_timeout_s")]
    pub visibility_timeout_s: u32,
    /// Seconds after which work is given back under a fresh message: SQS ends every hold after 12 hours.
    #[serde(default = "hold_at_most_s")]
    pub hold_at_most_s: u32,
}

/// How work is done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Work {
    /// Folder for sources and trees at work; the system's temporary folder where none is given.
    pub scratch: Option<PathBuf>,
    /// Media children at a time; as many as there are cores where none is given.
    pub jobs: Option<usize>,
    /// Preset name or file.
    pub preset: String,
    /// Encoder families on devices to try, the best first. The preset's own encoder stands behind them all.
    pub families: Vec<String>,
    /// Encoders open on a device at a time, at most.
    pub device_sessions: u32,
    /// Seconds of silence after which a media child is ended.
    pub stall_after_s: u64,
    /// Seconds that a media child may take in all.
    pub child_wall_s: u64,
    /// Seconds of computing time that a media child may take, all its threads together.
    pub child_cpu_s: u64,
    /// Memory of a media child that encodes, in MiB; others get a quarter of it.
    pub child_memory_mib: u64,
    /// How strictly media children are confined.
    pub isolation: Isolation,
    /// Workers that are asked to encode chunks of one long episode, at most; 0 asks none.
    pub helpers: u32,
    /// Seconds that an episode lasts at least for others to be asked.
    pub share_from_s: u32,
    /// The binary that is started as media child; this very binary where none is given.
    pub child: Option<PathBuf>,
}

/// The distribution.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CloudFront {
    /// Distribution whose cached pointers are invalidated after a publication; none are where it is not given.
    pub distribution_id: Option<String>,
    /// Endpoint in place of AWS's own.
    pub endpoint_url: Option<String>,
}

/// Notices that a spot instance is about to be taken away.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Spot {
    /// The instance metadata service, `http://169.254.169.254` on EC2; nobody is asked where it is not given.
    pub endpoint_url: Option<String>,
}

/// Logging.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// `text` or `json`.
    pub format: LogFormat,
    /// Least level, or a filter in `tracing`'s syntax.
    pub level: String,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Default for Work {
    fn default() -> Self {
        let preset = crate::plan::preset::DEFAULT.to_owned();
        let families = ["nvenc", "vaapi", "qsv"].map(str::to_owned).to_vec();
        Work {
            scratch: None,
            jobs: None,
            preset,
            families,
            device_sessions: 8,
            stall_after_s: 300,
            child_wall_s: 6 * 3600,
            child_cpu_s: 6 * 3600,
            child_memory_mib: 8192,
            isolation: Isolation::Full,
            helpers: 4,
            share_from_s: 600,
            child: None,
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Log { format: LogFormat::Text, level: "info".to_owned() }
    }
}

/// An 8K frame, twelve hours, a hundred tracks.
pub fn limits() -> Limits {
    Limits { max_pixels: 7680 * 4320, max_duration_s: 12.0 * 3600.0, max_streams: 100 }
}

fn visibility_timeout_s() -> u32 {
    120
}

/// 11 hours: what is being written then has an hour left.
pub fn hold_at_most_s() -> u32 {
    39_600
}

/// A setting is missing or wrong.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the settings in {0}: {1}")]
    Read(PathBuf, std::io::Error),
    /// The settings do not hold.
    #[error("the worker's settings are not valid: {0}")]
    Invalid(String),
}

impl Config {
    /// Reads the file, if one is named, and the environment over it.
    pub fn load(file: Option<&Path>) -> Result<Config, ConfigError> {
        Config::parse(&text(file)?, std::env::vars())
    }

    fn parse(text: &str, env: impl Iterator<Item = (String, String)>) -> Result<Config, ConfigError> {
        let config: Config = table(text, env)?.try_into().map_err(invalid)?;
        if !(10..=43_200).contains(&config.queue.visibility_timeout_s) {
            return Err(invalid("queue.visibility_timeout_s is 10 to 43200"));
        }
        if !(config.queue.visibility_timeout_s..=43_200).contains(&config.queue.hold_at_most_s) {
            return Err(invalid(
                "queue.hold_at_most_s is at least queue.visibility_timeout_s, and at most 43200",
            ));
        }
        config.work.check()?;
        Ok(config)
    }
}

/// What commands on local files go by: `[work]` and `[limits]` alone.
#[derive(Clone, Debug, PartialEq)]
pub struct Local {
    /// How work is done.
    pub work: Work,
    /// What a source may be at most.
    pub limits: Limits,
}

impl Local {
    /// Reads the file, if one is named, and the environment over it. Other sections are not looked at.
    pub fn load(file: Option<&Path>) -> Result<Local, ConfigError> {
        let mut table = table(&text(file)?, std::env::vars())?;
        let work: Work = match table.remove("work") {
            Some(section) => section.try_into().map_err(invalid)?,
            None => Work::default(),
        };
        work.check()?;
        let limits = match table.remove("limits") {
            Some(section) => section.try_into().map_err(invalid)?,
            None => limits(),
        };
        Ok(Local { work, limits })
    }
}

fn invalid(e: impl std::fmt::Display) -> ConfigError {
    ConfigError::Invalid(e.to_string())
}

fn text(file: Option<&Path>) -> Result<String, ConfigError> {
    match file {
        Some(path) => std::fs::read_to_string(path).map_err(|e| ConfigError::Read(path.to_owned(), e)),
        None => Ok(String::new()),
    }
}

/// The file's text with the environment over it.
fn table(text: &str, env: impl Iterator<Item = (String, String)>) -> Result<toml::Table, ConfigError> {
    let mut table: toml::Table = text.parse().map_err(invalid)?;
    for (name, value) in env {
        let Some((section, field)) = name.strip_prefix("FLODRAMA_").and_then(|n| n.split_once("__")) else {
            continue;
        };
        let section = table.entry(section.to_lowercase()).or_insert_with(|| toml::Table::new().into());
        let Some(section) = section.as_table_mut() else { continue };
        // Numbers, booleans and lists are written bare in TOML; anything else is text.
        let value = match value.parse::<toml::Value>() {
            Ok(v) if !v.is_str() && !v.is_datetime() && !v.is_table() => v,
            _ => toml::Value::String(value),
        };
        section.insert(field.to_lowercase(), value);
    }
    // One limit that is named leaves the others as they are.
    if let Some(section) = table.get_mut("limits").and_then(toml::Value::as_table_mut) {
        for (name, value) in toml::Table::try_from(limits()).map_err(invalid)? {
            section.entry(name).or_insert(value);
        }
    }
    Ok(table)
}

impl Work {
    fn check(&self) -> Result<(), ConfigError> {
        let counts = [self.stall_after_s, self.child_wall_s, self.child_cpu_s, self.child_memory_mib];
        if self.jobs == Some(0) || counts.contains(&0) {
            return Err(invalid("work.jobs, work.stall_after_s and the limits of a child start at 1"));
        }
        if self.device_sessions == 0 {
            return Err(invalid("work.device_sessions starts at 1; work.families = [] uses no device"));
        }
        Ok(())
    }

    /// Children at a time.
    pub fn slots(&self) -> usize {
        self.jobs.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
    }

    /// When other workers are asked for help.
    pub fn sharing(&self) -> Sharing {
        Sharing { helpers: self.helpers, from_s: self.share_from_s }
    }

    /// How children are started, with task files in `scratch`.
    pub fn children(&self, scratch: &Path) -> std::io::Result<crate::child::Children> {
        let program = match &self.child {
            Some(program) => program.clone(),
            None => std::env::current_exe()?,
        };
        Ok(crate::child::Children {
            program,
            // They work in a folder of their own, where a relative path would lead elsewhere.
            scratch: std::path::absolute(scratch)?,
            stall_after: Duration::from_secs(self.stall_after_s),
            end_after: Duration::from_secs(self.child_wall_s),
            confinement: Confinement {
                isolation: self.isolation,
                memory_mib: self.child_memory_mib,
                cpu_s: self.child_cpu_s,
            },
            compiled: Compiled::default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINIMAL: &str = "[s3]\nbucket = 'b'\n[queue]\nurl = 'http://127.0.0.1/q'\n";

    fn parse(text: &str, env: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::parse(text, env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())))
    }

    #[test]
    fn the_environment_stands_over_the_file() {
        let env = [("FLODRAMA_WORK__JOBS", "3"), ("FLODRAMA_S3__BUCKET", "other"), ("PATH", "/bin")];
        let config = parse(MINIMAL, &env).expect("config");
        assert_eq!((config.work.jobs, config.s3.bucket.as_str()), (Some(3), "other"));
        let limits = parse(MINIMAL, &[("FLODRAMA_LIMITS__MAX_STREAMS", "5")]).expect("config").limits;
        assert_eq!(limits, Limits { max_streams: 5, ..super::limits() });
        let list = parse(MINIMAL, &[("FLODRAMA_WORK__FAMILIES", "['qsv', 'x264']")]).expect("config");
        assert_eq!(list.work.families, ["qsv", "x264"]);
    }

    #[test]
    fn nothing_is_guessed() {
        assert!(parse("", &[]).is_err(), "no bucket");
        assert!(parse(&format!("{MINIMAL}[work]\njosb = 3\n"), &[]).is_err(), "unknown field");
        assert!(parse(MINIMAL, &[("FLODRAMA_WORK__JOBS", "0")]).is_err());
        assert!(parse(MINIMAL, &[("FLODRAMA_WORK__DEVICE_SESSIONS", "0")]).is_err());
        assert!(parse(MINIMAL, &[("FLODRAMA_WORK__CHILD_MEMORY_MIB", "0")]).is_err());
        assert!(parse(MINIMAL, &[("FLODRAMA_WORK__ISOLATION", "none")]).is_err(), "there is always some");
        assert!(parse(MINIMAL, &[("FLODRAMA_QUEUE__VISIBILITY_TIMEOUT_S", "43201")]).is_err());
        for hold in ["119", "43201"] {
            assert!(parse(MINIMAL, &[("FLODRAMA_QUEUE__HOLD_AT_MOST_S", hold)]).is_err(), "{hold}");
        }
    }

    #[test]
    fn every_field_is_documented() {
        let docs = include_str!("../../docs/CONFIG.md");
        let mut config = parse(MINIMAL, &[]).expect("config");
        config.work.scratch = Some("s".into());
        config.work.child = Some("c".into());
        config.work.jobs = Some(1);
        let endpoint = Some("e".to_owned());
        (config.s3.endpoint_url, config.queue.endpoint_url) = (endpoint.clone(), endpoint.clone());
        config.spot.endpoint_url = endpoint.clone();
        config.cloudfront = CloudFront { distribution_id: endpoint.clone(), endpoint_url: endpoint };
        let table: toml::Table = toml::to_string(&config).expect("toml").parse().expect("table");
        for (section, fields) in table {
            for field in fields.as_table().expect("section").keys() {
                let name = format!("FLODRAMA_{}__{}", section.to_uppercase(), field.to_uppercase());
                assert!(docs.contains(&name), "docs/CONFIG.md does not have {name}");
            }
        }
    }
}
