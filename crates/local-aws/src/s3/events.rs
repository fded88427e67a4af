//! Event notifications: the messages that S3 puts on a queue, in AWS's form (event version 2.1).
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html>

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flodrama_asset::UPLOADS_PREFIX;
use serde_json::json;

use super::record::Record;
use crate::clock::{Clock, iso_ms};
use crate::disk::{self, Access};
use crate::random;
use crate::sqs::Queue;

/// What made an object, in S3's words.
pub(super) mod created {
    pub const PUT: &str = "ObjectCreated:Put";
    pub const COPY: &str = "ObjectCreated:Copy";
    pub const MULTIPART: &str = "ObjectCreated:CompleteMultipartUpload";
}

/// A bucket's notification configuration: everything that is created under `uploads/` goes to one queue.
pub(super) struct Notifications {
    pub queue: Arc<Queue>,
    pub region: String,
    pub bucket: String,
    pub clock: Clock,
}

impl Notifications {
    /// Whether the creation of `key` is announced.
    pub fn wants(&self, key: &str) -> bool {
        key.starts_with(UPLOADS_PREFIX)
    }

    /// Puts the event `name` for `record` on the queue.
    pub fn send(&self, record: &Record, name: &str) -> std::io::Result<()> {
        let event = self.event(record, name, &random::text(random::UPPER, 16)?);
        self.queue.deliver(event.to_string()).map_err(std::io::Error::other)
    }

    /// The message that S3 sends once, when a configuration is set: it has no `Records`.
    pub fn send_test_event(&self) -> std::io::Result<()> {
        let event = json!({
            "Service": "Amazon S3",
            "Event": "s3:TestEvent",
            "Time": iso_ms(self.clock.now_ms()),
            "Bucket": self.bucket,
            "RequestId": random::text(random::UPPER, 16)?,
            "HostId": random::text(random::MIXED, 76)?,
        });
        self.queue.deliver(event.to_string()).map_err(std::io::Error::other)
    }

    fn event(&self, record: &Record, name: &str, request_id: &str) -> serde_json::Value {
        json!({ "Records": [{
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "awsRegion": self.region,
            "eventTime": iso_ms(self.clock.now_ms()),
            "eventName": name,
            "userIdentity": { "principalId": "AWS:LOCAL" },
            "requestParameters": { "sourceIPAddress": "127.0.0.1" },
            "responseElements": { "x-amz-request-id": request_id, "x-amz-id-2": request_id },
            "s3": {
                "s3SchemaVersion": "1.0",
                "configurationId": "uploads",
                "bucket": {
                    "name": self.bucket,
                    "ownerIdentity": { "principalId": "LOCAL" },
                    "arn": format!("arn:aws:s3:::{}", self.bucket),
                },
                "object": {
                    "key": encode_key(&record.key),
                    "size": record.size,
                    "eTag": record.etag,
                    "sequencer": record.sequencer,
                },
            },
        }]})
    }
}

/// Form-encodes a key as S3 does in events and in listings with `encoding-type=url`: a space becomes `+`, and `/`
/// stays.
pub(super) fn encode_key(key: &str) -> String {
    url::form_urlencoded::byte_serialize(key.as_bytes()).collect::<String>().replace("%2F", "/")
}

/// The order of all writes. It grows over restarts because each start begins a new block of numbers.
pub(super) struct Sequence {
    block: u64,
    next: AtomicU64,
}

impl Sequence {
    /// Takes the next block; `path` counts the starts.
    pub fn open(path: &Path) -> disk::Result<Sequence> {
        let block = disk::read_json::<u64>(path)?.unwrap_or_default() + 1;
        disk::write_json(path, &block, Access::Ordinary)?;
        Ok(Sequence { block, next: AtomicU64::new(0) })
    }

    /// The next sequencer: hex digits of one length, so that text order is the order of writes.
    pub fn next(&self) -> String {
        format!("00{:06X}{:010X}", self.block, self.next.fetch_add(1, Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_encoded_as_in_forms_but_keep_their_folders() {
        assert_eq!(encode_key("uploads/a b+c é.mp4"), "uploads/a+b%2Bc+%C3%A9.mp4");
        assert_eq!(encode_key("uploads/100%.mp4"), "uploads/100%25.mp4");
    }

    #[test]
    fn sequencers_grow_over_restarts() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("starts.json");
        let mut seen = Vec::new();
        for _ in 0..3 {
            let sequence = Sequence::open(&path).expect("sequence");
            seen.extend((0..20).map(|_| sequence.next()));
        }
        assert!(seen.is_sorted_by(|a, b| a < b), "{seen:?}");
        assert!(seen.iter().all(|s| s.len() == 18));
    }
}
