//! Segments along IDR frames that are given: each as near to the wanted length as they allow.

use flodrama_media::Ratio;
use flodrama_media::task::SegmentSpan;

use super::cadence::SLIVER_S;

/// Cuts `frames` output frames at some of `idrs` (ascending, from 0 on) into segments of 2/3 to 4/3 of
/// `segment_frames`, the last one shorter if need be. `None` where the IDR frames allow no such cut.
///
/// The sum of the squared distances from the wanted length is the least that there is; a segment that would raise the
/// target duration costs more than any other.
pub fn segments(
    idrs: &[u64],
    frames: u64,
    segment_frames: u64,
    gop_frames: u64,
    rate: Ratio,
) -> Option<Vec<SegmentSpan>> {
    if idrs.first() != Some(&0) {
        return None;
    }
    let seconds = |frames: u64| frames as f64 / rate.as_f64();
    let target_s = seconds(segment_frames).round();
    let (least, most) = ((2 * segment_frames).div_ceil(3), 4 * segment_frames / 3);
    let cost = |from: u64, to: u64| {
        let len = to - from;
        let is_last = to == frames;
        let allowed = if is_last {
            len <= most && (from == 0 || seconds(len) >= SLIVER_S)
        } else {
            (least..=most).contains(&len)
        };
        let off = if is_last && len < segment_frames { 0 } else { len.abs_diff(segment_frames).pow(2) };
        let over = if seconds(len).round() > target_s { segment_frames.pow(2) } else { 0 };
        allowed.then_some(off + over)
    };
    let nodes: Vec<u64> = idrs.iter().copied().filter(|n| *n < frames).chain([frames]).collect();
    // For each node the least cost to get there, and from where.
    let mut best: Vec<Option<(u64, usize)>> = vec![None; nodes.len()];
    best[0] = Some((0, 0));
    let mut nearest = 0;
    for to in 1..nodes.len() {
        while nodes[to] - nodes[nearest] > most {
            nearest += 1;
        }
        let ways = (nearest..to).filter_map(|from| {
            let (so_far, _) = best[from]?;
            Some((so_far + cost(nodes[from], nodes[to])?, from))
        });
        best[to] = ways.min();
    }
    let mut cuts = vec![nodes.len() - 1];
    while let Some(at @ 1..) = cuts.last().copied() {
        cuts.push(best[at]?.1);
    }
    cuts.reverse();
    let span = |(i, ends): (usize, &[usize])| SegmentSpan {
        number: i as u32 + 1,
        first_frame: nodes[ends[0]],
        gops: gops(&nodes[ends[0]..=ends[1]], gop_frames),
    };
    Some(cuts.windows(2).enumerate().map(span).collect())
}

/// Lengths of the groups between these IDR frames. One that begins within a quarter of the preset's own length after
/// another is joined to it: flashes make sources put IDR frames closely, and in our encoders each costs bits.
fn gops(nodes: &[u64], gop_frames: u64) -> Vec<u64> {
    let [first, inner @ .., end] = nodes else { return Vec::new() };
    let mut begin = *first;
    let mut gops = Vec::new();
    for node in inner {
        if 4 * (node - begin) >= gop_frames {
            gops.push(node - begin);
            begin = *node;
        }
    }
    gops.push(end - begin);
    gops
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::cadence;

    const RATE: Ratio = Ratio::new(24, 1);

    fn cut(idrs: &[u64], frames: u64) -> Option<Vec<(u64, u64)>> {
        let spans = segments(idrs, frames, 144, 48, RATE)?;
        Some(spans.iter().map(|s| (s.first_frame, s.frames())).collect())
    }

    #[test]
    fn a_source_with_our_own_groups_is_cut_as_we_would() {
        for frames in 1..1500 {
            let idrs: Vec<u64> = (0..frames).step_by(48).collect();
            let ours = cadence::segments(frames, 144, 48, RATE);
            let sliver = frames > 144 && (frames % 144) < 10 && frames % 144 > 0;
            if !sliver {
                assert_eq!(segments(&idrs, frames, 144, 48, RATE), Some(ours), "{frames} frames");
            }
        }
    }

    #[test]
    fn every_segment_begins_at_an_idr_frame_and_none_is_a_sliver() {
        // Distances of 7 to 96 frames, by a small generator.
        let mut seed = 1u64;
        for frames in (1..3000).step_by(7) {
            let mut idrs = vec![0];
            loop {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let next = idrs[idrs.len() - 1] + 7 + (seed >> 33) % 90;
                if next >= frames {
                    break;
                }
                idrs.push(next);
            }
            if frames - idrs[idrs.len() - 1] > 96 {
                continue;
            }
            let spans = segments(&idrs, frames, 144, 48, RATE).expect("a cut");
            let mut next = 0;
            for (i, span) in spans.iter().enumerate() {
                assert_eq!((span.number, span.first_frame), (i as u32 + 1, next));
                assert!(span.idr_frames().all(|n| idrs.contains(&n)), "{span:?}");
                assert!(span.gops.iter().all(|g| *g <= 108), "{span:?}");
                let is_last = i + 1 == spans.len();
                let least = if is_last && i > 0 {
                    10
                } else if is_last {
                    1
                } else {
                    96
                };
                assert!((least..=192).contains(&span.frames()), "{span:?} of {frames}");
                next += span.frames();
            }
            assert_eq!(next, frames);
        }
    }

    #[test]
    fn a_short_tail_joins_the_segment_before() {
        let idrs = [0, 48, 96, 144, 192, 240, 288];
        assert_eq!(cut(&idrs, 293), Some(vec![(0, 144), (144, 149)]));
        assert_eq!(cut(&idrs, 310), Some(vec![(0, 144), (144, 144), (288, 22)]));
    }

    #[test]
    fn the_target_duration_is_kept_where_it_can_be() {
        // 160 frames are nearer to 144 than 100 are, and round to 7 s.
        let idrs = [0, 100, 160, 200];
        assert_eq!(cut(&idrs, 300), Some(vec![(0, 100), (100, 100), (200, 100)]));
    }

    #[test]
    fn too_few_idr_frames_give_none() {
        assert_eq!(cut(&[0, 250], 500), None);
        assert_eq!(cut(&[], 500), None);
    }

    #[test]
    fn close_idr_frames_are_joined_in_the_other_rungs() {
        assert_eq!(gops(&[0, 3, 48, 50, 53, 96, 144], 48), [48, 48, 48]);
        assert_eq!(gops(&[0, 20, 48, 144], 48), [20, 28, 96]);
    }
}
