//! The files of one published version, `vod/<asset>/<version>/…`.

use std::fmt;

/// A file of a rendition's folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TrackFile {
    /// The initialisation section, `init.mp4`.
    Init,
    /// A media segment, counted from 1: `00001.m4s`.
    Segment(u32),
    /// The media playlist, `index.m3u8`.
    Playlist,
}

/// A rung's folder: its height and, beside the ladder that every player has, the name of the ladder that it is of:
/// `720p`, `720p-hdr`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RungName {
    /// Height in pixels.
    pub height: u32,
    /// The ladder; none for the main one.
    pub ladder: Option<String>,
}

impl From<u32> for RungName {
    fn from(height: u32) -> RungName {
        RungName { height, ladder: None }
    }
}

/// A playlist of the preview, which plays what is encoded so far: it grows, and names the segments at their final keys.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PreviewFile {
    /// `preview/main.m3u8`.
    Multivariant,
    /// `preview/video/<height>p/index.m3u8`.
    Video(u32),
    /// `preview/audio/<lang>-<channels>/index.m3u8`.
    Audio(String),
}

/// A file of one published version. Its `Display` is the path below the version's folder; [`parse`] is the inverse.
///
/// [`parse`]: PublishedFile::parse
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PublishedFile {
    /// `main.m3u8`.
    Multivariant,
    /// `video/<height>p/…`, or `video/<height>p-<ladder>/…` beside the main ladder.
    Video(RungName, TrackFile),
    /// `trick/<height>p/…`, the I-frame rendition.
    Trick(u32, TrackFile),
    /// `audio/<lang>-<channels>/…`: the name is the whole folder, such as `en-2`, or `en-2-2` for a second of its kind.
    Audio(String, TrackFile),
    /// `subs/<lang>/index.m3u8`.
    SubtitlePlaylist(String),
    /// `subs/<lang>/00001.vtt`.
    SubtitleSegment(String, u32),
    /// `chapters.vtt`, where there are any.
    Chapters,
    /// `thumbs/sprite-001.jpg`, counted from 1.
    Sprite(u32),
    /// `thumbs/storyboard.vtt`.
    Storyboard,
    /// `thumbs/images.m3u8`.
    ImagesPlaylist,
    /// `poster/<width>.jpg`.
    PosterJpeg(u32),
    /// `poster/<width>.webp`.
    PosterWebp(u32),
    /// `asset.json`.
    Asset,
    /// `report.json`.
    Report,
    /// `preview/…`: the one part of a version that changes, until its encoding is complete.
    Preview(PreviewFile),
}

impl PublishedFile {
    /// The file at `path`, if it is one of ours. The path is matched as it stands: nothing is decoded or
    /// normalised, so `..`, `//` and escapes never match.
    pub fn parse(path: &str) -> Option<PublishedFile> {
        use PublishedFile::*;
        let file = match path.split('/').collect::<Vec<_>>()[..] {
            ["main.m3u8"] => Multivariant,
            ["chapters.vtt"] => Chapters,
            ["asset.json"] => Asset,
            ["report.json"] => Report,
            ["preview", "main.m3u8"] => Preview(PreviewFile::Multivariant),
            ["preview", "video", rung, "index.m3u8"] => Preview(PreviewFile::Video(height(rung)?)),
            ["preview", "audio", group, "index.m3u8"] => Preview(PreviewFile::Audio(label(group)?)),
            ["video", folder, name] => Video(rung(folder)?, track_file(name)?),
            ["trick", rung, name] => Trick(height(rung)?, track_file(name)?),
            ["audio", group, name] => Audio(label(group)?, track_file(name)?),
            ["subs", lang, "index.m3u8"] => SubtitlePlaylist(label(lang)?),
            ["subs", lang, name] => SubtitleSegment(label(lang)?, name.strip_suffix(".vtt")?.parse().ok()?),
            ["thumbs", "storyboard.vtt"] => Storyboard,
            ["thumbs", "images.m3u8"] => ImagesPlaylist,
            ["thumbs", name] => Sprite(name.strip_prefix("sprite-")?.strip_suffix(".jpg")?.parse().ok()?),
            ["poster", name] => match name.split_once('.')? {
                (width, "jpg") => PosterJpeg(width.parse().ok()?),
                (width, "webp") => PosterWebp(width.parse().ok()?),
                _ => return None,
            },
            _ => return None,
        };
        // One file has one name: `video/0720p/1.m4s` is not ours.
        (file.to_string() == path).then_some(file)
    }

    /// MIME type, as Apple's authoring rules and the IETF name it.
    pub fn content_type(&self) -> &'static str {
        use PublishedFile::*;
        match self {
            Multivariant | SubtitlePlaylist(_) | ImagesPlaylist | Preview(_) => PLAYLIST,
            Video(_, t) | Trick(_, t) => track_type(*t, "video/mp4"),
            Audio(_, t) => track_type(*t, "audio/mp4"),
            SubtitleSegment(..) | Chapters | Storyboard => "text/vtt",
            Sprite(_) | PosterJpeg(_) => "image/jpeg",
            PosterWebp(_) => "image/webp",
            Asset | Report => "application/json",
        }
    }

    /// `Cache-Control` to store the file with: for ever, but for what grows.
    pub fn cache_control(&self) -> &'static str {
        match self {
            PublishedFile::Preview(_) => "no-cache",
            _ => "public, max-age=31536000, immutable",
        }
    }

    /// True for the files that change while a version is made.
    pub fn grows(&self) -> bool {
        matches!(self, PublishedFile::Preview(_))
    }

    /// True for the files whose URIs the edge signs: playlists, and the storyboard that names the sprites.
    pub fn is_manifest(&self) -> bool {
        self.content_type() == PLAYLIST || *self == PublishedFile::Storyboard
    }
}

