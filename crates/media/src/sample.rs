//! A sample of the source, encoded in several sizes and qualities: what each costs, and how much of the picture it keeps.

use std::collections::BTreeMap;
use std::fs::File;

use ffmpeg_next as ffmpeg;
use ffmpeg_next::frame::Video;

use crate::Ratio;
use crate::child::Reporter;
use crate::encoder::Encoder;
use crate::error::{MediaError, Result, Step};
use crate::lead::FrameKind;
use crate::pictures::Pictures;
use crate::quality::{Luma, Reference};
use crate::scale::{Prepare, WORK_FORMAT, scaler};
use crate::task::{Measured, SampleTask, Sampled, Trial};

/// Pictures that are read at a time.
const BATCH: usize = 8;

/// Runs the task. One thread: samples are many, and each has a child of its own.
pub fn run(task: &SampleTask, source: File, report: &Reporter) -> Result<Sampled> {
    let pictures = read(task, source)?;
    let shown = (pictures[0].width(), pictures[0].height());
    let compared = (task.compare_every / 2..task.frames).step_by(task.compare_every.max(1) as usize);
    let references: BTreeMap<u64, Reference> =
        compared.map(|n| (n, Reference::new(Luma::of(&pictures[n as usize])))).collect();
    let mut measured = Vec::new();
    let mut scaled = Vec::new();
    let mut size = (0, 0);
    for (trial, done) in task.trials.iter().zip(1..) {
        if size != (trial.rung.width, trial.rung.height) {
            size = (trial.rung.width, trial.rung.height);
            scaled = resize(&pictures, size, task.cadence.time_base)?;
        }
        measured.push(measure(task, trial, &scaled, shown, &references)?);
        report.progress(done)?;
    }
    Ok(Sampled { measured, cpu_ms: 0, peak_kib: 0 })
}

fn read(task: &SampleTask, source: File) -> Result<Vec<Video>> {
    let range = task.first_frame..task.first_frame + task.frames;
    let mut reader = Pictures::open(task.into(), source, range)?;
    let mut pictures = Vec::new();
    loop {
        let batch = reader.next(BATCH)?;
        if batch.is_empty() {
            break;
        }
        pictures.extend(batch.into_iter().map(|(_, picture)| picture));
    }
    match pictures.len() as u64 == task.frames && task.frames > 0 {
        true => Ok(pictures),
        false => {
            Err(MediaError::internal("sample", format!("{} pictures of {}", pictures.len(), task.frames)))
        }
    }
}

fn resize(pictures: &[Video], size: (u32, u32), time_base: Ratio) -> Result<Vec<Video>> {
    let own = (pictures[0].width(), pictures[0].height());
    if own == size {
        return pictures.iter().map(crate::sys::share).collect();
    }
    let mut scaler = scaler(size, WORK_FORMAT, time_base);
    pictures.iter().map(|picture| scaler.run(crate::sys::share(picture)?)).collect()
}

/// As players show it, and as the measure of quality was fitted.
fn enlarge(to: (u32, u32), time_base: Ratio) -> Prepare {
    let chain = format!("scale={}:{}:flags=bicubic+accurate_rnd+bitexact", to.0, to.1);
    Prepare::new(&chain, WORK_FORMAT, time_base)
}

fn measure(
    task: &SampleTask,
    trial: &Trial,
    pictures: &[Video],
    shown: (u32, u32),
    references: &BTreeMap<u64, Reference>,
) -> Result<Measured> {
    let Trial { crf, rung } = trial;
    let rate = task.cadence.rate;
    let mut encoder = Encoder::open(rung, rate)?;
    let mut packets = Vec::new();
    for (n, picture) in pictures.iter().enumerate() {
        let kind = if n == 0 { FrameKind::Idr } else { FrameKind::Free };
        encoder.push_raw(&mut crate::sys::share(picture)?, n as i64, kind, |packet| packets.push(packet))?;
    }
    encoder.finish_raw(|packet| packets.push(packet))?;
    let mut scaler = match (rung.width, rung.height) == shown {
        true => None,
        false => Some(enlarge(shown, task.cadence.time_base)),
    };
    let (mut sum, mut next) = (0.0, 0);
    decode(&encoder, &packets, |picture| {
        if let Some(reference) = references.get(&next) {
            let luma = match &mut scaler {
                None => Luma::of(&picture),
                Some(scaler) => Luma::of(&scaler.run(picture)?),
            };
            sum += reference.quality(luma);
        }
        next += 1;
        Ok(())
    })?;
    if next != pictures.len() as u64 {
        return Err(MediaError::internal(
            "sample",
            format!("{next} pictures came back of {}", pictures.len()),
        ));
    }
    let bits = packets.iter().map(|packet| packet.size()).sum::<usize>() as f64 * 8.0;
    let seconds = pictures.len() as f64 / rate.as_f64();
    Ok(Measured {
        width: rung.width,
        height: rung.height,
        crf: *crf,
        kbps: bits / 1000.0 / seconds,
        quality: sum / references.len().max(1) as f64,
    })
}

/// Every picture of the packets in order of presentation.
fn decode(
    encoder: &Encoder,
    packets: &[ffmpeg::Packet],
    mut show: impl FnMut(Video) -> Result<()>,
) -> Result<()> {
    let mut decoder = encoder.decoder()?;
    let mut drain = |decoder: &mut ffmpeg::decoder::Video| loop {
        let mut picture = Video::empty();
        match decoder.receive_frame(&mut picture) {
            Ok(()) => show(picture)?,
            Err(ffmpeg::Error::Eof | ffmpeg::Error::Other { errno: ffmpeg::error::EAGAIN }) => return Ok(()),
            Err(e) => return Err(MediaError::internal("decode sample", e)),
        }
    };
    for packet in packets {
        decoder.send_packet(packet).step("decode sample")?;
        drain(&mut decoder)?;
    }
    decoder.send_eof().step("decode sample")?;
    drain(&mut decoder)
}
