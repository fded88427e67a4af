//! The worker against an S3 and an SQS that others wrote: moto's.

use std::path::Path;
use std::time::Duration;

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    BucketLocationConstraint, CreateBucketConfiguration, Event, FilterRule, FilterRuleName,
    NotificationConfiguration, NotificationConfigurationFilter, QueueConfiguration, S3KeyFilter,
};
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::Value;

use crate::support::aws::{self, Access};
use crate::support::clip::Clip;
use crate::support::moto::{Moto, REGION};
use crate::support::process::{Process, Signal};
use crate::support::{programs, until};

pub const BUCKET: &str = "flodrama-media-peer";
const DONE_WITHIN: Duration = Duration::from_secs(90);

#[tokio::test]
async fn an_event_of_another_s3_becomes_a_publication() {
    let peer = Peer::start().await;
    let folder = tempfile::tempdir().expect("folder");
    let clip = Clip { frames: 100, ..Clip::default() }.make(folder.path());
    let clip = std::fs::read(clip).expect("the clip");
    peer.upload("uploads/Café 1.mp4", clip).await;
    let event = peer.next_message().await;
    assert!(event.contains("ObjectCreated"), "{event}");

    let worker = peer.worker(folder.path());
    let pointer = peer.appears("vod/", "/current.json").await;
    let asset = pointer.split('/').nth(1).expect("an asset");
    assert!(asset.starts_with("caf-1-") && asset.len() == "caf-1-".len() + 6, "{asset}");
    peer.drained().await;
    let live: Value = peer.json(&pointer).await;
    let version = live["version"].as_str().expect("a version");
    assert_eq!(live["source"]["key"], "uploads/Café 1.mp4");
    let main = peer.text(&format!("vod/{asset}/{version}/main.m3u8")).await;
    assert!(main.starts_with("#EXTM3U"), "{main}");

    // The same event again, as SQS may deliver it: the work is done, so nothing is written.
    let before = peer.etags_and_times().await;
    for _ in 0..2 {
        peer.send(&event).await;
    }
    peer.drained().await;
    assert_eq!(peer.etags_and_times().await, before);

    peer.upload("uploads/notes.mp4", b"Remember the milk.".to_vec()).await;
    let failure = peer.appears("jobs/notes/", "/failure.json").await;
    peer.drained().await;
    let failure = peer.json(&failure).await;
    assert_eq!(failure["code"], "not-media", "{failure}");
    assert!(failure["message"].as_str().is_some_and(|m| m.ends_with('.')), "{failure}");
    let published = aws::keys(&peer.s3, BUCKET, "vod/notes/").await;
    assert!(published.is_empty(), "{published:?}");

    let stopped = worker.stop(Signal::TERM);
    assert!(stopped.status.success(), "{:?}", stopped.status);
    assert!(stopped.took < Duration::from_secs(5), "it took {:?}", stopped.took);
}

/// moto, with a bucket that announces `uploads/` on a queue.
pub struct Peer {
    /// Ends with this value.
    _moto: Moto,
    pub endpoint: String,
    pub s3: aws_sdk_s3::Client,
    pub sqs: aws_sdk_sqs::Client,
    pub queue_url: String,
}

impl Peer {
    pub async fn start() -> Peer {
        let moto = Moto::start();
        let endpoint = moto.endpoint.clone();
        let access = Access { endpoint: &endpoint, region: REGION, key_id: "peer", secret: "peer" };
        let (s3, sqs) = (access.s3(), access.sqs());
        let created = sqs.create_queue().queue_name("uploads").send().await.expect("a queue");
        let queue_url = created.queue_url.expect("its URL");
        let arn = QueueAttributeName::QueueArn;
        let attributes = sqs.get_queue_attributes().queue_url(&queue_url).attribute_names(arn.clone());
        let attributes = attributes.send().await.expect("attributes").attributes.expect("some");
        create_bucket(&s3, &attributes[&arn]).await;
        let peer = Peer { _moto: moto, endpoint, s3, sqs, queue_url };
        // S3 announces each new subscription with a test event, which is no upload.
        peer.sqs.purge_queue().queue_url(&peer.queue_url).send().await.expect("an empty queue");
        peer
    }

