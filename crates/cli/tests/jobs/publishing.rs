//! R8 and R10: what is published is whole, and the pointer's copies are forgotten.

use std::time::{Duration, Instant};

use aws_sdk_cloudfront::types::{InvalidationBatch, Paths};
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
