//! A constant frame rate from whatever the source has. Which source frame is shown at output frame `n` is a pure
//! function of the timestamps, so every chunk decides alike wherever its decoding began.

use crate::task::Cadence;

impl Cadence {
    /// The output frame at which a source frame begins to be shown: the nearest one to its time.
    pub fn frame_at(&self, pts: i64) -> i64 {
        let Cadence { rate, origin_pts, time_base } = *self;
        let num = i128::from(pts - origin_pts) * i128::from(time_base.num) * i128::from(rate.num);
        let den = i128::from(time_base.den) * i128::from(rate.den);
        // Halves round up, so that two neighbours half a frame apart never swap.
        let n = (2 * num + den).div_euclid(2 * den);
        i64::try_from(n).unwrap_or(if n < 0 { i64::MIN } else { i64::MAX })
    }
}

/// Turns frames in presentation order into one frame for each number of a range.
///
/// At output frame `n` the last source frame with `frame_at(pts) <= n` is shown; before the first one, the first.
pub struct Resampler<F> {
    next: i64,
    end: i64,
    held: Option<F>,
    held_shown: bool,
    /// Output frames that repeat the one before.
    pub repeated: u64,
    /// Source frames that were shown.
    pub shown: u64,
}

impl<F> Resampler<F> {
    /// For output frames `start..end`.
    pub fn new(start: u64, end: u64) -> Resampler<F> {
        Resampler {
            next: start as i64,
            end: end as i64,
            held: None,
            held_shown: false,
            repeated: 0,
            shown: 0,
        }
    }

    /// True once every output frame was given.
    pub fn is_done(&self) -> bool {
        self.next >= self.end
    }

    /// Takes the next source frame, which begins at output frame `at`; calls `emit` for each output frame that is
    /// decided by it.
    pub fn push<E>(
        &mut self,
        at: i64,
        frame: F,
        emit: impl FnMut(u64, &mut F) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.held.is_none() {
            self.hold(frame);
            return Ok(());
        }
        self.emit_until(at.min(self.end), emit)?;
        if !self.is_done() {
            self.hold(frame);
        }
        Ok(())
    }

    /// The source has ended: the last frame stands until the end of the range.
    pub fn finish<E>(&mut self, emit: impl FnMut(u64, &mut F) -> Result<(), E>) -> Result<(), E> {
        self.emit_until(self.end, emit)
    }

    fn hold(&mut self, frame: F) {
        self.held = Some(frame);
        self.held_shown = false;
    }

    fn emit_until<E>(
        &mut self,
        end: i64,
        mut emit: impl FnMut(u64, &mut F) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some(frame) = &mut self.held else { return Ok(()) };
        while self.next < end {
            emit(self.next as u64, frame)?;
            if self.held_shown {
                self.repeated += 1;
            } else {
                self.shown += 1;
                self.held_shown = true;
            }
            self.next += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Ratio;

    fn show(frames: &[(i64, char)], range: std::ops::Range<u64>) -> String {
        let mut out = String::new();
        let mut resampler = Resampler::new(range.start, range.end);
        let mut emit = |_: u64, f: &mut char| {
            out.push(*f);
            Ok::<(), ()>(())
        };
        for (at, frame) in frames {
            resampler.push(*at, *frame, &mut emit).expect("emit");
        }
        resampler.finish(&mut emit).expect("emit");
        out
    }

    #[test]
    fn a_constant_rate_passes_through() {
        assert_eq!(show(&[(0, 'a'), (1, 'b'), (2, 'c')], 0..3), "abc");
    }

    #[test]
    fn holes_repeat_and_crowds_keep_the_last() {
        assert_eq!(show(&[(0, 'a'), (3, 'b'), (3, 'c'), (4, 'd')], 0..6), "aaacdd");
    }

    #[test]
    fn a_late_first_frame_stands_from_the_beginning() {
        assert_eq!(show(&[(2, 'a'), (3, 'b')], 0..4), "aaab");
    }

    #[test]
    fn any_split_of_the_range_shows_the_same_frames() {
        let frames = [(0, 'a'), (1, 'b'), (1, 'c'), (4, 'd'), (5, 'e'), (9, 'f')];
        let whole = show(&frames, 0..12);
        for cut in 1..11u64 {
            // A chunk begins to decode at or before the frame that its first output frame shows.
            let active = frames.iter().rposition(|(at, _)| *at <= cut as i64).expect("frame 0 is at 0");
            for first in 0..=active {
                let split = show(&frames, 0..cut) + &show(&frames[first..], cut..12);
                assert_eq!(split, whole, "cut at {cut}, decoding from {first}");
            }
        }
    }

    #[test]
    fn frame_numbers_are_exact_over_hours() {
        let cadence =
            Cadence { rate: Ratio::new(30000, 1001), origin_pts: 900, time_base: Ratio::new(1, 90000) };
        assert_eq!(cadence.frame_at(900), 0);
        assert_eq!(cadence.frame_at(900 + 3003), 1);
        assert_eq!(cadence.frame_at(900 + 3003 * 1_000_000), 1_000_000);
        assert_eq!(cadence.frame_at(900 - 3003), -1);
        assert_eq!(cadence.frame_at(900 + 1502), 1);
        assert_eq!(cadence.frame_at(900 + 1501), 0);
    }
}