    /// The worker as it runs on a machine: settings and credentials from the environment, nothing else.
    fn worker(&self, folder: &Path) -> Process {
        self.worker_with(folder, &[])
    }

    /// The same, with more settings.
    pub fn worker_with(&self, folder: &Path, more: &[(&str, &str)]) -> Process {
        Process::start(&programs::worker(), |command| {
            command.env_clear().envs([
                ("AWS_ACCESS_KEY_ID", "peer"),
                ("AWS_SECRET_ACCESS_KEY", "peer"),
                ("AWS_REGION", REGION),
                ("FLODRAMA_S3__BUCKET", BUCKET),
                ("FLODRAMA_S3__ENDPOINT_URL", &self.endpoint),
                ("FLODRAMA_QUEUE__URL", &self.queue_url),
                ("FLODRAMA_QUEUE__ENDPOINT_URL", &self.endpoint),
            ]);
            // Relative on purpose: children run in folders of their own.
            command.current_dir(folder).env("FLODRAMA_WORK__SCRATCH", "scratch").arg("run");
            command.envs(more.iter().copied());
        })
    }

    pub async fn upload(&self, key: &str, bytes: Vec<u8>) {
        let put = self.s3.put_object().bucket(BUCKET).key(key).body(ByteStream::from(bytes));
        put.send().await.expect("an upload");
    }

    /// Looks at the next message without taking it.
    pub async fn next_message(&self) -> String {
        until("an event", DONE_WITHIN, async || {
            let receive = self.sqs.receive_message().queue_url(&self.queue_url).visibility_timeout(0);
            receive.send().await.expect("an answer").messages?.pop()?.body
        })
        .await
    }

    async fn send(&self, body: &str) {
        let send = self.sqs.send_message().queue_url(&self.queue_url).message_body(body);
        send.send().await.expect("sent");
    }

    /// Waits until every message was acknowledged.
    pub async fn drained(&self) {
        until("an empty queue", DONE_WITHIN, async || {
            aws::is_empty(&self.sqs, &self.queue_url).await.then_some(())
        })
        .await;
    }

    /// Waits for a key below `prefix` that ends so.
    pub async fn appears(&self, prefix: &str, end: &str) -> String {
        until(&format!("{prefix}…{end}"), DONE_WITHIN, async || {
            aws::keys(&self.s3, BUCKET, prefix).await.into_iter().find(|key| key.ends_with(end))
        })
        .await
    }

    async fn text(&self, key: &str) -> String {
        String::from_utf8(aws::object(&self.s3, BUCKET, key).await.expect(key)).expect("text")
    }

    /// The entity tag of an object, if there is such an object.
    pub async fn etag(&self, key: &str) -> Option<String> {
        self.s3.head_object().bucket(BUCKET).key(key).send().await.ok()?.e_tag
    }

    pub async fn json(&self, key: &str) -> Value {
        serde_json::from_str(&self.text(key).await).expect("JSON")
    }

    /// What changes whenever anything is written.
    async fn etags_and_times(&self) -> Vec<(String, String, String)> {
        let mut pages = self.s3.list_objects_v2().bucket(BUCKET).into_paginator().send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            for object in page.expect("a page").contents.unwrap_or_default() {
                let time = format!("{:?}", object.last_modified);
                found.push((object.key.expect("a key"), object.e_tag.expect("a tag"), time));
            }
        }
        found
    }
}

async fn create_bucket(s3: &aws_sdk_s3::Client, queue_arn: &str) {
    let place = BucketLocationConstraint::EuWest3;
    let place = CreateBucketConfiguration::builder().location_constraint(place).build();
    s3.create_bucket().bucket(BUCKET).create_bucket_configuration(place).send().await.expect("a bucket");
    let prefix = FilterRule::builder().name(FilterRuleName::Prefix).value("uploads/").build();
    let filter = S3KeyFilter::builder().filter_rules(prefix).build();
    let queue = QueueConfiguration::builder()
        .queue_arn(queue_arn)
        .events(Event::S3ObjectCreated)
        .filter(NotificationConfigurationFilter::builder().key(filter).build())
        .build()
        .expect("a queue configuration");
    let events = NotificationConfiguration::builder().queue_configurations(queue).build();
    let put = s3.put_bucket_notification_configuration().bucket(BUCKET).notification_configuration(events);
    put.send().await.expect("notifications");
}
