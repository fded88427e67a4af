//! A chunk on a device: it decodes where it can, and frames stay in its memory from there to the encoders.
//!
//! The same walk as `chunk`: one decode, a cascade of sizes, one encoder for each rendition. What no device filter does
//! (turning, tone mapping) is done in main memory, and the picture is put back at the size of the largest rung.

use std::collections::BTreeSet;
use std::fs::File;
use std::rc::Rc;

use ffmpeg_next::filter;
use ffmpeg_next::format::Pixel;
use ffmpeg_next::frame::Video;

use crate::Ratio;
use crate::cadence::Resampler;
use crate::child::Reporter;
use crate::decode::VideoReader;
use crate::encoder::Encoder;
use crate::error::{MediaError, Result, Step};
use crate::fields::Frames;
use crate::lead::FrameKind;
use crate::pictures::judge;
use crate::scale::Prepare;
use crate::sys::{self, HardwareDevice, Surfaces};
use crate::task::{ChunkTask, DeviceKind, DeviceTask, PicturesOf, RungTask, Written};
use crate::track::{Layout, Shape, Track};

impl DeviceKind {
    /// Opens the machine's first device of the kind.
    pub(crate) fn open(self) -> Result<HardwareDevice> {
        let name = match self {
            DeviceKind::Cuda => "cuda",
            DeviceKind::Vaapi => "vaapi",
            DeviceKind::Qsv => "qsv",
        };
        HardwareDevice::open(name).map_err(|e| MediaError::internal(&format!("open {name} device"), e))
    }

    /// libav's name for a frame in its memory.
    pub(crate) fn surface(self) -> Pixel {
        match self {
            DeviceKind::Cuda => Pixel::CUDA,
            DeviceKind::Vaapi => Pixel::VAAPI,
            DeviceKind::Qsv => Pixel::QSV,
        }
    }

    /// Scales a surface to NV12 of `size`, by the device.
    pub(crate) fn scale(self, (width, height): (u32, u32)) -> String {
        match self {
            // A surface that needs nothing is copied too, or encoders would keep the decoder's few to themselves.
            DeviceKind::Cuda => {
                format!("scale_cuda=w={width}:h={height}:format=nv12:interp_algo=bicubic:passthrough=0")
            }
            DeviceKind::Vaapi => format!("scale_vaapi=w={width}:h={height}:format=nv12:mode=hq"),
            DeviceKind::Qsv => format!("scale_qsv=w={width}:h={height}:format=nv12"),
        }
    }

    /// True where libav's own decoders decode on it: those keep the order and the number of frames, and fall back to
    /// main memory by themselves. QSV has decoders apart, which do neither.
    fn decodes(self) -> bool {
        self != DeviceKind::Qsv
    }
}

/// Runs the task on `device`. With fewer sessions than renditions it goes over the source several times.
pub fn run(task: &ChunkTask, device: &DeviceTask, source: File, report: &Reporter) -> Result<Written> {
    let mut renditions = Vec::new();
    for (i, rung) in task.rungs.iter().enumerate() {
        renditions.push(Rendition { rung, from: i, name: format!("video/{}p", rung.height), trick: None });
    }
    if let Some(trick) = &task.trick {
        let size = |r: &RungTask| (r.width, r.height);
        let from = task.rungs.iter().position(|r| size(r) == size(&trick.rung));
        let from = from.ok_or_else(|| MediaError::internal("trick", "its size is no rung's size"))?;
        let name = format!("trick/{}p", trick.rung.height);
        let every = trick.every_frames;
        let frames = task.segments.iter().flat_map(|s| s.trick_frames(every)).collect();
        renditions.push(Rendition { rung: &trick.rung, from, name, trick: Some((every, frames)) });
    }
    let mut written = Written::default();
    if let (Some(copy), Some(first)) = (&task.copy, task.segments.first()) {
        let layout = Layout::new(task, first.first_frame);
        written.tracks.push(crate::copy::run(task, copy, &layout, &source, report)?);
    }
    let passes: Vec<&[Rendition]> = renditions.chunks(device.sessions.max(1) as usize).collect();
    for (number, renditions) in passes.iter().enumerate() {
        let again = source.try_clone().map_err(|e| MediaError::io("source", &e))?;
        let share = Share { done: number as u64, of: passes.len() as u64 };
        let pass = Pass::open(task, device.kind, again)?.run(renditions, share, report)?;
        let Written { tracks, source_frames, repeated_frames, lost_packets, .. } = pass;
        written.tracks.extend(tracks);
        written = Written { source_frames, repeated_frames, lost_packets, ..written };
    }
    Ok(written)
}

