//! From decoded frames, whatever their format and times, to samples of the presentation: exactly as many as it has, from
//! its first moment on, silent where the source is.

use ffmpeg_next as ffmpeg;
use ffmpeg_next::{ChannelLayout, filter, format};

use super::{Planes, mix};
use crate::error::{MediaError, Result, Step};
use crate::task::AudioTask;

/// Samples in a block of silence.
const SILENCE: u64 = 4096;

/// Timestamps rule: once sound is 18 ms away from them (viewers notice from 45 ms on; containers round to 1 ms), a gap
/// becomes silence and an overlap is cut; `first_pts` does the same at the start. Not by stretching: what swresample 4.7
/// stretches comes out half a second late.
const BY_TIMESTAMPS: &str = "async=1:min_hard_comp=0.018";

/// Format, layout and rate, and the number of channels where they have no layout.
type Shape = (format::Sample, u64, u32, u16);

/// A filter graph for as long as the source's frames keep their shape, then another one.
pub struct Chain<'a> {
    task: &'a AudioTask,
    time_base: ffmpeg::Rational,
    graph: Option<(Shape, filter::Graph)>,
    /// Samples that came out so far.
    pub given: u64,
}

impl<'a> Chain<'a> {
    /// `time_base` is that of the frames' times.
    pub fn new(task: &'a AudioTask, time_base: ffmpeg::Rational) -> Chain<'a> {
        Chain { task, time_base, graph: None, given: 0 }
    }

    /// True once the presentation is over.
    pub fn is_full(&self) -> bool {
        self.given >= self.task.samples
    }

    /// Takes a decoded frame; `give` gets what is ready.
    pub fn push(
        &mut self,
        mut frame: ffmpeg::frame::Audio,
        give: &mut impl FnMut(Planes) -> Result<()>,
    ) -> Result<()> {
        if self.is_full() || frame.samples() == 0 {
            return Ok(());
        }
        if frame.channel_layout().is_empty() {
            frame.set_channel_layout(ChannelLayout::default(i32::from(frame.channels())));
        }
        let shape = (frame.format(), frame.channel_layout().bits(), frame.rate(), frame.channels());
        if self.graph.as_ref().is_none_or(|(built, _)| *built != shape) {
            // What follows begins where the last shape ended, or later: its own times say.
            self.end_graph(give)?;
            self.graph = Some((shape, self.build(shape)?));
        }
        // From the file's clock to the presentation's, in samples of the source.
        let seconds = frame.timestamp().map(|t| t as f64 * f64::from(self.time_base) - self.task.origin_s);
        let rate = f64::from(frame.rate());
        frame.set_pts(seconds.map(|s| (s * rate).round() as i64));
        if let Some((_, graph)) = &mut self.graph {
            graph.get("in").expect("built so").source().add(&frame).step("audio filter in")?;
        }
        self.pull(give)
    }

    /// The source is over: what is left, and silence to the end.
    pub fn finish(&mut self, give: &mut impl FnMut(Planes) -> Result<()>) -> Result<()> {
        self.end_graph(give)?;
        while !self.is_full() {
            let samples = SILENCE.min(self.task.samples - self.given) as usize;
            self.given += samples as u64;
            give(vec![vec![0.0; samples]; self.task.channels as usize])?;
        }
        Ok(())
    }

    fn end_graph(&mut self, give: &mut impl FnMut(Planes) -> Result<()>) -> Result<()> {
        if let Some((_, graph)) = &mut self.graph {
            graph.get("in").expect("built so").source().flush().step("audio filter end")?;
            self.pull(give)?;
            self.graph = None;
        }
        Ok(())
    }

    fn pull(&mut self, give: &mut impl FnMut(Planes) -> Result<()>) -> Result<()> {
        let Some((_, graph)) = &mut self.graph else { return Ok(()) };
        loop {
            let mut frame = ffmpeg::frame::Audio::empty();
            match graph.get("out").expect("built so").sink().frame(&mut frame) {
                Ok(()) => {}
                Err(ffmpeg::Error::Eof | ffmpeg::Error::Other { errno: ffmpeg::error::EAGAIN }) => {
                    return Ok(());
                }
                Err(e) => return Err(MediaError::internal("audio filter out", e)),
            }
            let wanted = (self.task.samples - self.given).min(frame.samples() as u64);
            self.given += wanted;
            if wanted > 0 {
                give((0..frame.planes()).map(|i| frame.plane(i)[..wanted as usize].to_vec()).collect())?;
            }
        }
    }

    fn build(&self, (sample, mask, rate, channels): Shape) -> Result<filter::Graph> {
        let mut graph = filter::Graph::new();
        crate::sys::single_thread(&mut graph);
        let layout = match mask {
            0 => format!("channels={channels}"),
            _ => format!("channel_layout=0x{mask:x}"),
        };
        let args = format!("time_base=1/{rate}:sample_rate={rate}:sample_fmt={}:{layout}", sample.name());
        let find =
            |name| filter::find(name).ok_or_else(|| MediaError::internal("filter", format!("no {name}")));
        graph.add(&find("abuffer")?, "in", &args).step("audio filter source")?;
        graph.add(&find("abuffersink")?, "out", "").step("audio filter sink")?;
        let target = self.task.sample_rate;
        // libav counts the first sample in those of the source.
        let first = (self.given as f64 * f64::from(rate) / f64::from(target)).round();
        let resample = format!("aresample={target}:{BY_TIMESTAMPS}:first_pts={first}");
        let out = self.task.channels;
        let chain = match mix::pan(mask, usize::from(channels), out) {
            None => format!(
                "{resample},aformat=sample_fmts=fltp:channel_layouts={}:sample_rates={target}",
                mix::layout(out)
            ),
            Some(pan) => {
                format!(
                    "{resample},aformat=sample_fmts=fltp:sample_rates={target},{pan},aformat=sample_fmts=fltp"
                )
            }
        };
        let parser = graph.output("in", 0).step("filter")?.input("out", 0).step("filter")?;
        parser.parse(&chain).step(&format!("filter chain '{chain}'"))?;
        graph.validate().step(&format!("filter chain '{chain}'"))?;
        Ok(graph)
    }
}
