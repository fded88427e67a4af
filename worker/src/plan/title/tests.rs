use flodrama_media::task::{COPY, Limits, Task};

use super::*;
use crate::plan::fixtures::{coded, source};
use crate::plan::{Plan, Preset, plan};

const LIMITS: Limits = Limits { max_pixels: 1 << 24, max_duration_s: 1e6, max_streams: 100 };

fn preset() -> Preset {
    Preset::load("web-h264-per-title").expect("shipped")
}

/// A title that takes `kbps` in Full HD at crf 20, and whose pictures lose `blur` of quality for each halving of their
/// area. Six steps of the rate factor halve the rate and cost a little quality, then more and more.
fn content(display: (u32, u32), kbps: f64, blur: f64) -> Complexity {
    content_for(&preset(), display, kbps, blur)
}

fn content_for(preset: &Preset, display: (u32, u32), kbps: f64, blur: f64) -> Complexity {
    let settings = preset.video.per_title.as_ref().expect("per title");
    let candidates = candidates::candidates(display, &preset.video, settings, 16);
    let largest = candidates[0].area();
    let mut measured = Vec::new();
    for candidate in candidates.iter().filter(|c| c.is_measured) {
        for crf in &settings.crfs {
            let halved = (largest / candidate.area()).log2();
            let coarse = (crf - 20.0) / 6.0;
            measured.push(Measured {
                width: candidate.width,
                height: candidate.height,
                crf: *crf,
                kbps: kbps * (candidate.area() / (1920.0 * 1080.0)).powf(0.8) * 0.5f64.powf(coarse),
                quality: (98.0 - blur * halved * (1.0 + halved / 8.0) - 3.0 * coarse - 2.5 * coarse * coarse)
                    .max(0.0),
            });
        }
    }
    Complexity { measured, samples: 3 }
}

fn ladder(display: (u32, u32), complexity: &Complexity) -> Vec<Rung> {
    let video = preset().video;
    Title::new(display, &video, 16, complexity).expect("of these trials").ladder().rungs
}

fn heights(rungs: &[Rung]) -> Vec<u32> {
    rungs.iter().map(|r| r.height).collect()
}

/// Expected rate and quality, as the reason says them.
fn expected(rung: &Rung) -> (f64, f64) {
    let words: Vec<&str> = rung.why.split([' ', ':', ',']).collect();
    let after = |word: &str| words[words.iter().position(|w| *w == word).expect("said") + 1].parse();
    (after("about").expect("a rate"), after("quality").expect("a quality"))
}

#[test]
fn easy_content_takes_fewer_bits_and_fewer_rungs_than_hard_content() {
    let (easy, hard) = (content((1920, 1080), 900.0, 2.0), content((1920, 1080), 9000.0, 6.0));
    let (easy, hard) = (ladder((1920, 1080), &easy), ladder((1920, 1080), &hard));
    assert!(easy.len() < hard.len(), "{:?} against {:?}", heights(&easy), heights(&hard));
    assert!(expected(&easy[0]).0 < expected(&hard[0]).0 / 3.0);
    assert_eq!(hard[0].height, 1080);
}

#[test]
fn rungs_keep_their_distance_and_go_down_in_size_rate_and_quality() {
    let preset = preset().video.per_title.expect("per title");
    for display in [(1920, 1080), (3840, 2160), (1080, 1920), (1920, 804), (1280, 720), (640, 480)] {
        for kbps in [800.0, 3000.0, 12_000.0] {
            for blur in [1.0, 4.0, 8.0] {
                let what = format!("{display:?}, {kbps} kb/s, blur {blur}");
                let rungs = ladder(display, &content(display, kbps, blur));
                assert!(
                    (2..=preset.max_rungs as usize).contains(&rungs.len()),
                    "{what}: {:?}",
                    heights(&rungs)
                );
                for pair in rungs.windows(2) {
                    let ((above, better), (below, worse)) = (expected(&pair[0]), expected(&pair[1]));
                    assert!(pair[0].height > pair[1].height && pair[0].width >= pair[1].width, "{what}");
                    assert!(better >= worse, "{what}: {better} above {worse}");
                    // Reasons are rounded to whole kilobits.
                    let slack = 1.0 / below.min(above) + 0.005;
                    let steps = preset.least_step - slack..=preset.most_step + slack;
                    assert!(
                        rungs.len() == 2 || steps.contains(&(above / below)),
                        "{what}: {above} to {below}"
                    );
                }
            }
        }
    }
}

