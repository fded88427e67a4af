//! Versions: `v` and 16 hex digits of a hash over everything that decides the published bytes.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::id::strip_extension;

/// Raised whenever the same source and preset would give other bytes than before.
pub const FORMAT_VERSION: u32 = 10;

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
    /// Subtitle files beside it, by key.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sidecars: Vec<SidecarRef>,
}

/// One exact subtitle file beside an episode.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SidecarRef {
    /// Object key, decoded.
    pub key: String,
    /// Entity tag, without quotes.
    pub etag: String,
    /// When it was written, in seconds since 1970: tells which of two sets is the newer one. Decides no byte.
    pub written_s: i64,
}

impl SourceRef {
    /// True where both are uploads of one episode: the same path, whatever the extension.
    pub fn same_episode(&self, other: &SourceRef) -> bool {
        strip_extension(&self.key) == strip_extension(&other.key)
    }

    /// True where both name the same bytes of an episode, whatever lies beside it.
    pub fn same_content(&self, other: &SourceRef) -> bool {
        self.key == other.key && self.etag == other.etag && self.version_id == other.version_id
    }

    /// Which of two uploads of one key was written first; nothing where that cannot be told: of sequencers of different
    /// lengths AWS's own pages disagree on which side to pad.
    pub fn order(&self, other: &SourceRef) -> Option<Ordering> {
        match (&self.sequencer, &other.sequencer) {
            (Some(ours), Some(theirs)) if self.key == other.key && ours.len() == theirs.len() => {
                Some(ours.cmp(theirs))
            }
            _ => None,
        }
    }

    /// True where a subtitle file beside this one was written after all those beside `other`.
    pub fn has_newer_sidecars(&self, other: &SourceRef) -> bool {
        // Of two sets of the same second, the one with more files is what was listed later.
        let newest =
            |source: &SourceRef| (source.sidecars.iter().map(|s| s.written_s).max(), source.sidecars.len());
        newest(self) > newest(other)
    }
}

impl Version {
    /// The version that `source` becomes under a preset (its resolved JSON) and an encoder family.
    ///
    /// The same upload always gives the same version, so a redelivered message finds its work done.
    pub fn derive(source: &SourceRef, preset_json: &str, encoder_family: &str) -> Version {
        let identity = source.version_id.as_deref().unwrap_or(&source.etag);
        let format = FORMAT_VERSION.to_string();
        let fixed = [source.bucket.as_str(), &source.key, identity, preset_json, encoder_family, &format];
        let sidecars = source.sidecars.iter().flat_map(|s| [s.key.as_str(), &s.etag]);
        let mut hash = Sha256::new();
        for field in fixed.into_iter().chain(sidecars) {
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
            sidecars: Vec::new(),
        }
    }

    fn sidecar(name: &str, etag: &str, written_s: i64) -> SidecarRef {
        SidecarRef { key: format!("uploads/{name}"), etag: etag.into(), written_s }
    }

    fn with(sidecars: &[SidecarRef]) -> SourceRef {
        SourceRef { sidecars: sidecars.to_vec(), ..source() }
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
            Version::derive(&with(&[sidecar("demo.en.srt", "0", 1)]), "{}", "x264"),
            Version::derive(&with(&[sidecar("demo.en.srt", "1", 1)]), "{}", "x264"),
            Version::derive(&with(&[sidecar("demo.fr.srt", "1", 1)]), "{}", "x264"),
            Version::derive(&source(), "{\"crf\":20}", "x264"),
            Version::derive(&source(), "{}", "nvenc"),
            Version::derive(&source(), "{}x", "264"),
        ];
        for (i, other) in others.iter().enumerate() {
            assert_ne!(base, *other);
            assert!(!others[..i].contains(other), "{i}");
        }
    }

    #[test]
    fn when_a_subtitle_file_was_written_orders_versions_and_makes_none() {
        let (old, new) = (with(&[sidecar("a", "0", 1)]), with(&[sidecar("a", "0", 2), sidecar("b", "0", 1)]));
        assert!(new.has_newer_sidecars(&old) && !old.has_newer_sidecars(&new));
        let same_second = with(&[sidecar("a", "0", 1), sidecar("b", "0", 1)]);
        assert!(same_second.has_newer_sidecars(&old) && !old.has_newer_sidecars(&same_second));
        assert!(old.has_newer_sidecars(&source()) && !source().has_newer_sidecars(&source()));
        let again = with(&[sidecar("a", "0", 9)]);
        assert_eq!(Version::derive(&old, "{}", "x264"), Version::derive(&again, "{}", "x264"));
    }

    #[test]
    fn another_container_is_the_same_episode() {
        let mov = SourceRef { key: "uploads/demo.mov".into(), ..source() };
        let nested = SourceRef { key: "uploads/de/mo.mp4".into(), ..source() };
        assert!(source().same_episode(&mov) && !source().same_content(&mov));
        assert!(!source().same_episode(&nested));
    }
}
