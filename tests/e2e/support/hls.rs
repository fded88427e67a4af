//! Reads playlists line by line, independently of the code that wrote them.

use std::collections::BTreeMap;

/// A media playlist.
#[derive(Debug)]
pub struct Media {
    /// The initialisation section's URI.
    pub map: Option<String>,
    pub segments: Vec<Segment>,
    /// True where no segment will ever be added.
    pub ended: bool,
}

/// A segment, an I-frame or a sprite sheet.
#[derive(Debug)]
pub struct Segment {
    pub uri: String,
    pub duration_s: f64,
    /// Offset and length in bytes.
    pub range: Option<(usize, usize)>,
    /// Attributes of `EXT-X-TILES`.
    pub tiles: Attributes,
}

/// A multivariant playlist.
#[derive(Debug)]
pub struct Multivariant {
    /// Video: URI and attributes of `EXT-X-STREAM-INF`.
    pub variants: Vec<(String, Attributes)>,
    /// URI and attributes of `EXT-X-MEDIA`.
    pub media: Vec<(String, Attributes)>,
    /// URI and attributes of `EXT-X-I-FRAME-STREAM-INF`.
    pub iframes: Vec<(String, Attributes)>,
    /// URI and attributes of `EXT-X-IMAGE-STREAM-INF`.
    pub images: Vec<(String, Attributes)>,
}

pub type Attributes = BTreeMap<String, String>;

/// Reads a media playlist.
pub fn media(text: &str) -> Media {
    let mut found = Media { map: None, segments: Vec::new(), ended: false };
    let (mut duration_s, mut range, mut tiles) = (None, None, Attributes::new());
    for line in lines(text) {
        if let Some(value) = line.strip_prefix("#EXTINF:") {
            duration_s = Some(value.split(',').next().unwrap().parse().expect("a duration"));
        } else if let Some(value) = line.strip_prefix("#EXT-X-BYTERANGE:") {
            let (length, offset) = value.split_once('@').expect("an explicit offset");
            range = Some((offset.parse().expect("bytes"), length.parse().expect("bytes")));
        } else if let Some(value) = line.strip_prefix("#EXT-X-TILES:") {
            tiles = attributes(value);
        } else if let Some(value) = line.strip_prefix("#EXT-X-MAP:") {
            found.map = Some(attributes(value)["URI"].clone());
        } else if line == "#EXT-X-ENDLIST" {
            found.ended = true;
        } else if !line.starts_with('#') {
            let duration_s = duration_s.take().expect("EXTINF comes before its URI");
            let (range, tiles) = (range.take(), std::mem::take(&mut tiles));
            found.segments.push(Segment { uri: line.to_owned(), duration_s, range, tiles });
        }
    }
    found
}

/// Reads a multivariant playlist.
pub fn multivariant(text: &str) -> Multivariant {
    let (mut variants, mut media, mut iframes, mut images) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut variant = None;
    for line in lines(text) {
        let with_uri = |value: &str| {
            let attributes = attributes(value);
            (attributes["URI"].clone(), attributes)
        };
        match line.split_once(':') {
            Some(("#EXT-X-STREAM-INF", value)) => variant = Some(attributes(value)),
            Some(("#EXT-X-MEDIA", value)) => media.push(with_uri(value)),
            Some(("#EXT-X-I-FRAME-STREAM-INF", value)) => iframes.push(with_uri(value)),
            Some(("#EXT-X-IMAGE-STREAM-INF", value)) => images.push(with_uri(value)),
            _ if line.starts_with('#') => {}
            _ => variants.push((line.to_owned(), variant.take().expect("STREAM-INF comes before its URI"))),
        }
    }
    Multivariant { variants, media, iframes, images }
}

/// Every URI of a playlist or storyboard, in lines and in attributes.
pub fn uris(text: &str) -> Vec<String> {
    if text.starts_with("WEBVTT") {
        return cues(text).into_iter().map(|cue| cue.payload).collect();
    }
    let quoted = |line: &str| Some(line.split_once("URI=\"")?.1.split_once('"')?.0.to_owned());
    let found = |line: &str| if line.starts_with('#') { quoted(line) } else { Some(line.to_owned()) };
    lines(text).filter_map(found).collect()
}

/// A cue of a WebVTT file.
#[derive(Debug)]
pub struct Cue {
    pub start_s: f64,
    pub end_s: f64,
    pub payload: String,
}

/// Reads a WebVTT file.
pub fn cues(text: &str) -> Vec<Cue> {
    let seconds = |time: &str| {
        let parts = time.trim().split(':').map(|part| part.parse::<f64>().expect("a time"));
        parts.fold(0.0, |sum, part| sum * 60.0 + part)
    };
    let blocks = text.split("\n\n").filter_map(|block| block.trim().split_once('\n'));
    let cue = |(times, payload): (&str, &str)| {
        let (start, end) = times.split_once(" --> ")?;
        Some(Cue { start_s: seconds(start), end_s: seconds(end), payload: payload.to_owned() })
    };
    blocks.filter_map(cue).collect()
}

/// `NAME=value,NAME="value, with commas"`.
fn attributes(mut text: &str) -> Attributes {
    let mut found = Attributes::new();
    while let Some((name, rest)) = text.split_once('=') {
        let (value, rest) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').expect("a closing quote"),
            None => rest.split_at(rest.find(',').unwrap_or(rest.len())),
        };
        found.insert(name.to_owned(), value.to_owned());
        text = rest.trim_start_matches(',');
    }
    found
}

/// `1280x720`.
pub fn resolution(text: &str) -> (u32, u32) {
    let (width, height) = text.split_once('x').expect("a resolution");
    (width.parse().expect("pixels"), height.parse().expect("pixels"))
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim_end).filter(|line| !line.is_empty())
}
