//! Messages as states: received, parsed, held, done. Dropping the hold stops the heartbeat.

pub mod episode;
pub mod event;

use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::Message;
use tokio::task::JoinHandle;

use crate::error::chain;

/// How long a poll waits for a message: the longest that SQS allows.
const WAIT_S: i32 = 20;
/// A hold ends by itself after 12 hours, whatever the heartbeat says (SQS).
const MAX_VISIBILITY: Duration = Duration::from_secs(43_200);

/// The queue.
#[derive(Clone, Debug)]
pub struct Queue {
    client: Client,
    url: String,
    visibility: Duration,
}

/// SQS did not answer as it should.
#[derive(Debug, thiserror::Error)]
#[error("the queue failed at {operation}: {cause}")]
pub struct QueueError {
    operation: &'static str,
    cause: String,
}

impl QueueError {
    fn of(operation: &'static str, cause: &dyn std::error::Error) -> QueueError {
        QueueError { operation, cause: chain(cause) }
    }
}

impl Queue {
    /// The queue at `url`; messages are hidden for `visibility` and renewed at a third of it.
    pub fn new(client: Client, url: impl Into<String>, visibility: Duration) -> Queue {
        Queue { client, url: url.into(), visibility }
    }

    /// Waits for a message, up to 20 s. It is held from here on.
    pub async fn receive(&self) -> Result<Option<Held>, QueueError> {
        let received = self
            .client
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(1)
            .wait_time_seconds(WAIT_S)
            .visibility_timeout(self.visibility.as_secs() as i32)
            .send()
            .await
            .map_err(|e| QueueError::of("ReceiveMessage", &e))?;
        Ok(received
            .messages
            .unwrap_or_default()
            .into_iter()
            .next()
            .map(|message| Held::new(self.clone(), message)))
    }

    async fn set_visibility(&self, handle: &str, timeout: Duration) -> Result<(), QueueError> {
        let change = self.client.change_message_visibility().queue_url(&self.url).receipt_handle(handle);
        let change = change.visibility_timeout(timeout.min(MAX_VISIBILITY).as_secs() as i32);
        change.send().await.map_err(|e| QueueError::of("ChangeMessageVisibility", &e))?;
        Ok(())
    }
}

/// A message that nobody else gets while this lives.
#[derive(Debug)]
pub struct Held {
    queue: Queue,
    handle: String,
    /// What the message says.
    pub body: String,
    heartbeat: JoinHandle<()>,
}

impl Held {
    fn new(queue: Queue, message: Message) -> Held {
        let handle = message.receipt_handle.unwrap_or_default();
        let heartbeat = tokio::spawn(beat(queue.clone(), handle.clone()));
        Held { queue, handle, body: message.body.unwrap_or_default(), heartbeat }
    }

    /// Done with it: the queue forgets it.
    pub async fn acknowledge(self) -> Result<(), QueueError> {
        let delete =
            self.queue.client.delete_message().queue_url(&self.queue.url).receipt_handle(&self.handle);
        delete.send().await.map_err(|e| QueueError::of("DeleteMessage", &e))?;
        Ok(())
    }

    /// Gives it back, to be received again after `delay`.
    pub async fn release(self, delay: Duration) -> Result<(), QueueError> {
        self.heartbeat.abort();
        self.queue.set_visibility(&self.handle, delay).await
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.heartbeat.abort();
    }
}

/// Renews the hold. A renewal that succeeds does not prove that we still hold the message; correctness never rests on
/// it, because every write of a job is either the same for everybody or conditional.
async fn beat(queue: Queue, handle: String) {
    let mut interval = tokio::time::interval(queue.visibility / 3);
    interval.tick().await;
    loop {
        interval.tick().await;
        if let Err(e) = queue.set_visibility(&handle, queue.visibility).await {
            tracing::warn!(error = %e, "heartbeat failed");
        }
    }
}
