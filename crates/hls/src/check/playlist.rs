//! Reads a media playlist for the check, with what its own text already gives away.

use super::content::{Content, Format};
use super::multivariant::resolution;
use super::path;
use super::report::Findings;
use super::rule::{MAP_BEFORE_EXTINF, READABLE_TAGS, SEGMENT_HAS_EXTINF, URI_STAYS_INSIDE};
use super::source::Source;
use crate::mp4::Init;
use crate::text::{Line, attributes, lines};

/// A media playlist, as written.
#[derive(Debug, Default)]
pub(super) struct Playlist {
    pub(super) path: String,
    pub(super) target_duration_s: Option<u64>,
    pub(super) is_vod: bool,
    pub(super) has_endlist: bool,
    pub(super) i_frames_only: bool,
    pub(super) images_only: bool,
    pub(super) independent_segments: bool,
    pub(super) maps: Vec<FileRef>,
    pub(super) segments: Vec<Segment>,
    /// What the maps say, one for one; `None` where it cannot be read.
    pub(super) inits: Vec<Option<Init>>,
    /// The formats of its media, each once, as the media say.
    pub(super) formats: Vec<Format>,
    /// True where all of its media were looked into.
    pub(super) is_known: bool,
    /// Samples are encrypted somewhere.
    pub(super) has_hidden_samples: bool,
}

/// A file that a playlist names.
#[derive(Clone, Debug)]
pub(super) struct FileRef {
    pub(super) line: usize,
    /// Below the presentation's root; `None` where the URI leads out of it.
    pub(super) path: Option<String>,
    /// Length and offset.
    pub(super) range: Option<(u64, u64)>,
    pub(super) encryption: Encryption,
}

/// EXT-X-KEY, as far as it hides something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Encryption {
    #[default]
    None,
    /// The whole file, as AES-128 does.
    Whole,
    /// Samples alone: boxes and packets are to be read.
    Samples,
}

/// A segment, as written.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) file: FileRef,
    /// Zero where the playlist does not say.
    pub(super) duration_s: f64,
    /// Seconds from the start of the playlist.
    pub(super) start_s: f64,
    pub(super) discontinuity: bool,
    pub(super) tiles: Option<Tiles>,
    /// Which of the playlist's maps holds for it.
    pub(super) map: Option<usize>,
    /// Bytes, once the source was asked.
    pub(super) bytes: Option<u64>,
    /// What is in it, once it was looked into; `None` where that cannot be.
    pub(super) content: Option<Content>,
}

/// EXT-X-TILES.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tiles {
    pub(super) count: u64,
    pub(super) duration_s: f64,
    /// Width and height of a whole sheet, in pixels.
    pub(super) sheet: (u64, u64),
    pub(super) rows: u64,
}

impl Playlist {
    /// Seconds from start to end.
    pub(super) fn duration_s(&self) -> f64 {
        self.segments.last().map_or(0.0, |last| last.start_s + last.duration_s)
    }

    pub(super) fn read(path: &str, text: &str, source: &dyn Source, findings: &mut Findings) -> Playlist {
        let mut reader = Reader {
            source,
            playlist: Playlist { path: path.to_owned(), ..Playlist::default() },
            encryption: Encryption::None,
            pending: Pending::default(),
            tiles: None,
            clock_s: 0.0,
        };
        for (line, content) in lines(text) {
            match content {
                Line::Tag { name, value } => reader.tag(line, name, value, findings),
                Line::Uri(uri) => reader.segment(line, uri, findings),
            }
        }
        reader.playlist
    }
}

struct Reader<'s> {
    source: &'s dyn Source,
    playlist: Playlist,
    /// Holds until another key is named.
    encryption: Encryption,
    pending: Pending,
    /// Holds for the sheets that follow, until another is given.
    tiles: Option<Tiles>,
    clock_s: f64,
}

/// What was said of the segment that comes next.
#[derive(Default)]
struct Pending {
    duration_s: Option<f64>,
    /// Length, and offset where it is given.
    range: Option<(u64, Option<u64>)>,
    /// It is not to be looked for: a gap, or a range that cannot be read.
    is_lost: bool,
    discontinuity: bool,
}

