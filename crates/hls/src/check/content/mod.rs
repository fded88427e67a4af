//! What is in the segments: read once, as little of each as tells enough.

mod mp4;
mod window;

use super::playlist::{Encryption, FileRef, Playlist, Segment};
use super::report::{Findings, Tally};
use super::rule::{INIT_READABLE, SEGMENT_READABLE};
use super::source::{Source, SourceError};
use crate::mp4::{Broken, FirstPicture, Handler, Init, init};
use crate::ts;
use window::Window;

/// No initialisation section of a track or two is longer.
const MAX_INIT_BYTES: u64 = 4 * 1024 * 1024;
/// The first picture of a transport stream begins within so many bytes, pictures of the largest size included.
const MAX_OPENING_BYTES: u64 = 2 * 1024 * 1024;
/// Transport streams are read in pieces of whole packets.
const PIECE_BYTES: u64 = 188 * 4096;

/// How a segment wraps its media.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Container {
    Mp4,
    Ts,
    /// AAC or AC-3 frames behind an ID3 tag.
    PackedAudio,
    /// WebVTT.
    Text,
}

/// What a segment holds.
#[derive(Clone, Debug)]
pub(super) struct Content {
    pub(super) container: Container,
    /// One for each of its tracks, as far as they were read.
    pub(super) parts: Vec<Part>,
    /// Audio tracks, read or not.
    pub(super) audio_streams: usize,
    /// False where an I-frame's range does not begin with its `moof`, or ends before its sample does.
    pub(super) is_whole: bool,
}

/// A track's part of a segment.
#[derive(Clone, Debug)]
pub(super) struct Part {
    /// Number of the track.
    pub(super) track: usize,
    pub(super) handler: Handler,
    /// Ticks a second.
    pub(super) timescale: u32,
    /// Decoding time of the first sample; of transport streams its presentation time.
    pub(super) decode_time: u64,
    /// Durations of all samples together; 0 where only the begin was read.
    pub(super) ticks: u64,
    /// 0 where only the begin was read, and of transport streams, whose packets may hold several.
    pub(super) samples: usize,
    /// Least and largest duration of a sample, in ticks.
    pub(super) sample_ticks: (u32, u32),
    /// First and last moment of presentation in seconds, after edits; the last is unknown where only the begin was read.
    pub(super) start_s: f64,
    pub(super) end_s: Option<f64>,
    /// Samples at which decoding can begin.
    pub(super) keyframes: Keyframes,
    /// The first sample says that decoding can begin with it.
    pub(super) is_sync: bool,
    /// What the first sample really is; `None` where it is not video or cannot be read.
    pub(super) picture: Option<FirstPicture>,
    /// Where decoding times do not go on within the segment: expected and found.
    pub(super) gap: Option<(u64, u64)>,
    /// A time, duration or size that a signed reader takes for less than nothing.
    pub(super) has_negative: bool,
}

impl Part {
    /// Seconds of its samples.
    pub(super) fn duration_s(&self) -> Option<f64> {
        (self.samples > 0).then(|| self.ticks as f64 / f64::from(self.timescale))
    }

    /// Seconds of its longest sample.
    pub(super) fn frame_s(&self) -> f64 {
        f64::from(self.sample_ticks.1) / f64::from(self.timescale)
    }
}

impl Content {
    /// True where the check has seen what is inside; subtitles are read whole.
    pub(super) fn is_looked_into(&self) -> bool {
        !self.parts.is_empty() || self.container == Container::Text
    }

    fn new(container: Container, parts: Vec<Part>) -> Content {
        let audio_streams = parts.iter().filter(|part| part.handler == Handler::Audio).count();
        Content { container, parts, audio_streams, is_whole: true }
    }

    /// The track that the segment is about: video, where it has some.
    pub(super) fn main(&self) -> Option<&Part> {
        self.of(Handler::Video).or_else(|| self.of(Handler::Audio))
    }

    pub(super) fn of(&self, handler: Handler) -> Option<&Part> {
        self.parts.iter().find(|part| part.handler == handler)
    }
}

/// A format that media really have.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Format {
    pub(super) container: Container,
    pub(super) handler: Handler,
    /// RFC 6381 string; its first part alone where the rest is not looked at.
    pub(super) codecs: String,
    /// Sizes that may be declared, in pixels; none where that is not looked at.
    pub(super) sizes: Vec<(u32, u32)>,
    /// Transfer characteristics, where they are said outside of the samples.
    pub(super) transfer: Option<u16>,
    /// Pictures may be coded as fields.
    pub(super) may_have_fields: bool,
}

/// A source failed, or bytes are not what they should be.
enum Failure {
    Source(SourceError),
    Broken(Broken),
}

impl From<SourceError> for Failure {
    fn from(error: SourceError) -> Failure {
        Failure::Source(error)
    }
}

impl From<Broken> for Failure {
    fn from(broken: Broken) -> Failure {
        Failure::Broken(broken)
    }
}

/// Looks into the files of one playlist.
pub(super) struct Contents<'s> {
    source: &'s dyn Source,
    formats: Vec<Format>,
    broken_inits: Tally,
    broken_segments: Tally,
    /// Files that are encrypted as a whole, and files whose samples are.
    hidden: usize,
    hidden_samples: bool,
    is_known: bool,
}

