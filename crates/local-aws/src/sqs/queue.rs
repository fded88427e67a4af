//! One queue: its messages in memory, in order of arrival, each with a file on disk.
//!
//! Nothing in here awaits while it changes something, so a caller that goes away leaves nothing half done. Only
//! [`Queue::receive`] waits, and it takes messages in one step after the wait.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::message::{Attributes, Message};
use super::receipt::{Receipt, StaleHandles};
use super::settings::Settings;
use crate::aws_json::Fault;
use crate::clock::Clock;
use crate::disk::{self, Access};
use crate::random;
use crate::sync::lock;

/// SQS's limit on how long one receive may hide a message, extensions included: 12 hours.
const MAX_HIDDEN_S: i64 = 43_200;

/// A queue, open.
pub(crate) struct Queue {
    pub name: String,
    pub arn: String,
    pub created_ms: i64,
    folder: PathBuf,
    clock: Clock,
    state: Mutex<State>,
    /// Rung when a message may have become receivable.
    arrived: Notify,
}

struct State {
    settings: Settings,
    modified_ms: i64,
    messages: BTreeMap<u64, Message>,
    next: u64,
}

/// `queue.json`.
#[derive(Serialize, Deserialize)]
struct Saved {
    created_ms: i64,
    modified_ms: i64,
    settings: Settings,
}

/// A message to be sent.
#[derive(Default)]
pub(crate) struct Outgoing {
    pub body: String,
    pub attributes: Attributes,
    pub trace_header: Option<String>,
    /// The queue's own delay where absent.
    pub delay_s: Option<u32>,
}

/// What one receive asks for.
#[derive(Clone, Copy)]
pub(crate) struct Wanted {
    pub max: usize,
    /// The queue's own timeout where absent.
    pub visibility_s: Option<u32>,
    pub wait: Duration,
    /// Messages received this often are dead.
    pub max_receives: u32,
}

/// What one attempt to receive came to.
struct Taken {
    messages: Vec<Message>,
    /// Messages that were received too often: no longer in memory, still on disk under these numbers.
    dead: Vec<(u64, Message)>,
    /// When the next hidden message shows.
    next_visible_ms: Option<i64>,
}

/// How many messages a queue holds, by state.
pub(crate) struct Counts {
    pub visible: usize,
    pub in_flight: usize,
    pub delayed: usize,
}

impl Queue {
    /// Opens the queue in `folder`, making it with `settings` where it is absent.
    ///
    /// Messages that were in flight show at once: their receivers ran against a stack that has ended. Their receipts
    /// still delete them.
    pub fn open(
        folder: &Path,
        name: &str,
        arn: String,
        settings: Settings,
        clock: Clock,
    ) -> disk::Result<Queue> {
        let messages_folder = folder.join("messages");
        disk::create_folder(&messages_folder)?;
        let now = clock.now_ms();
        let path = folder.join("queue.json");
        let saved = match disk::read_json::<Saved>(&path)? {
            Some(saved) => saved,
            None => {
                let saved = Saved { created_ms: now, modified_ms: now, settings };
                disk::write_json(&path, &saved, Access::Ordinary)?;
                saved
            }
        };
        let mut messages = BTreeMap::new();
        for file in disk::names(&messages_folder)? {
            let Some(number) = file.strip_suffix(".json").and_then(|number| number.parse().ok()) else {
                continue;
            };
            let Some(mut message) = disk::read_json::<Message>(&messages_folder.join(&file))? else {
                continue;
            };
            if message.receipt.is_some() {
                message.visible_ms = message.visible_ms.min(now);
            }
            messages.insert(number, message);
        }
        let next = messages.last_key_value().map_or(0, |(number, _)| number + 1);
        let state = State { settings: saved.settings, modified_ms: saved.modified_ms, messages, next };
        Ok(Queue {
            name: name.to_owned(),
            arn,
            created_ms: saved.created_ms,
            folder: folder.to_owned(),
            clock,
            state: Mutex::new(state),
            arrived: Notify::new(),
        })
    }

    pub fn settings(&self) -> Settings {
        lock(&self.state).settings.clone()
    }

    pub fn modified_ms(&self) -> i64 {
        lock(&self.state).modified_ms
    }

    /// Replaces the settings.
    pub fn set(&self, settings: Settings) -> disk::Result<()> {
        let mut state = lock(&self.state);
        let saved = Saved { created_ms: self.created_ms, modified_ms: self.clock.now_ms(), settings };
        disk::write_json(&self.folder.join("queue.json"), &saved, Access::Ordinary)?;
        state.modified_ms = saved.modified_ms;
        state.settings = saved.settings;
        Ok(())
    }

