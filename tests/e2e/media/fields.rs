//! Pictures that are stored as two fields: of two moments, of one, and film spread over them.

use std::path::Path;

use super::generated::{Expectation, judge_against, judge_in};
use super::transcode;
use crate::support::clip::Clip;
use crate::support::process::run;
use crate::support::programs;

/// Coded as broadcasts are: either field may be coded for itself.
const BROADCAST: &[&str] = &[
    "-c:v",
    "libx264",
    "-preset",
    "veryfast",
    "-crf",
    "12",
    "-g",
    "25",
    "-flags",
    "+ilme+ildct",
    "-x264opts",
    "tff=1",
];

/// Every field is a moment: none is lost, doubled or out of order, at no border of chunks either, and no picture is
/// combed.
#[test]
fn fields_of_two_moments_become_pictures() {
    let moments =
        Clip { rate: (50, 1), frames: 1000, size: (640, 360), display: (640, 360), ..Clip::default() };
    let fields =
        Clip { name: "clip.ts", filter: "interlace=lowpass=off", video: BROADCAST, ..moments.clone() };
    let folder = tempfile::tempdir().expect("folder");
    let whole = moments.make(folder.path());
    let source = fields.make(folder.path());
    let tree = transcode(&source, &folder.path().join("out"), &["--jobs", "2"]);
    judge_against(&fields, &tree, Expectation { like: &whole, db: 26.0 });
    assert!(said_of(&source).contains(", interlaced"));
    let text = std::fs::read_to_string(tree.folder.join("report.json")).expect("a report");
    assert!(text.contains("bwdif"), "the report says what was done");
}

/// Most films that are stored as fields: nothing may be lost by making pictures of halves.
#[test]
fn fields_of_one_moment_stay_whole() {
    let clip = Clip { filter: "setfield=tff", video: BROADCAST, ..Clip::default() };
    let folder = tempfile::tempdir().expect("folder");
    let (source, _) = judge_in(&clip, folder.path(), &[]);
    assert!(said_of(&source).contains(", stored as fields"));
}

/// Film that was made ready for television becomes film again: each picture once, at its time, and whole; also where a
/// chunk begins in the middle of the pulldown's pattern.
#[test]
fn film_in_fields_becomes_film_again() {
    let film =
        Clip { rate: (24_000, 1001), frames: 700, size: (640, 360), display: (640, 360), ..Clip::default() };
    let spread = Clip { name: "clip.ts", filter: "telecine=pattern=23", video: BROADCAST, ..film.clone() };
    let folder = tempfile::tempdir().expect("folder");
    let whole = film.make(folder.path());
    let source = spread.make(folder.path());
    let said = said_of(&source);
    assert!(said.contains("3:2 pulldown"), "{said}");
    let tree = transcode(&source, &folder.path().join("out"), &["--jobs", "2"]);
    assert!(tree.videos()[0].media.segments.len() > 4, "more than two chunks");
    judge_against(&spread, &tree, Expectation { like: &whole, db: 26.0 });
}

fn said_of(source: &Path) -> String {
    let done = run(programs::worker(), [Path::new("probe"), source]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    done.text().to_owned()
}
