//! Says what a source is. Every packet is read once, so that the plan knows each frame's time and each keyframe.

use std::collections::BTreeMap;
use std::fs::File;

use ffmpeg_next as ffmpeg;
use ffmpeg_next::codec;
use ffmpeg_next::codec::packet::side_data::Type as SideData;
use ffmpeg_next::format::stream::{Disposition, Stream};
use ffmpeg_next::media;
use flodrama_asset::ErrorKind;

use crate::child::Reporter;
use crate::coded::Scanner;
use crate::decode::{VideoReader, stamps};
use crate::error::{MediaError, Result};
use crate::input::{ANY_SIZE, NO_PICTURE, decoder_of, open_container, open_upload};
use crate::source::{
    AudioTrack, Chapter, Colour, Keyframe, Purpose, Ratio, Scanning, SourceInfo, SubtitleTrack, VideoTrack,
};
use crate::task::Limits;

/// A file may declare a little more than it holds; beyond this share and this time it is called truncated.
const TOLERATED_LOSS: f64 = 0.02;
const TOLERATED_LOSS_S: f64 = 1.0;
/// Packets after which the parent hears that reading goes on: a large file takes longer than a child may be silent.
const SAY_EVERY: u64 = 4096;
/// Decoding times never go back; by so much not even in files that are written carelessly.
const CLOCK_RUNS_BACK_S: f64 = 1.0;
/// More chapters than a film has.
const MAX_CHAPTERS: usize = 1000;
/// Timed text (ISO/IEC 14496-17, `tx3g`) fills pauses with packets of a length of zero, in two bytes.
const EMPTY_TEXT: usize = 2;

/// Runs the task.
pub fn run(limits: &Limits, source: File, report: &Reporter) -> Result<SourceInfo> {
    let bytes = source.metadata().map_err(|e| MediaError::io("source", &e))?.len();
    let again = source.try_clone().map_err(|e| MediaError::io("source", &e))?;
    let container = source.try_clone().map_err(|e| MediaError::io("source", &e))?;
    let mut input = open_upload(source, limits)?;
    let is_known = |s: &Stream| s.parameters().id() != codec::Id::None;
    let stream = input.streams().best(media::Type::Video).filter(|s| !is_cover(s) && is_known(s));
    let Some(stream) = stream else { return Err(no_video(&input)) };
    let mut video = describe_video(&stream, limits, container)?;
    let index = stream.index();
    let h264 = stream.parameters().id() == codec::Id::H264;
    let mut scanner = h264.then(|| Scanner::new(&crate::sys::configuration(&stream)));
    let declared_track_s = match stream.duration() {
        d if d > 0 => Some(d as f64 * f64::from(stream.time_base())),
        _ => None,
    };
    let declared_duration_s = match input.duration() {
        d if d > 0 => Some(d as f64 / f64::from(ffmpeg::ffi::AV_TIME_BASE)),
        _ => None,
    };
    let mut audio: Vec<AudioTrack> = input.streams().filter_map(|s| describe_audio(&s)).collect();
    let mut subtitles: Vec<SubtitleTrack> = input.streams().filter_map(|s| describe_subtitle(&s)).collect();

    let Scan { starts, end_s, filled } = scan(&mut input, index, &mut video, &mut scanner, report)?;
    for track in &mut audio {
        track.start_s = starts.get(&track.stream).copied().unwrap_or(0.0);
    }
    audio.retain(|track| starts.contains_key(&track.stream));
    for track in &mut subtitles {
        track.packets = filled.get(&track.stream).copied().unwrap_or(0);
    }
    check(&video, limits)?;
    if matches!(video.colour.transfer.as_str(), "smpte2084" | "arib-std-b67") {
        said_by_pictures(&again, &mut video, limits)?;
    }
    video.coded = scanner.map(|scanner| scanner.finish(&video));
    if video.interlaced || video.coded.as_ref().is_some_and(|coded| !coded.frames_only) {
        video.scanning = crate::scanning::look(&again, &video, limits)?;
        if let Some(rate) = video.declared_rate.filter(|_| video.scanning != Scanning::Progressive) {
            let frame_ticks = 1.0 / (rate.as_f64() * video.time_base.as_f64());
            video.pts = crate::scanning::frame_times(&video.pts, frame_ticks);
        }
    }
    let first_s = video.pts[0] as f64 * video.time_base.as_f64();
    match (declared_track_s, declared_duration_s) {
        (Some(declared_s), _) => {
            whole(declared_s, video.end_pts as f64 * video.time_base.as_f64() - first_s)?
        }
        // The file as a whole: its other tracks may be longer than the picture.
        (None, Some(declared_s)) => whole(declared_s, end_s)?,
        (None, None) => {}
    }
    Ok(SourceInfo {
        container: input.format().name().to_owned(),
        title: tag(&input.metadata(), "title"),
        bytes,
        declared_duration_s,
        video,
        audio,
        subtitles,
        sidecars: Vec::new(),
        jumps: Vec::new(),
        chapters: input.chapters().take(MAX_CHAPTERS).filter_map(|c| describe_chapter(&c)).collect(),
    })
}

