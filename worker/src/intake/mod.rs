//! Messages as states: received, parsed, held, done. Dropping the hold stops the heartbeat.

pub mod episode;
pub mod event;
pub mod offer;

use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::ProvideErrorMetadata;
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use flodrama_asset::SourceRef;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use self::event::BadEvent;
use self::offer::Offer;

use crate::error::chain;

/// How long a poll waits for a message: the longest that SQS allows.
const WAIT_S: i32 = 20;
/// A hold ends by itself after 12 hours, whatever the heartbeat says (SQS).
const MAX_VISIBILITY: Duration = Duration::from_secs(43_200);

/// What a message asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Work on these uploads, episodes and subtitle files.
    Work(Vec<SourceRef>),
    /// Encode chunks of an episode that another worker has.
    Help(Offer),
}

/// Reads a message of the queue.
///
/// # Errors
/// It is neither an event of a bucket nor an offer of ours.
pub fn read(body: &str) -> Result<Asked, BadEvent> {
    match Offer::read(body) {
        Some(offer) => Ok(Asked::Help(offer)),
        None => event::uploads(body).map(Asked::Work),
    }
}

/// The queue.
#[derive(Clone, Debug)]
pub struct Queue {
    client: Client,
    url: String,
    visibility: Duration,
    hold_at_most: Duration,
}

/// SQS did not answer as it should.
#[derive(Debug, thiserror::Error)]
#[error("the queue failed at {operation}: {cause}")]
pub struct QueueError {
    operation: &'static str,
    cause: String,
    /// SQS says that the handle is not the message's any more: somebody else has it, or it is gone.
    lost: bool,
}

impl QueueError {
    fn of<E: std::error::Error + ProvideErrorMetadata>(operation: &'static str, cause: &E) -> QueueError {
        let stale = ["InvalidParameterValue", "ReceiptHandleIsInvalid", "MessageNotInflight"];
        // The older protocol's names begin with the service's.
        let code = cause.code().unwrap_or_default().rsplit('.').next().unwrap_or_default();
        QueueError { operation, cause: chain(cause), lost: stale.contains(&code) }
    }
}

impl Queue {
    /// The queue at `url`; messages are hidden for `visibility`, renewed at a third of it, and [`due`](Held::due) after
    /// `hold_at_most`.
    pub fn new(
        client: Client,
        url: impl Into<String>,
        visibility: Duration,
        hold_at_most: Duration,
    ) -> Queue {
        Queue { client, url: url.into(), visibility, hold_at_most }
    }

    /// Sends a message, which shows after `delay`: at most 15 minutes (SQS).
    pub async fn send(&self, body: impl Into<String>, delay: Duration) -> Result<(), QueueError> {
        let send = self.client.send_message().queue_url(&self.url).message_body(body);
        let send = send.delay_seconds(delay.as_secs() as i32).send().await;
        send.map(drop).map_err(|e| QueueError::of("SendMessage", &e))
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
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
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
    received: Instant,
    /// What the message says.
    pub body: String,
    /// How often it was received, this time included: the redrive policy counts so.
    pub receives: u32,
    heartbeat: JoinHandle<()>,
}

impl Held {
    fn new(queue: Queue, message: Message) -> Held {
        let handle = message.receipt_handle.unwrap_or_default();
        let received = Instant::now();
        let heartbeat = tokio::spawn(beat(queue.clone(), handle.clone(), received));
        let receives = message.attributes.as_ref().and_then(|attributes| {
            attributes.get(&MessageSystemAttributeName::ApproximateReceiveCount)?.parse().ok()
        });
        let body = message.body.unwrap_or_default();
        Held { queue, handle, received, body, receives: receives.unwrap_or(1), heartbeat }
    }

    /// Comes when the message has been held for as long as it may be: SQS ends a hold after 12 hours by itself, and a
    /// second worker would begin beside us.
    pub async fn due(&self) {
        tokio::time::sleep_until(self.received + self.queue.hold_at_most).await;
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

    /// Gives it back as a fresh message, whose 12 hours and whose count of receives begin anew, after `delay`.
    ///
    /// First the new one, then the old one: where only the first succeeds there are two, which does no harm.
    pub async fn renew(self, delay: Duration) -> Result<(), QueueError> {
        self.queue.send(self.body.as_str(), delay).await?;
        self.acknowledge().await
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.heartbeat.abort();
    }
}

/// Renews the hold. A renewal that succeeds does not prove that we still hold the message; correctness never rests on
/// it, because every write of a job is either the same for everybody or conditional. So one that is refused for good
/// ends the renewals and not the work: what is made until then is of use to whoever has the message now.
async fn beat(queue: Queue, handle: String, received: Instant) {
    let mut interval = tokio::time::interval(queue.visibility / 3);
    interval.tick().await;
    loop {
        interval.tick().await;
        let left = MAX_VISIBILITY.saturating_sub(received.elapsed());
        match queue.set_visibility(&handle, queue.visibility.min(left)).await {
            Ok(()) => {}
            Err(e) if e.lost => {
                return tracing::warn!(error = %e, "the message is somebody else's now; the work goes on");
            }
            Err(e) => tracing::warn!(error = %e, "heartbeat failed"),
        }
    }
}
