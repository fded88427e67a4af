//! How loud a track is, and what to do about it: EBU R 128, in two passes. One gain over the whole track keeps its
//! dynamics as they were mixed.

use ffmpeg_next as ffmpeg;
use ffmpeg_next::{filter, frame};

use super::true_peak::{self, TruePeak};
use super::{FORMAT, Planes, mix};
use crate::error::{MediaError, Result, Step};
use crate::task::{AudioTask, Loudness, LoudnessTarget};

/// Quieter than this there is no programme to be brought to a level, only its noise.
const SILENCE_LUFS: f64 = -50.0;
/// So many dB are taken off the highest peaks at most; where more would have to go, the track stays quieter than wanted.
const MOST_LIMITING_DB: f64 = 6.0;
/// An encoder's own changes lift peaks by so much at most: AAC at 128 kb/s did by 1.8 dB.
const CODEC_HEADROOM_DB: f64 = 2.0;

/// Measures a track: loudness by libav's filter `ebur128`, true peaks by our own.
pub struct Meter {
    graph: filter::Graph,
    rate: u32,
    channels: u32,
    given: i64,
    peaks: Vec<TruePeak>,
    peak: f32,
    integrated: f64,
    range: f64,
}

impl Meter {
    /// For what `task` publishes.
    pub fn new(task: &AudioTask) -> Result<Meter> {
        let mut graph = filter::Graph::new();
        crate::sys::single_thread(&mut graph);
        let (rate, channels) = (task.sample_rate, task.channels);
        let args = format!(
            "time_base=1/{rate}:sample_rate={rate}:sample_fmt={}:channel_layout={}",
            FORMAT.name(),
            mix::layout(channels)
        );
        let find =
            |name| filter::find(name).ok_or_else(|| MediaError::internal("filter", format!("no {name}")));
        graph.add(&find("abuffer")?, "in", &args).step("loudness source")?;
        graph.add(&find("abuffersink")?, "out", "").step("loudness sink")?;
        let parser = graph.output("in", 0).step("filter")?.input("out", 0).step("filter")?;
        parser.parse("ebur128=metadata=1").step("loudness filter")?;
        graph.validate().step("loudness filter")?;
        let peaks = vec![TruePeak::default(); channels as usize];
        let silent = f64::NEG_INFINITY;
        Ok(Meter { graph, rate, channels, given: 0, peaks, peak: 0.0, integrated: silent, range: 0.0 })
    }

    /// Takes the next samples.
    pub fn push(&mut self, planes: &Planes) -> Result<()> {
        for (plane, meter) in planes.iter().zip(&mut self.peaks) {
            self.peak = plane.iter().map(|sample| meter.push(*sample)).fold(self.peak, f32::max);
        }
        let frame = super::frame(planes, self.rate, self.channels, self.given);
        self.given += planes[0].len() as i64;
        self.graph.get("in").expect("built so").source().add(&frame).step("loudness in")?;
        self.pull()
    }

    /// What the whole track measures, and the gain that brings it to `target`.
    pub fn finish(mut self, target: &LoudnessTarget) -> Result<Loudness> {
        self.graph.get("in").expect("built so").source().flush().step("loudness end")?;
        self.pull()?;
        let peak_dbtp = true_peak::db(f64::from(self.peak));
        Ok(decide(self.integrated, self.range, peak_dbtp, target))
    }

    fn pull(&mut self) -> Result<()> {
        loop {
            let mut measured = frame::Audio::empty();
            match self.graph.get("out").expect("built so").sink().frame(&mut measured) {
                Ok(()) => {}
                Err(ffmpeg::Error::Eof | ffmpeg::Error::Other { errno: ffmpeg::error::EAGAIN }) => {
                    return Ok(());
                }
                Err(e) => return Err(MediaError::internal("loudness out", e)),
            }
            let metadata = measured.metadata();
            let figure = |key: &str| metadata.get(key).and_then(|text| text.parse().ok());
            self.integrated = figure("lavfi.r128.I").unwrap_or(self.integrated);
            self.range = figure("lavfi.r128.LRA").unwrap_or(self.range);
        }
    }
}

fn decide(integrated: f64, range: f64, peak: f64, target: &LoudnessTarget) -> Loudness {
    let ceiling = target.true_peak_dbtp - CODEC_HEADROOM_DB;
    // To a tenth, so that machines whose last digits differ give the same samples.
    let tenth = |db: f64| (db * 10.0).round() / 10.0;
    let is_silent = !integrated.is_finite() || integrated < SILENCE_LUFS;
    let gain_db = match is_silent {
        true => 0.0,
        false => tenth((target.lufs - integrated).min(ceiling + MOST_LIMITING_DB - peak)),
    };
    let figure = |value: f64| value.is_finite().then(|| tenth(value));
    Loudness {
        integrated_lufs: figure(integrated),
        range_lu: tenth(range),
        true_peak_dbtp: figure(peak),
        gain_db,
        ceiling_dbtp: (!is_silent && peak + gain_db > ceiling).then_some(ceiling),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: LoudnessTarget = LoudnessTarget { lufs: -18.0, true_peak_dbtp: -1.0 };

    #[test]
    fn a_gain_is_what_is_missing_and_peaks_are_limited_only_where_they_would_be_too_high() {
        let loud = decide(-12.0, 5.0, -0.3, &TARGET);
        assert_eq!((loud.gain_db, loud.ceiling_dbtp), (-6.0, None));
        let quiet = decide(-27.0, 15.0, -7.0, &TARGET);
        assert_eq!((quiet.gain_db, quiet.ceiling_dbtp), (9.0, Some(-3.0)));
        // Ten decibels would have to go from the peaks: it stays quieter.
        let dynamic = decide(-30.0, 20.0, -5.0, &TARGET);
        assert_eq!((dynamic.gain_db, dynamic.ceiling_dbtp), (8.0, Some(-3.0)));
    }

    #[test]
    fn silence_and_noise_are_left_as_they_are() {
        for integrated in [f64::NEG_INFINITY, -70.0, -50.1] {
            let silent = decide(integrated, 0.0, f64::NEG_INFINITY, &TARGET);
            assert_eq!((silent.gain_db, silent.ceiling_dbtp), (0.0, None));
        }
    }
}