/// A picture attached to sound.
fn is_cover(stream: &Stream) -> bool {
    stream.disposition().intersects(Disposition::ATTACHED_PIC)
}

fn no_video(input: &ffmpeg::format::context::Input) -> MediaError {
    let is_video = |s: &Stream| s.parameters().medium() == media::Type::Video && !is_cover(s);
    match input.streams().find(is_video) {
        None => MediaError::new(ErrorKind::NoVideo, "The file has no video track."),
        Some(stream) => {
            let name = crate::sys::codec_tag(&stream).map_or(String::new(), |tag| format!(" '{tag}'"));
            let message = format!("The video is in a codec{name} that we do not know.");
            MediaError::new(ErrorKind::UnsupportedCodec, message)
        }
    }
}

/// What reading every packet tells, in seconds of the file's clock.
struct Scan {
    /// When each track but the video begins, by stream index.
    starts: BTreeMap<usize, f64>,
    /// When the last track ends.
    end_s: f64,
    /// Packets of each track but the video that hold something, by stream index.
    filled: BTreeMap<usize, u32>,
}

/// Reads every packet: times and keyframes of the video track, and when the tracks begin and end.
fn scan(
    input: &mut ffmpeg::format::context::Input,
    index: usize,
    video: &mut VideoTrack,
    scanner: &mut Option<Scanner>,
    report: &Reporter,
) -> Result<Scan> {
    let bases: Vec<f64> = input.streams().map(|s| f64::from(s.time_base())).collect();
    let mut starts = BTreeMap::new();
    let mut filled = BTreeMap::new();
    let mut end_s = f64::MIN;
    let mut last_duration = 0;
    let mut last_dts = None;
    let mut packets: u64 = 0;
    loop {
        let mut packet = ffmpeg::Packet::empty();
        match packet.read(input) {
            Ok(()) => {}
            Err(ffmpeg::Error::Eof) => break,
            Err(ffmpeg::Error::InvalidData) => continue,
            Err(e) => {
                let message = "The video stops being readable part of the way through.";
                return Err(MediaError::new(ErrorKind::Truncated, message).detail(e));
            }
        }
        packets += 1;
        if packets.is_multiple_of(SAY_EVERY) {
            report.progress(packets)?;
        }
        let (pts, dts) = stamps(&packet);
        let base = bases.get(packet.stream()).copied().unwrap_or(0.0);
        end_s = end_s.max((pts + packet.duration()) as f64 * base);
        if packet.stream() != index {
            if packet.size() > EMPTY_TEXT {
                *filled.entry(packet.stream()).or_default() += 1;
            }
            let shown = !crate::sys::is_discarded(&packet);
            if shown {
                starts.entry(packet.stream()).or_insert(pts as f64 * base);
            }
            continue;
        }
        if packet.side_data().any(|d| d.kind() == SideData::EncryptionInfo) {
            return Err(MediaError::new(
                ErrorKind::Encrypted,
                "The video is encrypted, so it cannot be processed.",
            ));
        }
        // By more than reordering or rounding: one clock was put behind another.
        if let (Some(now), Some(before)) = (packet.dts(), last_dts.replace(dts))
            && before - now > (CLOCK_RUNS_BACK_S / base) as i64
        {
            let at_s =
                before as f64 * base - video.pts.iter().min().map_or(0.0, |first| *first as f64 * base);
            let message = format!(
                "The clock of the video jumps back after {at_s:.1} s: the file was put together from several recordings. \
                 Export it again as one."
            );
            return Err(MediaError::new(ErrorKind::NotMedia, message));
        }
        video.bytes += packet.size() as u64;
        if let Some(scanner) = scanner {
            scanner.packet(&packet, pts);
        }
        if packet.is_key() {
            video.keyframes.push(Keyframe { pts, dts });
        }
        if !crate::sys::is_discarded(&packet) {
            video.pts.push(pts);
            if pts + packet.duration() > video.end_pts {
                video.end_pts = pts + packet.duration();
                last_duration = packet.duration();
            }
        }
    }
    video.pts.sort_unstable();
    video.pts.dedup();
    if last_duration == 0
        && let [.., before, last] = video.pts[..]
    {
        // A last frame without a duration stands as long as the one before it.
        video.end_pts = last + (last - before);
    }
    Ok(Scan { starts, end_s, filled })
}

