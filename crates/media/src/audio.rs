//! One audio track from start to end: decode, resample, mix, bring to a level, encode, cut into segments.
//!
//! A track is one task, because the encoder's priming must not repeat at every chunk. Where its loudness is wanted the
//! track is read more than once: what is measured must be the whole of what is published.

mod chain;
mod encoder;
mod level;
mod loudness;
pub mod mix;
mod segmenter;
mod true_peak;

use std::fs::File;

use ffmpeg_next as ffmpeg;
use ffmpeg_next::{ChannelLayout, format};
use flodrama_asset::ErrorKind;

use crate::Ratio;
use crate::child::Reporter;
use crate::damage::{Damage, Piece};
use crate::decode::{is_damage, stamps};
use crate::error::{MediaError, Result, Step};
use crate::input::{decoder_of, open_upload};
use crate::task::{AudioTask, Loudness, LoudnessTarget, Written};
use chain::Chain;
use encoder::Encoder;
use level::Level;
use loudness::{Meter, decide, make_up};
use segmenter::Segmenter;

/// Samples are floating point between the decoder and the encoder, each channel by itself.
const FORMAT: format::Sample = format::Sample::F32(format::sample::Type::Planar);

/// Samples of some moments: a plane for each channel, all as long.
type Planes = Vec<Vec<f32>>;

/// Runs the task.
pub fn run(task: &AudioTask, source: File, report: &Reporter) -> Result<Written> {
    let loudness = match &task.loudness {
        None => None,
        Some(target) => Some(loudness(task, target, &source, report)?),
    };
    // A preview waits for what was done so far. From here on sound runs beside the chunks, far ahead of them: their first
    // segments matter more. Not fatal where refused.
    let _ = rustix::process::nice(crate::child::BESIDE_NICENESS);
    let mut encoder = Encoder::open(task)?;
    let mut segmenter = Segmenter::begin(task, &encoder, report)?;
    let lost_packets = read_levelled(task, &source, loudness.as_ref(), report, &mut |planes| {
        encoder.push(&planes)?;
        segmenter.take(&mut encoder.units, report)
    })?;
    encoder.finish(segmenter.units())?;
    segmenter.take(&mut encoder.units, report)?;
    Ok(Written { tracks: vec![segmenter.finish()?], loudness, lost_packets, ..Written::default() })
}

/// Measures the track, and once more as its limiter makes it: what that takes off is made up for.
fn loudness(task: &AudioTask, target: &LoudnessTarget, source: &File, report: &Reporter) -> Result<Loudness> {
    let measure = |loudness: Option<&Loudness>| {
        let mut meter = Meter::new(task)?;
        read_levelled(task, source, loudness, report, &mut |planes| meter.push(&planes))?;
        meter.finish()
    };
    let first = decide(&measure(None)?, target);
    Ok(match first.ceiling_dbtp {
        None => first,
        Some(_) => make_up(&measure(Some(&first))?, target, first),
    })
}

/// Gives every sample of the presentation at the level that it is to have; says how many packets were lost.
fn read_levelled(
    task: &AudioTask,
    source: &File,
    loudness: Option<&Loudness>,
    report: &Reporter,
    give: &mut impl FnMut(Planes) -> Result<()>,
) -> Result<u64> {
    let source = source.try_clone().map_err(|e| MediaError::io("source", &e))?;
    let channels = task.channels as usize;
    let level = loudness.map(|l| Level::new(l.gain_db, l.ceiling_dbtp, channels));
    let Some(mut level) = level.filter(|level| !level.is_nothing()) else {
        return read(task, source, report, give);
    };
    let lost = read(task, source, report, &mut |mut planes| {
        level.apply(&mut planes);
        give(planes)
    })?;
    give(level.finish(channels))?;
    Ok(lost)
}