impl Reader<'_> {
    fn tag(&mut self, line: usize, name: &str, value: &str, findings: &mut Findings) {
        let playlist = &mut self.playlist;
        let readable = match name {
            "EXT-X-TARGETDURATION" => {
                playlist.target_duration_s = value.trim().parse().ok();
                playlist.target_duration_s.is_some()
            }
            "EXT-X-VERSION" | "EXT-X-MEDIA-SEQUENCE" => value.trim().parse::<u64>().is_ok(),
            "EXTINF" => {
                let seconds = value.split(',').next().and_then(|s| s.trim().parse::<f64>().ok());
                // Present even if unreadable, so that one fault is one finding.
                self.pending.duration_s = Some(seconds.filter(|s| s.is_finite() && *s > 0.0).unwrap_or(0.0));
                self.pending.duration_s > Some(0.0)
            }
            "EXT-X-BYTERANGE" => {
                self.pending.range = byte_range(value);
                self.pending.is_lost = self.pending.range.is_none();
                !self.pending.is_lost
            }
            "EXT-X-MAP" => {
                self.map(line, value, findings);
                true
            }
            "EXT-X-KEY" => {
                self.encryption = encryption(value);
                true
            }
            "EXT-X-TILES" => {
                self.tiles = tiles(value);
                self.tiles.is_some()
            }
            "EXT-X-PLAYLIST-TYPE" => {
                playlist.is_vod = value.trim() == "VOD";
                true
            }
            "EXT-X-ENDLIST" => set(&mut playlist.has_endlist),
            "EXT-X-I-FRAMES-ONLY" => set(&mut playlist.i_frames_only),
            "EXT-X-IMAGES-ONLY" => set(&mut playlist.images_only),
            "EXT-X-INDEPENDENT-SEGMENTS" => set(&mut playlist.independent_segments),
            "EXT-X-GAP" => set(&mut self.pending.is_lost),
            "EXT-X-DISCONTINUITY" => set(&mut self.pending.discontinuity),
            _ => true,
        };
        if !readable {
            findings.at(&READABLE_TAGS, &self.playlist.path, line, format!("#{name}:{value}"));
        }
    }

    fn map(&mut self, line: usize, list: &str, findings: &mut Findings) {
        let path = self.playlist.path.clone();
        let value = |name| attributes(list).flatten().find(|a| a.name == name).map(|a| a.value);
        let Some(uri) = value("URI") else {
            findings.at(&READABLE_TAGS, &path, line, format!("#EXT-X-MAP:{list}"));
            return;
        };
        if self.pending.duration_s.is_some() {
            findings.at(&MAP_BEFORE_EXTINF, &path, line, "EXT-X-MAP between EXTINF and its segment");
        }
        let range = value("BYTERANGE").and_then(byte_range).map(|(length, at)| (length, at.unwrap_or(0)));
        let file = self.file(line, uri, range, findings);
        self.playlist.maps.push(file);
    }

    fn segment(&mut self, line: usize, uri: &str, findings: &mut Findings) {
        let pending = std::mem::take(&mut self.pending);
        if pending.duration_s.is_none() {
            findings.at(
                &SEGMENT_HAS_EXTINF,
                &self.playlist.path,
                line,
                format!("{} without EXTINF", path::shown(uri)),
            );
        }
        let duration_s = pending.duration_s.unwrap_or(0.0);
        let mut file = self.file(line, uri, None, findings);
        file.path = file.path.filter(|_| !pending.is_lost);
        file.range = pending.range.map(|(length, at)| (length, at.unwrap_or_else(|| self.end_of(&file))));
        let start_s = self.clock_s;
        self.clock_s += duration_s;
        self.playlist.segments.push(Segment {
            file,
            duration_s,
            start_s,
            discontinuity: pending.discontinuity,
            tiles: self.tiles,
            map: self.playlist.maps.len().checked_sub(1),
            bytes: None,
            content: None,
        });
    }

    fn file(&self, line: usize, uri: &str, range: Option<(u64, u64)>, findings: &mut Findings) -> FileRef {
        let path = self.source.resolve(&self.playlist.path, uri);
        if path.is_none() {
            findings.at(&URI_STAYS_INSIDE, &self.playlist.path, line, path::shown(uri));
        }
        FileRef { line, path, range, encryption: self.encryption }
    }

    /// A range without an offset goes on where the one before it ended (RFC 4.4.4.2).
    fn end_of(&self, file: &FileRef) -> u64 {
        let before = self.playlist.segments.last().map(|segment| &segment.file);
        let range = before.filter(|before| before.path == file.path).and_then(|before| before.range);
        range.map_or(0, |(length, offset)| offset.saturating_add(length))
    }
}

fn set(flag: &mut bool) -> bool {
    *flag = true;
    true
}

fn byte_range(text: &str) -> Option<(u64, Option<u64>)> {
    match text.trim().split_once('@') {
        None => Some((text.trim().parse().ok()?, None)),
        Some((length, offset)) => Some((length.parse().ok()?, Some(offset.parse().ok()?))),
    }
}

fn encryption(list: &str) -> Encryption {
    match attributes(list).flatten().find(|a| a.name == "METHOD").map(|a| a.value) {
        None | Some("NONE") => Encryption::None,
        Some(method) if method.starts_with("SAMPLE-AES") => Encryption::Samples,
        Some(_) => Encryption::Whole,
    }
}

fn tiles(list: &str) -> Option<Tiles> {
    let value = |name| attributes(list).flatten().find(|a| a.name == name).map(|a| a.value);
    let (width, height) = resolution(value("RESOLUTION")?)?;
    let (columns, rows) = resolution(value("LAYOUT")?)?;
    let sheet = (u64::from(width) * u64::from(columns), u64::from(height) * u64::from(rows));
    let duration_s = value("DURATION")?.parse().ok().filter(|s: &f64| s.is_finite() && *s > 0.0)?;
    Some(Tiles { count: u64::from(columns) * u64::from(rows), duration_s, sheet, rows: rows.into() })
}
