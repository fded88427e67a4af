//! Messages.

use std::time::{Duration, Instant};

use aws_sdk_sqs::error::ProvideErrorMetadata;
use aws_sdk_sqs::primitives::Blob;
use aws_sdk_sqs::types::{
    DeleteMessageBatchRequestEntry, Message, MessageAttributeValue, MessageSystemAttributeName,
    QueueAttributeName, SendMessageBatchRequestEntry,
};

use crate::peer::Peer;
use crate::support::until;

pub async fn send(peer: &Peer, body: &str) {
    peer.sqs.send_message().queue_url(&peer.dlq_url).message_body(body).send().await.expect("sent");
}

/// Up to ten messages at once, with everything that is known of them.
pub async fn receive(peer: &Peer, url: &str, visibility_s: i32, wait_s: i32) -> Vec<Message> {
    let request = peer.sqs.receive_message().queue_url(url).max_number_of_messages(10);
    let request = request.visibility_timeout(visibility_s).wait_time_seconds(wait_s);
    let request = request.message_attribute_names("All");
    let request = request.message_system_attribute_names(MessageSystemAttributeName::All);
    request.send().await.expect("received").messages.unwrap_or_default()
}

/// Takes and deletes messages until `count` have come; more than that is a failure.
pub async fn drain(peer: &Peer, url: &str, count: usize) -> Vec<String> {
    let mut bodies = Vec::new();
    until("messages", async || {
        for message in receive(peer, url, 30, 1).await {
            bodies.push(message.body.expect("body"));
            let handle = message.receipt_handle.expect("handle");
            peer.sqs.delete_message().queue_url(url).receipt_handle(handle).send().await.expect("deleted");
        }
        (bodies.len() >= count).then_some(())
    })
    .await;
    assert_eq!(receive(peer, url, 30, 0).await.len(), 0, "more than {count} came");
    assert_eq!(bodies.len(), count, "{bodies:?}");
    bodies
}

pub fn count(message: &Message) -> u32 {
    let attributes = message.attributes().expect("system attributes");
    attributes[&MessageSystemAttributeName::ApproximateReceiveCount].parse().expect("a number")
}

pub async fn a_message_comes_back_with_its_attributes(peer: &Peer) {
    let text = |value: &str| {
        MessageAttributeValue::builder().data_type("String").string_value(value).build().expect("attribute")
    };
    let bytes = MessageAttributeValue::builder().data_type("Binary").binary_value(Blob::new([0, 1])).build();
    let sent = peer
        .sqs
        .send_message()
        .queue_url(&peer.dlq_url)
        .message_body("This is a test message")
        .message_attributes("city", text("Any City"))
        .message_attributes("bytes", bytes.expect("attribute"))
        .send()
        .await
        .expect("sent");
    assert_eq!(sent.md5_of_message_body(), Some("fafb00f5732ab283681e124bf8747ed1"));

    let [message] = &receive(peer, &peer.dlq_url, 30, 5).await[..] else { panic!("one message") };
    assert_eq!(message.body(), Some("This is a test message"));
    assert_eq!(message.message_id(), sent.message_id());
    assert_eq!(message.md5_of_body(), sent.md5_of_message_body());
    assert_eq!(message.md5_of_message_attributes(), sent.md5_of_message_attributes());
    // The MD5 over these two attributes, by the rule that AWS documents.
    assert_eq!(message.md5_of_message_attributes(), Some("c23d2cca853eeba5deb2fb4f5575591c"));
    let attributes = message.message_attributes().expect("attributes");
    assert_eq!(attributes["city"].string_value(), Some("Any City"));
    assert_eq!(attributes["bytes"].binary_value().map(|blob| blob.as_ref()), Some(&[0, 1][..]));
    assert_eq!(count(message), 1);
    let system = message.attributes().expect("system attributes");
    for name in [
        MessageSystemAttributeName::SentTimestamp,
        MessageSystemAttributeName::ApproximateFirstReceiveTimestamp,
    ] {
        assert_eq!(system[&name].len(), 13, "{name}: milliseconds");
    }
}