    /// Sends a plain message, as another AWS service does.
    pub fn deliver(&self, body: String) -> std::io::Result<()> {
        self.send(Outgoing { body, ..Default::default() }).map(drop)
    }

    /// Sends a message and gives its id.
    pub fn send(&self, outgoing: Outgoing) -> std::io::Result<Message> {
        let now = self.clock.now_ms();
        let mut state = lock(&self.state);
        let delay_s = outgoing.delay_s.unwrap_or(state.settings.delay_s);
        let message = Message {
            id: random::uuid()?,
            body: outgoing.body,
            attributes: outgoing.attributes,
            trace_header: outgoing.trace_header,
            sent_ms: now,
            visible_ms: now + i64::from(delay_s) * 1000,
            receive_count: 0,
            first_received_ms: None,
            last_received_ms: None,
            receipt: None,
            dead_letter_source: None,
        };
        self.insert(&mut state, message.clone()).map_err(std::io::Error::other)?;
        Ok(message)
    }

    /// Takes in a message of another queue as it is.
    pub fn adopt(&self, message: Message) -> disk::Result<()> {
        self.insert(&mut lock(&self.state), message)
    }

    fn insert(&self, state: &mut State, message: Message) -> disk::Result<()> {
        let number = state.next;
        self.save(number, &message)?;
        state.next += 1;
        state.messages.insert(number, message);
        self.arrived.notify_waiters();
        Ok(())
    }

    /// Receives messages, waiting up to `wanted.wait` for the first. `bury` is given those that were received too
    /// often, with their number for [`forget`](Queue::forget).
    pub async fn receive(
        &self,
        wanted: Wanted,
        bury: impl Fn(Vec<(u64, Message)>) -> disk::Result<()>,
    ) -> std::io::Result<Vec<Message>> {
        let deadline = Instant::now() + wanted.wait;
        loop {
            let arrived = self.arrived.notified();
            let moved = self.clock.moved();
            tokio::pin!(arrived, moved);
            // Before the look, so that a message which comes right after it is not missed.
            arrived.as_mut().enable();

            let taken = self.take(wanted)?;
            if !taken.dead.is_empty() {
                bury(taken.dead).map_err(std::io::Error::other)?;
            }
            if !taken.messages.is_empty() || Instant::now() >= deadline {
                return Ok(taken.messages);
            }
            let until_next = taken.next_visible_ms.map(|at| (at - self.clock.now_ms()).max(1) as u64);
            let until_next = until_next.map(|ms| Instant::now() + Duration::from_millis(ms));
            tokio::select! {
                () = arrived => {}
                () = moved => {}
                () = tokio::time::sleep_until(until_next.map_or(deadline, |next| next.min(deadline))) => {}
            }
        }
    }

    fn take(&self, wanted: Wanted) -> std::io::Result<Taken> {
        let now = self.clock.now_ms();
        let mut state = lock(&self.state);
        self.expire(&mut state, now).map_err(std::io::Error::other)?;
        let visibility_s = wanted.visibility_s.unwrap_or(state.settings.visibility_timeout_s);

        let visible: Vec<u64> = state
            .messages
            .iter()
            .filter(|(_, message)| message.visible_ms <= now)
            .map(|(number, _)| *number)
            .collect();
        let mut taken = Taken { messages: Vec::new(), dead: Vec::new(), next_visible_ms: None };
        for number in visible {
            if taken.messages.len() == wanted.max {
                break;
            }
            let Some(message) = state.messages.get_mut(&number) else { continue };
            if message.receive_count >= wanted.max_receives {
                taken.dead.extend(state.messages.remove(&number).map(|message| (number, message)));
                continue;
            }
            message.receive_count += 1;
            message.first_received_ms.get_or_insert(now);
            message.last_received_ms = Some(now);
            message.visible_ms = now + i64::from(visibility_s) * 1000;
            message.receipt = Some(random::text(random::LOWER, 24)?);
            self.save(number, message).map_err(std::io::Error::other)?;
            taken.messages.push(message.clone());
        }
        taken.next_visible_ms = state.messages.values().map(|m| m.visible_ms).filter(|at| *at > now).min();
        Ok(taken)
    }

