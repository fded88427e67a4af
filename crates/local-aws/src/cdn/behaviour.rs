//! Cache behaviours: which path goes where.

use flodrama_asset::{AssetId, ObjectKey, PublishedFile, Version};

/// What the distribution does with a path.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Behaviour {
    /// `/vod/*.m3u8` and `/vod/*/thumbs/storyboard.vtt`: to the edge, which checks the signature itself, because
    /// CloudFront takes signature parameters off a request that it has checked.
    Manifest,
    /// The rest of `/vod/*`: the key group's signature, then S3.
    Restricted,
    /// Nothing else is published.
    Default,
}

/// The behaviour of a path, by the patterns in their order.
pub(super) fn behaviour(path: &str) -> Behaviour {
    let Some(rest) = path.strip_prefix("/vod/") else { return Behaviour::Default };
    if rest.ends_with(".m3u8") || rest.ends_with("/thumbs/storyboard.vtt") {
        return Behaviour::Manifest;
    }
    Behaviour::Restricted
}

/// The published object at `path`, `/vod/<asset>/<version>/…`. The pointer and whatever else lies beside published
/// versions is none.
pub(super) fn published(path: &str) -> Option<ObjectKey> {
    let mut parts = path.strip_prefix("/vod/")?.splitn(3, '/');
    let asset: AssetId = parts.next()?.parse().ok()?;
    let version: Version = parts.next()?.parse().ok()?;
    Some(ObjectKey::Published(asset, version, PublishedFile::parse(parts.next()?)?))
}

#[cfg(test)]
mod tests {
    use flodrama_asset::TrackFile;

    use super::*;

    #[test]
    fn the_patterns_pick_exactly_the_manifests() {
        let tracks = [TrackFile::Init, TrackFile::Segment(1), TrackFile::Playlist];
        let mut files = vec![
            PublishedFile::Multivariant,
            PublishedFile::SubtitlePlaylist("fr".into()),
            PublishedFile::SubtitleSegment("fr".into(), 1),
            PublishedFile::Sprite(1),
            PublishedFile::Storyboard,
            PublishedFile::ImagesPlaylist,
            PublishedFile::PosterJpeg(640),
            PublishedFile::PosterWebp(640),
            PublishedFile::Asset,
            PublishedFile::Report,
        ];
        files.extend(tracks.map(|track| PublishedFile::Video(720.into(), track)));
        files.extend(tracks.map(|track| PublishedFile::Trick(720, track)));
        files.extend(tracks.map(|track| PublishedFile::Audio("en-2".into(), track)));
        for file in files {
            let path = format!("/vod/demo/v0123456789abcdef/{file}");
            let expected = if file.is_manifest() { Behaviour::Manifest } else { Behaviour::Restricted };
            assert_eq!(behaviour(&path), expected, "{path}");
            assert_eq!(published(&path).map(|key| format!("/{key}")), Some(path));
        }
    }

    #[test]
    fn nothing_else_is_published() {
        for path in [
            "/",
            "/jobs/demo/v0123456789abcdef/plan.json",
            "/uploads/demo.mp4",
            "/vod",
            "//vod/x",
            "/v1/assets",
        ] {
            assert_eq!(behaviour(path), Behaviour::Default, "{path}");
        }
        for path in [
            "/vod/demo/current.json",
            "/vod/demo/v0123456789abcdef/",
            "/vod/demo/v0123456789abcdef/../current.json",
            "/vod/demo/v0123456789abcdef/video/720p/%2e%2e/init.mp4",
            "/vod/DEMO/v0123456789abcdef/asset.json",
        ] {
            assert_eq!(published(path), None, "{path}");
        }
    }
}
