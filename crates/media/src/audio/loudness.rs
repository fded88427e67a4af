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

/// What a track measures, in LUFS, LU and dB of full scale.
pub struct Measured {
    integrated: f64,
    range: f64,
    peak: f64,
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
            self.peak = meter.highest(plane, self.peak);
        }
        let frame = super::frame(planes, self.rate, self.channels, self.given);
        self.given += planes[0].len() as i64;
        self.graph.get("in").expect("built so").source().add(&frame).step("loudness in")?;
        self.pull()
    }

    /// What the whole track measures.
    pub fn finish(mut self) -> Result<Measured> {
        self.graph.get("in").expect("built so").source().flush().step("loudness end")?;
        self.pull()?;
        let peak = true_peak::db(f64::from(self.peak));
        Ok(Measured { integrated: self.integrated, range: self.range, peak })
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

/// The gain that brings a track to its target, and the ceiling of a limiter where it needs one.
pub fn decide(measured: &Measured, target: &LoudnessTarget) -> Loudness {
    let Measured { integrated, range, peak } = *measured;
    let ceiling = target.true_peak_dbtp - CODEC_HEADROOM_DB;
    let is_silent = !integrated.is_finite() || integrated < SILENCE_LUFS;
    let gain_db = match is_silent {
        true => 0.0,
        false => tenth((target.lufs - integrated).min(most_gain_db(target, peak))),
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

/// A limiter takes loudness off with the peaks: with what the track measures behind it, the gain makes up for that.
pub fn make_up(limited: &Measured, target: &LoudnessTarget, decided: Loudness) -> Loudness {
    let missing_db = target.lufs - limited.integrated;
    let most_db = most_gain_db(target, decided.true_peak_dbtp.unwrap_or(0.0));
    let gain_db = tenth((decided.gain_db + missing_db).min(most_db)).max(decided.gain_db);
    Loudness { gain_db, ..decided }
}

fn most_gain_db(target: &LoudnessTarget, peak: f64) -> f64 {
    target.true_peak_dbtp - CODEC_HEADROOM_DB + MOST_LIMITING_DB - peak
}

/// So that machines whose last digits differ give the same samples.
fn tenth(db: f64) -> f64 {
    (db * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: LoudnessTarget = LoudnessTarget { lufs: -18.0, true_peak_dbtp: -1.0 };

    #[test]
    fn a_gain_is_what_is_missing_and_peaks_are_limited_only_where_they_would_be_too_high() {
        let decide = |integrated, peak| decide(&Measured { integrated, range: 5.0, peak }, &TARGET);
        let loud = decide(-12.0, -0.3);
        assert_eq!((loud.gain_db, loud.ceiling_dbtp), (-6.0, None));
        let quiet = decide(-27.0, -7.0);
        assert_eq!((quiet.gain_db, quiet.ceiling_dbtp), (9.0, Some(-3.0)));
        // Ten decibels would have to go from the peaks: it stays quieter.
        let dynamic = decide(-30.0, -5.0);
        assert_eq!((dynamic.gain_db, dynamic.ceiling_dbtp), (8.0, Some(-3.0)));
    }

    #[test]
    fn what_a_limiter_took_off_is_made_up_for_within_its_bounds() {
        let before = Measured { integrated: -27.0, range: 5.0, peak: -7.0 };
        let after = |integrated| Measured { integrated, range: 5.0, peak: -3.0 };
        let gain = |integrated| make_up(&after(integrated), &TARGET, decide(&before, &TARGET)).gain_db;
        assert_eq!([gain(-18.6), gain(-20.0), gain(-17.9)], [9.6, 10.0, 9.0]);
    }

    #[test]
    fn silence_and_noise_are_left_as_they_are() {
        for integrated in [f64::NEG_INFINITY, -70.0, -50.1] {
            let measured = Measured { integrated, range: 0.0, peak: f64::NEG_INFINITY };
            let silent = decide(&measured, &TARGET);
            assert_eq!((silent.gain_db, silent.ceiling_dbtp), (0.0, None));
        }
    }
}