#[test]
fn the_top_reaches_the_target_and_no_more_or_its_cap() {
    let target = preset().video.per_title.expect("per title").target_quality;
    let top = |kbps: f64| {
        let rungs = ladder((1920, 1080), &content((1920, 1080), kbps, 5.0));
        (expected(&rungs[0]), rungs[0].settings.max_kbps)
    };
    let ((_, quality), _) = top(4000.0);
    assert!((target..target + 1.0).contains(&quality), "{quality}");
    let ((kbps, quality), cap) = top(40_000.0);
    assert!(quality < target && kbps <= 5000.0 && cap <= 5000, "{kbps} kb/s, {quality}, cap {cap}");
}

#[test]
fn the_bottom_is_for_weak_networks_and_its_cap_too() {
    let preset = preset().video.per_title.expect("per title");
    for kbps in [2000.0, 9000.0] {
        let rungs = ladder((1920, 1080), &content((1920, 1080), kbps, 5.0));
        let bottom = rungs.last().expect("rungs");
        assert!(expected(bottom).0 <= preset.floor_kbps * 1.25, "{}", bottom.why);
        assert!(f64::from(bottom.settings.max_kbps) <= (preset.floor_kbps * 1.25 * preset.peak).ceil());
    }
}

#[test]
fn where_bits_are_free_the_picture_is_as_good_as_it_can_be() {
    let rungs = ladder((1920, 1080), &content((1920, 1080), 60.0, 1.0));
    assert_eq!(
        (rungs.len(), rungs[0].height, rungs[0].settings.crf),
        (2, 1080, 21.0),
        "{:?}",
        heights(&rungs)
    );
}

#[test]
fn sizes_that_lose_nothing_go_and_sizes_that_lose_much_stay() {
    // Where smaller pictures lose little, the ladder goes down in size at once; where they lose much, late.
    let [soft, sharp] =
        [0.5, 9.0].map(|blur| heights(&ladder((1920, 1080), &content((1920, 1080), 6000.0, blur))));
    assert!(soft[1] < sharp[1], "{soft:?} against {sharp:?}");
}

#[test]
fn a_tiny_source_has_two_rungs_and_a_portrait_one_is_upright() {
    assert_eq!(heights(&ladder((176, 144), &content((176, 144), 3000.0, 5.0))), [144, 96]);
    let rungs = ladder((1080, 1920), &content((1080, 1920), 6000.0, 5.0));
    assert!(rungs.iter().all(|r| r.height > r.width), "{rungs:?}");
}

#[test]
fn numbers_of_other_trials_are_not_used() {
    let mut complexity = content((1920, 1080), 6000.0, 5.0);
    complexity.measured.retain(|m| m.height != 720);
    assert!(Title::new((1920, 1080), &preset().video, 16, &complexity).is_none());
}

fn planned(kbps: f64, blur: f64) -> Plan {
    let (source, preset) = (source(1500), preset());
    plan(&source, Some(&content((1920, 1080), kbps, blur)), &preset, preset.family())
}

fn why<'a>(plan: &'a Plan, what: &str) -> Vec<&'a str> {
    plan.reasons.iter().filter(|(w, _)| w.starts_with(what)).map(|(_, why)| why.as_str()).collect()
}

