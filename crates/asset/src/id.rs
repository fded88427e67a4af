//! Asset ids: `[a-z0-9-]{1,64}`, taken from the path of an upload.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::UPLOADS_PREFIX;

const MAX_LEN: usize = 64;
/// A `-` and 6 hex digits.
const SUFFIX_LEN: usize = 7;

/// Names one episode in the bucket, in URLs and in tokens: `[a-z0-9-]{1,64}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AssetId(String);

/// The text is not an asset id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an asset id is 1 to 64 characters of a-z, 0-9 and '-'")]
pub struct BadAssetId;

impl AssetId {
    /// The asset that an upload becomes. `key` is the whole, decoded object key.
    ///
    /// `uploads/les-ombres/s01e03.mov` becomes `les-ombres-s01e03`. A path that is not already in the alphabet
    /// gets `-` and 6 hex digits of its hash, so that `Épisode 1.mp4` and `episode-1.mp4` stay two assets.
    /// The extension does not count: a new cut in another container is a new version of the same asset.
    pub fn from_upload_key(key: &str) -> Result<AssetId, BadAssetId> {
        let path = key.strip_prefix(UPLOADS_PREFIX).ok_or(BadAssetId)?;
        let stem = strip_extension(path);
        if stem.is_empty() {
            return Err(BadAssetId);
        }
        let joined = stem.replace('/', "-");
        if let Ok(id) = joined.parse() {
            return Ok(id);
        }
        let hash = hex::encode(Sha256::digest(stem.as_bytes()));
        let mut readable = String::new();
        for c in joined.chars().map(|c| c.to_ascii_lowercase()) {
            match c {
                'a'..='z' | '0'..='9' => readable.push(c),
                _ if readable.is_empty() || readable.ends_with('-') => {}
                _ => readable.push('-'),
            }
        }
        readable.truncate(MAX_LEN - SUFFIX_LEN);
        let readable = readable.trim_end_matches('-');
        let readable = if readable.is_empty() { "asset" } else { readable };
        format!("{readable}-{}", &hash[..6]).parse()
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The path of an upload without its extension: two uploads with the same stem are versions of one asset.
pub fn strip_extension(path: &str) -> &str {
    let name_start = path.rfind('/').map_or(0, |i| i + 1);
    match path[name_start..].rfind('.') {
        Some(dot) if dot > 0 => &path[..name_start + dot],
        _ => path,
    }
}

impl FromStr for AssetId {
    type Err = BadAssetId;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let in_alphabet = s.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        if s.is_empty() || s.len() > MAX_LEN || !in_alphabet {
            return Err(BadAssetId);
        }
        Ok(AssetId(s.to_owned()))
    }
}

impl TryFrom<String> for AssetId {
    type Error = BadAssetId;

    fn try_from(s: String) -> Result<Self, Self::Error> {
        s.parse()
    }
}

impl From<AssetId> for String {
    fn from(id: AssetId) -> String {
        id.0
    }
}

impl fmt::Display for AssetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(key: &str) -> String {
        AssetId::from_upload_key(key).expect("an id").to_string()
    }

    #[test]
    fn plain_keys_keep_their_name() {
        assert_eq!(id("uploads/demo.mp4"), "demo");
        assert_eq!(id("uploads/les-ombres/s01e03.mov"), "les-ombres-s01e03");
        assert_eq!(id("uploads/no-extension"), "no-extension");
    }

    #[test]
    fn other_keys_get_a_hash_so_that_no_two_share_an_asset() {
        let a = id("uploads/Épisode 1.mp4");
        let b = id("uploads/pisode-1.mp4");
        assert_ne!(a, b);
        assert!(a.starts_with("pisode-1-"), "{a}");
        assert_ne!(id("uploads/Demo.mp4"), id("uploads/demo.mp4"));
        assert_ne!(id("uploads/a b.mp4"), id("uploads/a_b.mp4"));
    }

    #[test]
    fn every_key_yields_an_id_of_the_alphabet() {
        let long = format!("uploads/{}.mp4", "x".repeat(300));
        for key in ["uploads/🎬.mp4", "uploads/...mp4", "uploads/$(touch x).mkv", "uploads/a\nb.mkv", &long]
        {
            let id = AssetId::from_upload_key(key).expect("an id");
            assert_eq!(id.as_str().parse::<AssetId>().as_ref(), Ok(&id), "{key:?}");
        }
    }

    #[test]
    fn keys_outside_uploads_are_no_assets() {
        assert!(AssetId::from_upload_key("vod/demo/current.json").is_err());
        assert!(AssetId::from_upload_key("uploads/").is_err());
    }

    #[test]
    fn ids_refuse_anything_outside_the_alphabet() {
        for bad in ["", "A", "a/b", "..", "a%2e", "a b", &"a".repeat(65)] {
            assert!(bad.parse::<AssetId>().is_err(), "{bad:?}");
        }
    }
}
