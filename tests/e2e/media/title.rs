//! A ladder for each title: what the content needs, from samples that are taken once.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::determinism::assert_same;
use super::generated::judge_in;
use super::transcode;
use super::tree::{Rendition, Tree};
use super::unfinished::{commits, start, wait_for};
use crate::support::clip::Clip;
use crate::support::process::{Signal, run};
use crate::support::programs;

const PRESET: &[&str] = &["--preset", NAME];
const NAME: &str = "web-h264-per-title";
/// Wide enough for several sizes, long enough for two samples.
const CLIP: Clip = Clip {
    name: "clip.mp4",
    size: (640, 360),
    display: (640, 360),
    rate: (25, 1),
    frames: 200,
    keep: |_| true,
    filter: "null",
    turned: false,
    sounds: Vec::new(),
    video: &["-c:v", "libx264", "-preset", "veryfast", "-crf", "12", "-g", "50"],
    output: &[],
};
const EASY: &str = "gblur=6,drawbox=h=ih/3:y=2*ih/3:color=gray:t=fill";
const HARD: &str = "noise=alls=30:allf=t";

#[test]
fn easy_content_takes_fewer_bits_and_fewer_rungs_than_hard_content() {
    let [easy, hard] = [EASY, HARD].map(|filter| {
        let folder = tempfile::tempdir().expect("folder");
        let source = Clip { filter, ..CLIP }.make(folder.path());
        let tree = transcode(&source, &folder.path().join("out"), PRESET);
        ladder(&tree)
    });
    let rates = |ladder: &[(u32, f64)]| ladder.iter().map(|(_, kbps)| *kbps).collect::<Vec<_>>();
    assert!(easy.len() < hard.len(), "{easy:?} against {hard:?}");
    assert!(rates(&easy)[0] * 3.0 < rates(&hard)[0], "{easy:?} against {hard:?}");
    assert!(hard.windows(2).all(|r| r[0].0 > r[1].0 && r[0].1 > r[1].1), "{hard:?}");
}

#[test]
fn everything_else_is_as_with_a_fixed_ladder_and_the_report_has_every_reason() {
    let folder = tempfile::tempdir().expect("folder");
    let clip = Clip { frames: 150, ..CLIP };
    let (_, tree) = judge_in(&clip, folder.path(), PRESET);
    let report = std::fs::read(tree.folder.join("report.json")).expect("a report");
    let report: Value = serde_json::from_slice(&report).expect("JSON");
    let choices = report["choices"].as_array().expect("choices");
    let said =
        |what: &str| choices.iter().filter(|c| c["what"].as_str().expect("text").starts_with(what)).count();
    // Of the preset's heights, 360 and below fit.
    assert_eq!((said("complexity"), said("rung ")), (1, 4), "{choices:?}");
    assert_eq!(said("rung dropped"), 4 - tree.videos().len(), "{choices:?}");
    assert!(report["tasks"]["sample-00"]["cpu_seconds"].as_f64().expect("a cost") > 0.0);
}

#[test]
fn the_same_source_gives_the_same_ladder_on_any_number_of_cores() {
    let folder = tempfile::tempdir().expect("folder");
    let source = CLIP.make(folder.path());
    let [one, three] = ["1", "3"].map(|jobs| {
        let out = folder.path().join(jobs);
        transcode(&source, &out, &[PRESET, &["--jobs", jobs]].concat());
        out
    });
    assert_same(&one, &three);
    let args = ["plan".as_ref(), source.as_os_str(), "--json".as_ref()];
    let done = run(programs::worker(), args.into_iter().chain(PRESET.iter().map(|arg| arg.as_ref())));
    let plan: Value = serde_json::from_slice(&done.stdout).expect("a plan");
    let planned: Vec<u64> = plan["rungs"]
        .as_array()
        .expect("rungs")
        .iter()
        .map(|r| r["height"].as_u64().expect("a height"))
        .collect();
    let made: Vec<u64> = ladder(&Tree::open(&one)).iter().map(|(height, _)| u64::from(*height)).collect();
    assert_eq!(planned, made);
}

#[test]
fn a_job_that_was_killed_while_it_sampled_goes_on_with_the_samples_that_it_has() {
    let folder = tempfile::tempdir().expect("folder");
    let source = CLIP.make(folder.path());
    let whole = folder.path().join("whole");
    transcode(&source, &whole, PRESET);
    let out = folder.path().join("killed");
    let first = killed_after_a_sample(&source, &out);
    let made = std::fs::metadata(&first).and_then(|file| file.modified()).expect("the first sample");
    // The name of the work folder is a hash, so it is found again where it was.
    let running = start(&source, &out, NAME);
    wait_for(&running, || commits(&out, "chunk-").pop());
    assert_eq!(std::fs::metadata(&first).and_then(|file| file.modified()).expect("still there"), made);
    running.stop(Signal::KILL);
    transcode(&source, &out, PRESET);
    assert_same(&whole, &out);
}

#[test]
fn whoever_committed_a_sample_decides_its_numbers() {
    let folder = tempfile::tempdir().expect("folder");
    let source = CLIP.make(folder.path());
    let whole = folder.path().join("whole");
    let whole = ladder(&transcode(&source, &whole, PRESET));
    let out = folder.path().join("other");
    let first = killed_after_a_sample(&source, &out);
    let mut commit: Value = serde_json::from_slice(&std::fs::read(&first).expect("a commit")).expect("JSON");
    for measured in commit["result"]["sampled"]["measured"].as_array_mut().expect("numbers") {
        measured["quality"] = (measured["quality"].as_f64().expect("a number") * 0.8).into();
    }
    std::fs::write(&first, commit.to_string()).expect("a commit");
    let other = ladder(&transcode(&source, &out, PRESET));
    assert_ne!(whole, other, "the numbers of another worker were not taken");
}

/// Starts a transcode and kills it as soon as it has committed a sample; gives the commit's file.
fn killed_after_a_sample(source: &Path, out: &Path) -> PathBuf {
    let running = start(source, out, NAME);
    let first = wait_for(&running, || commits(out, "sample-").pop());
    running.stop(Signal::KILL);
    assert!(commits(out, "chunk-").is_empty(), "it was killed too late to tell");
    first
}

/// Heights and rates of the rungs, largest first.
fn ladder(tree: &Tree) -> Vec<(u32, f64)> {
    let rung = |r: &Rendition| {
        let bytes: usize = (0..r.media.segments.len()).map(|i| r.bytes(i).len()).sum();
        let seconds: f64 = r.media.segments.iter().map(|s| s.duration_s).sum();
        let height = r.attributes["RESOLUTION"].split('x').nth(1).expect("a size").parse().expect("a height");
        (height, bytes as f64 * 8.0 / 1000.0 / seconds)
    };
    let mut rungs: Vec<(u32, f64)> = tree.videos().iter().map(rung).collect();
    rungs.sort_by_key(|rung| std::cmp::Reverse(rung.0));
    rungs
}