#[test]
fn every_size_and_the_complexity_have_a_reason() {
    let plan = planned(6000.0, 5.0);
    let sizes =
        candidates::candidates((1920, 1080), &preset().video, &preset().video.per_title.expect("some"), 16);
    assert_eq!(why(&plan, "rung ").len(), sizes.len());
    assert_eq!(why(&plan, "rung dropped").len(), sizes.len() - plan.rungs.len());
    assert_eq!(why(&plan, "complexity").len(), 1);
}

#[test]
fn the_rate_factors_are_told_to_the_encoders_and_to_devices_on_their_scale() {
    let (source, mut preset) = (source(1500), preset());
    // Followers count in other steps than their rate factor.
    preset.video.analysis = None;
    let complexity = content((1920, 1080), 6000.0, 5.0);
    let own = plan(&source, Some(&complexity), &preset, preset.family());
    let nvenc = crate::plan::Family::named("nvenc", "h264").expect("nvenc");
    let device = plan(&source, Some(&complexity), &preset, nvenc);
    for (own, device) in own.rungs.iter().zip(&device.rungs) {
        let number = |text: &str| text.parse::<f64>().expect("a number");
        assert_eq!((own.width, own.height), (device.width, device.height));
        assert_eq!(number(&own.options["crf"]) + nvenc.quality_offset, number(&device.options["cq"]));
    }
}

#[test]
fn without_samples_the_fixed_rungs_are_taken_and_the_plan_says_so() {
    let (source, preset) = (source(1500), preset());
    let plan = plan(&source, None, &preset, preset.family());
    assert_eq!(plan.rungs.len(), preset.video.rungs.len());
    assert_eq!(why(&plan, "per title").len(), 1);
}

#[test]
fn a_copied_top_rung_bounds_the_ladder_by_its_own_rate() {
    let (mut source, preset) = (source(1500), preset());
    source.video.coded = Some(coded(&source.video, 50));
    let complexity = content((1920, 1080), 4000.0, 5.0);
    let planned = |kbps: u64| {
        let mut source = source.clone();
        source.video.bytes = kbps * 1000 / 8 * 60;
        plan(&source, Some(&complexity), &preset, preset.family())
    };
    let lean = planned(1000);
    assert_eq!(lean.rungs[0].encoder, COPY, "{:?}", why(&lean, "no passthrough"));
    assert_eq!(lean.rungs[0].options["maxrate"], "5000k");
    let below = lean.reasons.iter().find(|(what, _)| *what == format!("rung {}p", lean.rungs[1].height));
    let kbps: f64 = below
        .expect("a reason")
        .1
        .split("about ")
        .nth(1)
        .and_then(|w| w.split(' ').next())
        .expect("said")
        .parse()
        .expect("a rate");
    assert!((500.0..=667.0).contains(&kbps), "{kbps}");
    let wasteful = planned(4900);
    assert_ne!(wasteful.rungs[0].encoder, COPY);
    assert!(
        why(&wasteful, "no passthrough")[0].contains("4900 kb/s"),
        "{:?}",
        why(&wasteful, "no passthrough")
    );
}

#[test]
fn samples_are_spread_over_the_source_and_few() {
    for (frames, count) in [(20, 1), (100, 1), (300, 3), (750, 8), (67_500, 10)] {
        let source = source(frames);
        let tasks = samples(&source, &preset(), &LIMITS);
        assert_eq!(tasks.len(), count, "{frames} frames");
        let mut end = 0;
        for task in &tasks {
            let Task::Sample(sample) = &task.task else { panic!("a sample") };
            assert!(sample.first_frame >= end && sample.first_frame.is_multiple_of(50));
            end = sample.first_frame + sample.frames;
            assert!(end <= frames as u64 && sample.frames >= 1);
            assert!(sample.trials.iter().all(|t| !t.rung.options.contains_key("maxrate")));
        }
    }
    let fixed = Preset::load("web-h264").expect("shipped");
    assert!(samples(&source(750), &fixed, &LIMITS).is_empty());
}