impl<'s> Contents<'s> {
    pub(super) fn new(source: &'s dyn Source) -> Contents<'s> {
        Contents {
            source,
            formats: Vec::new(),
            broken_inits: Tally::new(&INIT_READABLE),
            broken_segments: Tally::new(&SEGMENT_READABLE),
            hidden: 0,
            hidden_samples: false,
            is_known: true,
        }
    }

    /// Reads an initialisation section of `bytes` bytes; `None` where it is missing, hidden or broken.
    pub(super) fn map(&mut self, file: &FileRef, bytes: Option<u64>) -> Result<Option<Init>, SourceError> {
        let Some(mut window) = self.open(file, bytes) else { return Ok(None) };
        let read = |window: &mut Window<'_>| -> Result<Option<Init>, Failure> {
            if window.length() > MAX_INIT_BYTES {
                return Err("is longer than any initialisation section".into());
            }
            let length = window.length() as usize;
            let bytes = window.get(0, length)?;
            // Of transport streams it is their tables (RFC 3.1.1), which segments repeat.
            Ok(if ts::is_one(bytes) { None } else { Some(init(bytes)?) })
        };
        match read(&mut window) {
            Ok(None) => Ok(None),
            Ok(Some(init)) => {
                for track in &init.tracks {
                    self.hidden_samples |= track.entry.is_encrypted;
                    let sizes =
                        track.entry.size.into_iter().chain((track.display.0 > 0).then_some(track.display));
                    self.add(Format {
                        container: Container::Mp4,
                        handler: track.handler,
                        codecs: track.entry.codecs.clone(),
                        sizes: sizes.collect(),
                        transfer: track.entry.transfer,
                        may_have_fields: track.entry.may_have_fields,
                    });
                }
                Ok(Some(init))
            }
            Err(failure) => {
                self.is_known = false;
                note(&mut self.broken_inits, file, failure)?;
                Ok(None)
            }
        }
    }

    /// Reads a segment whose initialisation section is `init`.
    pub(super) fn segment(
        &mut self,
        segment: &Segment,
        init: Option<&Init>,
        is_iframe: bool,
    ) -> Result<Option<Content>, SourceError> {
        let Some(mut window) = self.open(&segment.file, segment.bytes) else { return Ok(None) };
        match self.read(&mut window, segment, init, is_iframe) {
            Ok(content) => Ok(content),
            Err(failure) => {
                self.is_known = false;
                note(&mut self.broken_segments, &segment.file, failure)?;
                Ok(None)
            }
        }
    }

    /// Hands over what was found.
    pub(super) fn tell(self, playlist: &mut Playlist, findings: &mut Findings) {
        self.broken_inits.tell(&playlist.path, findings);
        self.broken_segments.tell(&playlist.path, findings);
        if self.hidden > 0 {
            findings.note(format!("{}: contents were not checked: encrypted", playlist.path));
        } else if self.hidden_samples {
            findings.note(format!("{}: samples were not checked: encrypted", playlist.path));
        }
        playlist.formats = self.formats;
        playlist.is_known = self.is_known && self.hidden == 0;
        playlist.has_hidden_samples = self.hidden_samples;
    }

