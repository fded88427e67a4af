//! Which frame rate an output gets, and how its frames fall into segments and chunks.

use flodrama_media::task::{Cadence, SegmentSpan};
use flodrama_media::{Keyframe, Ratio, VideoTrack};

use super::shown::Shown;

/// Rates that displays and players are made for.
const STANDARD: [Ratio; 9] = [
    Ratio::new(24000, 1001),
    Ratio::new(24, 1),
    Ratio::new(25, 1),
    Ratio::new(30000, 1001),
    Ratio::new(30, 1),
    Ratio::new(48, 1),
    Ratio::new(50, 1),
    Ratio::new(60000, 1001),
    Ratio::new(60, 1),
];
/// A measured rate this close to a standard one is that one.
const SAME_RATE: f64 = 0.002;
/// A last segment shorter than this joins the one before: players stumble over slivers (hls.js#7646). With 6 s
/// segments the sum still rounds to the target duration.
pub const SLIVER_S: f64 = 0.4;
/// What a single picture without any rate is shown at.
const STILL_RATE: Ratio = Ratio::new(25, 1);

/// The output's frame rate, and why.
pub fn frame_rate(shown: &Shown, max: u32) -> (Ratio, String) {
    let n = shown.pts.len();
    if n < 2 {
        return (
            shown.declared_rate.unwrap_or(STILL_RATE),
            "a single picture keeps its declared rate".into(),
        );
    }
    let span = (shown.pts[n - 1] - shown.pts[0]) as f64 * shown.time_base.as_f64();
    let mean = (n - 1) as f64 / span;
    let off = |r: &Ratio| (r.as_f64() / mean - 1.0).abs();
    let mut near: Vec<Ratio> = STANDARD.into_iter().filter(|r| off(r) < SAME_RATE).collect();
    // 24 and 23.976 are both near; a short clip has a frame of its own in either.
    near.sort_by(|a, b| off(a).total_cmp(&off(b)));
    let candidates = near.into_iter().chain(shown.declared_rate);
    if let Some(rate) = candidates.into_iter().find(|r| is_constant(shown, *r)) {
        return limit(rate, max, format!("constant {:.3} fps in the source", rate.as_f64()));
    }
    let mut gaps: Vec<i64> = shown.pts.windows(2).map(|w| w[1] - w[0]).collect();
    gaps.sort_unstable();
    let typical = 1.0 / (gaps[gaps.len() / 2] as f64 * shown.time_base.as_f64());
    let distance = |r: &Ratio| (r.as_f64() / typical).ln().abs();
    let rate = STANDARD.into_iter().min_by(|a, b| distance(a).total_cmp(&distance(b))).unwrap_or(STILL_RATE);
    limit(
        rate,
        max,
        format!(
            "variable rate in the source, {typical:.2} fps typically: made constant at the nearest standard rate"
        ),
    )
}

/// True where every source picture has an output frame of its own at this rate.
fn is_constant(shown: &Shown, rate: Ratio) -> bool {
    let cadence = Cadence { rate, origin_pts: shown.pts[0], time_base: shown.time_base };
    shown.pts.iter().enumerate().all(|(i, pts)| cadence.frame_at(*pts) == i as i64)
}

fn limit(rate: Ratio, max: u32, why: String) -> (Ratio, String) {
    match divisor(rate, max) {
        1 => (rate, why),
        n => (one_in(rate, n), format!("{why}, divided by {n} to keep to {max} fps")),
    }
}

/// One frame in so many keeps to `max` frames a second.
pub fn divisor(rate: Ratio, max: u32) -> u32 {
    (rate.as_f64() / f64::from(max)).ceil().max(1.0) as u32
}

/// The rate of one frame in `every`.
pub fn one_in(rate: Ratio, every: u32) -> Ratio {
    Ratio::new(rate.num, rate.den * i64::from(every))
}

/// Output frames: up to the end of the last source picture, at least one.
pub fn frame_count(shown: &Shown, cadence: &Cadence) -> u64 {
    let last = shown.pts.last().map_or(0, |pts| cadence.frame_at(*pts) + 1);
    cadence.frame_at(shown.end_pts).max(last).max(1) as u64
}

/// Whole frames nearest to one second: IDR and I-frames fall on multiples of it.
pub fn frames_per_second(rate: Ratio) -> u64 {
    (rate.as_f64().round() as u64).max(1)
}

/// Cuts `frames` output frames into segments of `segment_frames`, and those into GOPs of `gop_frames`.
pub fn segments(frames: u64, segment_frames: u64, gop_frames: u64, rate: Ratio) -> Vec<SegmentSpan> {
    let mut spans = Vec::new();
    let mut first_frame = 0;
    while first_frame < frames {
        let mut count = segment_frames.min(frames - first_frame);
        let behind = frames - first_frame - count;
        if behind as f64 / rate.as_f64() < SLIVER_S {
            count += behind;
        }
        let gops = (0..count).step_by(gop_frames as usize).map(|from| gop_frames.min(count - from)).collect();
        spans.push(SegmentSpan { number: spans.len() as u32 + 1, first_frame, gops });
        first_frame += count;
    }
    spans
}

