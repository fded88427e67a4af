//! One gain over a whole track, and a limiter for the few peaks that it lifts too high.
//!
//! The limiter looks 5 ms ahead, hears all channels as one so that nothing moves in the room, and holds true peaks, not
//! only samples, below its ceiling. Its gain is the least that any peak within the window asks for, comes back with a
//! time constant of a fifth of a second, and is then averaged over 5 ms: at every peak it is as low as it must be, and it
//! has no corners.

use std::collections::VecDeque;

use super::true_peak::{self, TruePeak};

/// Samples ahead, at 48 kHz 5 ms.
const WINDOW: usize = 240;
/// Neighbours of a peak that are held down with it: the estimate spans some samples.
const GUARD: usize = 8;
/// Samples by which what comes out is behind what goes in.
const BEHIND: usize = WINDOW - 1 + GUARD + true_peak::DELAY;
/// Share of the way back to no limiting at each sample: two thirds of it in a fifth of a second, at 48 kHz.
const RELEASE: f64 = 1.0 / 9600.0;

/// What is done to every sample of a track.
pub struct Level {
    gain: f32,
    limiter: Option<Limiter>,
}

impl Level {
    /// `gain_db` for all; with a ceiling in dB of full scale, true peaks are held below it.
    pub fn new(gain_db: f64, ceiling_db: Option<f64>, channels: usize) -> Level {
        let limiter = ceiling_db.map(|db| Limiter::new(true_peak::magnitude(db), channels));
        Level { gain: true_peak::magnitude(gain_db) as f32, limiter }
    }

    /// True where every sample stays as it is.
    pub fn is_nothing(&self) -> bool {
        self.gain == 1.0 && self.limiter.is_none()
    }

    /// Takes a block, one plane for each channel, and makes it what is ready: as many samples, or fewer at the begin.
    pub fn apply(&mut self, planes: &mut [Vec<f32>]) {
        planes.iter_mut().flatten().for_each(|sample| *sample *= self.gain);
        if let Some(limiter) = &mut self.limiter {
            limiter.apply(planes);
        }
    }

    /// What is still inside, at the end of the track.
    pub fn finish(&mut self, channels: usize) -> Vec<Vec<f32>> {
        match &mut self.limiter {
            None => vec![Vec::new(); channels],
            Some(limiter) => {
                let inside = limiter.inside();
                let mut rest = vec![vec![0.0; BEHIND]; channels];
                limiter.apply(&mut rest);
                rest.iter_mut().for_each(|plane| plane.truncate(inside));
                rest
            }
        }
    }
}

struct Limiter {
    ceiling: f64,
    meters: Vec<TruePeak>,
    /// Samples that wait for their gain.
    waiting: Vec<VecDeque<f32>>,
    /// Samples seen.
    seen: u64,
    /// The least gain of each run of moments still within the window, rising: (moment, gain).
    least: VecDeque<(u64, f64)>,
    held: f64,
    /// The gains that are averaged, and their sum.
    recent: VecDeque<f64>,
    sum: f64,
}

impl Limiter {
    fn new(ceiling: f64, channels: usize) -> Limiter {
        Limiter {
            ceiling,
            meters: vec![TruePeak::default(); channels],
            waiting: vec![VecDeque::new(); channels],
            seen: 0,
            least: VecDeque::new(),
            held: 1.0,
            recent: std::iter::repeat_n(1.0, WINDOW).collect(),
            sum: WINDOW as f64,
        }
    }

    fn inside(&self) -> usize {
        self.waiting[0].len()
    }

    fn apply(&mut self, planes: &mut [Vec<f32>]) {
        let count = planes[0].len();
        let mut ready = 0;
        for n in 0..count {
            let mut peak = 0.0f32;
            for ((plane, meter), waiting) in planes.iter().zip(&mut self.meters).zip(&mut self.waiting) {
                peak = peak.max(meter.push(plane[n]));
                waiting.push_back(plane[n]);
            }
            let gain = self.next_gain(f64::from(peak));
            if self.inside() > BEHIND {
                for (plane, waiting) in planes.iter_mut().zip(&mut self.waiting) {
                    // Never ahead of what was read: `ready` is at most `n`.
                    plane[ready] = waiting.pop_front().unwrap_or(0.0) * gain;
                }
                ready += 1;
            }
        }
        planes.iter_mut().for_each(|plane| plane.truncate(ready));
    }

    fn next_gain(&mut self, peak: f64) -> f32 {
        let wanted = if peak > self.ceiling { self.ceiling / peak } else { 1.0 };
        while self.least.back().is_some_and(|(_, gain)| *gain >= wanted) {
            self.least.pop_back();
        }
        self.least.push_back((self.seen, wanted));
        let window = (WINDOW + 2 * GUARD) as u64;
        while self.least.front().is_some_and(|(at, _)| at + window <= self.seen) {
            self.least.pop_front();
        }
        self.seen += 1;
        let least = self.least.front().map_or(1.0, |(_, gain)| *gain);
        self.held = least.min(self.held + (1.0 - self.held) * RELEASE);
        self.recent.push_back(self.held);
        self.sum += self.held - self.recent.pop_front().unwrap_or(1.0);
        (self.sum / WINDOW as f64).min(1.0) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(level: &mut Level, signal: &[f32], block: usize) -> Vec<f32> {
        let mut out = Vec::new();
        for part in signal.chunks(block) {
            let mut planes = vec![part.to_vec()];
            level.apply(&mut planes);
            out.extend(planes.remove(0));
        }
        out.extend(level.finish(1).remove(0));
        out
    }

    fn true_peak_db(signal: &[f32]) -> f64 {
        let mut meter = TruePeak::default();
        let peak = signal.iter().map(|s| meter.push(*s)).fold(0.0, f32::max);
        true_peak::db(f64::from(peak))
    }

    /// Quiet, with bursts that the gain lifts over the ceiling.
    fn signal() -> Vec<f32> {
        let wave = |n: usize| {
            let loud = if n % 12_000 < 480 { 0.9 } else { 0.05 };
            loud * (n as f32 * 0.61).sin()
        };
        (0..48_000).map(wave).collect()
    }

    #[test]
    fn peaks_stay_below_the_ceiling_and_all_else_gets_the_gain() {
        let out = run(&mut Level::new(6.0, Some(-2.0), 1), &signal(), 1000);
        assert_eq!(out.len(), 48_000);
        let peak = true_peak_db(&out);
        assert!((-2.3..=-1.98).contains(&peak), "{peak} dB");
        // A fifth of a second behind a burst, most of its limiting is over: 7 dB were less than 2.
        let (before, after) = (&signal()[11_000..11_700], &out[11_000..11_700]);
        let energy = |s: &[f32]| s.iter().map(|s| f64::from(s * s)).sum::<f64>();
        let gain = 10.0 * (energy(after) / energy(before)).log10();
        assert!((4.0..6.01).contains(&gain), "{gain} dB");
    }

    #[test]
    fn the_size_of_blocks_changes_nothing() {
        let runs =
            [1, 7, 1024, 50_000].map(|block| run(&mut Level::new(6.0, Some(-2.0), 1), &signal(), block));
        assert!(runs.iter().all(|run| *run == runs[0]));
    }

    #[test]
    fn without_a_ceiling_there_is_the_gain_alone() {
        assert_eq!(run(&mut Level::new(0.0, None, 1), &signal(), 480), signal());
    }
}
