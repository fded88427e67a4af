//! A device that works at the start and fails in the middle of a job. No machine of ours has one to break, so the media
//! child, which is a setting, is a script: it answers for the device as drivers were seen to, and leaves everything else
//! to the real program.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::peer::{BUCKET, Peer};
use crate::support::aws;
use crate::support::clip::Clip;
use crate::support::process::Signal;
use crate::support::programs;

#[tokio::test]
async fn a_job_whose_device_fails_is_done_by_the_processor_as_a_new_version() {
    let peer = Peer::start().await;
    let folder = tempfile::tempdir().expect("folder");
    let clip = Clip { frames: 400, ..Clip::default() }.make(folder.path());
    let child = failing_device(folder.path());
    let settings = [
        ("FLODRAMA_WORK__CHILD", child.to_str().expect("a plain path")),
        ("FLODRAMA_WORK__FAMILIES", "['nvenc']"),
        ("FLODRAMA_LOG__FORMAT", "json"),
    ];
    let worker = peer.worker_with(folder.path(), &settings);
    peer.upload("uploads/film.mp4", std::fs::read(clip).expect("the clip")).await;
    let pointer = peer.appears("vod/film/", "/current.json").await;
    peer.drained().await;

    let live = peer.json(&pointer).await;
    let version = live["version"].as_str().expect("a version").to_owned();
    assert!(live["previous"].is_null(), "the device's version was never live: {live}");
    let report = peer.json(&format!("vod/film/{version}/report.json")).await;
    assert_eq!(report["family"], "x264");
    let left = report["choices"].as_array().expect("choices").iter().find(|c| c["what"] == "family left");
    let why = left.expect("a reason")["why"].to_string();
    assert!(why.contains("nvenc") && why.contains("Input/output error"), "{why}");

    // The device's work is another version, left for the garbage collection; nothing of it is in this one.
    let keys = aws::keys(&peer.s3, BUCKET, "jobs/film/").await;
    let others: Vec<&String> = keys.iter().filter(|key| !key.contains(&version)).collect();
    assert!(others.iter().any(|key| key.ends_with("/progress.json")), "{keys:?}");
    assert!(others.iter().all(|key| !key.contains("/commits/chunk-")), "{others:?}");

    let said = worker.said();
    // Fewer encoders at a time were tried before, down to one.
    assert!(said.contains("device is full") && said.contains("\"cap\":1,"), "{said}");
    assert!(said.contains("planned anew"), "{said}");
    worker.stop(Signal::TERM);
}

/// A media child with a device: its trial is fine, it takes one encoder at a time, and is gone with the first frame.
fn failing_device(folder: &Path) -> PathBuf {
    let path = folder.join("child");
    let worker = programs::worker();
    let script = format!(
        r#"#!/bin/sh
fail() {{
    echo "$1" >&2
    echo '{{"failed":{{"kind":"internal","message":"The video could not be processed.","detail":"'"$2"'"}}}}'
    exit 1
}}
task=$(/bin/cat "$2")
case $task in
*try_encoder*h264_nvenc*) echo '{{"done":{{"tried":"encoded 12 frames"}}}}'; exit 0 ;;
*'"sessions":1}}'*) fail "[h264_nvenc] EncodePicture failed" "encode: Input/output error" ;;
*'"device":{{'*) fail "[h264_nvenc @ 0x1] OpenEncodeSessionEx failed: out of memory (10): (no details)" \
    "open encoder h264_nvenc: Generic error in an external library" ;;
esac
exec '{}' "$@"
"#,
        worker.display()
    );
    std::fs::write(&path, script).expect("a script");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("executable");
    path
}