/// Asks the first picture what the container does not say.
fn said_by_pictures(source: &File, video: &mut VideoTrack, limits: &Limits) -> Result<()> {
    if video.hdr.mastering.is_some() && video.hdr.light.is_some() {
        return Ok(());
    }
    let source = source.try_clone().map_err(|e| MediaError::io("source", &e))?;
    let mut reader = VideoReader::open(source, video.stream, limits)?;
    if let Some((_, frame)) = reader.next_frame()? {
        let said = crate::hdr::of_frame(&frame);
        video.hdr.mastering = video.hdr.mastering.or(said.mastering);
        video.hdr.light = video.hdr.light.or(said.light);
    }
    Ok(())
}

fn check(video: &VideoTrack, limits: &Limits) -> Result<()> {
    let (Some(first), Some(_)) = (video.pts.first(), video.keyframes.first()) else {
        return Err(MediaError::new(ErrorKind::NoVideo, "The video track has no pictures."));
    };
    let seconds = (video.end_pts - first) as f64 * video.time_base.as_f64();
    if seconds > limits.max_duration_s {
        let message = format!(
            "The video is {:.0} minutes long; at most {:.0} are accepted.",
            seconds / 60.0,
            limits.max_duration_s / 60.0
        );
        return Err(MediaError::new(ErrorKind::OverLimit, message));
    }
    Ok(())
}

/// Refuses a file that holds clearly less than it declares.
fn whole(declared_s: f64, held_s: f64) -> Result<()> {
    let lost_s = declared_s - held_s;
    if lost_s > TOLERATED_LOSS_S.max(declared_s * TOLERATED_LOSS) && held_s < declared_s * 0.9 {
        let message =
            format!("The file is cut off: it declares {declared_s:.1} s of video and holds {held_s:.1} s.");
        return Err(MediaError::new(ErrorKind::Truncated, message));
    }
    Ok(())
}

/// `container`: the source once more, in case that its decoder refused the size.
fn describe_video(stream: &Stream, limits: &Limits, container: File) -> Result<VideoTrack> {
    let id = stream.parameters().id();
    if ffmpeg::decoder::find(id).is_none() {
        let message = format!("The video codec {} is not supported.", id.name());
        return Err(MediaError::new(ErrorKind::UnsupportedCodec, message));
    }
    let decoder = decoder_of(stream.parameters(), ANY_SIZE)?.decoder().video().map_err(|e| {
        let message = format!("The video codec {} cannot be decoded.", id.name());
        MediaError::new(ErrorKind::UnsupportedCodec, message).detail(e)
    })?;
    let (mut width, mut height) = (decoder.width(), decoder.height());
    if width == 0 || height == 0 {
        (width, height) = declared_size(container, stream.index(), limits).unwrap_or((0, 0));
    }
    if width == 0 || height == 0 {
        return Err(MediaError::new(
            ErrorKind::NotMedia,
            "The video track does not say how large its picture is.",
        ));
    }
    if u64::from(width) * u64::from(height) > limits.max_pixels {
        let message = format!("The picture is {width}×{height}, which is larger than we accept.");
        return Err(MediaError::new(ErrorKind::OverLimit, message));
    }
    let (rotation, mirrored) = orientation(stream);
    let hdr = crate::hdr::of_stream(stream);
    if hdr.needs_dolby {
        let message = "The video is Dolby Vision of profile 5, which only Dolby's decoders show in the right colours: send \
                       it as HDR10, HLG or SDR.";
        return Err(MediaError::new(ErrorKind::UnsupportedCodec, message));
    }
    Ok(VideoTrack {
        stream: stream.index(),
        codec: id.name().to_owned(),
        width,
        height,
        sample_aspect: positive(decoder.aspect_ratio()).unwrap_or(Ratio::new(1, 1)),
        rotation,
        mirrored,
        pixel_format: decoder.format().descriptor().map_or("unknown", |d| d.name()).to_owned(),
        colour: Colour {
            primaries: name(decoder.color_primaries().name()),
            transfer: name(decoder.color_transfer_characteristic().name()),
            matrix: name(decoder.color_space().name()),
            full_range: decoder.color_range() == ffmpeg::color::Range::JPEG,
        },
        hdr,
        interlaced: crate::sys::is_interlaced(stream),
        scanning: Scanning::Progressive,
        time_base: ratio(stream.time_base()),
        declared_rate: positive(stream.avg_frame_rate()),
        pts: Vec::new(),
        end_pts: i64::MIN,
        keyframes: Vec::new(),
        bytes: 0,
        coded: None,
    })
}

