//! Nothing lost, nothing half-published: a slice of what `scripts/chaos` does at length (docs/RELIABILITY.md).

use crate::support::process::{Finished, run};
use crate::support::programs;

fn chaos(args: &[&str]) -> Finished {
    let folder = programs::worker().parent().expect("a folder").to_str().expect("a plain path").to_owned();
    let tests = format!("PYTHONPATH={}", programs::repository().join("tests").display());
    let program = [tests.as_str(), "PYTHONDONTWRITEBYTECODE=1", "python3", "-u", "-m", "chaos"];
    let done = run("env", [&program[..], &["--programs", &folder], args].concat());
    println!("{}", done.text());
    done
}

#[test]
fn workers_are_killed_and_nothing_is_lost() {
    let done = chaos(&["run", "--kills", "20", "--seconds", "20", "--jobs", "8", "--seed", "5"]);
    assert_eq!(done.code, Some(0), "{}{}", done.text(), done.stderr);
    let kills = done.text().lines().find_map(|line| line.split_once(" kills: "));
    let (kills, outcome) = kills.expect("a sum");
    assert!(kills.parse::<u32>().expect("a number") >= 20 && outcome.contains("published"), "{outcome}");
}

/// Who finds nothing wrong must be able to.
#[test]
fn a_segment_that_is_taken_away_is_noticed() {
    let done = chaos(&["sabotage"]);
    assert_eq!(done.code, Some(0), "{}{}", done.text(), done.stderr);
    assert!(
        done.text().contains("BREACH job-000: ") && done.text().contains("half-published: "),
        "{}",
        done.text()
    );
}
