//! Text subtitles: a track of the source, or a file beside it, to one WebVTT file on the presentation's clock.
//!
//! libav's demuxers and decoders read what was written in many ways (SubRip, SubStation Alpha, timed text, WebVTT) and
//! give lines of one form, which [`payload`] reads and [`webvtt`] writes. Nothing of a source reaches the file unread.

mod encoding;
mod payload;
mod styles;
pub mod task;
mod webvtt;

use std::fs::File;
use std::io::Read;

use ffmpeg_next as ffmpeg;
use ffmpeg_next::codec;
use ffmpeg_next::codec::packet::side_data::Type as SideData;
use ffmpeg_next::media;
use flodrama_asset::ErrorKind;

use self::styles::Styles;
use self::webvtt::Cue;
use crate::child::Reporter;
use crate::error::{MediaError, Result};
use crate::input::{NO_PICTURE, decoder_of, open_text, open_upload};
use crate::source::SidecarText;
use crate::task::{SubtitlesTask, SubtitlesWritten, TextSource};

/// A day of dialogue has fewer cues; lettering that is animated picture by picture has more.
const MAX_CUES: usize = 20_000;
/// Characters of a cue, more than fill a screen.
const MAX_CUE_CHARS: usize = 2_000;
/// Bytes of a subtitle file: a hundred times those of a feature film.
const MAX_FILE_BYTES: u64 = 8 << 20;
/// How long a cue stands that says no end and has none behind it.
const UNTIMED_S: f64 = 5.0;

/// Writes the file, where there is anything to show.
pub fn run(task: &SubtitlesTask, source: File, report: &Reporter) -> Result<SubtitlesWritten> {
    let (mut input, stream) = match task.from {
        TextSource::Stream(stream) => (open_upload(source, &task.limits)?, stream),
        TextSource::Sidecar(_) => open_file(source)?.0,
    };
    let Lines { said, lost } = read(&mut input, stream, report)?;
    let cues = on_the_clock(said, task.origin_s, task.duration_ms);
    if cues.is_empty() {
        let left_out = Some("no line of text falls within the episode".to_owned());
        return Ok(SubtitlesWritten { left_out, lost, ..SubtitlesWritten::default() });
    }
    let path = task.out.join(&task.path);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|e| MediaError::io("rendition folder", &e))?;
    }
    let text = webvtt::text(&cues);
    crate::track::write(&path, text.as_bytes())?;
    let file = Some((task.path.clone(), text.len() as u64));
    Ok(SubtitlesWritten { file, cues: cues.len() as u32, lost, ..SubtitlesWritten::default() })
}

/// Says what a subtitle file holds.
pub fn look(source: File, report: &Reporter) -> Result<SidecarText> {
    let ((mut input, stream), encoding) = open_file(source)?;
    let format = input.format().name().to_owned();
    let Lines { said, .. } = read(&mut input, stream, report)?;
    if said.is_empty() {
        return Err(MediaError::new(ErrorKind::NotMedia, "The subtitle file has no line of text."));
    }
    Ok(SidecarText { format, encoding: encoding.to_owned(), cues: said.len() as u32 })
}

/// Opens a subtitle file, and names the encoding of its text.
fn open_file(file: File) -> Result<((ffmpeg::format::context::Input, usize), &'static str)> {
    let mut bytes = Vec::new();
    let read = file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes);
    match read.map_err(|e| MediaError::io("subtitle file", &e))? as u64 {
        0 => return Err(MediaError::new(ErrorKind::EmptyFile, "The subtitle file is empty.")),
        n if n > MAX_FILE_BYTES => {
            let message = format!("The subtitle file is larger than {} MB.", MAX_FILE_BYTES >> 20);
            return Err(MediaError::new(ErrorKind::OverLimit, message));
        }
        _ => {}
    }
    let (text, encoding) = encoding::decode(&bytes);
    let unread =
        || MediaError::new(ErrorKind::NotMedia, "This is not a SubRip or WebVTT file that we can read.");
    let input = open_text(text).map_err(|e| unread().detail(e))?;
    let track = input.streams().find(|s| s.parameters().medium() == media::Type::Subtitle);
    let stream = track.ok_or_else(unread)?.index();
    Ok(((input, stream), encoding))
}

