//! One audio track from start to end: decode, resample and downmix, encode to AAC, cut into segments.
//!
//! A track is one task, because the encoder's priming must not repeat at every chunk.

use std::fs::File;

use ffmpeg_next as ffmpeg;
use ffmpeg_next::{ChannelLayout, codec, filter, format};
use flodrama_asset::ErrorKind;
use sha2::{Digest, Sha256};

use crate::child::Reporter;
use crate::cmaf::{self, Sample};
use crate::error::{MediaError, Result, Step};
use crate::input::open_upload;
use crate::task::{AudioTask, SegmentWritten, TrackWritten, Written};

/// Samples in one AAC access unit.
const FRAME: u64 = 1024;

/// Runs the task.
pub fn run(task: &AudioTask, source: File, report: &Reporter) -> Result<Written> {
    let mut input = open_upload(source, &task.limits)?;
    let mut decoder = open_decoder(&input, task)?;
    let mut encoder = Aac::open(task)?;
    let time_base = decoder.packet_time_base();
    let mut chain = Chain::new(task, time_base);
    let mut segmenter = Segmenter::begin(task, &encoder, report)?;
    loop {
        let mut packet = ffmpeg::Packet::empty();
        match packet.read(&mut input) {
            Ok(()) if packet.stream() == task.stream => {}
            Ok(()) => continue,
            Err(ffmpeg::Error::InvalidData) => continue,
            Err(ffmpeg::Error::Eof) => break,
            Err(e) => return Err(broken(task, e)),
        }
        match decoder.send_packet(&packet) {
            // A damaged packet becomes silence: the resampler fills the gap.
            Ok(()) | Err(ffmpeg::Error::InvalidData) => {}
            Err(e) => return Err(broken(task, e)),
        }
        drain(&mut decoder, &mut chain, &mut encoder)?;
        segmenter.take(&mut encoder.units, report)?;
        report.progress(chain.given * 1000 / u64::from(task.sample_rate))?;
        if chain.is_full() {
            break;
        }
    }
    decoder.send_eof().step("end of decoding")?;
    drain(&mut decoder, &mut chain, &mut encoder)?;
    chain.finish(&mut encoder)?;
    encoder.finish()?;
    segmenter.take(&mut encoder.units, report)?;
    segmenter.finish()
}

fn open_decoder(input: &ffmpeg::format::context::Input, task: &AudioTask) -> Result<ffmpeg::decoder::Audio> {
    let stream =
        input.stream(task.stream).ok_or_else(|| MediaError::internal("open audio", "no such stream"))?;
    let id = stream.parameters().id();
    let mut context = codec::Context::from_parameters(stream.parameters()).step("codec parameters")?;
    context.set_threading(ffmpeg::threading::Config::count(1));
    let mut decoder = context.decoder();
    decoder.set_packet_time_base(stream.time_base());
    decoder.audio().map_err(|e| {
        let message = format!("The audio codec {} cannot be decoded.", id.name());
        MediaError::new(ErrorKind::UnsupportedCodec, message).detail(e)
    })
}

fn drain(decoder: &mut ffmpeg::decoder::Audio, chain: &mut Chain, encoder: &mut Aac) -> Result<()> {
    loop {
        let mut frame = ffmpeg::frame::Audio::empty();
        match decoder.receive_frame(&mut frame) {
            Ok(()) => chain.push(frame, encoder)?,
            Err(ffmpeg::Error::Eof | ffmpeg::Error::Other { errno: ffmpeg::error::EAGAIN }) => return Ok(()),
            // The frame is lost, its time becomes silence.
            Err(ffmpeg::Error::InvalidData) => {}
            Err(e) => return Err(MediaError::internal("decode audio", e)),
        }
    }
}

fn broken(task: &AudioTask, cause: ffmpeg::Error) -> MediaError {
    MediaError::new(ErrorKind::Truncated, "The audio stops being readable part of the way through.")
        .detail(format_args!("stream {}: {cause}", task.stream))
}

