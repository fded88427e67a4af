//! R10: garbage is collected, and never anything that is in use.

use std::collections::BTreeMap;
use std::time::Duration;

use flodrama_asset::document::Pointer;
use flodrama_asset::{AssetId, JobFile, ObjectKey, PublishedFile, RungName, SourceRef, TrackFile, Version};
use flodrama_store::garbage::{garbage, sweep};
use flodrama_store::{Condition, Put, RollbackError, roll_back};
use time::OffsetDateTime;

use crate::bench::{BUCKET, Bench, until};

const SEGMENTS: u32 = 40;

fn asset() -> AssetId {
    "demo".parse().expect("an id")
}

fn version(n: u32) -> Version {
    format!("v{n:016}").parse().expect("a version")
}

/// Keys of a version: playlist, segments, commit.
fn keys(n: u32) -> Vec<ObjectKey> {
    let rung = RungName::from(720);
    let published = |file| ObjectKey::Published(asset(), version(n), file);
    let job = |file| ObjectKey::Job(asset(), version(n), file);
    (1..=SEGMENTS)
        .map(|s| published(PublishedFile::Video(rung.clone(), TrackFile::Segment(s))))
        .chain([published(PublishedFile::Multivariant), job(JobFile::Commit("chunk-0000".into()))])
        .chain([job(JobFile::Failure)])
        .collect()
}

/// Anew, whatever is there.
async fn put(bench: &Bench, key: &ObjectKey) {
    bench.store.delete(key).await.expect("deleted");
    let Put::Written(_) = bench.store.put(key, "{}", Condition::IfAbsent).await.expect("put") else {
        panic!("refused");
    };
}

async fn point(bench: &Bench, live: u32, previous: Option<u32>) {
    let source = SourceRef {
        bucket: BUCKET.into(),
        key: "uploads/demo.mp4".into(),
        etag: "e".into(),
        version_id: None,
        sequencer: None,
        sidecars: Vec::new(),
    };
    let (version, previous) = (version(live), previous.map(version));
    let pointer =
        Pointer { version, previous, published_at: OffsetDateTime::now_utc(), source, undone: None };
    let when = match bench.pointer("demo").await {
        None => Condition::IfAbsent,
        Some((_, etag)) => Condition::IfMatch(etag),
    };
    let put = bench.store.put_json(&ObjectKey::Pointer(asset()), &pointer, when).await;
    assert!(matches!(put, Ok(Put::Written(_))));
}

/// How many of a version's objects are there, those that say what became of it apart.
async fn left(bench: &Bench, n: u32) -> (usize, usize) {
    let listed = bench.keys("").await;
    let is_there = |key: &ObjectKey| listed.contains(&key.to_string());
    let (notes, others): (Vec<_>, Vec<_>) =
        keys(n).into_iter().partition(|key| matches!(key, ObjectKey::Job(_, _, JobFile::Failure)));
    (others.iter().filter(|key| is_there(key)).count(), notes.iter().filter(|key| is_there(key)).count())
}

/// Enough for either to end before the other begins.
const LONG: Duration = Duration::from_secs(2);
const WHOLE: (usize, usize) = (SEGMENTS as usize + 2, 1);

#[tokio::test(flavor = "multi_thread")]
async fn r10_gc_lists_first_and_removes_only_what_nobody_needs() {
    let bench = Bench::start().await;
    for n in 1..=3 {
        for key in keys(n) {
            put(&bench, &key).await;
        }
    }
    point(&bench, 3, Some(2)).await;
    // Written a moment ago: somebody may be at work on it.
    assert!(bench.command(&["gc"]).starts_with("0 objects"));
    // Times of writing are whole seconds.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let progress = ObjectKey::Job(asset(), version(1), JobFile::Progress);
    put(&bench, &progress).await;
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert!(bench.command(&["gc", "--older-than", "0"]).starts_with("0 objects"), "it is at work");
    bench.store.delete(&progress).await.expect("deleted");
    let said = bench.command(&["gc", "--older-than", "0"]);
    assert!(said.starts_with(&format!("demo  {}  {} objects", version(1), WHOLE.0)), "{said}");
    assert_eq!(left(&bench, 1).await, WHOLE, "it was only listed");
    bench.command(&["gc", "--older-than", "0", "--delete"]);
    assert_eq!(left(&bench, 1).await, (0, 1), "what it says of itself stays");
    assert_eq!((left(&bench, 2).await, left(&bench, 3).await), (WHOLE, WHOLE));
    assert!(bench.command(&["gc", "--older-than", "0"]).starts_with("0 objects"));
    let missing = roll_back(&bench.store, &asset(), Some(version(1)), OffsetDateTime::now_utc()).await;
    assert!(matches!(missing, Err(RollbackError::NoSuchVersion(..))), "{missing:?}");
}

/// An operator goes back and forth between versions while garbage is collected: whatever wins, what is live and the one
/// before are whole.
#[tokio::test(flavor = "multi_thread")]
async fn r10_a_rollback_and_the_collection_of_garbage_never_meet_in_one_version() {
    let bench = Bench::start().await;
    let age = Duration::ZERO;
    let mut outcomes = BTreeMap::<&str, usize>::new();
    for round in 0..12_u64 {
        for n in 1..=3 {
            for key in keys(n) {
                put(&bench, &key).await;
            }
        }
        point(&bench, 3, Some(2)).await;
        // As seen a day later: nothing is recent.
        let now = OffsetDateTime::now_utc() + Duration::from_secs(24 * 3600);
        let found = garbage(&bench.store, age, now).await.expect("a list");
        assert_eq!(found.len(), 1, "version 1");
        // One after the other in the first two rounds; then at once.
        let sweeping = async {
            tokio::time::sleep(if round == 0 { LONG } else { Duration::ZERO }).await;
            sweep(&bench.store, &found[0], age, now).await
        };
        let rollback = async {
            tokio::time::sleep(if round == 1 { LONG } else { Duration::from_micros(round % 6 * 400) }).await;
            roll_back(&bench.store, &asset(), Some(version(1)), OffsetDateTime::now_utc()).await
        };
        let (swept, rolled) = tokio::join!(sweeping, rollback);
        let swept = swept.expect("swept");
        *outcomes.entry(if rolled.is_ok() { "rolled back" } else { "collected" }).or_default() += 1;
        let (pointer, _) = bench.pointer("demo").await.expect("a pointer");
        for needed in [Some(pointer.version), pointer.previous].into_iter().flatten() {
            let n = (1..=3).find(|n| version(*n) == needed).expect("one of the three");
            let whole = until("what was put back", async || Some(left(&bench, n).await)).await;
            assert_eq!(whole, WHOLE, "round {round}: {needed}, {swept:?}, {rolled:?}");
        }
    }
    assert_eq!(outcomes.len(), 2, "each of them won: {outcomes:?}");
}