/// What a track says, in its order.
struct Lines {
    said: Vec<Line>,
    /// Packets that cannot be read, or are no line of dialogue.
    lost: u32,
}

/// A line of dialogue, in seconds of the source's clock.
struct Line {
    start_s: f64,
    /// None where the source does not say.
    end_s: Option<f64>,
    text: String,
    settings: String,
}

fn read(input: &mut ffmpeg::format::context::Input, stream: usize, report: &Reporter) -> Result<Lines> {
    crate::sys::read_only(input, stream);
    let track =
        input.stream(stream).ok_or_else(|| MediaError::internal("open subtitles", "no such stream"))?;
    let (time_base, id) = (track.time_base(), track.parameters().id());
    let mut decoder = decoder(&track)?;
    let styles = Styles::read(&crate::sys::subtitle_header(&decoder));
    let base = f64::from(time_base);
    let mut lines = Lines { said: Vec::new(), lost: 0 };
    for done in 0.. {
        let mut packet = ffmpeg::Packet::empty();
        match packet.read(input) {
            Ok(()) if packet.stream() == stream => {}
            Ok(()) | Err(ffmpeg::Error::InvalidData) => continue,
            Err(ffmpeg::Error::Eof) => break,
            Err(e) => {
                let message = "The subtitles stop being readable part of the way through.";
                return Err(MediaError::new(ErrorKind::Truncated, message).detail(e));
            }
        }
        report.progress(done)?;
        let Some(start) = packet.pts().or(packet.dts()) else {
            lines.lost += 1;
            continue;
        };
        let start_s = start as f64 * base;
        let end_s = (packet.duration() > 0).then(|| start_s + packet.duration() as f64 * base);
        let given = packet.side_data().find(|d| d.kind() == SideData::WebVTTSettings);
        let given = given.map(|d| webvtt::settings(&String::from_utf8_lossy(d.data()))).unwrap_or_default();
        let Some(events) = decode(&mut decoder, &in_utf8(packet, id)) else {
            lines.lost += 1;
            continue;
        };
        for event in events {
            let payload = payload::of_event(&event, &styles);
            if payload.text.chars().count() > MAX_CUE_CHARS {
                lines.lost += 1;
            } else if !payload.text.is_empty() {
                let settings = if given.is_empty() { payload.settings.to_owned() } else { given.clone() };
                lines.said.push(Line { start_s, end_s, text: payload.text, settings });
            }
        }
        if lines.said.len() > MAX_CUES {
            let message = format!("The subtitles have more than {MAX_CUES} cues.");
            return Err(MediaError::new(ErrorKind::OverLimit, message));
        }
    }
    Ok(lines)
}

fn decoder(track: &ffmpeg::format::stream::Stream) -> Result<ffmpeg::decoder::Subtitle> {
    let id = track.parameters().id();
    let mut decoder = decoder_of(track.parameters(), NO_PICTURE)?.decoder();
    decoder.set_packet_time_base(track.time_base());
    decoder.subtitle().map_err(|e| {
        let message = format!("Subtitles of the kind {} cannot be read.", id.name());
        MediaError::new(ErrorKind::UnsupportedCodec, message).detail(e)
    })
}

/// The events of a packet; none where it cannot be read.
fn decode(decoder: &mut ffmpeg::decoder::Subtitle, packet: &ffmpeg::Packet) -> Option<Vec<String>> {
    let mut subtitle = ffmpeg::Subtitle::new();
    let got = decoder.decode(packet, &mut subtitle).ok()?;
    Some(if got { crate::sys::take_lines(subtitle) } else { Vec::new() })
}