pub async fn batches_report_each_entry(peer: &Peer) {
    let entry = |id: &str, delay| {
        let entry = SendMessageBatchRequestEntry::builder().id(id).message_body(format!("body {id}"));
        entry.set_delay_seconds(delay).build().expect("entry")
    };
    let batch =
        |entries| peer.sqs.send_message_batch().queue_url(&peer.dlq_url).set_entries(Some(entries)).send();
    let sent = batch(vec![entry("a", None), entry("b", None)]).await.expect("sent");
    let mut ids: Vec<_> = sent.successful().iter().map(|success| success.id()).collect();
    ids.sort_unstable();
    assert_eq!((ids, sent.failed().len()), (vec!["a", "b"], 0));

    let empty = batch(vec![]).await.expect_err("refused");
    assert_eq!(empty.code(), Some("AWS.SimpleQueueService.EmptyBatchRequest"));
    let same = batch(vec![entry("a", None), entry("a", None)]).await.expect_err("refused");
    assert_eq!(same.code(), Some("AWS.SimpleQueueService.BatchEntryIdsNotDistinct"));
    let many = (0..11).map(|n| entry(&n.to_string(), None)).collect();
    let many = batch(many).await.expect_err("refused");
    assert_eq!(many.code(), Some("AWS.SimpleQueueService.TooManyEntriesInBatchRequest"));

    let mut received = Vec::new();
    until("both messages", async || {
        received.extend(receive(peer, &peer.dlq_url, 30, 1).await);
        (received.len() == 2).then_some(())
    })
    .await;
    let handles = received.iter().map(|message| message.receipt_handle().expect("handle").to_owned());
    let entries = handles.chain(["no handle".to_owned()]).enumerate().map(|(n, handle)| {
        DeleteMessageBatchRequestEntry::builder()
            .id(n.to_string())
            .receipt_handle(handle)
            .build()
            .expect("entry")
    });
    let deleted =
        peer.sqs.delete_message_batch().queue_url(&peer.dlq_url).set_entries(Some(entries.collect()));
    let deleted = deleted.send().await.expect("answered");
    assert_eq!((deleted.successful().len(), deleted.failed().len()), (2, 1));
    assert_eq!(deleted.failed()[0].id(), "2");
}

pub async fn a_delayed_message_comes_later(peer: &Peer) {
    let begun = Instant::now();
    let request = peer.sqs.send_message().queue_url(&peer.dlq_url).message_body("later").delay_seconds(1);
    request.send().await.expect("sent");
    assert_eq!(receive(peer, &peer.dlq_url, 30, 0).await.len(), 0);
    assert_eq!(receive(peer, &peer.dlq_url, 30, 10).await.len(), 1);
    assert!((Duration::from_millis(900)..Duration::from_secs(5)).contains(&begun.elapsed()));
}

pub async fn a_missing_queue_is_named(peer: &Peer) {
    let url = format!("{}-missing", peer.queue_url);
    let missing = peer.sqs.send_message().queue_url(url).message_body("x").send().await.expect_err("missing");
    assert!(missing.as_service_error().is_some_and(|error| error.is_queue_does_not_exist()), "{missing:?}");
    let missing = peer.sqs.get_queue_url().queue_name("no-such-queue").send().await.expect_err("missing");
    assert_eq!(missing.code(), Some("AWS.SimpleQueueService.NonExistentQueue"));
}

pub async fn queues_are_made_once(peer: &Peer) {
    let name = format!("{}-made", peer.bucket);
    let make = |timeout: &'static str| {
        let request = peer.sqs.create_queue().queue_name(&name);
        request.attributes(QueueAttributeName::VisibilityTimeout, timeout).send()
    };
    let first = make("45").await.expect("made");
    let again = make("45").await.expect("the same");
    assert_eq!(first.queue_url(), again.queue_url());
    let other = make("46").await.expect_err("another value");
    assert_eq!(other.code(), Some("QueueAlreadyExists"));
    let url = peer.sqs.get_queue_url().queue_name(&name).send().await.expect("url").queue_url;
    let attributes = peer.sqs.get_queue_attributes().set_queue_url(url.clone());
    let attributes = attributes.attribute_names(QueueAttributeName::All).send().await.expect("attributes");
    let attributes = attributes.attributes.expect("some");
    assert_eq!(attributes[&QueueAttributeName::VisibilityTimeout], "45");
    assert!(attributes[&QueueAttributeName::QueueArn].ends_with(&name));
    let listed = peer.sqs.list_queues().queue_name_prefix(&name).send().await.expect("queues");
    assert_eq!(listed.queue_urls(), [url.expect("url")]);
}

pub async fn a_purge_leaves_nothing(peer: &Peer) {
    for body in ["a", "b", "c"] {
        send(peer, body).await;
    }
    peer.sqs.purge_queue().queue_url(&peer.dlq_url).send().await.expect("purged");
    assert_eq!(receive(peer, &peer.dlq_url, 30, 0).await.len(), 0);
}
