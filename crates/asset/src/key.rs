//! The bucket's layout, once: every key that we read or write is an [`ObjectKey`].

use std::fmt;

use crate::{AssetId, PublishedFile, Version};

/// The only prefix that the content team writes to, and the only one with notifications.
pub const UPLOADS_PREFIX: &str = "uploads/";

/// A document of one job, below `jobs/<asset>/<version>/`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum JobFile {
    /// `plan.json`: the plan that is executed.
    Plan,
    /// `commits/<task>.json`: a finished chunk or track, written once (`If-None-Match: *`).
    Commit(String),
    /// `claims/<task>.json`: a worker is on this chunk; a hint, rewritten while it is.
    Claim(String),
    /// `progress.json`: how far the job is; overwritten as it goes.
    Progress,
    /// `failure.json`: why the job ended without a publication.
    Failure,
    /// `report.json`: a copy of the published report.
    Report,
}

/// An object of the bucket. Owns its path (`Display`), content type and cache control.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ObjectKey {
    /// An upload, by its whole key.
    Upload(String),
    /// `vod/<asset>/current.json`: which version is live.
    Pointer(AssetId),
    /// `vod/<asset>/access.json`: who may watch, whatever version is live. Publishing never writes it.
    Access(AssetId),
    /// `vod/<asset>/<version>/…`: immutable once published, but for `preview/`, which grows while the version is made.
    Published(AssetId, Version, PublishedFile),
    /// `jobs/<asset>/<version>/…`.
    Job(AssetId, Version, JobFile),
}

impl ObjectKey {
    /// MIME type to store the object with.
    pub fn content_type(&self) -> &'static str {
        match self {
            ObjectKey::Upload(_) => "application/octet-stream",
            ObjectKey::Published(_, _, file) => file.content_type(),
            ObjectKey::Pointer(_) | ObjectKey::Access(_) | ObjectKey::Job(..) => "application/json",
        }
    }

    /// `Cache-Control` to store the object with.
    pub fn cache_control(&self) -> &'static str {
        match self {
            ObjectKey::Published(_, _, file) => file.cache_control(),
            ObjectKey::Upload(_) | ObjectKey::Pointer(_) | ObjectKey::Access(_) | ObjectKey::Job(..) => {
                "no-store"
            }
        }
    }
}

impl fmt::Display for JobFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JobFile::Plan => f.write_str("plan.json"),
            JobFile::Commit(task) => write!(f, "commits/{task}.json"),
            JobFile::Claim(task) => write!(f, "claims/{task}.json"),
            JobFile::Progress => f.write_str("progress.json"),
            JobFile::Failure => f.write_str("failure.json"),
            JobFile::Report => f.write_str("report.json"),
        }
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ObjectKey::Upload(key) => f.write_str(key),
            ObjectKey::Pointer(asset) => write!(f, "vod/{asset}/current.json"),
            ObjectKey::Access(asset) => write!(f, "vod/{asset}/access.json"),
            ObjectKey::Published(asset, version, file) => write!(f, "vod/{asset}/{version}/{file}"),
            ObjectKey::Job(asset, version, file) => write!(f, "jobs/{asset}/{version}/{file}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PreviewFile, TrackFile};

    #[test]
    fn the_layout_is_the_contract() {
        let asset: AssetId = "demo".parse().expect("id");
        let version: Version = "v0123456789abcdef".parse().expect("version");
        let segment = PublishedFile::Video(720.into(), TrackFile::Segment(1));
        let table = [
            (ObjectKey::Pointer(asset.clone()), "vod/demo/current.json"),
            (ObjectKey::Access(asset.clone()), "vod/demo/access.json"),
            (
                ObjectKey::Published(asset.clone(), version.clone(), segment),
                "vod/demo/v0123456789abcdef/video/720p/00001.m4s",
            ),
            (
                ObjectKey::Job(asset.clone(), version.clone(), JobFile::Commit("video-0003".into())),
                "jobs/demo/v0123456789abcdef/commits/video-0003.json",
            ),
            (ObjectKey::Job(asset, version, JobFile::Progress), "jobs/demo/v0123456789abcdef/progress.json"),
        ];
        for (key, path) in table {
            assert_eq!(key.to_string(), path);
        }
    }

    #[test]
    fn only_published_files_may_be_kept_by_caches() {
        let asset: AssetId = "demo".parse().expect("id");
        let version: Version = "v0123456789abcdef".parse().expect("version");
        let published = |file| ObjectKey::Published(asset.clone(), version.clone(), file).cache_control();
        assert!(published(PublishedFile::Multivariant).contains("immutable"));
        assert_eq!(published(PublishedFile::Preview(PreviewFile::Multivariant)), "no-cache");
        assert_eq!(ObjectKey::Pointer(asset.clone()).cache_control(), "no-store");
    }
}