/// The keyframe to decode from, so that all is decoded that decides the picture shown at `first_frame`, and the
/// presentation time of the first frame that does.
pub fn seek_point(video: &VideoTrack, shown: &Shown, cadence: &Cadence, first_frame: u64) -> (Keyframe, i64) {
    let at = shown.pts.partition_point(|pts| cadence.frame_at(*pts) <= first_frame as i64);
    let needed_pts = video.pts[shown.first_frame_for(at.saturating_sub(1))];
    let before = video.keyframes.iter().filter(|k| k.pts <= needed_pts).max_by_key(|k| k.pts);
    (*before.unwrap_or(&video.keyframes[0]), needed_pts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixtures::video;

    const NTSC: Ratio = Ratio::new(30000, 1001);

    #[test]
    fn constant_rates_are_kept_whatever_the_time_base_rounds() {
        for rate in STANDARD {
            let pts = (0..500).map(|i| (i as f64 / rate.as_f64() * 1000.0).round() as i64).collect();
            let source = VideoTrack { time_base: Ratio::new(1, 1000), declared_rate: None, ..video(pts) };
            assert_eq!(frame_rate(&Shown::of(&source), 60).0, rate);
        }
    }

    #[test]
    fn a_short_clip_is_not_taken_for_its_neighbour_rate() {
        for rate in [Ratio::new(24, 1), Ratio::new(24000, 1001), Ratio::new(30, 1), Ratio::new(60000, 1001)] {
            let pts = (0..120).map(|i| i * 90_000 * rate.den / rate.num).collect();
            let source = VideoTrack { declared_rate: None, ..video(pts) };
            assert_eq!(frame_rate(&Shown::of(&source), 60).0, rate);
        }
    }

    #[test]
    fn odd_constant_rates_are_kept_as_declared() {
        let pts = (0..100).map(|i| i * 80).collect();
        let declared_rate = Some(Ratio::new(25, 2));
        let source = VideoTrack { time_base: Ratio::new(1, 1000), declared_rate, ..video(pts) };
        assert_eq!(frame_rate(&Shown::of(&source), 60).0, Ratio::new(25, 2));
    }

    #[test]
    fn fast_sources_are_divided() {
        let pts = (0..500).map(|i| i * 750).collect();
        let declared_rate = Some(Ratio::new(120, 1));
        let source = VideoTrack { time_base: Ratio::new(1, 90_000), declared_rate, ..video(pts) };
        let (rate, why) = frame_rate(&Shown::of(&source), 60);
        assert_eq!(rate, Ratio::new(120, 2), "{why}");
    }

    #[test]
    fn variable_rates_become_the_nearest_standard_rate() {
        let mut t = 0;
        let pts = (0..300)
            .map(|i| {
                t += if i % 7 == 0 { 110 } else { 33 };
                t
            })
            .collect();
        let source = VideoTrack { time_base: Ratio::new(1, 1000), declared_rate: None, ..video(pts) };
        let (rate, why) = frame_rate(&Shown::of(&source), 60);
        assert!((29.9..30.1).contains(&rate.as_f64()), "{rate:?}");
        assert!(why.contains("variable"), "{why}");
    }

    #[test]
    fn segments_cover_every_frame_once_and_none_is_a_sliver() {
        for frames in 1..2000 {
            let spans = segments(frames, 180, 60, NTSC);
            let mut next = 0;
            for span in &spans {
                assert_eq!(span.first_frame, next);
                next += span.frames();
                assert!(span.gops.iter().all(|g| (1..=60).contains(g)), "{:?}", span.gops);
                let seconds = span.frames() as f64 / NTSC.as_f64();
                assert!(seconds.round() <= 6.0, "{frames} frames: a segment of {seconds} s");
            }
            assert_eq!(next, frames);
            let last = spans.last().expect("one").frames() as f64 / NTSC.as_f64();
            assert!(spans.len() == 1 || last >= SLIVER_S, "{frames} frames: last segment {last} s");
        }
    }

    #[test]
    fn decoding_begins_at_the_last_keyframe_that_still_shows_the_frame() {
        let mut source = video((0..100).collect());
        source.time_base = Ratio::new(1, 25);
        source.keyframes = [0, 40, 80].map(|pts| Keyframe { pts, dts: pts - 2 }).to_vec();
        let cadence = Cadence { rate: Ratio::new(25, 1), origin_pts: 0, time_base: source.time_base };
        for (frame, keyframe) in [(0, 0), (39, 0), (40, 40), (79, 40), (99, 80)] {
            let seek = seek_point(&source, &Shown::of(&source), &cadence, frame);
            assert_eq!((seek.0.pts, seek.1), (keyframe, frame as i64), "frame {frame}");
        }
    }

    #[test]
    fn fields_at_a_keyframe_are_decoded_from_the_one_before() {
        let mut source = video((0..100).collect());
        (source.time_base, source.scanning) = (Ratio::new(1, 25), flodrama_media::Scanning::Fields);
        source.keyframes = [0, 40, 80].map(|pts| Keyframe { pts, dts: pts - 2 }).to_vec();
        let shown = Shown::of(&source);
        let (rate, _) = frame_rate(&shown, 60);
        let cadence = Cadence { rate, origin_pts: 0, time_base: shown.time_base };
        assert_eq!((rate, frame_count(&shown, &cadence)), (Ratio::new(50, 1), 200));
        for (frame, keyframe) in [(0, 0), (80, 0), (81, 0), (82, 40), (199, 80)] {
            assert_eq!(seek_point(&source, &shown, &cadence, frame).0.pts, keyframe, "frame {frame}");
        }
    }
}
