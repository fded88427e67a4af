//! Who sees a message when.

use std::time::{Duration, Instant};

use aws_sdk_sqs::error::ProvideErrorMetadata;
use aws_sdk_sqs::types::{Message, QueueAttributeName};
use flodrama_local_aws::StaleHandles;

use crate::peer::Peer;
use crate::sqs::{count, receive, send};

async fn only(peer: &Peer, visibility_s: i32, wait_s: i32) -> Message {
    let mut messages = receive(peer, &peer.dlq_url, visibility_s, wait_s).await;
    assert_eq!(messages.len(), 1, "{messages:?}");
    messages.remove(0)
}

/// The error's code, where there is one.
async fn change(peer: &Peer, message: &Message, timeout_s: i32) -> Result<(), String> {
    let request = peer.sqs.change_message_visibility().queue_url(&peer.dlq_url).visibility_timeout(timeout_s);
    let changed = request.set_receipt_handle(message.receipt_handle.clone()).send().await;
    changed.map(drop).map_err(|error| error.code().unwrap_or_default().to_owned())
}

pub async fn a_long_poll_wakes_on_a_send(peer: &Peer) {
    let begun = Instant::now();
    let later = async {
        // Time for the poll to reach the queue; nothing tells when it has.
        tokio::time::sleep(Duration::from_millis(500)).await;
        send(peer, "wake").await;
    };
    let (messages, ()) = tokio::join!(receive(peer, &peer.dlq_url, 30, 20), later);
    assert_eq!(messages.len(), 1);
    assert!(
        (Duration::from_millis(500)..Duration::from_secs(5)).contains(&begun.elapsed()),
        "{:?}",
        begun.elapsed()
    );
}

pub async fn an_unacknowledged_message_comes_again(peer: &Peer) {
    send(peer, "work").await;
    let first = only(peer, 1, 5).await;
    assert_eq!(receive(peer, &peer.dlq_url, 1, 0).await.len(), 0, "hidden");
    let attributes = peer.sqs.get_queue_attributes().queue_url(&peer.dlq_url);
    let attributes = attributes.attribute_names(QueueAttributeName::All).send().await.expect("attributes");
    let attributes = attributes.attributes.expect("some");
    assert_eq!(attributes[&QueueAttributeName::ApproximateNumberOfMessages], "0");
    assert_eq!(attributes[&QueueAttributeName::ApproximateNumberOfMessagesNotVisible], "1");
    let second = only(peer, 30, 10).await;
    assert_eq!((second.message_id(), count(&second)), (first.message_id(), 2));
    assert_ne!(second.receipt_handle(), first.receipt_handle());
    let delete = peer.sqs.delete_message().queue_url(&peer.dlq_url);
    delete.set_receipt_handle(second.receipt_handle.clone()).send().await.expect("deleted");
    assert_eq!(receive(peer, &peer.dlq_url, 30, 0).await.len(), 0);
}

pub async fn visibility_can_be_changed(peer: &Peer) {
    send(peer, "work").await;
    let first = only(peer, 30, 5).await;
    change(peer, &first, 0).await.expect("given back");
    let second = only(peer, 1, 5).await;
    assert_eq!(count(&second), 2);
    change(peer, &second, 30).await.expect("held longer");
    let begun = Instant::now();
    assert_eq!(receive(peer, &peer.dlq_url, 30, 2).await.len(), 0, "still hidden after its first second");
    assert!(begun.elapsed() >= Duration::from_millis(1900));
}

pub async fn timeouts_over_twelve_hours_are_refused(peer: &Peer) {
    send(peer, "work").await;
    let message = only(peer, 30, 5).await;
    assert_eq!(change(peer, &message, 43_201).await, Err("InvalidParameterValue".into()));
    change(peer, &message, 43_000).await.expect("within the limit");
}

pub async fn stale_handles_are_ignored_or_refused(peer: &Peer) {
    send(peer, "work").await;
    let first = only(peer, 10, 5).await;
    peer.stack().advance(Duration::from_secs(11));
    change(peer, &first, 60).await.expect("ignored: the message is back in the queue");
    let second = only(peer, 10, 0).await;
    let delete = |message: &Message| {
        let request = peer.sqs.delete_message().queue_url(&peer.dlq_url);
        request.set_receipt_handle(message.receipt_handle.clone()).send()
    };
    delete(&first).await.expect("ignored: another receive holds the message");
    peer.stack().set_stale_handles(StaleHandles::Refuse);
    assert_eq!(change(peer, &first, 60).await, Err("InvalidParameterValue".into()));
    let refused = delete(&first).await.expect_err("refused");
    assert_eq!(refused.code(), Some("InvalidParameterValue"));
    change(peer, &second, 20).await.expect("the latest handle holds");
    peer.stack().advance(Duration::from_secs(21));
    delete(&second).await.expect("the latest handle deletes, late or not");
    assert_eq!(receive(peer, &peer.dlq_url, 10, 0).await.len(), 0);
}
