//! What is found after the process died between two steps.

use std::path::Path;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::bucket::{Bucket, Draft};
use super::checksums::Checksums;
use super::conditions::WriteConditions;
use super::content::{Content, Piece, new_name};
use super::events::{Notifications, Sequence, created};
use super::multipart::{Part, Upload};
use super::record::{Headers, Record};
use crate::clock::Clock;
use crate::disk::{self, Access};
use crate::sqs::{Queue, Sqs};

const BUCKET: &str = "bucket";

fn open(folder: &Path) -> (Bucket, Arc<Queue>) {
    let clock = Clock::default();
    let stop = CancellationToken::new();
    let sqs =
        Sqs::open(&folder.join("sqs"), "eu-west-3", "http://h".into(), clock.clone(), stop).expect("sqs");
    let queue = sqs.queue_with_dead_letters("queue").expect("queue");
    let sequence = Arc::new(Sequence::open(&folder.join("starts.json")).expect("sequence"));
    let notifications = Notifications {
        queue: queue.clone(),
        region: "eu-west-3".into(),
        bucket: BUCKET.into(),
        clock: clock.clone(),
    };
    let bucket = Bucket::open(folder, BUCKET, sequence, clock, Some(notifications)).expect("bucket");
    (bucket, queue)
}

fn content(bucket: &Bucket, bytes: &str) -> Arc<Content> {
    let file = new_name().expect("name");
    std::fs::write(bucket.bytes.join(&file), bytes).expect("written");
    Content::draft(&bucket.bytes, vec![Piece { file, size: bytes.len() as u64 }])
}

fn put(bucket: &Bucket, key: &str, bytes: &str) {
    let draft = Draft {
        key: key.into(),
        content: content(bucket, bytes),
        etag: "aa".into(),
        headers: Headers::default(),
        checksums: Checksums::default(),
        event: created::PUT,
    };
    bucket.put(draft, &WriteConditions::default()).expect("put");
}

fn files(folder: &Path) -> usize {
    disk::names(folder).expect("names").len()
}

#[test]
fn an_event_that_was_not_sent_is_sent_at_the_next_start_and_once() {
    let folder = tempfile::tempdir().expect("folder");
    let (bucket, queue) = open(folder.path());
    put(&bucket, "uploads/a", "a");
    put(&bucket, "vod/b", "b");
    assert_eq!(queue.counts().visible, 1);
    // As if the process had died after the write and before the event.
    let records = folder.path().join(BUCKET).join("records");
    for file in disk::names(&records).expect("names") {
        let path = records.join(file);
        let mut record: Record = disk::read_json(&path).expect("read").expect("a record");
        record.unsent_event = (record.key == "uploads/a").then(|| created::PUT.to_owned());
        disk::write_json(&path, &record, Access::Ordinary).expect("written");
    }
    drop((bucket, queue));
    for _ in 0..2 {
        let (bucket, queue) = open(folder.path());
        bucket.send_unsent().expect("sent");
        assert_eq!(queue.counts().visible, 2);
    }
}

#[test]
fn bytes_that_nothing_names_are_cleared_away_and_no_others() {
    let folder = tempfile::tempdir().expect("folder");
    let (bucket, _) = open(folder.path());
    put(&bucket, "k", "old");
    put(&bucket, "k", "new");
    assert_eq!(files(&bucket.bytes), 1, "what was replaced is gone");
    content(&bucket, "half an upload").keep();
    std::fs::write(folder.path().join(BUCKET).join("records/x.json.tmp"), "{").expect("written");
    let upload = Upload { key: "m".into(), headers: Headers::default(), initiated_s: 0 };
    let id = bucket.uploads.create(upload).expect("begun");
    let part = Part::new(content(&bucket, "part"), &[0; 16], 0, Checksums::default());
    bucket.uploads.add_part(&id, "m", 1, part).expect("added");
    assert_eq!(files(&bucket.bytes), 3);
    drop(bucket);

    let (bucket, _) = open(folder.path());
    assert_eq!(files(&bucket.bytes), 2, "the object's and the part's");
    assert_eq!(bucket.get("k").expect("object").record.size, 3);
    assert_eq!(bucket.uploads.parts(&id, "m").expect("upload").len(), 1);
    bucket.uploads.abort(&id, "m").expect("aborted");
    assert_eq!(files(&bucket.bytes), 1);
}

/// The object's record names the parts' files: clearing the finished upload away must leave them.
#[test]
fn an_upload_that_was_completed_just_before_the_end_keeps_its_object() {
    let folder = tempfile::tempdir().expect("folder");
    let (bucket, _) = open(folder.path());
    let upload = Upload { key: "m".into(), headers: Headers::default(), initiated_s: 0 };
    let id = bucket.uploads.create(upload).expect("begun");
    let bytes = content(&bucket, "part");
    let part = Part::new(bytes.clone(), &[0; 16], 0, Checksums::default());
    bucket.uploads.add_part(&id, "m", 1, part).expect("added");
    let draft = Draft {
        key: "m".into(),
        content: Content::kept(&bucket.bytes, bytes.pieces().to_vec()),
        etag: "aa-1".into(),
        headers: Headers::default(),
        checksums: Checksums::default(),
        event: created::MULTIPART,
    };
    bucket.put(draft, &WriteConditions::default()).expect("put");
    drop((bucket, bytes));

    let (bucket, _) = open(folder.path());
    assert!(bucket.uploads.find(&id, "m").is_err(), "the upload is over");
    assert_eq!(files(&bucket.bytes), 1);
    assert_eq!(bucket.get("m").expect("object").record.size, 4);
}