/// The filter graph: source frames in, exactly `samples` samples of the target format out.
struct Chain<'a> {
    task: &'a AudioTask,
    time_base: ffmpeg::Rational,
    graph: Option<filter::Graph>,
    /// Format, layout and rate that the graph was built for.
    built_for: Option<(format::Sample, u64, u32)>,
    given: u64,
}

impl<'a> Chain<'a> {
    fn new(task: &'a AudioTask, time_base: ffmpeg::Rational) -> Chain<'a> {
        Chain { task, time_base, graph: None, built_for: None, given: 0 }
    }

    fn is_full(&self) -> bool {
        self.given >= self.task.samples
    }

    fn push(&mut self, mut frame: ffmpeg::frame::Audio, encoder: &mut Aac) -> Result<()> {
        if self.is_full() {
            return Ok(());
        }
        if frame.channel_layout().is_empty() {
            frame.set_channel_layout(ChannelLayout::default(i32::from(frame.channels())));
        }
        let shape = (frame.format(), frame.channel_layout().bits(), frame.rate());
        match self.built_for {
            None => {
                self.graph = Some(self.build(&frame)?);
                self.built_for = Some(shape);
            }
            Some(built) if built == shape => {}
            // A change of format in mid-track: what follows cannot be joined without a seam, so it is not guessed at.
            Some(_) => {
                return Err(MediaError::new(
                    ErrorKind::UnsupportedCodec,
                    "The audio changes its format part of the way through, which is not supported.",
                ));
            }
        }
        // From the file's clock to the presentation's, in samples of the source.
        let seconds = frame.timestamp().map(|t| t as f64 * f64::from(self.time_base) - self.task.origin_s);
        let rate = f64::from(frame.rate());
        frame.set_pts(seconds.map(|s| (s * rate).round() as i64));
        let graph = self.graph.as_mut().expect("built above");
        graph.get("in").expect("built so").source().add(&frame).step("audio filter in")?;
        self.pull(encoder)
    }

    fn finish(&mut self, encoder: &mut Aac) -> Result<()> {
        if self.is_full() {
            return Ok(());
        }
        if let Some(graph) = &mut self.graph {
            graph.get("in").expect("built so").source().flush().step("audio filter end")?;
            self.pull(encoder)?;
            if !self.is_full() {
                let what = format!("{} samples, wanted {}", self.given, self.task.samples);
                return Err(MediaError::internal("audio filter", what));
            }
        }
        // A track without a single readable frame is silence.
        while !self.is_full() {
            let samples = FRAME.min(self.task.samples - self.given) as usize;
            let layout = ChannelLayout::default(self.task.channels as i32);
            let mut frame = ffmpeg::frame::Audio::new(Aac::FORMAT, samples, layout);
            for plane in 0..frame.planes() {
                frame.plane_mut::<f32>(plane).fill(0.0);
            }
            frame.set_rate(self.task.sample_rate);
            self.give(frame, encoder)?;
        }
        Ok(())
    }

    fn pull(&mut self, encoder: &mut Aac) -> Result<()> {
        loop {
            let mut frame = ffmpeg::frame::Audio::empty();
            let graph = self.graph.as_mut().expect("only called with a graph");
            match graph.get("out").expect("built so").sink().frame(&mut frame) {
                Ok(()) => self.give(frame, encoder)?,
                Err(ffmpeg::Error::Eof | ffmpeg::Error::Other { errno: ffmpeg::error::EAGAIN }) => {
                    return Ok(());
                }
                Err(e) => return Err(MediaError::internal("audio filter out", e)),
            }
        }
    }

    fn give(&mut self, mut frame: ffmpeg::frame::Audio, encoder: &mut Aac) -> Result<()> {
        frame.set_pts(Some(self.given as i64));
        self.given += frame.samples() as u64;
        encoder.push(&frame)
    }

    fn build(&self, frame: &ffmpeg::frame::Audio) -> Result<filter::Graph> {
        let task = self.task;
        let mut graph = filter::Graph::new();
        crate::sys::single_thread(&mut graph);
        let args = format!(
            "time_base=1/{rate}:sample_rate={rate}:sample_fmt={}:channel_layout=0x{:x}",
            frame.format().name(),
            frame.channel_layout().bits(),
            rate = frame.rate(),
        );
        let find =
            |name| filter::find(name).ok_or_else(|| MediaError::internal("filter", format!("no {name}")));
        graph.add(&find("abuffer")?, "in", &args).step("audio filter source")?;
        graph.add(&find("abuffersink")?, "out", "").step("audio filter sink")?;
        // `async=1` fills gaps and cuts overlaps by the timestamps, without stretching; `first_pts=0` does the same at
        // the start. The trim and the padding make the length exact.
        let layout = if task.channels == 1 { "mono" } else { "stereo" };
        let chain = format!(
            "aresample={rate}:async=1:first_pts=0,aformat=sample_fmts=fltp:channel_layouts={layout}:\
             sample_rates={rate},apad=whole_len={samples},atrim=end_sample={samples},asetnsamples=n={FRAME}:p=0",
            rate = task.sample_rate,
            samples = task.samples,
        );
        let parser = graph.output("in", 0).step("filter")?.input("out", 0).step("filter")?;
        parser.parse(&chain).step(&format!("filter chain '{chain}'"))?;
        graph.validate().step(&format!("filter chain '{chain}'"))?;
        Ok(graph)
    }
}

/// The AAC encoder and the access units that it gave and nobody took yet.
struct Aac {
    inner: ffmpeg::encoder::audio::Encoder,
    config: Vec<u8>,
    priming: u32,
    units: Vec<Vec<u8>>,
}

impl Aac {
    const FORMAT: format::Sample = format::Sample::F32(format::sample::Type::Planar);

