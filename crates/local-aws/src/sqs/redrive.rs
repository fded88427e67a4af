//! Moving dead letters back: StartMessageMoveTask and ListMessageMoveTasks.
//!
//! A task here is done when it is started. The list of tasks is kept in memory only.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::message::Message;
use super::queue::Outgoing;
use super::queues::sends_dead_letters_to;
use super::{Queue, Sqs};
use crate::aws_json::Fault;
use crate::random;
use crate::sync::{lock, read};

/// Most tasks that SQS lists.
const MAX_LISTED: usize = 10;

/// One redrive, done.
#[derive(Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct MoveTask {
    task_handle: String,
    status: &'static str,
    source_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    destination_arn: Option<String>,
    approximate_number_of_messages_moved: usize,
    approximate_number_of_messages_to_move: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_reason: Option<&'static str>,
    started_timestamp: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct StartMove {
    source_arn: String,
    destination_arn: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Started {
    task_handle: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListMoves {
    source_arn: String,
    max_results: Option<usize>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Moves {
    results: Vec<MoveTask>,
}

impl Sqs {
    pub(super) fn start_move(&self, input: StartMove) -> Result<Started, Fault> {
        let source = self.existing(&input.source_arn)?;
        if !read(&self.queues).values().any(|queue| sends_dead_letters_to(queue, &source.arn)) {
            let message = "Source queue must be configured as a Dead Letter Queue.";
            return Err(Fault::new("InvalidParameterValue", message));
        }
        let destination = input.destination_arn.as_deref().map(|arn| self.existing(arn)).transpose()?;
        let messages = source.drain_visible();
        let total = messages.len();
        let mut moved = 0;
        for (number, message) in messages {
            let home = destination.clone().or_else(|| self.by_arn(message.dead_letter_source.as_deref()?));
            match home {
                Some(home) => {
                    resend(&home, message).map_err(Fault::internal)?;
                    moved += 1;
                }
                // Sent straight to the dead-letter queue: nobody knows where it belongs, so it stays.
                None => source.adopt(message).map_err(Fault::internal)?,
            }
            source.forget(number).map_err(Fault::internal)?;
        }
        let task = MoveTask {
            task_handle: random::text(random::MIXED, 64).map_err(Fault::internal)?,
            status: if moved == total { "COMPLETED" } else { "FAILED" },
            failure_reason: (moved < total).then_some("CouldNotDetermineMessageSource"),
            source_arn: input.source_arn,
            destination_arn: input.destination_arn,
            approximate_number_of_messages_moved: moved,
            approximate_number_of_messages_to_move: total,
            started_timestamp: self.clock.now_ms(),
        };
        let started = Started { task_handle: task.task_handle.clone() };
        lock(&self.tasks).push(task);
        Ok(started)
    }

    /// The latest tasks of one source, newest first.
    pub(super) fn list_moves(&self, input: ListMoves) -> Result<Moves, Fault> {
        self.existing(&input.source_arn)?;
        let max = input.max_results.unwrap_or(1).min(MAX_LISTED);
        let tasks = lock(&self.tasks);
        let of_source = tasks.iter().rev().filter(|task| task.source_arn == input.source_arn);
        Ok(Moves { results: of_source.take(max).cloned().collect() })
    }

    fn existing(&self, arn: &str) -> Result<Arc<Queue>, Fault> {
        let missing = || {
            Fault::new(
                "ResourceNotFoundException",
                "The resource that you specified for the ARN doesn't exist.",
            )
        };
        self.by_arn(arn).ok_or_else(missing)
    }
}

/// SQS gives a message that is moved back a new id and a new age, and counts its receives from nothing.
fn resend(home: &Queue, message: Message) -> std::io::Result<()> {
    let Message { body, attributes, trace_header, .. } = message;
    home.send(Outgoing { body, attributes, trace_header, delay_s: None }).map(drop)
}
