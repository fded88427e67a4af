//! What the queue is told of the bucket.

use aws_sdk_s3::types::CompletedPart;
use serde_json::Value;

use crate::multipart::complete;
use crate::peer::Peer;
use crate::s3::{ODD_KEYS, put};
use crate::sqs::drain;

async fn events(peer: &Peer, count: usize) -> Vec<Value> {
    let bodies = drain(peer, &peer.queue_url, count).await;
    bodies.iter().map(|body| serde_json::from_str(body).expect("JSON")).collect()
}

/// The key of an event, decoded once as a form is. moto escapes `/` too; both read alike.
fn key(event: &Value) -> String {
    let encoded = event["s3"]["object"]["key"].as_str().expect("key");
    let pair = format!("k={encoded}");
    url::form_urlencoded::parse(pair.as_bytes()).next().expect("a pair").1.into_owned()
}

pub async fn a_test_event_comes_first_and_only_uploads_are_announced(peer: &Peer) {
    put(peer, "vod/a/v1/main.m3u8", "x").await;
    put(peer, "jobs/a/v1/plan.json", "x").await;
    put(peer, "uploads/film.mp4", "x").await;
    let events = events(peer, 2).await;
    let test = events.iter().find(|event| event.get("Records").is_none()).expect("a test event");
    assert_eq!((&test["Event"], &test["Service"]), (&"s3:TestEvent".into(), &"Amazon S3".into()));
    assert_eq!(test["Bucket"], peer.bucket);
    let uploads = events.iter().filter_map(|event| event.get("Records"));
    let uploads: Vec<_> = uploads.flat_map(|records| records.as_array().expect("a list")).map(key).collect();
    assert_eq!(uploads, ["uploads/film.mp4"]);
}

pub async fn every_way_to_create_is_named(peer: &Peer) {
    let tag = put(peer, "uploads/a b+c é.mp4", "bytes").await;
    let source = format!("{}/uploads/a%20b%2Bc%20%C3%A9.mp4", peer.bucket);
    peer.s3
        .copy_object()
        .bucket(&peer.bucket)
        .key("uploads/copy")
        .copy_source(source)
        .send()
        .await
        .expect("copy");
    let begun = peer.s3.create_multipart_upload().bucket(&peer.bucket).key("uploads/multi").send().await;
    let id = begun.expect("begun").upload_id.expect("id");
    let request =
        peer.s3.upload_part().bucket(&peer.bucket).key("uploads/multi").upload_id(&id).part_number(1);
    let part = request.body(b"part".to_vec().into()).send().await.expect("part");
    let part = CompletedPart::builder().part_number(1).set_e_tag(part.e_tag).build();
    complete(peer, "uploads/multi", &id, vec![part], None).await.expect("completed");
    for odd in ODD_KEYS {
        put(peer, odd, odd).await;
    }

    // moto announces a completed upload twice, as a put too.
    let events = events(peer, 4 + ODD_KEYS.len() + usize::from(peer.is_moto())).await;
    let records = events.iter().filter_map(|event| event.get("Records")?.as_array()?.first());
    let records: Vec<_> = records.collect();
    let named = |name: &str| records.iter().rfind(|record| key(record) == name).copied().expect(name);
    let first = named("uploads/a b+c é.mp4");
    assert_eq!(first["eventSource"], "aws:s3");
    assert_eq!(first["awsRegion"], "eu-west-3");
    assert!(first["eventVersion"].as_str().is_some_and(|version| version.starts_with("2.")), "{first}");
    assert_eq!(first["s3"]["bucket"]["name"], peer.bucket);
    assert_eq!(first["s3"]["bucket"]["arn"], format!("arn:aws:s3:::{}", peer.bucket));
    assert_eq!(first["s3"]["object"]["size"], 5);
    assert_eq!(first["s3"]["object"]["eTag"], tag.trim_matches('"'));
    for (name, expected) in [
        ("uploads/a b+c é.mp4", "ObjectCreated:Put"),
        ("uploads/copy", "ObjectCreated:Copy"),
        ("uploads/multi", "ObjectCreated:CompleteMultipartUpload"),
    ] {
        assert_eq!(named(name)["eventName"], expected);
    }
    for odd in ODD_KEYS {
        assert_eq!(named(odd)["s3"]["object"]["size"], odd.len());
    }
    // moto has no sequencer.
    if !peer.is_moto() {
        let sequencers: Vec<_> =
            records.iter().map(|r| r["s3"]["object"]["sequencer"].as_str().expect("text")).collect();
        assert!(sequencers.is_sorted_by(|a, b| a < b), "{sequencers:?}");
    }
}