/// One encoder to be.
struct Rendition<'a> {
    rung: &'a RungTask,
    /// The rung whose frames it takes.
    from: usize,
    name: String,
    /// One frame in so many, and which; every frame where there is none.
    trick: Option<(u64, BTreeSet<u64>)>,
}

/// Passes done, of all.
#[derive(Clone, Copy)]
struct Share {
    done: u64,
    of: u64,
}

/// One walk over the chunk's range.
struct Pass<'a> {
    task: &'a ChunkTask,
    frames: Frames,
    feed: Feed,
    steps: Vec<Scaler>,
    start: u64,
    end: u64,
}

impl<'a> Pass<'a> {
    fn open(task: &'a ChunkTask, kind: DeviceKind, source: File) -> Result<Pass<'a>> {
        let (Some(first), Some(last), Some(top)) =
            (task.segments.first(), task.segments.last(), task.rungs.first())
        else {
            return Err(MediaError::internal("chunk", "no segments or no rungs"));
        };
        let device = Rc::new(kind.open()?);
        // Fields are made pictures in main memory.
        let decoder = (kind.decodes() && task.pictures == PicturesOf::Frames).then(|| device.clone());
        let mut reader = VideoReader::open_on(decoder, source, task.stream, &task.limits)?;
        reader.seek(task.seek)?;
        reader.want_from(task.needed_from);
        let time_base = task.cadence.time_base;
        let size = (top.width, top.height);
        let feed = Feed {
            direct: only_scales(&task.prepare),
            prepare: Prepare::new(&task.prepare, Pixel::NV12, time_base),
            scaler: Scaler::new(kind.scale(size), time_base),
            pool: device.surfaces(kind.surface(), size).step("surfaces")?,
        };
        let smaller = task.rungs[1..].iter();
        let steps = smaller.map(|r| Scaler::new(kind.scale((r.width, r.height)), time_base)).collect();
        let (start, end) = (first.first_frame, last.first_frame + last.frames());
        let frames = Frames::new(reader, task.pictures, task.needed_from, time_base);
        Ok(Pass { task, frames, feed, steps, start, end })
    }

    fn run(mut self, renditions: &[Rendition], share: Share, report: &Reporter) -> Result<Written> {
        let task = self.task;
        let layout = Layout::new(task, self.start);
        let idrs: BTreeSet<u64> = task.segments.iter().flat_map(|s| s.idr_frames()).collect();
        let (start, frames) = (self.start, self.end - self.start);
        let last = renditions.iter().map(|r| r.from).max().unwrap_or(0);
        // Encoders are opened with the first surface of their size: they take it from its pool.
        let mut tracks: Vec<Option<Track>> = renditions.iter().map(|_| None).collect();
        let mut written = self.walk(last, |n, from, surface| {
            for (r, track) in renditions.iter().zip(&mut tracks).filter(|(r, _)| r.from == from) {
                if r.trick.as_ref().is_some_and(|(_, frames)| !frames.contains(&n)) {
                    continue;
                }
                if track.is_none() {
                    let encoder = Encoder::open_on(surface, r.rung, task.cadence.rate)?;
                    let size = (r.rung.width, r.rung.height);
                    let shape = r.trick.as_ref().map_or(Shape::Whole, |(every, _)| Shape::Trick(*every));
                    *track = Some(Track::open(&layout, r.name.clone(), size, encoder, shape)?);
                }
                let Some(track) = track else { continue };
                let idr = r.trick.is_some() || idrs.contains(&n);
                let kind = if idr { FrameKind::Idr } else { FrameKind::Free };
                // The frame goes to several encoders, each with its own time and type.
                track.push(&mut sys::share(surface)?, (n - start) as i64, kind, report)?;
            }
            if from < last {
                return Ok(());
            }
            report.progress((share.done * frames + n - start + 1) / share.of)
        })?;
        for (rendition, track) in renditions.iter().zip(tracks) {
            let mut track = track
                .ok_or_else(|| MediaError::internal("chunk", format!("{}: no frame", rendition.name)))?;
            track.drain(report)?;
            written.tracks.push(track.finish()?);
        }
        Ok(written)
    }

    /// Shows `each` every output frame, by number, in the sizes of the rungs from 0 to `last`. Nothing is written.
    fn walk(
        &mut self,
        last: usize,
        mut each: impl FnMut(u64, usize, &Video) -> Result<()>,
    ) -> Result<Written> {
        let Pass { task, frames, feed, steps, start, end } = self;
        let mut show = |n: u64, held: &mut Held| -> Result<()> {
            let mut surface = sys::share(held.surface(feed)?)?;
            for from in 0..=last {
                if from > 0 {
                    surface = steps[from - 1].run(&surface)?;
                }
                each(n, from, &surface)?;
            }
            Ok(())
        };
        let mut resampler = Resampler::new(*start, *end);
        while !resampler.is_done() {
            match frames.next()? {
                Some((pts, frame)) => {
                    resampler.push(task.cadence.frame_at(pts), Held::decoded(frame), &mut show)?;
                }
                None => {
                    resampler.finish(&mut show)?;
                    break;
                }
            }
        }
        let lost_packets = judge(frames.damage(), task.pictures, &task.cadence, &(*start..*end), &resampler)?;
        if !resampler.is_done() {
            let what = format!("no frame to show from output frame {start} on");
            return Err(MediaError::internal("chunk", what));
        }
        Ok(Written {
            source_frames: resampler.shown,
            repeated_frames: resampler.repeated,
            lost_packets,
            ..Written::default()
        })
    }
}

/// True for a chain that the device does by itself. Anything else is done in main memory, narrowing of full range among
/// it, which no device's scaler does.
fn only_scales(chain: &str) -> bool {
    chain.is_empty() || (chain.starts_with("scale=") && !chain.contains("out_range"))
}

/// From decoded frames to surfaces of the largest rung's size.
struct Feed {
    direct: bool,
    prepare: Prepare,
    scaler: Scaler,
    pool: Surfaces,
}

impl Feed {
    fn run(&mut self, frame: Video) -> Result<Video> {
        let in_memory = match (sys::is_surface(&frame), self.direct) {
            (true, true) => return self.scaler.run(&frame),
            (true, false) => sys::download(&frame)?,
            (false, _) => frame,
        };
        self.pool.upload(&self.prepare.run(in_memory)?).step("upload")
    }
}

/// A device's scaler, built for the first surface and again where surfaces change.
pub struct Scaler {
    chain: String,
    time_base: Ratio,
    graph: Option<((u32, u32), filter::Graph)>,
}

impl Scaler {
    /// `chain` is in libav's filter syntax.
    pub fn new(chain: String, time_base: Ratio) -> Scaler {
        Scaler { chain, time_base, graph: None }
    }

