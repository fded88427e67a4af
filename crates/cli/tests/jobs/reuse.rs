//! What one version has spares another the work.

use crate::bench::{BUCKET, Bench, until};

/// The episode is half encoded when a subtitle file for it arrives and another worker takes that message.
#[tokio::test(flavor = "multi_thread")]
async fn a_subtitle_file_that_comes_mid_encode_costs_nothing_that_is_encoded() {
    let bench = Bench::start().await;
    bench.upload("uploads/demo.mp4", bench.clip(40)).await;
    let first = bench.worker("first", |_| {});
    let chunk = bench.chunks(2).await.remove(0);
    bench.upload("uploads/demo.en.srt", "1\n00:00:00,200 --> 00:00:01,800\nGood evening.\n").await;
    let second = bench.worker("second", |_| {});
    let (with_file, of_first) = until("another version", async || {
        let versions = bench.store.list_folders("jobs/demo/").await.expect("a listing");
        let of_first = chunk.split('/').nth(2).expect("a version").to_owned();
        versions.into_iter().find(|version| *version != of_first).map(|version| (version, of_first))
    })
    .await;
    let taken = chunk.replace(&of_first, &with_file);
    until("what was taken over", async || bench.keys("jobs/demo/").await.contains(&taken).then_some(()))
        .await;
    // The record says what it took, to the millisecond: the chunk was not encoded again.
    let read = async |key: &str| {
        let found = bench.s3.get_object().bucket(BUCKET).key(key).send().await.expect("a record");
        found.body.collect().await.expect("a body").to_vec()
    };
    assert_eq!(read(&chunk).await, read(&taken).await);
    bench.drained().await;
    let (live, _) = bench.pointer("demo").await.expect("a pointer");
    assert_eq!((live.version.as_str(), live.source.sidecars.len()), (with_file.as_str(), 1));
    assert!(bench.failures().await.is_empty());
    first.stop().await;
    second.stop().await;
}