/// libav refuses text that is no UTF-8; containers that should have no other hold it nevertheless. Timed text has binary
/// parts, and stays as it is.
fn in_utf8(packet: ffmpeg::Packet, id: codec::Id) -> ffmpeg::Packet {
    let data = packet.data().unwrap_or_default();
    match encoding::decode_8_bit(data) {
        std::borrow::Cow::Owned(text) if id != codec::Id::MOV_TEXT => {
            let mut recoded = ffmpeg::Packet::copy(text.as_bytes());
            recoded.set_pts(packet.pts());
            recoded.set_dts(packet.dts());
            recoded.set_duration(packet.duration());
            recoded
        }
        _ => packet,
    }
}

/// Cues in order of time, cut to the presentation; layers that say the same at the same time are one.
fn on_the_clock(mut said: Vec<Line>, origin_s: f64, duration_ms: u64) -> Vec<Cue> {
    said.sort_by(|a, b| a.start_s.total_cmp(&b.start_s));
    let ms = |seconds: f64| ((seconds - origin_s) * 1000.0).round().clamp(0.0, duration_ms as f64) as u64;
    let mut cues: Vec<Cue> = Vec::new();
    for (i, line) in said.iter().enumerate() {
        let next_s = || said[i..].iter().map(|l| l.start_s).find(|s| *s > line.start_s).unwrap_or(f64::MAX);
        let end_s = line.end_s.unwrap_or_else(|| next_s().min(line.start_s + UNTIMED_S));
        let (start_ms, end_ms) = (ms(line.start_s), ms(end_s));
        let cue = Cue { start_ms, end_ms, text: line.text.clone(), settings: line.settings.clone() };
        // Of one moment there are few: looking back as far as they go is enough.
        let of_now = cues.iter().rev().take_while(|c| c.start_ms == start_ms);
        if start_ms < end_ms && of_now.clone().all(|c| *c != cue) {
            cues.push(cue);
        }
    }
    cues
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(start_s: f64, end_s: Option<f64>, text: &str) -> Line {
        Line { start_s, end_s, text: text.into(), settings: String::new() }
    }

    fn times(said: Vec<Line>, origin_s: f64, duration_ms: u64) -> Vec<(u64, u64, String)> {
        on_the_clock(said, origin_s, duration_ms)
            .into_iter()
            .map(|c| (c.start_ms, c.end_ms, c.text))
            .collect()
    }

    #[test]
    fn cues_are_cut_to_the_presentation() {
        let said = vec![
            line(0.0, Some(1.0), "before"),
            line(0.5, Some(2.0), "into"),
            line(3.0, Some(4.25), "within"),
            line(9.0, Some(99.0), "out of"),
            line(12.0, Some(13.0), "after"),
        ];
        let wanted = [(0, 500, "into"), (1500, 2750, "within"), (7500, 10_000, "out of")];
        assert_eq!(times(said, 1.5, 10_000), wanted.map(|(start, end, text)| (start, end, text.to_owned())));
    }

    #[test]
    fn cues_come_in_order_and_layers_are_one() {
        let said = vec![
            line(2.0, Some(3.0), "b"),
            line(1.0, Some(2.0), "a"),
            line(1.0, Some(2.0), "other"),
            line(1.0, Some(2.0), "a"),
            line(1.0, Some(1.0), "no time at all"),
        ];
        let texts: Vec<String> = times(said, 0.0, 9_000).into_iter().map(|(.., text)| text).collect();
        assert_eq!(texts, ["a", "other", "b"]);
    }

    #[test]
    fn a_cue_without_an_end_stands_until_the_next() {
        let said = vec![line(1.0, None, "a"), line(1.0, None, "b"), line(2.5, None, "c")];
        let ends: Vec<u64> = times(said, 0.0, 60_000).into_iter().map(|(_, end, _)| end).collect();
        assert_eq!(ends, [2500, 2500, 7500]);
    }
}
