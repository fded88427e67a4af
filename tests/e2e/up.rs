//! `flodrama up` as a program: it starts, stops, starts again, and says plainly what is wrong.

use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use reqwest::{Client, StatusCode};
use serde_json::Value;

use crate::support::aws::{self, Access};
use crate::support::clip::Clip;
use crate::support::process::{self, Process, Signal, run};
use crate::support::stack::Stack;
use crate::support::{programs, until};

/// Ctrl-C ends everything in less.
const STOPS_WITHIN: Duration = Duration::from_secs(5);
const STARTS_WITHIN: Duration = Duration::from_secs(60);
/// The edge looks for the live version once a second, and no viewer must wait for much longer.
const SHOWS_WITHIN: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_second_start_plays_what_the_first_published() {
    let folder = tempfile::tempdir().expect("folder");
    let data = folder.path().join("data");
    let clip = Clip { name: "pilot.mp4", frames: 75, ..Clip::default() }.make(folder.path());
    let first = Stack::start(&data, &[&clip]);
    first.manifest("pilot");
    let published = first.status("pilot").expect("a status");
    let written = written(&first).await;
    stop(first, Signal::INT);

    let second = Stack::start(&data, &[]);
    let manifest = second.manifest("pilot");
    let answer = Client::new().get(manifest).send().await.expect("the CDN");
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(second.status("pilot").expect("a status"), published);
    assert_eq!(self::written(&second).await, written, "the second start worked on it again");

    // The same file again is the same version: nothing to do.
    let again = second.command(["upload", clip.to_str().expect("a plain path"), "--wait"]);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    assert_eq!(second.status("pilot").expect("a status"), published);
    stop(second, Signal::TERM);
}

#[tokio::test]
async fn what_a_stop_interrupts_the_next_start_finishes() {
    let folder = tempfile::tempdir().expect("folder");
    let data = folder.path().join("data");
    let clip = Clip { name: "finale.mp4", frames: 1500, ..Clip::default() }.make(folder.path());
    let first = Stack::start(&data, &[&clip]);
    until("media children", STARTS_WITHIN, async || (!first.process.descendants().is_empty()).then_some(()))
        .await;
    let status = first.status("finale").expect("a status");
    assert!(status["state"] == "queued" || status["state"] == "running", "{status}");
    stop(first, Signal::INT);

    let second = Stack::start(&data, &[]);
    let status = second.settled("finale").await;
    assert_eq!(status["state"], "published", "{status}");
    stop(second, Signal::INT);
}

#[tokio::test]
async fn a_file_that_is_no_video_is_refused_in_a_plain_sentence() {
    let folder = tempfile::tempdir().expect("folder");
    let notes = folder.path().join("notes.mp4");
    std::fs::write(&notes, "Remember the milk.").expect("notes");
    let stack = Stack::start(&folder.path().join("data"), &[]);
    let done = stack.command(["upload", notes.to_str().expect("a plain path"), "--wait"]);
    assert_eq!(done.code, Some(1), "{}{}", done.text(), done.stderr);
    let status = stack.settled("notes").await;
    let reason = status["reason"].as_str().expect("a reason");
    assert_eq!(
        (&status["state"], reason),
        (&Value::from("failed"), "This is not a video file that we can read.")
    );
    assert!(done.stderr.lines().any(|line| line == reason), "{}", done.stderr);
    let play = stack.command(["play", "notes"]);
    assert_eq!(play.code, Some(1), "{}", play.text());
    stop(stack, Signal::INT);
}