    /// `None` where there is nothing to look at, which has been said.
    fn open<'f>(&mut self, file: &'f FileRef, bytes: Option<u64>) -> Option<Window<'f>>
    where
        's: 'f,
    {
        let (Some(path), Some(bytes)) = (&file.path, bytes) else {
            self.is_known = false;
            return None;
        };
        if file.encryption == Encryption::Whole {
            self.hidden += 1;
            return None;
        }
        Some(Window::new(self.source, path, file.range.map_or(0, |(_, offset)| offset), bytes))
    }

    fn read(
        &mut self,
        window: &mut Window<'_>,
        segment: &Segment,
        init: Option<&Init>,
        is_iframe: bool,
    ) -> Result<Option<Content>, Failure> {
        let head = window.get(0, window.length().min(512) as usize)?;
        let is_hidden = segment.file.encryption == Encryption::Samples;
        self.hidden_samples |= is_hidden;
        match recognise(head, segment.map.is_some()) {
            Some(Container::Mp4) => match init {
                Some(init) => mp4::read(window, init, is_iframe, is_hidden).map(Some),
                // Without its initialisation section nothing can be read; that has been said, or will be.
                None => Ok(Some(Content::new(Container::Mp4, vec![]))),
            },
            // I-frames are cut out without the tables, which the file or the map begins with (RFC 4.4.3.6).
            Some(Container::Ts) if is_iframe => Ok(None),
            Some(Container::Ts) => self.transport(window, is_hidden).map(Some),
            Some(Container::PackedAudio) => {
                let pts = ts::packed_audio_pts(head).flatten();
                let parts = pts.map(|pts| begin(0, Handler::Audio, pts)).into_iter().collect();
                Ok(Some(Content::new(Container::PackedAudio, parts)))
            }
            Some(Container::Text) => Ok(Some(Content::new(Container::Text, vec![]))),
            None => Err("is neither fragmented MP4 nor MPEG-2 TS, packed audio or WebVTT".into()),
        }
    }

    fn transport(&mut self, window: &mut Window<'_>, is_hidden: bool) -> Result<Content, Failure> {
        let most = window.length().min(MAX_OPENING_BYTES);
        let mut length = most.min(super::source::HEAD_BYTES as u64);
        let opening = loop {
            let opening = ts::opening(window.get(0, length as usize)?);
            let is_enough = opening.as_ref().is_ok_and(|opening| !opening.wants_more());
            if is_enough || length == most {
                break opening?;
            }
            length = (length * 8).min(most);
        };
        let mut parts = Vec::new();
        for (index, stream) in opening.streams.iter().enumerate() {
            self.hidden_samples |= stream.is_encrypted;
            if stream.handler != Handler::Other {
                self.add(Format {
                    container: Container::Ts,
                    handler: stream.handler,
                    codecs: stream.codecs.clone(),
                    sizes: stream.sizes.clone(),
                    transfer: None,
                    may_have_fields: stream.may_have_fields,
                });
            }
            let Some(pts) = stream.first_pts else { continue };
            let is_readable = stream.handler == Handler::Video && !is_hidden && !stream.is_encrypted;
            let picture = is_readable.then_some(stream.picture);
            let part = Part { picture, ..begin(index, stream.handler, pts) };
            parts.push(if stream.handler == Handler::Video { walked(window, stream, part)? } else { part });
        }
        let audio_streams = opening.streams.iter().filter(|s| s.handler == Handler::Audio).count();
        Ok(Content { audio_streams, ..Content::new(Container::Ts, parts) })
    }

    fn add(&mut self, format: Format) {
        if !self.formats.contains(&format) {
            self.formats.push(format);
        }
    }
}

/// A part of a transport stream, with what all of its pictures say.
fn walked(window: &mut Window<'_>, stream: &ts::Stream, part: Part) -> Result<Part, Failure> {
    let mut walk = ts::Walk::of(stream);
    let mut at = 0;
    while at < window.length() {
        let count = (window.length() - at).min(PIECE_BYTES);
        walk.take(window.get(at, count as usize)?)?;
        at += count;
    }
    let Some(times) = walk.end() else { return Ok(part) };
    let seconds = |ticks: u64| ticks as f64 / ts::TICKS_PER_S;
    let mut keyframes = Keyframes::default();
    // Pictures that are hidden are none that we know.
    if part.picture.is_some() {
        times.keyframes.iter().flatten().for_each(|at| keyframes.add(part.start_s + seconds(*at)));
    }
    let unit = times.unit as u32;
    let end_s = Some(part.start_s + seconds(times.ticks));
    Ok(Part { ticks: times.ticks, sample_ticks: (unit, unit), end_s, keyframes, ..part })
}

/// Samples of a segment at which decoding can begin: when the first and the last are shown, and the largest distance
/// between two of them, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Keyframes {
    pub(super) ends_s: Option<(f64, f64)>,
    pub(super) apart_s: f64,
}

impl Keyframes {
    fn add(&mut self, at_s: f64) {
        let (first, last) = self.ends_s.unwrap_or((at_s, at_s));
        self.apart_s = self.apart_s.max(at_s - last);
        self.ends_s = Some((first, at_s));
    }
}

/// A part of which only the begin is known.
fn begin(track: usize, handler: Handler, pts: u64) -> Part {
    Part {
        track,
        handler,
        timescale: ts::TICKS_PER_S as u32,
        decode_time: pts,
        ticks: 0,
        samples: 0,
        sample_ticks: (0, 0),
        start_s: pts as f64 / ts::TICKS_PER_S,
        end_s: None,
        keyframes: Keyframes::default(),
        is_sync: true,
        picture: None,
        gap: None,
        has_negative: false,
    }
}

fn note(tally: &mut Tally, file: &FileRef, failure: Failure) -> Result<(), SourceError> {
    let broken = match failure {
        Failure::Source(error) => return Err(error),
        Failure::Broken(broken) => broken,
    };
    let path = file.path.as_deref().unwrap_or_default();
    tally.at(file.line, || format!("{path} {broken}"));
    Ok(())
}

/// What a segment is, by its first bytes.
fn recognise(head: &[u8], has_map: bool) -> Option<Container> {
    const SEGMENT_BOXES: [&[u8]; 8] =
        [b"styp", b"moof", b"sidx", b"emsg", b"prft", b"ftyp", b"free", b"mdat"];
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    match head {
        _ if text.starts_with(b"WEBVTT") => Some(Container::Text),
        _ if ts::is_one(head) => Some(Container::Ts),
        [b'I', b'D', b'3', ..] | [0xff, 0xf0..=0xff, ..] | [0x0b, 0x77, ..] => Some(Container::PackedAudio),
        // With a map nothing else is meant.
        _ if has_map || head.get(4..8).is_some_and(|kind| SEGMENT_BOXES.contains(&kind)) => {
            Some(Container::Mp4)
        }
        _ => None,
    }
}
