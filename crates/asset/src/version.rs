//! Versions: `v` and 16 hex digits of a hash over everything that decides the published bytes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::id::strip_extension;

/// Raised whenever the same source and preset would give other bytes than before.
pub const FORMAT_VERSION: u32 = 6;

/// Names one immutable build of an asset.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version(String);

/// The text is not a version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a version is 'v' and 16 hexadecimal digits")]
pub struct BadVersion;

/// One exact upload: which object, and which content of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceRef {
    /// Bucket name.
    pub bucket: String,
    /// Object key, decoded.
    pub key: String,
    /// Entity tag, without quotes.
    pub etag: String,
    /// S3 version id, where the bucket keeps versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_id: Option<String>,
    /// S3's hex counter of writes to this key: orders two uploads of one key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequencer: Option<String>,
}

impl SourceRef {
    /// True where both are uploads of one episode: the same path, whatever the extension.
    pub fn same_episode(&self, other: &SourceRef) -> bool {
        strip_extension(&self.key) == strip_extension(&other.key)
    }

    /// True where both name the same bytes.
    pub fn same_content(&self, other: &SourceRef) -> bool {
        self.key == other.key && self.etag == other.etag && self.version_id == other.version_id
    }
}

impl Version {
    /// The version that `source` becomes under a preset (its resolved JSON) and an encoder family.
    ///
    /// The same upload always gives the same version, so a redelivered message finds its work done.
    pub fn derive(source: &SourceRef, preset_json: &str, encoder_family: &str) -> Version {
        let identity = source.version_id.as_deref().unwrap_or(&source.etag);
        let format = FORMAT_VERSION.to_string();
        let mut hash = Sha256::new();
        for field in [source.bucket.as_str(), &source.key, identity, preset_json, encoder_family, &format] {
            // Length first, so that no two lists of fields run together into the same bytes.
            hash.update((field.len() as u64).to_be_bytes());
            hash.update(field.as_bytes());
        }
        Version(format!("v{}", &hex::encode(hash.finalize())[..16]))
    }

    /// The version as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Version {
    type Err = BadVersion;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let digits = s.strip_prefix('v').ok_or(BadVersion)?;
        if digits.len() != 16 || !digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(BadVersion);
        }
        Ok(Version(s.to_owned()))
    }
}

impl TryFrom<String> for Version {
    type Error = BadVersion;

    fn try_from(s: String) -> Result<Self, Self::Error> {
        s.parse()
    }
}

impl From<Version> for String {
    fn from(v: Version) -> String {
        v.0
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source() -> SourceRef {
        SourceRef {
            bucket: "flodrama-media-prod".into(),
            key: "uploads/demo.mp4".into(),
            etag: "0123".into(),
            version_id: None,
            sequencer: Some("0055".into()),
        }
    }

    #[test]
    fn the_same_upload_gives_the_same_version_whatever_the_delivery() {
        let first = Version::derive(&source(), "{}", "x264");
        let again = Version::derive(&SourceRef { sequencer: None, ..source() }, "{}", "x264");
        assert_eq!(first, again);
        assert_eq!(first.as_str().parse::<Version>(), Ok(first));
    }

    #[test]
    fn whatever_decides_the_bytes_decides_the_version() {
        let base = Version::derive(&source(), "{}", "x264");
        let others = [
            Version::derive(&SourceRef { etag: "0124".into(), ..source() }, "{}", "x264"),
            Version::derive(&SourceRef { version_id: Some("a".into()), ..source() }, "{}", "x264"),
            Version::derive(&source(), "{\"crf\":20}", "x264"),
            Version::derive(&source(), "{}", "nvenc"),
            Version::derive(&source(), "{}x", "264"),
        ];
        for other in others {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn another_container_is_the_same_episode() {
        let mov = SourceRef { key: "uploads/demo.mov".into(), ..source() };
        let nested = SourceRef { key: "uploads/de/mo.mp4".into(), ..source() };
        assert!(source().same_episode(&mov) && !source().same_content(&mov));
        assert!(!source().same_episode(&nested));
    }
}
