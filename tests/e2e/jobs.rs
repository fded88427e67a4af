//! Jobs that are never lost, and several workers on one episode: the worker's own binary against moto, ended in every way
//! that a machine ends it. Tests are named after the requirements of docs/RELIABILITY.md.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;

use crate::peer::{BUCKET, Peer};
use crate::support::aws;
use crate::support::clip::Clip;
use crate::support::process::{self, Process, Signal};
use crate::support::{programs, until};

const WITHIN: Duration = Duration::from_secs(180);
/// What a drain may take: a spot instance has two minutes.
const DRAINED_WITHIN: Duration = Duration::from_secs(90);

#[tokio::test]
async fn r16_two_workers_share_an_episode_and_its_bytes_are_those_of_one() {
    let bench = Bench::new(2000);
    let alone = bench.peer().await;
    let worker = bench.worker(&alone, &[("FLODRAMA_WORK__HELPERS", "0")]);
    let (version, by_one) = published(&alone).await;
    assert!(claims(&alone, &version).await.is_empty(), "nobody was asked, so nothing is claimed");
    drop(worker);

    let peer = bench.peer().await;
    let workers = [bench.worker(&peer, SHARED), bench.worker(&peer, SHARED)];
    let (same, by_two) = published(&peer).await;
    assert_eq!(version, same);
    assert_same(&by_one, &by_two);
    let claims = claims(&peer, &version).await;
    let names: BTreeSet<&String> = claims.values().collect();
    assert_eq!(names.len(), 2, "both have made chunks: {claims:?}");
    // Progress is the whole job's, and nothing of the offers is left.
    let progress = peer.json(&format!("jobs/clip/{version}/progress.json")).await;
    assert_eq!((&progress["state"], &progress["percent"]), (&Value::from("published"), &Value::from(100.0)));
    let preview = String::from_utf8(by_two["preview/main.m3u8"].clone()).expect("text");
    assert!(preview.contains("video/180p/index.m3u8"), "{preview}");
    peer.drained().await;
    for worker in workers {
        assert!(worker.stop(Signal::TERM).status.success());
    }
}

#[tokio::test]
async fn r16_a_helper_that_dies_costs_its_chunk_and_nothing_else() {
    let bench = Bench::new(2000);
    let peer = bench.peer().await;
    let first = bench.worker(&peer, SHARED);
    first.line("an offer", WITHIN, |line| line.contains("help is asked for").then_some(()));
    let helper = bench.worker(&peer, SHARED);
    // Two claims by the second name: one is made, one is at work.
    let version = until("a helper's chunks", WITHIN, async || {
        let keys = aws::keys(&peer.s3, BUCKET, "jobs/clip/").await;
        let version = keys.first()?.split('/').nth(2)?.to_owned();
        let claims = claims(&peer, &version).await;
        let first = claims.values().next()?.clone();
        (claims.values().filter(|name| **name != first).count() >= 2).then_some(version)
    })
    .await;
    helper.stop(Signal::KILL);
    let (same, files) = published(&peer).await;
    assert_eq!(version, same);
    assert!(files.len() > 20, "{}", files.len());
    // The offer that it held comes back, late, and is let go.
    peer.drained().await;
    assert!(first.stop(Signal::TERM).status.success());
}

/// No notice, no signal that can be caught: R14 says that nothing protects from it.
#[tokio::test]
async fn r14_what_a_killed_worker_has_finished_another_worker_goes_on_from() {
    let bench = Bench::new(1000);
    let peer = bench.peer().await;
    let first = bench.worker(&peer, &[]);
    let (version, done) = commits_of_chunks(&peer, 2).await;
    let children = first.descendants();
    first.stop(Signal::KILL);
    // Children end by themselves once nobody listens; none is left to write into a folder that another job may use.
    assert_eq!(process::alive(&children), [0; 0], "children are left");
    assert!(aws::object(&peer.s3, BUCKET, "vod/clip/current.json").await.is_none(), "it was killed too late");

    let second = bench.worker(&peer, &[]);
    let (same, _) = published(&peer).await;
    assert_eq!(version, same);
    for (key, etag) in done {
        assert_eq!(peer.etag(&key).await, Some(etag), "{key} was made again");
    }
    peer.drained().await;
    assert!(second.stop(Signal::TERM).status.success());
}

