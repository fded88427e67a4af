//! Whether the two fields of a frame show two moments or one, seen in pictures from all over the source. What a file says
//! of itself is not enough: films are often stored as fields whose halves belong together.

use std::fs::File;

use ffmpeg_next::frame::Video;

use crate::decode::VideoReader;
use crate::error::{MediaError, Result};
use crate::scale::Prepare;
use crate::source::{Scanning, VideoTrack};
use crate::task::Limits;

/// Keyframes that are looked behind, and frames behind each.
const PLACES: usize = 8;
const FRAMES: usize = 30;
/// Frames of one moment are taken for fields now and then: in less than this share of frames.
const BY_CHANCE: f64 = 0.1;
/// 3:2 pulldown repeats a field in two frames of five.
const REPEATED_BY_PULLDOWN: f64 = 0.25;

/// Looks at pictures of the track.
pub fn look(source: &File, video: &VideoTrack, limits: &Limits) -> Result<Scanning> {
    let mut seen = Seen::default();
    let places = PLACES.min(video.keyframes.len());
    for place in 0..places {
        let keyframe = video.keyframes[(2 * place + 1) * video.keyframes.len() / (2 * places)];
        let source = source.try_clone().map_err(|e| MediaError::io("source", &e))?;
        let mut reader = VideoReader::open(source, video.stream, limits)?;
        reader.seek(keyframe)?;
        let mut filter = Prepare::keeping_format("idet", video.time_base);
        for _ in 0..FRAMES {
            let Some((pts, mut frame)) = reader.next_frame()? else { break };
            seen.marked += u32::from(frame.is_interlaced());
            frame.set_pts(Some(pts));
            filter.feed(frame)?.iter().for_each(|frame| seen.add(frame));
        }
        filter.finish()?.iter().for_each(|frame| seen.add(frame));
    }
    Ok(seen.verdict())
}

/// The times of whole frames: where each field comes in a packet of its own, the second one's time is no frame's.
pub fn frame_times(pts: &[i64], frame_ticks: f64) -> Vec<i64> {
    let mut frames: Vec<i64> = Vec::new();
    for pts in pts {
        if frames.last().is_none_or(|last| (pts - last) as f64 > 0.75 * frame_ticks) {
            frames.push(*pts);
        }
    }
    frames
}

/// Frames by what they look like.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    frames: u32,
    /// Marked as two fields.
    marked: u32,
    /// The upper field is the earlier one.
    upper_first: u32,
    /// The lower field is.
    lower_first: u32,
    /// Both show one moment.
    whole: u32,
    /// One field is that of the frame before.
    repeated: u32,
}

impl Seen {
    fn add(&mut self, frame: &Video) {
        let said = |key: &str| frame.metadata().get(key).unwrap_or_default().to_owned();
        self.frames += 1;
        match said("lavfi.idet.multiple.current_frame").as_str() {
            "tff" => self.upper_first += 1,
            "bff" => self.lower_first += 1,
            "progressive" => self.whole += 1,
            _ => {}
        }
        self.repeated += u32::from(said("lavfi.idet.repeated.current_frame") != "neither");
    }

    fn verdict(&self) -> Scanning {
        if self.marked == 0 {
            return Scanning::Progressive;
        }
        let share = |n: u32, of: u32| f64::from(n) / f64::from(of.max(1));
        if share(self.repeated, self.frames) > REPEATED_BY_PULLDOWN {
            return Scanning::Pulldown;
        }
        // Fine patterns look like fields of either order; real ones have one order.
        let ordered = self.upper_first.abs_diff(self.lower_first);
        let judged = self.upper_first + self.lower_first + self.whole;
        if judged > 0 && share(ordered, judged) < BY_CHANCE {
            Scanning::WholeFrames
        } else {
            Scanning::Fields
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARKED: Seen =
        Seen { frames: 100, marked: 100, upper_first: 0, lower_first: 0, whole: 0, repeated: 0 };

    #[test]
    fn pictures_decide_not_marks() {
        let fields = Seen { upper_first: 98, whole: 2, ..MARKED };
        for (seen, verdict) in [
            (Seen { marked: 0, ..fields }, Scanning::Progressive),
            (fields, Scanning::Fields),
            (Seen { lower_first: 60, whole: 40, ..MARKED }, Scanning::Fields),
            (Seen { upper_first: 3, whole: 97, ..MARKED }, Scanning::WholeFrames),
            (Seen { upper_first: 51, lower_first: 46, whole: 3, ..MARKED }, Scanning::WholeFrames),
            (Seen { repeated: 40, ..fields }, Scanning::Pulldown),
            (Seen { repeated: 3, ..fields }, Scanning::Fields),
        ] {
            assert_eq!(seen.verdict(), verdict, "{seen:?}");
        }
    }

    #[test]
    fn a_packet_for_each_field_is_no_frame_for_each() {
        let whole = [0, 3600, 7200, 10_800];
        assert_eq!(frame_times(&whole, 3600.0), whole);
        // Frames coded as a whole and as fields take turns; times may be rounded.
        assert_eq!(frame_times(&[0, 1800, 3600, 7200, 9001, 10_800], 3600.0), whole);
    }

    #[test]
    fn where_pictures_say_nothing_the_mark_is_believed() {
        assert_eq!(MARKED.verdict(), Scanning::Fields);
    }
}