    fn open(task: &AudioTask) -> Result<Aac> {
        let codec =
            ffmpeg::encoder::find_by_name("aac").ok_or_else(|| MediaError::internal("encoder", "no aac"))?;
        let mut audio = codec::Context::new_with_codec(codec).encoder().audio().step("encoder context")?;
        audio.set_rate(task.sample_rate as i32);
        audio.set_format(Aac::FORMAT);
        audio.set_channel_layout(ChannelLayout::default(task.channels as i32));
        audio.set_time_base((1, task.sample_rate as i32));
        audio.set_bit_rate(task.bit_rate as usize);
        audio.set_flags(codec::Flags::GLOBAL_HEADER | codec::Flags::BITEXACT);
        let inner = crate::sys::open_audio_encoder(audio, codec, ffmpeg::Dictionary::new())?;
        let config = crate::sys::extradata(&inner);
        let priming = crate::sys::initial_padding(&inner);
        Ok(Aac { inner, config, priming, units: Vec::new() })
    }

    fn push(&mut self, frame: &ffmpeg::frame::Audio) -> Result<()> {
        self.inner.send_frame(frame).step("encode audio")?;
        self.drain()
    }

    fn finish(&mut self) -> Result<()> {
        self.inner.send_eof().step("end of audio")?;
        self.drain()
    }

    fn drain(&mut self) -> Result<()> {
        loop {
            let mut packet = ffmpeg::Packet::empty();
            match self.inner.receive_packet(&mut packet) {
                Ok(()) => self.units.push(packet.data().unwrap_or_default().to_vec()),
                Err(ffmpeg::Error::Eof | ffmpeg::Error::Other { errno: ffmpeg::error::EAGAIN }) => {
                    return Ok(());
                }
                Err(e) => return Err(MediaError::internal("encode audio", e)),
            }
        }
    }
}

/// Cuts access units into segments as they come and writes each when it is full.
struct Segmenter<'a> {
    task: &'a AudioTask,
    track: TrackWritten,
    priming: u64,
    /// Access units of the whole track.
    count: u64,
    /// First unit of the segment at hand.
    first: u64,
    segments: u32,
    pending: Vec<Vec<u8>>,
}