#[tokio::test]
async fn r13_a_spot_notice_and_sigterm_give_the_work_back_at_once() {
    let bench = Bench::new(3000);
    let peer = bench.peer().await;
    let imds = Imds::start();
    let mut before = 0;
    for notice in [true, false] {
        let endpoint = [("FLODRAMA_SPOT__ENDPOINT_URL", imds.url.as_str())];
        // Long enough that a message which is not given back would not show here.
        let long = [("FLODRAMA_QUEUE__VISIBILITY_TIMEOUT_S", "600")];
        let mut worker = bench.worker(&peer, &[endpoint, long].concat());
        // It is at work: it has added to what was there.
        let (_, done) = commits_of_chunks(&peer, before + 2).await;
        if notice {
            imds.take_away.store(true, Ordering::SeqCst);
            let status = worker.ended_within(DRAINED_WITHIN).expect("it ends by itself");
            assert!(status.success(), "{status:?}");
            imds.take_away.store(false, Ordering::SeqCst);
        } else {
            let stopped = worker.stop(Signal::TERM);
            assert!(stopped.status.success(), "{:?}", stopped.status);
        }
        // It may have finished more before it heard.
        before = commits_of_chunks(&peer, done.len()).await.1.len();
        for (key, etag) in done {
            assert_eq!(peer.etag(&key).await, Some(etag), "{key} was not kept");
        }
        assert!(!aws::is_empty(&peer.sqs, &peer.queue_url).await, "the message is there still");
        let visible = peer.next_message().await;
        assert!(visible.contains("clip.mp4"), "{visible}");
        let left = std::fs::read_dir(bench.folder.path().join("scratch")).expect("a folder").count();
        assert_eq!(left, 0, "scratch is empty");
    }
    let worker = bench.worker(&peer, &[]);
    published(&peer).await;
    peer.drained().await;
    assert!(worker.stop(Signal::TERM).status.success());
}

/// Who works is not idle: instances follow what waits and what is held, or the last message's instance would be taken away.
#[tokio::test]
async fn r15_instances_follow_what_waits_and_what_is_held() {
    let bench = Bench::new(2000);
    let peer = bench.peer().await;
    peer.upload("uploads/notes.mp4", b"Remember the milk.".to_vec()).await;
    assert_eq!(desired(&peer, 1), 2.0, "two wait");
    let worker = bench.worker(&peer, &[("FLODRAMA_WORK__HELPERS", "0")]);
    commits_of_chunks(&peer, 1).await;
    assert_eq!(desired(&peer, 1), 2.0, "one waits, one is at work");
    assert_eq!(desired(&peer, 4), 0.5, "two instances of four have nothing to do");
    published(&peer).await;
    peer.drained().await;
    assert_eq!(desired(&peer, 1), 0.0, "nothing is left");
    assert!(worker.stop(Signal::TERM).status.success());
}

