//! Pictures of frames that are stored as two fields. Fields of different moments become pictures of their own, by bwdif,
//! which looks at the frames before and after for what stands still. Film that was spread over fields becomes film again:
//! fields are matched to the whole frames that they came from, and of each five frames the one that is there twice goes.

use std::collections::VecDeque;

use ffmpeg_next::frame::Video;

use crate::Ratio;
use crate::damage::Damage;
use crate::decode::VideoReader;
use crate::error::{MediaError, Result};
use crate::scale::Prepare;
use crate::task::PicturesOf;

/// Frames that are not marked as two fields pass as they are.
const FIELDS_TO_FRAMES: &str = "bwdif=mode=send_field:parity=auto:deint=interlaced";
const FIRST_FIELD_TO_FRAME: &str = "bwdif=mode=send_frame:parity=auto:deint=interlaced";

/// Where an edit has broken the pulldown, fields that match nothing are left combed, and bwdif mends them. The order is
/// the track's: what single frames say of themselves changes with the pulldown.
fn fields_to_film(order: &str) -> String {
    format!("fieldmatch=order={order}:mode=pcn,bwdif=mode=send_frame:deint=interlaced,decimate")
}

/// Frames over which pulldown spreads [`FILM`] frames of film.
const CYCLE: usize = 5;
const FILM: usize = 4;

/// A track's pictures in the order in which they are shown.
pub struct Frames {
    reader: VideoReader,
    made: Option<Made>,
}

/// Pictures that a filter makes of frames.
struct Made {
    filter: Prepare,
    clock: Clock,
    ready: VecDeque<(i64, Video)>,
    ended: bool,
}

/// When the pictures are shown.
enum Clock {
    /// As the filter says.
    Filter,
    /// Four in the time of five frames, counted from the first.
    Film {
        /// Frames before this time are not counted: a cycle begins here.
        from: i64,
        /// Times of the frames.
        frames: Vec<i64>,
        /// Pictures so far.
        pictures: usize,
    },
}

impl Frames {
    /// Of a track whose pictures are counted in these ticks ([`PicturesOf::parts`]). Film is matched from the frame at
    /// `needed_from` on.
    pub fn new(reader: VideoReader, pictures: PicturesOf, needed_from: i64, time_base: Ratio) -> Frames {
        let (filter, clock) = match pictures {
            PicturesOf::Frames => return Frames { reader, made: None },
            PicturesOf::Fields => (Prepare::keeping_format(FIELDS_TO_FRAMES, time_base), Clock::Filter),
            PicturesOf::Film => {
                let clock = Clock::Film { from: needed_from, frames: Vec::new(), pictures: 0 };
                let order = if reader.is_lower_field_first() { "bff" } else { "tff" };
                let filter = Prepare::keeping_format(&fields_to_film(order), time_base);
                (filter.at_rate(Ratio::new(30_000, 1001)), clock)
            }
        };
        Frames { reader, made: Some(Made { filter, clock, ready: VecDeque::new(), ended: false }) }
    }

    /// What could not be decoded of the track.
    pub fn damage(&self) -> &Damage {
        self.reader.damage()
    }

    /// The next picture and its presentation time, or `None` at the end.
    pub fn next(&mut self) -> Result<Option<(i64, Video)>> {
        let Some(made) = &mut self.made else { return self.reader.next_frame() };
        loop {
            if let Some(picture) = made.ready.pop_front() {
                return Ok(Some(picture));
            }
            if made.ended {
                return Ok(None);
            }
            let pictures = match self.reader.next_frame()? {
                Some((pts, _)) if !made.clock.counts(pts) => continue,
                Some((pts, mut frame)) => {
                    frame.set_pts(Some(pts));
                    made.filter.feed(frame)?
                }
                None => {
                    made.ended = true;
                    made.filter.finish()?
                }
            };
            for picture in pictures {
                made.ready.push_back((made.clock.time(&picture)?, picture));
            }
        }
    }
}

impl Clock {
    /// Takes note of a frame; false for those that come too early.
    fn counts(&mut self, pts: i64) -> bool {
        match self {
            Clock::Filter => true,
            Clock::Film { from, .. } if pts < *from => false,
            Clock::Film { frames, .. } => {
                frames.push(pts);
                true
            }
        }
    }

    /// The time of the next picture.
    fn time(&mut self, picture: &Video) -> Result<i64> {
        let lost = || MediaError::internal("fields", "a picture has no time");
        match self {
            Clock::Filter => picture.pts().ok_or_else(lost),
            Clock::Film { frames, pictures, .. } => {
                let (cycle, k) = (*pictures / FILM, *pictures % FILM);
                *pictures += 1;
                let begin = *frames.get(cycle * CYCLE).ok_or_else(lost)?;
                let end = match frames.get((cycle + 1) * CYCLE) {
                    Some(end) => *end,
                    // The last cycle: it lasts as long as its frames do.
                    None => {
                        let last = *frames.last().ok_or_else(lost)?;
                        let held = (frames.len() - cycle * CYCLE).max(2) as i64 - 1;
                        begin + (last - begin) * CYCLE as i64 / held
                    }
                };
                Ok(4 * begin + k as i64 * (end - begin))
            }
        }
    }
}

/// One whole picture of a frame that may be two fields.
pub fn whole(frame: Video, time_base: Ratio) -> Result<Video> {
    let mut filter = Prepare::keeping_format(FIRST_FIELD_TO_FRAME, time_base);
    let mut pictures = filter.feed(frame)?;
    pictures.extend(filter.finish()?);
    pictures.into_iter().next().ok_or_else(|| MediaError::internal("fields", "no picture came out"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn film_is_shown_four_times_in_five_frames_and_begins_with_a_cycle() {
        let mut clock = Clock::Film { from: 20, frames: Vec::new(), pictures: 0 };
        assert!(!clock.counts(16));
        (5..12).for_each(|i| assert!(clock.counts(4 * i)));
        let picture = Video::empty();
        let times: Vec<i64> = (0..5).map(|_| clock.time(&picture).expect("a time")).collect();
        assert_eq!(times, [80, 100, 120, 140, 160]);
    }
}
