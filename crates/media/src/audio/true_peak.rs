//! True peaks: how high a signal goes between its samples (Recommendation ITU-R BS.1770-4, annex 2).

/// Samples that an estimate looks at.
const TAPS: usize = 12;
/// An estimate is of the moment so many samples before the latest.
pub const DELAY: usize = TAPS / 2;
/// The filter of the recommendation: three moments between two samples, and one by a sample; the other two phases are
/// the first two backwards.
const PHASES: [[f32; TAPS]; 2] = [
    [
        0.001_708_984_4,
        0.010_986_328,
        -0.019_653_32,
        0.033_203_125,
        -0.059_448_242,
        0.137_329_1,
        0.972_167_97,
        -0.102_294_92,
        0.047_607_422,
        -0.026_611_328,
        0.014_892_578,
        -0.008_300_781,
    ],
    [
        -0.029_174_805,
        0.029_296_875,
        -0.051_757_813,
        0.089_111_33,
        -0.166_503_9,
        0.465_087_9,
        0.779_785_16,
        -0.200_317_38,
        0.101_562_5,
        -0.058_227_54,
        0.033_081_055,
        -0.018_920_898,
    ],
];

/// Nothing between samples is higher than so many times the highest of them: the largest sum of a phase's magnitudes.
const MOST: f32 = 2.03;

/// One channel.
#[derive(Clone, Debug, Default)]
pub struct TruePeak {
    /// The latest samples, twice over, so that a run of them always lies in one piece.
    ring: [f32; 2 * TAPS],
    next: usize,
}

impl TruePeak {
    /// The larger of `least` and the largest magnitude around the samples of a block. A block that is too quiet to exceed
    /// `least` is hardly looked at.
    pub fn highest(&mut self, block: &[f32], least: f32) -> f32 {
        let loudest = block.iter().fold(0.0f32, |most, sample| most.max(sample.abs()));
        // What came before still counts in the first estimates; the next block's will need the last samples.
        let (first, rest) = block.split_at(block.len().min(TAPS));
        let rest = if loudest * MOST > least { rest } else { &rest[rest.len().saturating_sub(TAPS)..] };
        first.iter().chain(rest).fold(least, |most, sample| most.max(self.push(*sample)))
    }

    /// Takes the next sample; gives the largest magnitude around the moment [`DELAY`] samples before.
    pub fn push(&mut self, sample: f32) -> f32 {
        self.ring[self.next] = sample;
        self.ring[self.next + TAPS] = sample;
        self.next = (self.next + 1) % TAPS;
        let run = &self.ring[self.next..self.next + TAPS];
        let mut sums = [0.0f32; 4];
        for i in 0..TAPS {
            let (forth, back) = (run[i], run[TAPS - 1 - i]);
            sums[0] += PHASES[0][i] * forth;
            sums[1] += PHASES[1][i] * forth;
            sums[2] += PHASES[1][i] * back;
            sums[3] += PHASES[0][i] * back;
        }
        sums.iter().fold(run[DELAY - 1].abs().max(run[DELAY].abs()), |most, sum| most.max(sum.abs()))
    }
}

/// A magnitude in decibels of full scale.
pub fn db(magnitude: f64) -> f64 {
    20.0 * magnitude.log10()
}

/// The magnitude of so many decibels.
pub fn magnitude(db: f64) -> f64 {
    10f64.powf(db / 20.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peak(hz: f64, phase: f64) -> f64 {
        let mut meter = TruePeak::default();
        let signal =
            (0..4800).map(|n| (2.0 * std::f64::consts::PI * hz * f64::from(n) / 48_000.0 + phase).sin());
        // Past the begin, which is a step.
        let peaks: Vec<f32> = signal.map(|sample| meter.push(sample as f32)).collect();
        f64::from(peaks[100..].iter().copied().fold(0.0, f32::max))
    }

    #[test]
    fn quiet_blocks_are_passed_over_without_a_difference() {
        let loud = |n: usize| if n % 3000 < 40 { 0.9 } else { 0.2 };
        let signal: Vec<f32> = (0..20_000).map(|n| loud(n) * (n as f32 * 1.3).sin()).collect();
        let mut each = TruePeak::default();
        let expected = signal.iter().map(|sample| each.push(*sample)).fold(0.0, f32::max);
        for size in [1, 5, 12, 13, 24, 1024] {
            let mut blocks = TruePeak::default();
            let found = signal.chunks(size).fold(0.0, |most, block| blocks.highest(block, most));
            assert_eq!(found, expected, "blocks of {size}");
        }
    }

    #[test]
    fn a_peak_between_samples_is_found() {
        // A quarter of the rate, an eighth of a turn off: every sample is at √½, the peaks are at 1.
        let found = db(peak(12_000.0, std::f64::consts::FRAC_PI_4));
        assert!(found.abs() < 0.3, "{found} dB");
        let found = db(peak(997.0, 0.0));
        assert!(found.abs() < 0.1, "{found} dB");
    }
}