const PLAYLIST: &str = "application/vnd.apple.mpegurl";

fn track_type(file: TrackFile, init: &'static str) -> &'static str {
    match file {
        TrackFile::Init => init,
        TrackFile::Segment(_) => "video/iso.segment",
        TrackFile::Playlist => PLAYLIST,
    }
}

fn track_file(name: &str) -> Option<TrackFile> {
    Some(match name {
        "init.mp4" => TrackFile::Init,
        "index.m3u8" => TrackFile::Playlist,
        _ => TrackFile::Segment(name.strip_suffix(".m4s")?.parse().ok()?),
    })
}

fn height(folder: &str) -> Option<u32> {
    folder.strip_suffix('p')?.parse().ok()
}

fn rung(folder: &str) -> Option<RungName> {
    match folder.split_once('-') {
        None => height(folder).map(RungName::from),
        Some((main, ladder)) => Some(RungName { height: height(main)?, ladder: Some(label(ladder)?) }),
    }
}

fn label(s: &str) -> Option<String> {
    let fits = (1..=48).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    fits.then(|| s.to_owned())
}

impl fmt::Display for RungName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}p", self.height)?;
        self.ladder.as_ref().map_or(Ok(()), |ladder| write!(f, "-{ladder}"))
    }
}

impl fmt::Display for TrackFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TrackFile::Init => f.write_str("init.mp4"),
            TrackFile::Segment(n) => write!(f, "{n:05}.m4s"),
            TrackFile::Playlist => f.write_str("index.m3u8"),
        }
    }
}

impl fmt::Display for PreviewFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PreviewFile::Multivariant => f.write_str("preview/main.m3u8"),
            PreviewFile::Video(height) => write!(f, "preview/video/{height}p/index.m3u8"),
            PreviewFile::Audio(group) => write!(f, "preview/audio/{group}/index.m3u8"),
        }
    }
}

impl fmt::Display for PublishedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use PublishedFile::*;
        match self {
            Multivariant => f.write_str("main.m3u8"),
            Video(rung, file) => write!(f, "video/{rung}/{file}"),
            Trick(height, file) => write!(f, "trick/{height}p/{file}"),
            Audio(group, file) => write!(f, "audio/{group}/{file}"),
            SubtitlePlaylist(lang) => write!(f, "subs/{lang}/index.m3u8"),
            SubtitleSegment(lang, n) => write!(f, "subs/{lang}/{n:05}.vtt"),
            Chapters => f.write_str("chapters.vtt"),
            Sprite(n) => write!(f, "thumbs/sprite-{n:03}.jpg"),
            Storyboard => f.write_str("thumbs/storyboard.vtt"),
            ImagesPlaylist => f.write_str("thumbs/images.m3u8"),
            PosterJpeg(width) => write!(f, "poster/{width}.jpg"),
            PosterWebp(width) => write!(f, "poster/{width}.webp"),
            Asset => f.write_str("asset.json"),
            Report => f.write_str("report.json"),
            Preview(file) => file.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_found_again_by_its_path() {
        let files = [
            PublishedFile::Multivariant,
            PublishedFile::Video(1080.into(), TrackFile::Init),
            PublishedFile::Video(234.into(), TrackFile::Segment(7)),
            PublishedFile::Video(RungName { height: 720, ladder: Some("hdr".into()) }, TrackFile::Playlist),
            PublishedFile::Trick(360, TrackFile::Playlist),
            PublishedFile::Audio("en-2".into(), TrackFile::Segment(100_000)),
            PublishedFile::SubtitlePlaylist("fr".into()),
            PublishedFile::SubtitleSegment("fr".into(), 1),
            PublishedFile::Chapters,
            PublishedFile::Sprite(1),
            PublishedFile::Storyboard,
            PublishedFile::ImagesPlaylist,
            PublishedFile::PosterJpeg(1280),
            PublishedFile::PosterWebp(640),
            PublishedFile::Asset,
            PublishedFile::Report,
            PublishedFile::Preview(PreviewFile::Multivariant),
            PublishedFile::Preview(PreviewFile::Video(720)),
            PublishedFile::Preview(PreviewFile::Audio("en-2".into())),
        ];
        for file in files {
            assert_eq!(PublishedFile::parse(&file.to_string()), Some(file));
        }
    }

    #[test]
    fn no_other_path_is_ours() {
        for path in [
            "",
            "/main.m3u8",
            "main.m3u8/",
            "video/720p/../main.m3u8",
            "video//720p/init.mp4",
            "video/0720p/init.mp4",
            "video/720p/1.m4s",
            "video/+720p/init.mp4",
            "video/720p-/init.mp4",
            "video/hdr-720p/init.mp4",
            "audio/e%6e/init.mp4",
            "poster/640.png",
            "current.json",
            "preview/video/720p/00001.m4s",
            "preview/asset.json",
            "preview/preview/main.m3u8",
        ] {
            assert_eq!(PublishedFile::parse(path), None, "{path}");
        }
    }
}
