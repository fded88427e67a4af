//! R5 to R7: who has a message, and what happens where two believe that they have it.

use std::time::Duration;

use flodrama_local_aws::StaleHandles;
use flodrama_worker::intake::Queue;

use crate::bench::{Bench, until};

#[tokio::test(flavor = "multi_thread")]
async fn r05_a_message_stays_hidden_for_as_long_as_it_is_held() {
    let bench = Bench::start().await;
    let url = bench.stack.queue_url();
    let visibility = Duration::from_secs(3);
    let queue = Queue::new(bench.sqs.clone(), url, visibility, Duration::from_secs(60));
    bench.send("work").await;
    let held = queue.receive().await.expect("an answer").expect("the message");
    // Past twice what one receive hides it for.
    for _ in 0..7 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let seen = bench.sqs.receive_message().queue_url(url).send().await.expect("an answer");
        assert!(seen.messages.is_none(), "somebody else got it");
    }
    drop(held);
    let again = queue.receive().await.expect("an answer").expect("it comes back");
    assert_eq!((again.body.as_str(), again.receives), ("work", 2));
    again.acknowledge().await.expect("acknowledged");
    assert_eq!(bench.messages(url).await, 0);
}

/// SQS ends every hold after 12 hours: before that the rest goes on under a fresh message.
#[tokio::test(flavor = "multi_thread")]
async fn r05_work_that_is_held_too_long_goes_on_under_a_fresh_message() {
    let bench = Bench::start().await;
    let clip = bench.clip(40);
    bench.upload("uploads/demo.mp4", clip).await;
    let ids = || {
        let folder = bench.folder.path().join("data/sqs/uploads/messages");
        let files = std::fs::read_dir(folder).expect("the queue").flatten();
        files.map(|file| file.file_name()).collect::<Vec<_>>()
    };
    let first = ids();
    let worker = bench.worker("short", |config| config.queue.hold_at_most_s = 1);
    let second = until("a fresh message", async || {
        Some(ids()).filter(|now| !now.is_empty() && now.iter().all(|id| !first.contains(id)))
    })
    .await;
    assert_eq!(second.len(), 1, "the old one is deleted");
    worker.stop().await;
    assert!(bench.pointer("demo").await.is_none(), "it was not interrupted");
    let worker = bench.worker("long", |_| {});
    bench.drained().await;
    assert!(bench.pointer("demo").await.is_some());
    worker.stop().await;
}

/// R6: another worker gets the message while the first goes on. SQS was seen to answer to the first one's heartbeats in
/// two ways. Both workers assemble; what they write is the same, and the pointer moves once.
#[tokio::test(flavor = "multi_thread")]
async fn r06_two_workers_with_one_message_do_no_harm() {
    for answer in [StaleHandles::Ignore, StaleHandles::Refuse] {
        let bench = Bench::start().await;
        bench.stack.set_stale_handles(answer);
        let clip = bench.clip(40);
        bench.upload("uploads/demo.mp4", clip).await;
        let start = |name| {
            bench.worker(name, |config| {
                (config.work.helpers, config.work.share_from_s) = (1, 1);
            })
        };
        let first = start("first");
        bench.chunks(1).await;
        // Longer than one receive hides it for, and before the next heartbeat.
        bench.stack.advance(Duration::from_secs(31));
        let second = start("second");
        until("a second job", async || (!second.is_idle()).then_some(())).await;
        let (live, etag) = until("a publication", async || bench.pointer("demo").await).await;
        until("both at their end", async || (first.is_idle() && second.is_idle()).then_some(())).await;
        bench.drained().await;
        let (_, now) = bench.pointer("demo").await.expect("a pointer");
        assert_eq!((now, live.previous), (etag, None), "{answer:?}: the pointer moved twice");
        let versions = bench.store.list_folders("vod/demo/").await.expect("a listing");
        assert_eq!(versions, [live.version.to_string()], "{answer:?}");
        assert!(bench.failures().await.is_empty(), "{answer:?}");
        first.stop().await;
        second.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn r07_a_message_is_acknowledged_once_its_outcome_can_be_read() {
    let bench = Bench::start().await;
    for (key, bytes) in [("uploads/good.mp4", bench.clip(1)), ("uploads/bad.mp4", b"no video".to_vec())] {
        bench.upload(key, bytes).await;
        let worker = bench.worker("worker", |_| {});
        loop {
            // In this order: what is not there at the first look was not there when the message went.
            let (waiting, published, failures) = (
                bench.messages(bench.stack.queue_url()).await,
                bench.pointer("good").await.is_some(),
                bench.failures().await.len(),
            );
            if waiting == 0 {
                assert!(if key.contains("good") { published } else { failures == 1 }, "{key}");
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        worker.stop().await;
    }
}