/// What the shipped scaling policy comes to for the queue, as a share of the instances that there are.
fn desired(peer: &Peer, instances: usize) -> f64 {
    let repository = programs::repository();
    let done = Command::new(programs::moto_python())
        .arg(repository.join("tests/scaling/backlog.py"))
        .arg(repository.join("deploy/scale-by-backlog.json"))
        .args([&peer.endpoint, &peer.queue_url, &instances.to_string()])
        .output()
        .expect("Python runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).expect("text").trim().parse().expect("a number")
}

/// The commits of chunks, once there are so many.
async fn commits_of_chunks(peer: &Peer, least: usize) -> (String, Vec<(String, String)>) {
    let keys = until("chunks", WITHIN, async || {
        let keys = aws::keys(&peer.s3, BUCKET, "jobs/clip/").await;
        let chunks: Vec<String> = keys.into_iter().filter(|key| key.contains("/commits/chunk-")).collect();
        (chunks.len() >= least).then_some(chunks)
    })
    .await;
    let version = keys[0].split('/').nth(2).expect("a version").to_owned();
    let mut done = Vec::new();
    for key in keys {
        let etag = peer.etag(&key).await.expect("a commit");
        done.push((key, etag));
    }
    (version, done)
}

/// Each is asked, and takes one chunk at a time.
const SHARED: &[(&str, &str)] = &[("FLODRAMA_WORK__HELPERS", "2"), ("FLODRAMA_WORK__SHARE_FROM_S", "1")];

/// A clip, and a preset whose chunks are short.
struct Bench {
    folder: tempfile::TempDir,
    clip: Vec<u8>,
    preset: PathBuf,
}

impl Bench {
    fn new(frames: u32) -> Bench {
        let folder = tempfile::tempdir().expect("folder");
        let clip = Clip { frames, ..Clip::default() }.make(folder.path());
        let clip = std::fs::read(clip).expect("the clip");
        let preset = short_chunks(folder.path());
        Bench { folder, clip, preset }
    }

    /// moto with the clip in it.
    async fn peer(&self) -> Peer {
        let peer = Peer::start().await;
        peer.upload("uploads/clip.mp4", self.clip.clone()).await;
        peer
    }

    fn worker(&self, peer: &Peer, more: &[(&str, &str)]) -> Process {
        let preset = self.preset.to_str().expect("a plain path");
        let base = [
            ("FLODRAMA_WORK__PRESET", preset),
            ("FLODRAMA_WORK__JOBS", "1"),
            ("FLODRAMA_WORK__FAMILIES", "[]"),
            ("FLODRAMA_QUEUE__VISIBILITY_TIMEOUT_S", "10"),
        ];
        peer.worker_with(self.folder.path(), &[&base, more].concat())
    }
}

fn short_chunks(folder: &Path) -> PathBuf {
    let shipped = std::fs::read_to_string(programs::repository().join("presets/web-h264.toml"));
    let short = shipped.expect("the shipped preset").replace("segment_gops = 3", "segment_gops = 1");
    let short = short.replace("chunk_segments = 2", "chunk_segments = 1");
    let preset = folder.join("short.toml");
    std::fs::write(&preset, short).expect("preset");
    preset
}

/// Waits for the publication; gives the version and its files by path, without the report, which says what it cost.
async fn published(peer: &Peer) -> (String, BTreeMap<String, Vec<u8>>) {
    let live = until("the publication", WITHIN, async || {
        let pointer = aws::object(&peer.s3, BUCKET, "vod/clip/current.json").await?;
        serde_json::from_slice::<Value>(&pointer).ok()
    })
    .await;
    let version = live["version"].as_str().expect("a version").to_owned();
    let prefix = format!("vod/clip/{version}/");
    let mut files = BTreeMap::new();
    for key in aws::keys(&peer.s3, BUCKET, "vod/clip/v").await {
        let path = key.strip_prefix(&prefix).expect("one version alone").to_owned();
        files.insert(path, aws::object(&peer.s3, BUCKET, &key).await.expect("a file"));
    }
    assert!(files.remove("report.json").is_some(), "{:?}", files.keys());
    (version, files)
}

fn assert_same(one: &BTreeMap<String, Vec<u8>>, other: &BTreeMap<String, Vec<u8>>) {
    assert_eq!(one.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>());
    for (path, bytes) in one {
        assert!(other[path] == *bytes, "{path} differs");
    }
}

/// Who claimed each chunk.
async fn claims(peer: &Peer, version: &str) -> BTreeMap<String, String> {
    let mut claims = BTreeMap::new();
    for key in aws::keys(&peer.s3, BUCKET, &format!("jobs/clip/{version}/claims/chunk-")).await {
        // Taken back in between: not listed.
        let Some(claim) = aws::object(&peer.s3, BUCKET, &key).await else { continue };
        let claim: Value = serde_json::from_slice(&claim).expect("a claim");
        claims.insert(key, claim["worker"].as_str().expect("a name").to_owned());
    }
    claims
}

/// The instance metadata service of EC2, version 2: a token by PUT, and nothing without it.
struct Imds {
    url: String,
    take_away: Arc<AtomicBool>,
}

impl Imds {
    const TOKEN: &str = "a-session-token";

    fn start() -> Imds {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let take_away = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&take_away);
        // It ends with the process; nobody waits for it.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.expect("a connection");
                let head: Vec<String> = BufReader::new(&stream)
                    .lines()
                    .map_while(|line| line.ok().filter(|line| !line.is_empty()))
                    .collect();
                let (status, body) = Imds::answer(&head, told.load(Ordering::SeqCst));
                let length = body.len();
                let ttl = "x-aws-ec2-metadata-token-ttl-seconds: 21600";
                let answer = format!(
                    "HTTP/1.1 {status}\r\n{ttl}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
                );
                // Who asked may be gone.
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        Imds { url, take_away }
    }

    fn answer(head: &[String], take_away: bool) -> (&'static str, &'static str) {
        let has = |name: &str, value: &str| {
            head.iter().any(|line| line.to_ascii_lowercase().starts_with(&format!("{name}: {value}")))
        };
        let request = head.first().map(String::as_str).unwrap_or_default();
        match request.split(' ').collect::<Vec<_>>()[..] {
            ["PUT", "/latest/api/token", _] if has("x-aws-ec2-metadata-token-ttl-seconds", "") => {
                ("200 OK", Imds::TOKEN)
            }
            ["GET", ..] if !has("x-aws-ec2-metadata-token", Imds::TOKEN) => ("401 Unauthorized", ""),
            ["GET", "/latest/meta-data/spot/instance-action", _] if take_away => {
                ("200 OK", r#"{"action": "terminate", "time": "2026-11-26T08:22:00Z"}"#)
            }
            _ => ("404 Not Found", ""),
        }
    }
}
