//! When a source's pictures are shown: its frames, or its fields where each becomes a picture of its own.

use flodrama_media::{Ratio, Scanning, VideoTrack};

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
    /// True where each field is a picture: times are in half of the track's ticks, two to a frame.
    pub by_field: bool,
}

impl Shown {
    /// Of a video track.
    pub fn of(video: &VideoTrack) -> Shown {
        let VideoTrack { end_pts, time_base, declared_rate, .. } = *video;
        if !matches!(video.scanning, Scanning::Fields | Scanning::Pulldown) {
            let pts = video.pts.clone();
            return Shown { pts, end_pts, time_base, declared_rate, by_field: false };
        }
        let next = video.pts.iter().skip(1).chain([&end_pts]);
        Shown {
            pts: video.pts.iter().zip(next).flat_map(|(pts, next)| [2 * pts, pts + next]).collect(),
            end_pts: 2 * end_pts,
            time_base: Ratio::new(time_base.num, 2 * time_base.den),
            declared_rate: declared_rate.map(|rate| Ratio::new(2 * rate.num, rate.den)),
            by_field: true,
        }
    }

    /// The frame that has picture `index`, and whose neighbours decide what it looks like: the first that must be
    /// decoded.
    pub fn first_frame_for(&self, index: usize) -> usize {
        if self.by_field { (index / 2).saturating_sub(1) } else { index }
    }
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
}
