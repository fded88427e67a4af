//! Chunks: runs of segments that one child encodes, begun where the source lets decoding begin.

use flodrama_media::VideoTrack;
use flodrama_media::task::{Cadence, SegmentSpan};

use super::Chunk;
use super::cadence::seek_point;
use super::shown::Shown;

/// What a chunk costs beside its pictures, as seconds of source to decode: a process, its memory, its encoders.
const CHUNK_S: f64 = 1.0;
/// What a segment more or less than wanted costs, squared, in the same unit: even chunks keep all cores busy.
const UNEVEN_S: f64 = 1.0;

/// Cuts the segments into chunks of half to one and a half times `size` segments, the last one shorter if need be.
///
/// What lies between the source's keyframe and the first picture of a chunk is decoded for nothing, so chunks begin close
/// behind keyframes where they can: a source with few of them costs less.
pub fn chunks(
    video: &VideoTrack,
    shown: &Shown,
    cadence: &Cadence,
    segments: &[SegmentSpan],
    size: usize,
) -> Vec<Chunk> {
    let seek = |segment: usize| seek_point(video, shown, cadence, segments[segment].first_frame);
    let lead_ins: Vec<f64> = (0..segments.len())
        .map(|segment| {
            let (keyframe, needed_from) = seek(segment);
            (needed_from - keyframe.pts).max(0) as f64 * video.time_base.as_f64()
        })
        .collect();
    let begins = begins(&lead_ins, size);
    let ends = begins.iter().skip(1).copied().chain([segments.len()]);
    let chunk = |(first_segment, end): (&usize, usize)| {
        let (seek, needed_from) = seek(*first_segment);
        Chunk { seek, needed_from, first_segment: *first_segment, segments: end - first_segment }
    };
    begins.iter().zip(ends).map(chunk).collect()
}

/// The segments that begin a chunk, at the least cost that there is. `lead_ins` are the seconds that are decoded for
/// nothing where a segment begins one.
fn begins(lead_ins: &[f64], size: usize) -> Vec<usize> {
    let count = lead_ins.len();
    let (least, most) = (size - size / 2, size + size / 2);
    // For each begin the least cost of all that follows, and where the next chunk begins.
    let mut best = vec![(0.0, count); count + 1];
    for from in (0..count).rev() {
        let ways = (from + 1..=count.min(from + most)).filter(|to| to - from >= least || *to == count);
        let cost = |to: usize| {
            let uneven = (to - from).abs_diff(size).pow(2) as f64 * UNEVEN_S;
            (lead_ins[from] + CHUNK_S + uneven + best[to].0, to)
        };
        // Of equal ways the shortest chunk, so that a longer one comes last.
        best[from] = ways.map(cost).min_by(|a, b| a.0.total_cmp(&b.0)).expect("at least the last segment");
    }
    std::iter::successors(Some(0), |from| Some(best[*from].1)).take_while(|from| *from < count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_even_where_decoding_can_begin_anywhere() {
        assert_eq!(begins(&[0.0; 8], 2), [0, 2, 4, 6]);
        assert_eq!(begins(&[0.0; 1], 2), [0]);
        assert_eq!(begins(&[0.0; 3], 1), [0, 1, 2]);
        assert_eq!(begins(&[0.0; 12], 4), [0, 4, 8]);
        assert_eq!(begins(&[], 2), [0; 0]);
    }

    #[test]
    fn a_segment_that_is_left_over_needs_no_chunk_of_its_own() {
        assert_eq!(begins(&[0.0; 11], 2), [0, 2, 4, 6, 8]);
        assert_eq!(begins(&[0.0; 3], 2), [0]);
    }

    #[test]
    fn chunks_begin_close_behind_keyframes() {
        // Keyframes every ten seconds, segments of six.
        let lead_ins: Vec<f64> = (0..20).map(|n| f64::from(n * 6 % 10)).collect();
        let begins = begins(&lead_ins, 2);
        let decoded: f64 = begins.iter().map(|n| lead_ins[*n]).sum();
        let even: f64 = lead_ins.iter().step_by(2).sum();
        assert!(decoded < 0.6 * even, "{begins:?}: {decoded} s instead of {even}");
        assert!(begins.windows(2).all(|w| (1..=3).contains(&(w[1] - w[0]))), "{begins:?}");
    }
}