    /// Filters one surface.
    pub fn run(&mut self, surface: &Video) -> Result<Video> {
        let size = (surface.width(), surface.height());
        if self.graph.as_ref().is_none_or(|(built, _)| *built != size) {
            self.graph = Some((size, self.build(surface)?));
        }
        let broken = || MediaError::internal("filter", "the graph lost an end");
        let (_, graph) = self.graph.as_mut().ok_or_else(broken)?;
        let mut out = Video::empty();
        graph.get("in").ok_or_else(broken)?.source().add(surface).step("filter in")?;
        graph.get("out").ok_or_else(broken)?.sink().frame(&mut out).step(&self.chain)?;
        Ok(out)
    }

    fn build(&self, surface: &Video) -> Result<filter::Graph> {
        let mut graph = filter::Graph::new();
        sys::single_thread(&mut graph);
        let Ratio { num, den } = self.time_base;
        sys::add_surface_source(&mut graph, "in", surface, (num as i32, den as i32))?;
        let sink = filter::find("buffersink").ok_or_else(|| MediaError::internal("filter", "no sink"))?;
        graph.add(&sink, "out", "").step("filter sink")?;
        let parser = graph.output("in", 0).step("filter")?.input("out", 0).step("filter")?;
        parser.parse(&self.chain).step(&self.chain)?;
        sys::hold_surfaces(&mut graph);
        graph.validate().step(&self.chain)?;
        Ok(graph)
    }
}

/// A source frame that may be shown several times but comes to the device once.
struct Held {
    decoded: Option<Video>,
    surface: Option<Video>,
}

impl Held {
    fn decoded(frame: Video) -> Held {
        Held { decoded: Some(frame), surface: None }
    }

