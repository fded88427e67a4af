//! R12: dead letters, and what a redrive of them does.

use crate::bench::{Bench, until};

#[tokio::test(flavor = "multi_thread")]
async fn r12_a_redrive_brings_dead_letters_back_and_a_second_one_adds_nothing() {
    let bench = Bench::start().await;
    let (url, dead) = (bench.stack.queue_url(), bench.stack.dlq_url());
    let clip = bench.clip(1);
    bench.upload("uploads/demo.mp4", clip).await;
    bury(&bench).await;
    assert_eq!(bench.messages(dead).await, 1);
    let worker = bench.worker("worker", |_| {});
    bench.command(&["redrive"]);
    assert!(bench.command(&["redrive"]).contains("empty"));
    let (_, etag) = until("the publication", async || bench.pointer("demo").await).await;
    bench.drained().await;
    worker.stop().await;

    // The same event dies and comes back after its work was done: nothing is left to do.
    let before = bench.keys("").await;
    let (live, _) = bench.pointer("demo").await.expect("a pointer");
    bench
        .send(&crate::bench::event("uploads/demo.mp4", &live.source.etag, live.source.sequencer.as_deref()))
        .await;
    bury(&bench).await;
    bench.command(&["redrive"]);
    assert_eq!((bench.messages(url).await, bench.messages(dead).await), (1, 0));
    let worker = bench.worker("worker", |_| {});
    bench.drained().await;
    assert_eq!(bench.pointer("demo").await.expect("a pointer").1, etag);
    assert_eq!(bench.keys("").await, before);
    worker.stop().await;
}

/// Receives the message until the redrive policy takes it.
async fn bury(bench: &Bench) {
    for _ in 0..6 {
        let receive = bench.sqs.receive_message().queue_url(bench.stack.queue_url()).visibility_timeout(0);
        receive.send().await.expect("an answer");
    }
}
