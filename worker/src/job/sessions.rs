//! How many encoders a job has open on a device: a cap, and less where the device refuses.

use std::time::Duration;

/// Refusals of a single encoder before the device is given up: another process may have it for a while.
const PATIENCE: u32 = 3;
/// Wait before the next try of a single encoder.
const PAUSE: Duration = Duration::from_secs(5);

/// What to do with a chunk that the device had no room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// Try again, after so long.
    After(Duration),
    /// The device has no room for us.
    GiveUp,
}

/// Open encoders of one job on one device.
#[derive(Clone, Debug)]
pub struct Sessions {
    /// At most so many.
    cap: u32,
    /// Encoders of one chunk.
    tracks: u32,
    refused_alone: u32,
}

impl Sessions {
    /// At most `cap` encoders, for chunks of `tracks` renditions.
    pub fn new(cap: u32, tracks: u32) -> Sessions {
        Sessions { cap: cap.max(1), tracks: tracks.max(1), refused_alone: 0 }
    }

    /// Chunks at a time.
    pub fn chunks(&self) -> usize {
        (self.cap / self.tracks).max(1) as usize
    }

    /// Encoders of one chunk that may be open at a time.
    pub fn each(&self) -> u32 {
        self.cap.min(self.tracks)
    }

    /// A chunk that was started while the cap was `cap` was refused. The cap is halved, once for all chunks that ran
    /// under it.
    pub fn refused(&mut self, cap: u32) -> Again {
        if cap > self.cap {
            return Again::After(Duration::ZERO);
        }
        if self.cap > 1 {
            self.cap /= 2;
            return Again::After(Duration::ZERO);
        }
        self.refused_alone += 1;
        if self.refused_alone < PATIENCE { Again::After(PAUSE) } else { Again::GiveUp }
    }

    /// The cap, to be given back to [`Sessions::refused`].
    pub fn cap(&self) -> u32 {
        self.cap
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cap_is_shared_by_chunks() {
        let sessions = |cap, tracks| {
            let s = Sessions::new(cap, tracks);
            (s.chunks(), s.each())
        };
        assert_eq!(sessions(8, 6), (1, 6));
        assert_eq!(sessions(24, 6), (4, 6));
        assert_eq!(sessions(3, 6), (1, 3), "a chunk is decoded twice");
        assert_eq!(sessions(0, 0), (1, 1));
    }

    #[test]
    fn a_refusal_halves_the_cap_once_for_all_who_ran_under_it() {
        let mut sessions = Sessions::new(24, 6);
        let cap = sessions.cap();
        for _ in 0..4 {
            assert_eq!(sessions.refused(cap), Again::After(Duration::ZERO));
        }
        assert_eq!(sessions.cap(), 12);
        assert_eq!(sessions.chunks(), 2);
    }

    #[test]
    fn a_device_without_room_for_one_is_given_up_in_the_end() {
        let mut sessions = Sessions::new(2, 6);
        assert_eq!(sessions.refused(2), Again::After(Duration::ZERO));
        assert_eq!((sessions.refused(1), sessions.refused(1)), (Again::After(PAUSE), Again::After(PAUSE)));
        assert_eq!(sessions.refused(1), Again::GiveUp);
    }
}