/// The size that the container declares. Reads the file from its start, so that nobody else can go on with it.
fn declared_size(file: File, stream: usize, limits: &Limits) -> Option<(u32, u32)> {
    let input = open_container(file, limits).ok()?.ok()?;
    let decoder = decoder_of(input.stream(stream)?.parameters(), ANY_SIZE).ok()?.decoder().video().ok()?;
    // One that we accept was not refused for its size: it is unknown, whatever is declared.
    let size = (decoder.width(), decoder.height());
    (u64::from(size.0) * u64::from(size.1) > limits.max_pixels).then_some(size)
}

fn describe_audio(stream: &Stream) -> Option<AudioTrack> {
    let parameters = stream.parameters();
    if parameters.medium() != media::Type::Audio {
        return None;
    }
    let id = parameters.id();
    let decoder = decoder_of(parameters, NO_PICTURE).ok()?.decoder().audio().ok()?;
    let mask = decoder.channel_layout().bits();
    let speakers = match mask {
        0 => Vec::new(),
        _ => crate::audio::mix::speakers(mask, usize::from(decoder.channels())),
    };
    Some(AudioTrack {
        stream: stream.index(),
        codec: id.name().to_owned(),
        channels: u32::from(decoder.channels()),
        speakers: speakers.iter().map(|s| s.map_or("?", |s| s.name).to_owned()).collect(),
        purpose: purpose(stream.disposition()),
        sample_rate: decoder.rate(),
        language: tag(&stream.metadata(), "language"),
        title: tag(&stream.metadata(), "title"),
        default: stream.disposition().contains(Disposition::DEFAULT),
        start_s: 0.0,
    })
}

fn purpose(marks: Disposition) -> Purpose {
    let marked = [
        (Disposition::COMMENT, Purpose::Commentary),
        (Disposition::VISUAL_IMPAIRED, Purpose::Description),
        (Disposition::HEARING_IMPAIRED, Purpose::ClearDialogue),
    ];
    marked.into_iter().find(|(mark, _)| marks.contains(*mark)).map_or(Purpose::Main, |(_, purpose)| purpose)
}

fn describe_subtitle(stream: &Stream) -> Option<SubtitleTrack> {
    let parameters = stream.parameters();
    (parameters.medium() == media::Type::Subtitle).then(|| SubtitleTrack {
        stream: stream.index(),
        codec: parameters.id().name().to_owned(),
        language: tag(&stream.metadata(), "language"),
        title: tag(&stream.metadata(), "title"),
        forced: stream.disposition().contains(Disposition::FORCED),
        hearing_impaired: stream.disposition().contains(Disposition::HEARING_IMPAIRED),
        packets: 0,
    })
}

fn describe_chapter(chapter: &ffmpeg::Chapter) -> Option<Chapter> {
    let base = f64::from(chapter.time_base());
    let seconds = |ticks: i64| (ticks != ffmpeg::ffi::AV_NOPTS_VALUE).then_some(ticks as f64 * base);
    let (start_s, end_s) = (seconds(chapter.start())?, seconds(chapter.end()));
    Some(Chapter { start_s, end_s, title: tag(&chapter.metadata(), "title") })
}

fn tag(metadata: &ffmpeg::DictionaryRef, key: &str) -> Option<String> {
    metadata.get(key).map(str::trim).filter(|v| !v.is_empty()).map(str::to_owned)
}

fn name(name: Option<&'static str>) -> String {
    name.unwrap_or("unknown").to_owned()
}

fn ratio(r: ffmpeg::Rational) -> Ratio {
    Ratio::new(i64::from(r.numerator()), i64::from(r.denominator()))
}

fn positive(r: ffmpeg::Rational) -> Option<Ratio> {
    (r.numerator() > 0 && r.denominator() > 0).then(|| ratio(r))
}

/// From the display matrix (ISO/IEC 14496-12 §8.2.2: 16.16 fixed point, row by row): clockwise degrees, and whether the
/// picture is mirrored left to right before.
fn orientation(stream: &Stream) -> (u32, bool) {
    let Some(data) = stream.side_data().find(|d| d.kind() == SideData::DisplayMatrix) else {
        return (0, false);
    };
    let bytes = data.data();
    let entry = |i: usize| {
        bytes.get(i * 4..i * 4 + 4).map_or(0, |b| i32::from_ne_bytes([b[0], b[1], b[2], b[3]])) as f64
    };
    // A determinant below 0 turns the picture over; what is left behind the mirror is a turn.
    let mirrored = entry(0) * entry(4) - entry(1) * entry(3) < 0.0;
    let sign = if mirrored { -1.0 } else { 1.0 };
    let degrees = (sign * entry(1)).atan2(sign * entry(0)).to_degrees();
    ((degrees / 90.0).round().rem_euclid(4.0) as u32 * 90, mirrored)
}