impl<'a> Segmenter<'a> {
    /// Writes the initialisation section, so that whatever comes can be played at once.
    fn begin(task: &'a AudioTask, aac: &Aac, report: &Reporter) -> Result<Segmenter<'a>> {
        let name = format!("audio/{}", task.group);
        std::fs::create_dir_all(task.out.join(&name)).map_err(|e| MediaError::io("rendition folder", &e))?;
        let init = cmaf::audio_init(
            task.sample_rate,
            task.channels,
            task.bit_rate,
            &task.language,
            &aac.config,
            aac.priming,
        )?;
        crate::track::write(&task.out.join(&name).join("init.mp4"), &init)?;
        let track = TrackWritten {
            track: name,
            codecs: cmaf::aac_codecs(&aac.config),
            init_sha256: hex::encode(Sha256::digest(&init)),
            init_bytes: init.len() as u64,
        };
        report.track(&track)?;
        let priming = u64::from(aac.priming);
        // What the edit list shows ends here; units behind it would be a tail that the picture does not have.
        let count = (task.samples + priming).div_ceil(FRAME);
        Ok(Segmenter { task, track, priming, count, first: 0, segments: 0, pending: Vec::new() })
    }

    fn take(&mut self, units: &mut Vec<Vec<u8>>, report: &Reporter) -> Result<()> {
        for unit in units.drain(..) {
            if self.first + self.pending.len() as u64 == self.count {
                break;
            }
            self.pending.push(unit);
            if self.first + self.pending.len() as u64 == self.end() {
                self.write(report)?;
            }
        }
        Ok(())
    }

    /// The unit behind the segment at hand: the first that is shown at or after the boundary.
    fn end(&self) -> u64 {
        match self.task.boundaries.get(self.segments as usize) {
            Some(boundary) if self.segments as usize + 1 < self.task.boundaries.len() => {
                (boundary + self.priming).div_ceil(FRAME).clamp(self.first + 1, self.count)
            }
            _ => self.count,
        }
    }

    fn write(&mut self, report: &Reporter) -> Result<()> {
        self.segments += 1;
        let total = self.task.samples + self.priming;
        let samples: Vec<Sample> = (self.first..)
            .zip(&self.pending)
            .map(|(n, unit)| Sample {
                size: unit.len() as u32,
                // The last unit is cut to the end of the picture.
                duration: FRAME.min(total - n * FRAME) as u32,
                composition: 0,
                sync: true,
            })
            .collect();
        let data = self.pending.concat();
        let mut bytes = cmaf::segment_type()?;
        cmaf::fragment(self.segments, self.first * FRAME, &samples, &data, &mut bytes)?;
        let path = format!("{}/{:05}.m4s", self.track.track, self.segments);
        crate::track::write(&self.task.out.join(&path), &bytes)?;
        let next = self.first + self.pending.len() as u64;
        let shown = |unit: u64| (unit * FRAME).min(total).saturating_sub(self.priming);
        report.segment(SegmentWritten {
            path,
            track: self.track.track.clone(),
            number: self.segments,
            timescale: self.task.sample_rate,
            start: shown(self.first),
            duration: shown(next) - shown(self.first),
            samples: self.pending.len() as u64,
            bytes: bytes.len() as u64,
            sha256: hex::encode(Sha256::digest(&bytes)),
            iframes: Vec::new(),
        })?;
        self.first = next;
        self.pending.clear();
        Ok(())
    }

    fn finish(self) -> Result<Written> {
        let boundaries = self.task.boundaries.len();
        if self.segments as usize != boundaries {
            let what = format!("{} segments, wanted {boundaries}", self.segments);
            return Err(MediaError::internal("audio segments", what));
        }
        Ok(Written { tracks: vec![self.track], source_frames: 0, repeated_frames: 0, cpu_ms: 0, peak_kib: 0 })
    }
}
