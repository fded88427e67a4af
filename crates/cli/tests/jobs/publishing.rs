//! R8 to R10: what is published is whole, and the pointer's copies are forgotten.

use std::time::{Duration, Instant};

use aws_sdk_cloudfront::types::{InvalidationBatch, Paths};
use aws_sdk_s3::error::ProvideErrorMetadata;
use flodrama_worker::publish::invalidate;
use time::OffsetDateTime;

use crate::bench::Bench;

/// A commit says that files were written, not that nobody has removed them since.
#[tokio::test(flavor = "multi_thread")]
async fn r10_what_was_removed_from_the_bucket_is_there_again_before_the_pointer_moves() {
    let bench = Bench::start().await;
    bench.upload("uploads/demo.mp4", bench.clip(40)).await;
    let worker = bench.worker("first", |_| {});
    bench.chunks(2).await;
    worker.stop().await;
    assert!(bench.pointer("demo").await.is_none(), "it was not interrupted");
    let removed = bench.keys("vod/demo/").await.into_iter().find(|key| key.ends_with("/00001.m4s"));
    let removed = removed.expect("a segment of the first chunk");
    bench.s3.delete_object().bucket(crate::bench::BUCKET).key(&removed).send().await.expect("removed");

    let worker = bench.worker("second", |_| {});
    bench.drained().await;
    assert!(bench.pointer("demo").await.is_some());
    assert!(bench.keys("vod/demo/").await.contains(&removed), "{removed}");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r08_each_move_of_a_pointer_is_invalidated_alone_and_again_where_cloudfront_is_full() {
    let bench = Bench::start().await;
    let distribution = bench.stack.distribution_id();
    let paths: Vec<String> = (0..3000).map(|n| format!("/other/{n}")).collect();
    let paths = Paths::builder().quantity(3000).set_items(Some(paths)).build().expect("paths");
    let others =
        InvalidationBatch::builder().paths(paths).caller_reference("others").build().expect("a batch");
    let create = bench.cloudfront.create_invalidation().distribution_id(distribution);
    create.invalidation_batch(others).send().await.expect("room for 3000");

    let begun = Instant::now();
    let asset = "demo".parse().expect("an id");
    let first = OffsetDateTime::UNIX_EPOCH;
    invalidate(&bench.cloudfront, distribution, &asset, first).await.expect("once there is room");
    assert!(begun.elapsed() >= Duration::from_secs(1), "there was no room");
    // Sent again it is the same request; the next move, back to a version that was live before, is another.
    invalidate(&bench.cloudfront, distribution, &asset, first).await.expect("the same");
    invalidate(&bench.cloudfront, distribution, &asset, first + Duration::from_secs(9))
        .await
        .expect("another");
    let ours: Vec<_> = bench.stack.invalidations().into_iter().skip(1).map(|one| one.paths).collect();
    assert_eq!(ours, [["/vod/demo/current.json"], ["/vod/demo/current.json"]]);
}

/// Every test of this suite runs under the policy; here it is seen to deny, and what was made under it to be all there.
#[tokio::test(flavor = "multi_thread")]
async fn r09_the_bucket_takes_commits_and_pointers_by_condition_alone() {
    let bench = Bench::start().await;
    bench.upload("uploads/demo.mp4", bench.clip(4)).await;
    let worker = bench.worker("one", |_| {});
    bench.drained().await;
    worker.stop().await;
    let (_, etag) = bench.pointer("demo").await.expect("a pointer");
    let commit = bench.keys("jobs/demo/").await.into_iter().find(|key| key.contains("/commits/"));
    let commit = commit.expect("a commit");

    let write =
        |key: &str| bench.s3.put_object().bucket(crate::bench::BUCKET).key(key).body(b"{}".to_vec().into());
    for key in ["vod/demo/current.json", commit.as_str()] {
        let refused = write(key).send().await.expect_err("without a condition");
        assert_eq!(refused.code(), Some("AccessDenied"), "{key}");
    }
    let refused = write(&commit).if_match("\"0\"").send().await.expect_err("a commit is written once");
    assert_eq!(refused.code(), Some("AccessDenied"));
    let (_, same) = bench.pointer("demo").await.expect("a pointer");
    assert_eq!(etag, same);
    // An operator's rollback is a write by condition too.
    bench.upload("uploads/demo.mp4", bench.clip(5)).await;
    let worker = bench.worker("two", |_| {});
    bench.drained().await;
    worker.stop().await;
    bench.command(&["rollback", "demo"]);
    assert_ne!(bench.pointer("demo").await.expect("a pointer").1, etag, "it says when it was written");
}
