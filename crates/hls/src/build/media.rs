//! Media playlists: video, audio, subtitles, and I-frames.

use std::fmt::Write;

use super::attributes::TagWriter;
use super::error::checked_uri;
use super::{BuildError, Rates, rates};

/// One segment, or one I-frame of a segment.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    /// Relative to the playlist.
    pub uri: String,
    /// In seconds; written with six decimals. For an I-frame, the time until the next one.
    pub duration_s: f64,
    /// Bytes of this segment: of the file, or of its part of the file.
    pub bytes: u64,
    /// Where it begins in a file that it shares with others; `None` where it is the whole file.
    pub byte_offset: Option<u64>,
}

/// What the segments of a playlist are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MediaKind {
    /// Media to play through.
    Media,
    /// Single I-frames for scrubbing (RFC 4.4.3.6).
    IFrames,
}

/// Whether more segments will come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    /// A finished presentation (VOD).
    Complete,
    /// More will come (EVENT).
    Growing,
    /// It grew, and is complete now (EVENT with an end).
    Grown,
}

/// A media playlist, complete from its first segment to its last, or so far.
#[derive(Clone, Debug, PartialEq)]
pub struct MediaPlaylist {
    /// What the segments are.
    pub kind: MediaKind,
    /// Target duration in seconds; `None` takes the least that holds. Audio and video of a presentation must agree
    /// (RFC 6.2.4): see [`common_target_duration_s`].
    pub target_duration_s: Option<u32>,
    /// The initialisation section; `None` for WebVTT.
    pub map_uri: Option<String>,
    /// In order of time.
    pub segments: Vec<Segment>,
}

impl MediaPlaylist {
    /// The least target duration that holds, in seconds: the longest segment, rounded (RFC 4.4.3.1).
    pub fn least_target_duration_s(&self) -> u32 {
        self.segments.iter().map(|s| rounded_seconds(s.duration_s)).max().unwrap_or(0).max(1)
    }

    /// The target duration that [`render`](Self::render) writes, in seconds.
    pub fn effective_target_duration_s(&self) -> u32 {
        self.target_duration_s.unwrap_or_else(|| self.least_target_duration_s())
    }

    /// Measured bit rates.
    pub fn rates(&self) -> Rates {
        rates(&self.segments, self.effective_target_duration_s())
    }

    /// The playlist's text.
    ///
    /// # Errors
    /// No segment, a segment without a duration, a URI that cannot be written, a target duration that is too short.
    pub fn render(&self) -> Result<String, BuildError> {
        self.text(Life::Complete)
    }

    /// The text of a playlist that grows (RFC 4.4.3.5, EVENT): what is listed stays, more may be added at the end until
    /// `ended`. The target duration must be given, and be the same each time. Playback begins at the first segment, not
    /// near the last as with a live stream.
    ///
    /// # Errors
    /// As [`render`](Self::render).
    pub fn render_event(&self, ended: bool) -> Result<String, BuildError> {
        self.text(if ended { Life::Grown } else { Life::Growing })
    }

    fn text(&self, life: Life) -> Result<String, BuildError> {
        if self.segments.is_empty() {
            return Err(BuildError::Empty { what: "segment" });
        }
        for segment in &self.segments {
            checked_duration(segment)?;
        }
        let (target_s, needed_s) = (self.effective_target_duration_s(), self.least_target_duration_s());
        if target_s < needed_s {
            return Err(BuildError::TargetTooShort { target_s, needed_s });
        }

        let mut out = begin(self.version(), target_s, life);
        if life != Life::Complete {
            out.push_str("#EXT-X-START:TIME-OFFSET=0\n");
        }
        if self.kind == MediaKind::IFrames {
            out.push_str("#EXT-X-I-FRAMES-ONLY\n");
        } else if self.map_uri.is_some() {
            // Said in the multivariant playlist too; here for players that open a rendition by itself.
            out.push_str("#EXT-X-INDEPENDENT-SEGMENTS\n");
        }
        if let Some(uri) = &self.map_uri {
            TagWriter::begin(&mut out, "EXT-X-MAP").uri(uri)?.end();
        }
        for segment in &self.segments {
            push_extinf(&mut out, segment.duration_s);
            if let Some(offset) = segment.byte_offset {
                push(&mut out, format_args!("#EXT-X-BYTERANGE:{}@{offset}\n", segment.bytes));
            }
            push(&mut out, format_args!("{}\n", checked_uri(&segment.uri)?));
        }
        if life != Life::Growing {
            out.push_str("#EXT-X-ENDLIST\n");
        }
        Ok(out)
    }

    /// The least protocol version that has every tag in use (RFC 8).
    fn version(&self) -> u32 {
        match (self.kind, &self.map_uri) {
            (MediaKind::Media, Some(_)) => 6,
            (MediaKind::IFrames, Some(_)) => 5,
            (MediaKind::IFrames, None) => 4,
            (MediaKind::Media, None) if self.segments.iter().any(|s| s.byte_offset.is_some()) => 4,
            // Fractional durations.
            (MediaKind::Media, None) => 3,
        }
    }
}

/// The target duration, in seconds, that all of these playlists can share: what audio and video must do (RFC 6.2.4).
pub fn common_target_duration_s<'a>(playlists: impl IntoIterator<Item = &'a MediaPlaylist>) -> u32 {
    playlists.into_iter().map(MediaPlaylist::least_target_duration_s).max().unwrap_or(1)
}

/// The head that every media playlist has. Sequence numbers count from 1, as the segments' names do, so that a
/// player's log and the bucket speak of the same segment.
pub(super) fn begin(version: u32, target_s: u32, life: Life) -> String {
    let kind = if life == Life::Complete { "VOD" } else { "EVENT" };
    format!(
        "#EXTM3U\n#EXT-X-VERSION:{version}\n#EXT-X-TARGETDURATION:{target_s}\n\
         #EXT-X-MEDIA-SEQUENCE:1\n#EXT-X-PLAYLIST-TYPE:{kind}\n"
    )
}

pub(super) fn push_extinf(out: &mut String, duration_s: f64) {
    push(out, format_args!("#EXTINF:{duration_s:.6},\n"));
}

pub(super) fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = out.write_fmt(text);
}

fn checked_duration(segment: &Segment) -> Result<(), BuildError> {
    // What rounds to nothing at six decimals is nothing to a player.
    if segment.duration_s.is_finite() && micros(segment.duration_s) > 0 {
        return Ok(());
    }
    Err(BuildError::BadDuration { uri: segment.uri.clone(), duration_s: segment.duration_s })
}

/// As a reader of the written text rounds: to microseconds first, then half up.
pub(super) fn rounded_seconds(duration_s: f64) -> u32 {
    u32::try_from((micros(duration_s) + 500_000) / 1_000_000).unwrap_or(u32::MAX)
}

fn micros(duration_s: f64) -> u64 {
    // A float saturates on conversion; half of the range keeps the sum above from overflowing.
    ((duration_s * 1e6).round() as u64).min(u64::MAX / 2)
}
