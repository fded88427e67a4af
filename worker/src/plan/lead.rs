//! One analysis for the whole ladder: which rung leads, and what that changes for the encoders.

use flodrama_media::Ratio;
use flodrama_media::task::{Role, RungTask};

use super::preset::VideoPreset;

/// x264's `qcomp`, unless the preset says otherwise.
const QCOMP: f64 = 0.6;
/// Quantiser steps that x264 adds to its rate factor where MB-tree is on, for each unit that `qcomp` is below 1.
const TREE_STEPS: f64 = 13.5;
/// Duration of a frame, in seconds, at which x264's MB-tree departs from the rate factor by nothing.
const BASE_FRAME_S: f64 = 0.04;

/// Gives the encoded rungs their roles and options, where the preset asks for it and there is anything to share. Says
/// why.
pub fn share(preset: &VideoPreset, rungs: &mut [RungTask], rate: Ratio) -> String {
    let Some(analysis) = &preset.analysis else {
        return "each rung for itself: the preset asks for no shared analysis".into();
    };
    let side = |r: &RungTask| r.width.min(r.height);
    let leader =
        rungs.iter().position(|r| side(r) <= analysis.max_height).unwrap_or(rungs.len().saturating_sub(1));
    let follows = |i: usize, r: &RungTask| i != leader && side(r) >= analysis.min_height;
    let followers: Vec<usize> = (0..rungs.len()).filter(|&i| follows(i, &rungs[i])).collect();
    if followers.is_empty() {
        return "each rung for itself: there is no other that would follow".into();
    }
    lead(&mut rungs[leader], analysis.options.iter());
    followers.iter().for_each(|&i| follow(&mut rungs[i], rate));
    let heights = followers.iter().map(|&i| format!("{}p", rungs[i].height)).collect::<Vec<_>>();
    format!(
        "{}p looks ahead for {}: its frame types and MB-tree are theirs, and their rate factors hold what x264 adds for a \
         tree",
        rungs[leader].height,
        heights.join(", ")
    )
}

fn lead<'a>(rung: &mut RungTask, options: impl Iterator<Item = (&'a String, &'a String)>) {
    rung.role = Role::Leads;
    let own = options.map(|(key, value)| (key.clone(), value.clone()));
    rung.options.extend(own);
    // A first pass that is a finished encode too.
    rung.options.insert("flags".into(), "+pass1".into());
    rung.options.insert("fastfirstpass".into(), "0".into());
}

/// A follower's quantisers are those that x264 would give it with an MB-tree of its own at the same rate factor: a base
/// that is the same for all frames, the tree's offsets, and its own adaptive quantisation.
fn follow(rung: &mut RungTask, rate: Ratio) {
    rung.role = Role::Follows;
    let option = |key: &str| rung.options.get(key).and_then(|v| v.parse::<f64>().ok());
    let weight = 1.0 - option("qcomp").unwrap_or(QCOMP);
    let steps = TREE_STEPS * weight + 6.0 * weight * (BASE_FRAME_S * rate.as_f64()).log2();
    let base = (option("crf").unwrap_or_default() + steps).clamp(0.0, 51.0);
    let mut set = |key: &str, value: &str| rung.options.insert(key.to_owned(), value.to_owned());
    set("crf", &format!("{base:.2}"));
    set("mbtree", "0");
    set("qcomp", "1");
    set("b_qfactor", "1");
    set("b_strategy", "0");
    set("rc-lookahead", "0");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixtures::source;
    use crate::plan::{Plan, Preset, plan, preset};

    fn planned(size: (u32, u32)) -> Plan {
        let mut source = source(100);
        (source.video.width, source.video.height) = size;
        let preset = Preset::load(preset::DEFAULT).expect("shipped");
        plan(&source, None, &preset, preset.family())
    }

    #[test]
    fn one_rung_leads_and_the_others_follow_with_the_quantisers_of_their_rate_factor() {
        let plan = planned((1920, 1080));
        let roles: Vec<(u32, Role)> = plan.rungs.iter().map(|r| (r.height, r.role)).collect();
        use Role::{Alone, Follows, Leads};
        assert_eq!(roles, [(1080, Follows), (720, Follows), (540, Leads), (360, Follows), (234, Alone)]);
        let crf = |i: usize| plan.rungs[i].options["crf"].parse::<f64>().expect("number");
        // 25 frames a second are x264's base: what is added is its constant for MB-tree.
        // Options have two digits.
        assert!((crf(0) - crf(2) - 13.5 * (1.0 - 0.55)).abs() < 0.006);
        assert_eq!(plan.rungs[2].options["flags"], "+pass1");
        assert_eq!(plan.trick.rung.role, Role::Alone);
    }

    #[test]
    fn the_smallest_leads_where_all_are_large_and_a_single_one_is_alone() {
        let mut rungs = planned((1920, 1080)).rungs;
        rungs.truncate(1);
        let preset = Preset::load(preset::DEFAULT).expect("shipped").video;
        rungs[0].role = Role::Alone;
        share(&preset, &mut rungs, Ratio::new(25, 1));
        assert_eq!(rungs[0].role, Role::Alone);
        let mut low = preset.clone();
        low.analysis.as_mut().expect("shipped").max_height = 100;
        let mut rungs = planned((1920, 1080)).rungs;
        share(&low, &mut rungs, Ratio::new(25, 1));
        assert_eq!(rungs.last().expect("rungs").role, Role::Leads);
    }
}
