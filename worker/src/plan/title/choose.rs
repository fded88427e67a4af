//! Which points on the sizes' curves make the ladder. Pure numbers.
//!
//! A viewer's network decides by ratios, not by differences, so the ladder is judged over the logarithm of the rate: the
//! best one has the largest area below the line through its rungs, from its top down to the rate of weak networks. Rungs
//! keep their distance from each other, and each has a size of its own, smaller than the one above: heights name folders.

use super::super::preset::PerTitlePreset;
use super::candidates::Candidate;
use super::curve::SizeCurve;

/// Distance of rate factors that are considered.
const CRF_STEP: f64 = 0.5;
/// A lower rate by less than this share is no reason for a smaller picture in the top rung.
const SAME_RATE: f64 = 1.02;

/// A size at a rate factor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Index of the candidate.
    pub candidate: usize,
    /// Rate factor.
    pub crf: f64,
    /// Expected rate, kilobits a second.
    pub kbps: f64,
    /// Expected quality.
    pub quality: f64,
}

/// All points that a rung may be, largest size first.
pub fn points(candidates: &[Candidate], curves: &[SizeCurve], preset: &PerTitlePreset) -> Vec<Point> {
    let (best, worst) = (preset.crfs[0], preset.crfs[preset.crfs.len() - 1]);
    let steps = ((worst - best) / CRF_STEP).floor() as u32;
    let mut points = Vec::new();
    for (candidate, (size, curve)) in candidates.iter().zip(curves).enumerate() {
        for step in 0..=steps {
            let crf = best + f64::from(step) * CRF_STEP;
            let (kbps, quality) = curve.at(crf);
            let cap = f64::from(size.caps.max_kbps);
            // At the worst rate factor there is a point however much it would take: the encoder keeps to the cap.
            if kbps <= cap || step == steps {
                points.push(Point { candidate, crf, kbps: kbps.min(cap), quality });
            }
        }
    }
    points
}

/// The top rung: the cheapest that reaches the target, or else the best. Below the preset's floor bits are free: whoever
/// plays anything can play that much. Never the smallest size: one is left to fall back to.
pub fn top(points: &[Point], preset: &PerTitlePreset) -> Point {
    let smallest = points.last().map_or(0, |p| p.candidate);
    let cost = |p: &Point| p.kbps.max(preset.floor_kbps);
    let better = |a: Point, b: &Point| match (
        a.quality >= preset.target_quality,
        b.quality >= preset.target_quality,
    ) {
        (true, false) => false,
        (false, true) => true,
        (false, false) => b.quality > a.quality,
        // Points come largest size first: a smaller one has to earn its place.
        (true, true) if cost(b) * SAME_RATE < cost(&a) => true,
        (true, true) => cost(b) <= cost(&a) && b.candidate == a.candidate && b.quality > a.quality,
    };
    let others = points.iter().skip(1).filter(|p| p.candidate != smallest);
    others.fold(points[0], |best, p| if better(best, p) { *p } else { best })
}

/// The ladder below `top`, which is its first rung.
pub fn ladder(points: &[Point], top: Point, preset: &PerTitlePreset, candidates: usize) -> Vec<Point> {
    let mut below: Vec<Point> =
        points.iter().filter(|p| p.candidate > top.candidate && p.kbps < top.kbps).copied().collect();
    // A rung follows only rungs of more bits, so in this order each is judged after all that may stand above it.
    below.sort_by(|a, b| b.kbps.total_cmp(&a.kbps).then(a.candidate.cmp(&b.candidate)));
    let nodes: Vec<Point> = std::iter::once(top).chain(below).collect();
    // For each number of rungs and each point the largest area of a ladder that ends there, and the rung above.
    let mut best: Vec<Vec<Option<(f64, usize)>>> = vec![vec![None; nodes.len()]];
    best[0][0] = Some((0.0, 0));
    let mut end = (0.0, 0, 0);
    for rungs in 1..preset.max_rungs as usize {
        let mut row: Vec<Option<(f64, usize)>> = vec![None; nodes.len()];
        for (from, above) in nodes.iter().enumerate() {
            let Some((area, _)) = best[rungs - 1][from] else { continue };
            if above.kbps <= preset.floor_kbps {
                continue;
            }
            for (to, below) in nodes.iter().enumerate().skip(from + 1) {
                let ratio = above.kbps / below.kbps;
                if ratio > preset.most_step {
                    break;
                }
                if ratio < preset.least_step || below.candidate <= above.candidate {
                    continue;
                }
                let area = area + between(above, below, preset.floor_kbps);
                if row[to].is_none_or(|(other, _)| area > other) {
                    row[to] = Some((area, from));
                }
                if area > end.0 {
                    end = (area, rungs, to);
                }
            }
        }
        best.push(row);
    }
    let (_, mut rungs, mut at) = end;
    let mut chain = vec![nodes[at]];
    while rungs > 0 {
        let Some((_, above)) = best[rungs][at] else { break };
        (rungs, at) = (rungs - 1, above);
        chain.push(nodes[at]);
    }
    chain.reverse();
    if chain.len() == 1 {
        chain.extend(second(points, &top, candidates));
    }
    chain
}

/// Area below the line between two rungs, as far as it is above the floor.
fn between(above: &Point, below: &Point, floor_kbps: f64) -> f64 {
    let whole = (above.kbps / below.kbps).ln();
    let part = whole.min((above.kbps / floor_kbps).ln());
    let end = above.quality + (below.quality - above.quality) * part / whole;
    part * (above.quality + end) / 2.0
}

/// Where no rung keeps its distance from the top: players need a rate to fall back to all the same (Apple 9.9). The
/// next size with the same rate factor.
fn second(points: &[Point], top: &Point, candidates: usize) -> Option<Point> {
    let next = (top.candidate + candidates).div_ceil(2).min(candidates - 1);
    let of_next = points.iter().filter(|p| p.candidate == next && p.candidate > top.candidate);
    of_next.min_by(|a, b| (a.crf - top.crf).abs().total_cmp(&(b.crf - top.crf).abs())).copied()
}

/// Why no rung has this candidate's size: by its best moment.
pub fn why_dropped(candidate: usize, points: &[Point], chain: &[Point]) -> String {
    let top = &chain[0];
    let own = points.iter().filter(|p| p.candidate == candidate);
    if candidate < top.candidate {
        return "the top rung is as good as the preset asks without it".into();
    }
    let gain = |p: &&Point| line_at(chain, p.kbps).map(|quality| (p.quality - quality, **p));
    let best = own.clone().filter_map(|p| gain(&p)).max_by(|a, b| a.0.total_cmp(&b.0));
    match best {
        None => "no rate of the ladder is one of this size".into(),
        Some((gain, p)) if gain <= 0.0 => {
            format!("at its best, {:.0} kb/s, {:.1} below the ladder's quality", p.kbps, -gain)
        }
        Some((gain, p)) => {
            format!(
                "at {:.0} kb/s {gain:.1} above the line between two rungs, too near to them for its own",
                p.kbps
            )
        }
    }
}

/// Quality of the ladder at a rate, on the line between two rungs.
fn line_at(chain: &[Point], kbps: f64) -> Option<f64> {
    let pair = chain.windows(2).find(|p| (p[1].kbps..=p[0].kbps).contains(&kbps))?;
    let part = (pair[0].kbps / kbps).ln() / (pair[0].kbps / pair[1].kbps).ln();
    Some(pair[0].quality + (pair[1].quality - pair[0].quality) * part)
}