    /// Drops messages that are older than the queue keeps them.
    fn expire(&self, state: &mut State, now: i64) -> disk::Result<()> {
        let oldest = now - i64::from(state.settings.retention_s) * 1000;
        let expired = state.messages.extract_if(.., |_, message| message.sent_ms < oldest);
        expired
            .map(|(number, _)| number)
            .collect::<Vec<_>>()
            .into_iter()
            .try_for_each(|number| self.forget(number))
    }

    /// Deletes the message that `receipt` is of.
    pub fn delete(&self, receipt: &Receipt, stale: StaleHandles) -> Result<(), Fault> {
        let mut state = lock(&self.state);
        let Some(number) = find(&state, &receipt.message_id) else { return Ok(()) };
        if state.messages[&number].receipt.as_ref() != Some(&receipt.mark) {
            return stale_handle(stale);
        }
        self.forget(number).map_err(Fault::internal)?;
        state.messages.remove(&number);
        Ok(())
    }

    /// Hides the message for `timeout_s` from now; 0 gives it back at once.
    pub fn change_visibility(
        &self,
        receipt: &Receipt,
        timeout_s: u32,
        stale: StaleHandles,
    ) -> Result<(), Fault> {
        let now = self.clock.now_ms();
        let mut state = lock(&self.state);
        let Some(number) = find(&state, &receipt.message_id) else { return stale_handle(stale) };
        let Some(message) = state.messages.get_mut(&number) else { return stale_handle(stale) };
        if message.receipt.as_ref() != Some(&receipt.mark) || message.visible_ms <= now {
            return stale_handle(stale);
        }
        let visible_ms = now + i64::from(timeout_s) * 1000;
        let received_ms = message.last_received_ms.unwrap_or(now);
        if (visible_ms - received_ms) / 1000 > MAX_HIDDEN_S {
            return Err(Fault::new(
                "InvalidParameterValue",
                format!(
                    "Value {timeout_s} for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for \
                     the message is beyond the limit [{MAX_HIDDEN_S} seconds]."
                ),
            ));
        }
        message.visible_ms = visible_ms;
        self.save(number, &state.messages[&number]).map_err(Fault::internal)?;
        self.arrived.notify_waiters();
        Ok(())
    }

    /// Deletes all messages.
    pub fn purge(&self) -> disk::Result<()> {
        let mut state = lock(&self.state);
        while let Some((number, _)) = state.messages.first_key_value() {
            self.forget(*number)?;
            state.messages.pop_first();
        }
        Ok(())
    }

    /// Takes out every message that could be received now, for a redrive: gone from memory, still on disk until
    /// [`forget`](Queue::forget).
    pub fn drain_visible(&self) -> Vec<(u64, Message)> {
        let now = self.clock.now_ms();
        lock(&self.state).messages.extract_if(.., |_, message| message.visible_ms <= now).collect()
    }

    /// Deletes the file of a message that has another home now.
    pub fn forget(&self, number: u64) -> disk::Result<()> {
        disk::remove(&self.path(number))
    }

    pub fn counts(&self) -> Counts {
        let now = self.clock.now_ms();
        let mut counts = Counts { visible: 0, in_flight: 0, delayed: 0 };
        for message in lock(&self.state).messages.values() {
            match (message.visible_ms <= now, &message.receipt) {
                (true, _) => counts.visible += 1,
                (false, Some(_)) => counts.in_flight += 1,
                (false, None) => counts.delayed += 1,
            }
        }
        counts
    }

    fn save(&self, number: u64, message: &Message) -> disk::Result<()> {
        disk::write_json(&self.path(number), message, Access::Ordinary)
    }

    fn path(&self, number: u64) -> PathBuf {
        self.folder.join("messages").join(format!("{number:020}.json"))
    }
}

fn find(state: &State, message_id: &str) -> Option<u64> {
    state.messages.iter().find(|(_, message)| message.id == message_id).map(|(number, _)| *number)
}

fn stale_handle(stale: StaleHandles) -> Result<(), Fault> {
    match stale {
        StaleHandles::Ignore => Ok(()),
        StaleHandles::Refuse => Err(Fault::new(
            "InvalidParameterValue",
            "Value for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.",
        )),
    }
}

/// Puts `dead` messages into `target`, then lets go of them in `source`: a crash between leaves both, never none.
pub(crate) fn bury(source: &Queue, target: &Arc<Queue>, dead: Vec<(u64, Message)>) -> disk::Result<()> {
    for (number, mut message) in dead {
        message.visible_ms = message.visible_ms.min(source.clock.now_ms());
        message.receipt = None;
        message.dead_letter_source = Some(source.arn.clone());
        target.adopt(message)?;
        source.forget(number)?;
    }
    Ok(())
}
