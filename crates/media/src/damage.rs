//! What of a track cannot be decoded, and from when on that is no flaw any more but a broken file.
//!
//! A recording from the air loses a picture here and there, and the one before stands for it. A file that was copied by
//! half is full of zeros from there on: to publish a still picture and silence as the episode would be a lie. Decoders do
//! not always complain of what they can make nothing of, so it is packets without a frame that count.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use flodrama_asset::ErrorKind;

use crate::Ratio;
use crate::error::{MediaError, Result};

/// So much in one piece is missed by every viewer, …
const HOLE_S: f64 = 1.0;
/// … and this share of a short clip.
const HOLE_SHARE: f64 = 0.25;
/// Of all that there is, however it is scattered.
const SHARE: f64 = 0.1;
/// Smaller packets are how codecs say that all stays as it was (MPEG-4's not coded pictures, a telephone's silence); of some
/// no frame comes.
const SAYS_SOMETHING: usize = 16;
/// What is left for the last piece of a film may be short, and is no short clip: it is judged as one of this length.
const PIECE_S: f64 = 10.0;

/// What became of the packets of a track. Times are in its ticks.
#[derive(Debug, Default)]
pub struct Damage {
    /// Times of packets whose frame has not come.
    waiting: BinaryHeap<Reverse<i64>>,
    sent: u64,
    /// Packets of which no frame came.
    pub lost: u64,
    /// When the latest frame ends.
    until: Option<i64>,
    /// Time between frames in which packets were lost.
    missed: i64,
    /// The longest piece of it.
    hole: Hole,
    /// What was lost before the first frame.
    begin: Hole,
    /// No frame came.
    is_blank: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Hole {
    from: i64,
    ticks: i64,
}

/// What is judged as one.
pub struct Piece {
    /// `video` or `sound`.
    pub what: &'static str,
    /// Ticks of the track.
    pub time_base: Ratio,
    /// When the presentation begins, by the file's clock.
    pub origin_s: f64,
    /// Its length.
    pub seconds: f64,
    /// How long something else stands in for what is missing, where that is known better than by the times of frames.
    pub replaced_s: f64,
    /// The film begins here: recordings from the air begin in the middle of a group of pictures, which is nobody's loss.
    pub is_begin: bool,
}

impl Damage {
    /// A packet of so many bytes, with the time `pts`, went to the decoder.
    pub fn sent(&mut self, pts: i64, bytes: usize) {
        if bytes < SAYS_SOMETHING {
            return;
        }
        self.sent += 1;
        self.waiting.push(Reverse(pts));
    }

    /// A frame came back, in the order of presentation, that is known to last until `until`.
    pub fn came(&mut self, pts: i64, until: i64) {
        let mut lost = None;
        while let Some(Reverse(waiting)) = self.waiting.peek().copied().filter(|Reverse(at)| *at <= pts) {
            self.waiting.pop();
            if waiting < pts && self.until.is_none_or(|until| waiting >= until) {
                // Before the first frame there may be what only prepares a decoder.
                self.lost += u64::from(self.until.is_some());
                lost.get_or_insert(waiting);
            }
        }
        if let Some(first) = lost {
            self.miss(first, pts);
        }
        self.until = self.until.max(Some(until));
    }

    /// Nothing follows: what is still waited for is lost.
    pub fn end(&mut self) {
        let late = |at: &i64, until: Option<i64>| until.is_none_or(|until| *at >= until);
        let left: Vec<i64> = self.waiting.drain().map(|Reverse(at)| at).collect();
        let left: Vec<i64> = left.into_iter().filter(|at| late(at, self.until)).collect();
        if let (Some(first), Some(last)) = (left.iter().min(), left.iter().max()) {
            self.lost += left.len() as u64;
            // Nobody else will come to be the first.
            self.is_blank = self.until.is_none();
            self.until = self.until.or(Some(*first));
            self.miss(*first, *last);
        }
    }

    fn miss(&mut self, first: i64, next: i64) {
        let Some(until) = self.until else {
            self.begin = Hole { from: first, ticks: next - first };
            return;
        };
        let hole = Hole { from: until, ticks: next - until };
        self.missed += hole.ticks;
        if hole.ticks > self.hole.ticks {
            self.hole = hole;
        }
    }

