//! Files that mean harm, given to the worker by a program of its own: a part of what `scripts/hostile` gives.

use crate::support::process::run;
use crate::support::programs;

/// Files that point at a secret and at a listener, and damaged clips: each ends with a reason, in its time and memory, and
/// nothing else is read, said or connected to.
#[test]
fn files_that_point_elsewhere_or_are_damaged_end_with_a_reason() {
    let script = programs::repository().join("tests/hostile/run.py");
    let (script, worker) = (script.to_string_lossy().into_owned(), programs::worker());
    let worker = worker.to_str().expect("a plain path");
    let few = ["--files", "40", "--transcode-every", "10", "--without-corpus"];
    let done = run("python3", [&[script.as_str(), "--worker", worker][..], &few].concat());
    println!("{}", done.text());
    assert_eq!(done.code, Some(0), "{}{}", done.text(), done.stderr);
    let sum = done.text().lines().last().unwrap_or_default();
    let tried: u32 = sum.split(' ').next().and_then(|n| n.parse().ok()).expect("a sum");
    assert!(tried > 100 && sum.ends_with(": 0 wrong, 0 connections"), "{sum}");
}