#[tokio::test]
async fn a_bad_publication_is_undone_in_one_command() {
    let folder = tempfile::tempdir().expect("folder");
    let clip =
        |frames| std::fs::read(Clip { frames, ..Clip::default() }.make(folder.path())).expect("a clip");
    let (good, bad) = (clip(50), clip(60));
    let stack = Stack::start(&folder.path().join("data"), &[]);
    let s3 = Access::to_s3(&stack.settings).s3();
    let mut versions: Vec<Value> = Vec::new();
    for bytes in [&good, &bad] {
        aws::multipart(&s3, &stack.settings.s3.bucket, "uploads/scene.mp4", bytes).await;
        let status = until("the new version", STARTS_WITHIN, async || {
            let status = stack.settled("scene").await;
            (!versions.contains(&status["version"])).then_some(status)
        })
        .await;
        assert_eq!(status["state"], "published", "{status}");
        versions.push(status["version"].clone());
    }
    let plays = async |version: &Value| {
        until("this version in the link", SHOWS_WITHIN, async || {
            let done = stack.command(["play", "scene"]);
            assert_eq!(done.code, Some(0), "{}", done.stderr);
            done.text().contains(version.as_str().expect("a version")).then_some(())
        })
        .await;
    };
    plays(&versions[1]).await;
    let done = stack.command(["rollback", "scene"]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    plays(&versions[0]).await;
    stop(stack, Signal::INT);
}

#[test]
fn what_the_user_can_mend_is_said_in_one_sentence() {
    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("file");
    std::fs::write(&file, "x").expect("a file");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let path = |name: &str| folder.path().join(name).to_str().expect("a plain path").to_owned();
    let (data, missing, below_a_file) = (path("data"), path("missing.mp4"), path("file/data"));
    for (args, named) in [
        (vec!["up", "--data", &data, "--port", &port], port.as_str()),
        (vec!["up", "--data", &data, "--port", "0", &missing], missing.as_str()),
        (vec!["up", "--data", &below_a_file, "--port", "0"], below_a_file.as_str()),
        (vec!["--config", &missing, "status"], missing.as_str()),
    ] {
        let done = run(programs::flodrama(), &args);
        assert_eq!(done.code, Some(1), "{args:?}: {}", done.stderr);
        let mut lines = done.stderr.lines();
        let sentence = lines.next().unwrap_or_default();
        assert!(sentence.contains(named), "{args:?}: {sentence}");
        // What follows the sentence are its causes.
        assert!(lines.all(|line| line.starts_with("  ")), "{}", done.stderr);
    }
    let wrong = run(programs::flodrama(), ["up", "--prot", "0"]);
    assert_eq!(wrong.code, Some(2), "{}", wrong.stderr);
}

#[tokio::test]
async fn two_stacks_never_share_a_folder() {
    let folder = tempfile::tempdir().expect("folder");
    let data = folder.path().join("data");
    let first = Stack::start(&data, &[]);
    let mut second = Process::start(&programs::flodrama(), |command| {
        command.arg("up").arg("--data").arg(&data).args(["--port", "0"]);
    });
    let status = second.ended_within(STARTS_WITHIN).expect("it gives up");
    assert_eq!(status.code(), Some(1));
    let said = second.said();
    assert!(said.contains(data.to_str().expect("a plain path")), "{said}");
    assert_eq!(first.command(["status"]).code, Some(0), "the first goes on");
    stop(first, Signal::INT);
}

#[test]
fn a_relative_data_folder_works_from_where_the_user_stands() {
    let folder = tempfile::tempdir().expect("folder");
    Clip { name: "pilot.mp4", frames: 25, ..Clip::default() }.make(folder.path());
    let process = Process::start(&programs::flodrama(), |command| {
        command.current_dir(folder.path()).args(["up", "--data", "here", "--port", "0", "pilot.mp4"]);
    });
    process.line("player page", STARTS_WITHIN, |line| line.starts_with("player page ").then_some(()));
    assert!(process.stop(Signal::INT).status.success());
}

fn stop(stack: Stack, signal: Signal) {
    let children = stack.process.descendants();
    let stopped = stack.process.stop(signal);
    assert!(stopped.status.success(), "{:?}", stopped.status);
    assert!(stopped.took < STOPS_WITHIN, "it took {:?}", stopped.took);
    assert_eq!(process::alive(&children), [0; 0], "children are left");
    let left = scratch_holds(&stack.data);
    assert!(left.is_empty(), "left in the scratch folder: {left:?}");
}

/// What jobs and trials left behind.
fn scratch_holds(data: &Path) -> Vec<std::ffi::OsString> {
    let entries = std::fs::read_dir(data.join("scratch")).into_iter().flatten();
    entries.map(|entry| entry.expect("an entry").file_name()).collect()
}

/// Everything in the bucket, by entity tag and time of its last write.
async fn written(stack: &Stack) -> Vec<(Option<String>, Option<String>, String)> {
    let s3 = Access::to_s3(&stack.settings).s3();
    let listed = s3.list_objects_v2().bucket(&stack.settings.s3.bucket).send().await.expect("a listing");
    let objects = listed.contents.unwrap_or_default().into_iter();
    objects.map(|o| (o.key, o.e_tag, format!("{:?}", o.last_modified))).collect()
}
