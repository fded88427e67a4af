//! Messages that fail again and again.

use aws_sdk_sqs::types::{MessageSystemAttributeName, QueueAttributeName};

use crate::peer::Peer;
use crate::sqs::{count, drain, receive};

/// Sends a message and lets five receives of it fail.
async fn kill(peer: &Peer, body: &str) {
    peer.sqs.purge_queue().queue_url(&peer.queue_url).send().await.expect("the test event is gone");
    peer.sqs.send_message().queue_url(&peer.queue_url).message_body(body).send().await.expect("sent");
    for attempt in 1..=5 {
        let messages = receive(peer, &peer.queue_url, 0, 5).await;
        assert_eq!(messages.iter().map(count).collect::<Vec<_>>(), [attempt]);
    }
    assert_eq!(receive(peer, &peer.queue_url, 30, 0).await.len(), 0);
}

pub async fn five_receives_send_a_message_to_the_dead_letters(peer: &Peer) {
    kill(peer, "poison").await;
    let dead = receive(peer, &peer.dlq_url, 30, 5).await;
    assert_eq!(dead.iter().map(|message| message.body().expect("body")).collect::<Vec<_>>(), ["poison"]);
}

pub async fn dead_letters_can_be_moved_back(peer: &Peer) {
    kill(peer, "poison").await;
    let attributes = peer.sqs.get_queue_attributes().queue_url(&peer.dlq_url);
    let attributes = attributes.attribute_names(QueueAttributeName::All).send().await.expect("attributes");
    let arn = attributes.attributes.expect("some")[&QueueAttributeName::QueueArn].clone();
    let [dead] = &receive(peer, &peer.dlq_url, 0, 5).await[..] else { panic!("one dead letter") };
    let source =
        &dead.attributes().expect("system attributes")[&MessageSystemAttributeName::DeadLetterQueueSourceArn];
    let name = peer.queue_url.rsplit('/').next().expect("a name");
    assert!(source.ends_with(name), "{source}");
    let sources =
        peer.sqs.list_dead_letter_source_queues().queue_url(&peer.dlq_url).send().await.expect("sources");
    assert_eq!(sources.queue_urls(), [peer.queue_url.as_str()]);

    let task = peer.sqs.start_message_move_task().source_arn(&arn).send().await.expect("started");
    assert!(task.task_handle().is_some());
    let tasks = peer.sqs.list_message_move_tasks().source_arn(&arn).send().await.expect("tasks");
    let [task] = tasks.results() else { panic!("one task") };
    assert_eq!((task.status(), task.approximate_number_of_messages_moved()), (Some("COMPLETED"), 1));
    assert_eq!(receive(peer, &peer.dlq_url, 0, 0).await.len(), 0);
    let [back] = &receive(peer, &peer.queue_url, 0, 5).await[..] else { panic!("one message") };
    assert_eq!((back.body(), count(back)), (Some("poison"), 1), "it counts from nothing again");
    assert_ne!(back.message_id(), dead.message_id());
    assert_eq!(drain(peer, &peer.queue_url, 1).await, ["poison"]);

    // Sent straight to the dead letters: nobody knows where it belongs.
    peer.sqs.send_message().queue_url(&peer.dlq_url).message_body("orphan").send().await.expect("sent");
    peer.sqs.start_message_move_task().source_arn(&arn).send().await.expect("started");
    let tasks = peer.sqs.list_message_move_tasks().source_arn(&arn).send().await.expect("tasks");
    assert_eq!(tasks.results()[0].failure_reason(), Some("CouldNotDetermineMessageSource"));
    assert_eq!(drain(peer, &peer.dlq_url, 1).await, ["orphan"]);
}
