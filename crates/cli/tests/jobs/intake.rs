//! R1 to R4: what the queue says, and which upload counts.

use flodrama_asset::AssetId;

use crate::bench::{BUCKET, Bench, event, until};

/// S3 form-encodes keys, EventBridge does not; no video in them, so the record of the failure says what was read.
#[tokio::test(flavor = "multi_thread")]
async fn r01_keys_are_decoded_once_in_the_envelope_that_encodes_them() {
    let bench = Bench::start().await;
    let plain = "uploads/e+v%20ent.mp4";
    let etag = bench.upload(plain, "no video").await;
    bench.purge().await;
    let body = format!(
        r#"{{"version":"0","source":"aws.s3","detail-type":"Object Created","detail":{{"version":"0",
        "bucket":{{"name":"{BUCKET}"}},"object":{{"key":"{plain}","size":8,"etag":"{etag}","sequencer":"00"}},
        "reason":"PutObject"}}}}"#
    );
    bench.send(&body).await;
    let odd = ["uploads/a b+c é.mp4", "uploads/100%25.mp4", "uploads/saison 1/é&=?.mp4"];
    for key in odd {
        bench.upload(key, "no video").await;
    }
    let worker = bench.worker("worker", |_| {});
    bench.drained().await;
    let mut found: Vec<_> = bench.failures().await.into_iter().map(|f| (f.asset, f.source.key)).collect();
    found.sort();
    let mut wanted: Vec<_> = odd
        .into_iter()
        .chain([plain])
        .map(|key| (AssetId::from_upload_key(key).expect("an id"), key.to_owned()))
        .collect();
    wanted.sort();
    assert_eq!(found, wanted);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r02_test_events_are_acknowledged_and_every_record_counts() {
    let bench = Bench::start().await;
    let mut records = Vec::new();
    for name in ["one", "two", "three"] {
        let etag = bench.upload(&format!("uploads/{name}.mp4"), format!("no video: {name}")).await;
        let event = event(&format!("uploads/{name}.mp4"), &etag, None);
        let record = &event[event.find('[').expect("[") + 1..event.rfind(']').expect("]")];
        // A later minor version, with a field that nobody knows yet.
        records.push(record.replace(r#""2.1""#, r#""2.7","glacierEventData":{"restoreEventData":{}}"#));
    }
    bench.purge().await;
    bench
        .send(r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Time":"2026-11-26T04:00:00Z","Bucket":"b"}"#)
        .await;
    bench.send(&format!(r#"{{"Records":[{}]}}"#, records.join(","))).await;
    // Of another major version nothing is guessed: the redrive policy takes it to the dead letters.
    let other = event("uploads/one.mp4", "e", None).replace(r#""2.1""#, r#""3.0""#);
    bench.send(&other).await;
    let worker = bench.worker("worker", |_| {});
    until("three failures", async || (bench.failures().await.len() == 3).then_some(())).await;
    // On a slow machine the redrive policy may have taken it by now.
    let left =
        async || bench.messages(bench.stack.queue_url()).await + bench.messages(bench.stack.dlq_url()).await;
    until("one message", async || (left().await == 1).then_some(())).await;
    worker.stop().await;
    assert_eq!(left().await, 1, "it is not acknowledged");
}

#[tokio::test(flavor = "multi_thread")]
async fn r03_an_older_upload_never_replaces_a_newer_one() {
    let bench = Bench::start().await;
    let key = "uploads/demo.mp4";
    let old = bench.upload(key, bench.clip(1)).await;
    let new = bench.upload(key, bench.clip(2)).await;
    bench.purge().await;
    let worker = bench.worker("worker", |_| {});
    bench.send(&event(key, &new, Some("0055AED6DCD90281E5"))).await;
    let (live, etag) = until("a publication", async || bench.pointer("demo").await).await;
    assert_eq!(live.source.etag, new);
    // Older by the same count, by counts that cannot be compared, by none; and the newer one once more, as SQS may.
    for sequencer in [Some("0055AED6DCD90281E4"), Some("FFFF"), Some("00FFFFFFFFFFFFFFFFFFFF"), None] {
        bench.send(&event(key, &old, sequencer)).await;
        bench.send(&event(key, &new, Some("0055AED6DCD90281E5"))).await;
    }
    bench.drained().await;
    let (_, now) = bench.pointer("demo").await.expect("a pointer");
    assert_eq!(now, etag, "the pointer was written again");
    assert!(bench.failures().await.is_empty(), "an upload that was replaced is no failure");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r04_an_upload_that_is_replaced_before_it_is_read_ends_as_superseded() {
    let bench = Bench::start().await;
    let key = "uploads/demo.mp4";
    // Two messages, in order; what the first one names is there no more.
    bench.upload(key, bench.clip(1)).await;
    let new = bench.upload(key, bench.clip(2)).await;
    let worker = bench.worker("worker", |_| {});
    bench.drained().await;
    let (live, _) = bench.pointer("demo").await.expect("a pointer");
    assert_eq!((live.source.etag, live.previous), (new, None));
    assert!(bench.failures().await.is_empty());
    let versions = bench.store.list_folders("vod/demo/").await.expect("a listing");
    assert_eq!(versions, [live.version.to_string()], "nothing of the first was published");
    worker.stop().await;
}