    /// Refuses a piece that lost too much.
    pub fn judge(&self, piece: &Piece) -> Result<()> {
        let Piece { what, time_base, origin_s, seconds, replaced_s, is_begin } = *piece;
        let s = |ticks: i64| ticks as f64 * time_base.as_f64();
        let begin = if is_begin { Hole::default() } else { self.begin };
        let hole = if begin.ticks > self.hole.ticks { begin } else { self.hole };
        let hole_s = s(hole.ticks).min(replaced_s);
        let missed_s = s(self.missed + begin.ticks).min(replaced_s);
        let judged_s = if is_begin { seconds } else { seconds.max(PIECE_S) };
        let is_scattered = missed_s > SHARE * judged_s && self.lost as f64 > SHARE * self.sent as f64;
        if hole_s <= HOLE_S.min(HOLE_SHARE * judged_s) && !is_scattered && !self.is_blank {
            return Ok(());
        }
        let missed_s = if self.is_blank { seconds } else { missed_s };
        let from_s = (s(hole.from) - origin_s).max(0.0);
        let message = format!(
            "The file is damaged: {missed_s:.1} s of {what} from {from_s:.1} s on cannot be decoded."
        );
        let detail = format!("{} of {} packets, at most {hole_s:.3} s in one piece", self.lost, self.sent);
        Err(MediaError::new(ErrorKind::Truncated, message).detail(detail))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Packets of a tenth of a second; of those that are marked no frame comes. Frames come `late` packets later.
    fn judged(packets: &str, late: usize, is_begin: bool) -> Result<()> {
        let mut damage = Damage::default();
        let times: Vec<i64> = (0..packets.len() as i64).collect();
        let mut frames = packets.bytes().zip(&times).filter(|(packet, _)| *packet == b'.').map(|(_, at)| *at);
        let mut next = frames.next();
        for at in &times {
            damage.sent(*at, 100);
            while let Some(frame) = next.filter(|frame| frame + late as i64 <= *at) {
                damage.came(frame, frame + 1);
                next = frames.next();
            }
        }
        for frame in next.into_iter().chain(frames) {
            damage.came(frame, frame + 1);
        }
        damage.end();
        let seconds = packets.len() as f64 / 10.0;
        let (what, time_base) = ("video", Ratio::new(1, 10));
        damage.judge(&Piece { what, time_base, origin_s: 0.0, seconds, replaced_s: seconds, is_begin })
    }

    #[test]
    fn single_losses_are_flaws_however_late_frames_come() {
        for late in [0, 1, 7, 1000] {
            judged(&"..........x.............".repeat(5), late, false).expect("a flaw");
            judged(&format!("{}{}{}", ".".repeat(100), "x".repeat(9), ".".repeat(100)), late, false)
                .expect("0.9 s");
            judged(".....", late, false).expect("whole");
        }
    }

    #[test]
    fn long_and_many_losses_are_damage_and_say_where() {
        for late in [0, 3, 1000] {
            let half = format!("{}{}{}", ".".repeat(60), "x".repeat(50), ".".repeat(10));
            let half = judged(&half, late, true).expect_err("half of it");
            assert_eq!(half.kind, ErrorKind::Truncated);
            assert_eq!(half.message, "The file is damaged: 5.0 s of video from 6.0 s on cannot be decoded.");
            judged(&format!("{}{}", ".".repeat(60), "x".repeat(60)), late, true).expect_err("its end");
            judged(&"....x".repeat(100), late, true).expect_err("a fifth of all");
            judged("..xxxx..", late, true).expect_err("half of a short clip");
            judged("xxxxxxxx", late, true).expect_err("all of it");
        }
    }

    #[test]
    fn pictures_that_stay_as_they_were_are_no_loss() {
        let mut damage = Damage::default();
        damage.sent(0, 5000);
        damage.came(0, 1);
        (1..100).for_each(|at| damage.sent(at, 7));
        damage.sent(100, 5000);
        damage.end();
        assert_eq!(damage.lost, 1);
    }

    #[test]
    fn the_begin_of_a_film_and_its_last_piece_are_judged_for_what_they_are() {
        let packets = format!("{}{}", "x".repeat(20), ".".repeat(100));
        judged(&packets, 0, true).expect("it begins in the middle of a group");
        judged("x", 0, true).expect_err("the one picture that there is");
        judged(".......xxx", 0, false).expect("three pictures at the end of a film");
        judged(".......xxx", 0, true).expect_err("a third of a short clip");
        let within = judged(&packets, 0, false).expect_err("a hole");
        assert_eq!(within.message, "The file is damaged: 2.0 s of video from 0.0 s on cannot be decoded.");
    }
}