/// Gives every sample of the presentation, in blocks; says how many packets were lost.
fn read(
    task: &AudioTask,
    source: File,
    report: &Reporter,
    give: &mut impl FnMut(Planes) -> Result<()>,
) -> Result<u64> {
    let mut input = open_upload(source, &task.limits)?;
    let mut decoder = open_decoder(&input, task)?;
    // MP4's demuxer then does not even read them; others find their way by every packet.
    if input.format().name().starts_with("mov") {
        crate::sys::read_only(&mut input, task.stream);
    }
    let time_base = decoder.packet_time_base();
    let mut chain = Chain::new(task, time_base);
    let mut damage = Damage::default();
    while !chain.is_full() {
        let mut packet = ffmpeg::Packet::empty();
        match packet.read(&mut input) {
            Ok(()) if packet.stream() == task.stream => {}
            Ok(()) => continue,
            Err(ffmpeg::Error::InvalidData) => continue,
            Err(ffmpeg::Error::Eof) => break,
            Err(e) => return Err(broken(task, e)),
        }
        damage.sent(stamps(&packet).0, packet.size());
        match decoder.send_packet(&packet) {
            // A damaged packet becomes silence: the resampler fills the gap.
            Ok(()) => {}
            Err(e) if is_damage(&e) => {}
            Err(e) => return Err(broken(task, e)),
        }
        drain(&mut decoder, &mut chain, &mut damage, give)?;
        report.progress(chain.given * 1000 / u64::from(task.sample_rate))?;
    }
    decoder.send_eof().step("end of decoding")?;
    drain(&mut decoder, &mut chain, &mut damage, give)?;
    chain.finish(give)?;
    damage.end();
    damage.judge(&Piece {
        what: "sound",
        time_base: Ratio::new(time_base.numerator().into(), time_base.denominator().into()),
        origin_s: task.origin_s,
        seconds: task.samples as f64 / f64::from(task.sample_rate),
        replaced_s: f64::INFINITY,
        is_begin: true,
    })?;
    Ok(damage.lost)
}

fn open_decoder(input: &ffmpeg::format::context::Input, task: &AudioTask) -> Result<ffmpeg::decoder::Audio> {
    let stream =
        input.stream(task.stream).ok_or_else(|| MediaError::internal("open audio", "no such stream"))?;
    let id = stream.parameters().id();
    let mut decoder = decoder_of(stream.parameters(), task.limits.max_pixels)?.decoder();
    decoder.set_packet_time_base(stream.time_base());
    decoder.audio().map_err(|e| {
        let message = format!("The audio codec {} cannot be decoded.", id.name());
        MediaError::new(ErrorKind::UnsupportedCodec, message).detail(e)
    })
}

/// Takes what the decoder has ready.
fn drain(
    decoder: &mut ffmpeg::decoder::Audio,
    chain: &mut Chain,
    damage: &mut Damage,
    give: &mut impl FnMut(Planes) -> Result<()>,
) -> Result<()> {
    let tick_s = f64::from(decoder.packet_time_base());
    loop {
        let mut frame = ffmpeg::frame::Audio::empty();
        match decoder.receive_frame(&mut frame) {
            Ok(()) => {
                if let Some(pts) = frame.timestamp() {
                    let seconds = frame.samples() as f64 / f64::from(frame.rate().max(1));
                    damage.came(pts, pts + (seconds / tick_s) as i64);
                }
                chain.push(frame, give)?;
            }
            Err(ffmpeg::Error::Eof | ffmpeg::Error::Other { errno: ffmpeg::error::EAGAIN }) => return Ok(()),
            // The frame is lost, its time becomes silence.
            Err(e) if is_damage(&e) => {}
            Err(e) => return Err(MediaError::internal("decode audio", e)),
        }
    }
}

fn broken(task: &AudioTask, cause: ffmpeg::Error) -> MediaError {
    MediaError::new(ErrorKind::Truncated, "The audio stops being readable part of the way through.")
        .detail(format_args!("stream {}: {cause}", task.stream))
}

/// Samples as libav has them; `pts` counts samples.
fn frame(planes: &Planes, rate: u32, channels: u32, pts: i64) -> ffmpeg::frame::Audio {
    let layout = ChannelLayout::default(channels as i32);
    let mut frame = ffmpeg::frame::Audio::new(FORMAT, planes[0].len(), layout);
    for (i, plane) in planes.iter().enumerate() {
        frame.plane_mut::<f32>(i).copy_from_slice(plane);
    }
    frame.set_rate(rate);
    frame.set_pts(Some(pts));
    frame
}
