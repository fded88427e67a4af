//! Measured bit rates, as RFC 4.1 defines them ("peak segment bit rate", "average segment bit rate").

use super::Segment;

/// Bit rates of one playlist, or of a variant with its renditions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Rates {
    /// Peak segment bit rate, bits per second: what BANDWIDTH declares.
    pub peak_bps: u64,
    /// Average segment bit rate, bits per second: what AVERAGE-BANDWIDTH declares; 0 where it is not known yet, and
    /// then not written.
    pub average_bps: u64,
}

impl Rates {
    /// The rates to declare for a variant: the largest sums over every playable combination, which are the video's
    /// plus those of the dearest rendition of each group it refers to (RFC 4.4.6.2).
    pub fn of_variant(
        video: Rates,
        audio_group: impl IntoIterator<Item = Rates>,
        subtitle_group: impl IntoIterator<Item = Rates>,
    ) -> Rates {
        video + dearest(audio_group) + dearest(subtitle_group)
    }
}

impl std::ops::Add for Rates {
    type Output = Rates;

    fn add(self, other: Rates) -> Rates {
        Rates { peak_bps: self.peak_bps + other.peak_bps, average_bps: self.average_bps + other.average_bps }
    }
}

fn dearest(group: impl IntoIterator<Item = Rates>) -> Rates {
    group.into_iter().fold(Rates::default(), |most, each| Rates {
        peak_bps: most.peak_bps.max(each.peak_bps),
        average_bps: most.average_bps.max(each.average_bps),
    })
}

/// Measures `segments` of a playlist with this target duration, in seconds.
///
/// The peak is the largest rate of any contiguous run of segments that lasts between 0.5 and 1.5 target durations.
/// Where no run does, as in a presentation shorter than half a target duration, it is the average.
pub fn rates(segments: &[Segment], target_duration_s: u32) -> Rates {
    let measured: Vec<_> = segments.iter().map(|s| (s.bytes, s.duration_s)).collect();
    rates_of(&measured, f64::from(target_duration_s))
}

/// [`rates`] over pairs of bytes and seconds. Durations must be above zero.
pub(crate) fn rates_of(segments: &[(u64, f64)], target_duration_s: f64) -> Rates {
    // Six decimals are written, so sums of them touch the bounds only to within rounding.
    const ROUNDING_S: f64 = 1e-6;
    let shortest = 0.5 * target_duration_s - ROUNDING_S;
    let longest = 1.5 * target_duration_s + ROUNDING_S;

    let average = bits_per_second(
        segments.iter().map(|(bytes, _)| bytes).sum(),
        segments.iter().map(|(_, seconds)| seconds).sum(),
    );
    let mut peak: Option<u64> = None;
    for first in 0..segments.len() {
        let (mut bytes, mut seconds) = (0, 0.0);
        for (more_bytes, more_seconds) in &segments[first..] {
            bytes += more_bytes;
            seconds += more_seconds;
            if seconds > longest {
                break;
            }
            if seconds >= shortest {
                peak = peak.max(Some(bits_per_second(bytes, seconds)));
            }
        }
    }
    Rates { peak_bps: peak.unwrap_or(average), average_bps: average }
}

fn bits_per_second(bytes: u64, seconds: f64) -> u64 {
    if seconds > 0.0 { (bytes as f64 * 8.0 / seconds).ceil() as u64 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_average_is_over_everything_and_the_peak_over_runs_near_a_target_duration() {
        // By hand: 6 s of 3,000,000 bytes is 4 Mb/s; the whole is 4,500,000 bytes in 13 s.
        let measured = rates_of(&[(750_000, 6.0), (3_000_000, 6.0), (750_000, 1.0)], 6.0);
        assert_eq!(measured.average_bps, 2_769_231);
        // The last second alone runs at 6 Mb/s, but is too short to count; with its neighbour it gives
        // 3,750,000 bytes in 7 s.
        assert_eq!(measured.peak_bps, 4_285_715);
    }

    #[test]
    fn runs_of_short_segments_count_up_to_one_and_a_half_target_durations() {
        let measured = rates_of(&[(100, 1.0), (100, 1.0), (400, 1.0), (400, 1.0), (100, 1.0)], 2.0);
        // A single second is exactly half a target duration.
        assert_eq!(measured.peak_bps, 3_200);
        let coarser = rates_of(&[(100, 1.0), (100, 1.0), (400, 1.0), (400, 1.0), (100, 1.0)], 6.0);
        // Now at least 3 s: the best run is 400 + 400 + 100 over 3 s, or 100 before instead.
        assert_eq!(coarser.peak_bps, 2_400);
    }

    #[test]
    fn a_presentation_too_short_for_a_peak_peaks_at_its_average() {
        assert_eq!(rates_of(&[(1_000, 1.0)], 6.0), Rates { peak_bps: 8_000, average_bps: 8_000 });
        assert_eq!(rates_of(&[], 6.0), Rates::default());
    }

    #[test]
    fn a_variant_costs_its_video_and_the_dearest_of_each_group() {
        let rate = |peak_bps, average_bps| Rates { peak_bps, average_bps };
        let total = Rates::of_variant(rate(1_000, 800), [rate(130, 120), rate(140, 110)], [rate(5, 1)]);
        assert_eq!(total, rate(1_145, 921));
        assert_eq!(Rates::of_variant(rate(1_000, 800), [], []), rate(1_000, 800));
    }
}
