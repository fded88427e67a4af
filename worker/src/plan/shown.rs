//! When a source's pictures are shown: its frames, its fields where each becomes a picture of its own, or the film that was
//! spread over them.

use flodrama_media::task::PicturesOf;
use flodrama_media::{Ratio, Scanning, VideoTrack};

/// Frames over which pulldown spreads [`FILM`] frames of film.
const CYCLE: usize = 5;
const FILM: usize = 4;

/// The pictures that a source gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// Presentation times, ascending.
    pub pts: Vec<i64>,
    /// Presentation time at which the last picture ends.
    pub end_pts: i64,
    /// Ticks of these times.
    pub time_base: Ratio,
    /// Mean rate that the container declares, if any.
    pub declared_rate: Option<Ratio>,
    /// What they are made of. Times are in parts of the track's ticks ([`PicturesOf::parts`]).
    pub pictures: PicturesOf,
}

impl Shown {
    /// Of a video track.
    pub fn of(video: &VideoTrack) -> Shown {
        let VideoTrack { end_pts, time_base, declared_rate, .. } = *video;
        let pictures = match video.scanning {
            Scanning::Progressive | Scanning::WholeFrames => PicturesOf::Frames,
            Scanning::Fields => PicturesOf::Fields,
            Scanning::Pulldown => PicturesOf::Film,
        };
        let (pts, rate) = match pictures {
            PicturesOf::Frames => (video.pts.clone(), (1, 1)),
            PicturesOf::Fields => {
                let next = video.pts.iter().skip(1).chain([&end_pts]);
                (video.pts.iter().zip(next).flat_map(|(pts, next)| [2 * pts, pts + next]).collect(), (2, 1))
            }
            PicturesOf::Film => (film(&video.pts, end_pts), (FILM as i64, CYCLE as i64)),
        };
        let parts = pictures.parts();
        Shown {
            pts,
            end_pts: parts * end_pts,
            time_base: Ratio::new(time_base.num, parts * time_base.den),
            declared_rate: declared_rate.map(|r| Ratio::new(r.num * rate.0, r.den * rate.1)),
            pictures,
        }
    }

    /// The frame that has picture `index`, and whose neighbours decide what it looks like: the first that must be
    /// decoded. Of film it begins a cycle: frames are counted from it.
    pub fn first_frame_for(&self, index: usize) -> usize {
        match self.pictures {
            PicturesOf::Frames => index,
            PicturesOf::Fields => (index / 2).saturating_sub(1),
            PicturesOf::Film => (index / FILM * CYCLE).saturating_sub(CYCLE),
        }
    }
}

/// The times of film in quarters of a tick: four frames in the time of five.
fn film(pts: &[i64], end_pts: i64) -> Vec<i64> {
    let mut times = Vec::new();
    for (cycle, frames) in pts.chunks(CYCLE).enumerate() {
        let end = pts.get((cycle + 1) * CYCLE).copied().unwrap_or(end_pts);
        // The last cycle may be cut off: what is left of it is spread alike.
        let count = (frames.len() * FILM).div_ceil(CYCLE) as i64;
        times.extend((0..count).map(|k| 4 * frames[0] + k * 4 * (end - frames[0]) / count));
    }
    times
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixtures::video;

    #[test]
    fn a_field_is_shown_between_two_frames() {
        let mut source = video(vec![10, 14, 18]);
        assert_eq!(Shown::of(&source).pts, [10, 14, 18]);
        source.scanning = Scanning::Fields;
        let shown = Shown::of(&source);
        assert_eq!((shown.pts, shown.end_pts), (vec![20, 24, 28, 32, 36, 40], 44));
        assert_eq!(shown.declared_rate, Some(Ratio::new(50, 1)));
    }

    #[test]
    fn a_field_needs_the_frame_before_its_own() {
        let mut source = video((0..10).collect());
        assert_eq!(Shown::of(&source).first_frame_for(7), 7);
        source.scanning = Scanning::Fields;
        assert_eq!([0, 1, 2, 7].map(|i| Shown::of(&source).first_frame_for(i)), [0, 0, 0, 2]);
    }

    #[test]
    fn film_is_four_pictures_in_the_time_of_five_frames() {
        let source = VideoTrack { scanning: Scanning::Pulldown, ..video((0..12).map(|i| i * 4).collect()) };
        let shown = Shown::of(&source);
        assert_eq!(shown.pts, [0, 20, 40, 60, 80, 100, 120, 140, 160, 176]);
        assert_eq!((shown.end_pts, shown.declared_rate), (192, Some(Ratio::new(100, 5))));
        // A cycle before the picture's own, from its begin on.
        assert_eq!([0, 3, 4, 8, 9].map(|i| shown.first_frame_for(i)), [0, 0, 0, 5, 5]);
    }
}