    fn surface(&mut self, feed: &mut Feed) -> Result<&Video> {
        if let Some(frame) = self.decoded.take() {
            self.surface = Some(feed.run(frame)?);
        }
        self.surface
            .as_ref()
            .ok_or_else(|| MediaError::internal("chunk", "this frame could not be brought to the device"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "card")]
    mod card;

    #[test]
    fn every_scaler_is_one_that_libav_has() {
        for kind in [DeviceKind::Cuda, DeviceKind::Vaapi, DeviceKind::Qsv] {
            let chain = kind.scale((1280, 720));
            let (name, options) = chain.split_once('=').expect("options");
            let filter = filter::find(name).expect(name);
            let mut graph = filter::Graph::new();
            // Options are parsed when a filter is made; the device is asked for when the graph is put together.
            graph.add(&filter, "scale", options).expect(&chain);
        }
    }

    #[test]
    fn a_machine_without_the_device_says_so() {
        // A machine that has one cannot show what one without it says.
        for kind in [DeviceKind::Cuda, DeviceKind::Vaapi, DeviceKind::Qsv] {
            if let Err(e) = kind.open() {
                assert!(e.detail.contains("device: "), "{}", e.detail);
            }
        }
    }

    #[test]
    fn a_graph_is_built_for_what_comes_and_again_when_it_changes() {
        // The graphs of surfaces and of frames in memory differ in one field, which is empty here.
        let mut scaler = Scaler::new("scale=32:16".into(), Ratio::new(1, 25));
        for size in [64, 96] {
            let frame = Video::new(Pixel::NV12, size, size);
            assert!(!sys::is_surface(&frame));
            let scaled = scaler.run(&frame).expect("scaled");
            assert_eq!((scaled.width(), scaled.height()), (32, 16));
        }
    }

    #[test]
    fn what_a_scaler_cannot_do_is_left_to_the_processor() {
        assert!(only_scales("") && only_scales("scale=1280:720:flags=lanczos"));
        for chain in
            ["scale=1280:720:flags=lanczos:out_range=tv", "transpose=clock,scale=720:1280", "zscale=m=bt709"]
        {
            assert!(!only_scales(chain), "{chain}");
        }
    }

    #[test]
    fn sharing_copies_nothing() {
        let frame = Video::new(Pixel::NV12, 64, 64);
        let shared = sys::share(&frame).expect("share");
        assert_eq!(shared.data(0).as_ptr(), frame.data(0).as_ptr());
    }
}
