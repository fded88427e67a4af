//! The operations on up to ten messages at once: each entry succeeds or fails for itself.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::Sqs;
use super::messages::{Entry, Sent};
use crate::aws_json::Fault;

const MAX_ENTRIES: usize = 10;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Batch<E> {
    queue_url: String,
    #[serde(default = "Vec::new")]
    entries: Vec<Identified<E>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Identified<E> {
    id: String,
    #[serde(flatten)]
    entry: E,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DeleteEntry {
    receipt_handle: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct VisibilityEntry {
    receipt_handle: String,
    visibility_timeout: i64,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Results<R> {
    successful: Vec<Success<R>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    failed: Vec<Failure>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Success<R> {
    id: String,
    #[serde(flatten)]
    result: R,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Failure {
    id: String,
    code: &'static str,
    message: String,
    sender_fault: bool,
}

/// The result of an entry that has none.
#[derive(Serialize)]
pub(super) struct Nothing {}

impl Sqs {
    pub(super) fn send_batch(&self, batch: Batch<Entry>) -> Result<Results<Sent>, Fault> {
        let queue = self.queue(&batch.queue_url)?;
        each(batch, |entry| self.send_to(&queue, entry))
    }

    pub(super) fn delete_batch(&self, batch: Batch<DeleteEntry>) -> Result<Results<Nothing>, Fault> {
        let queue = self.queue(&batch.queue_url)?;
        each(batch, |entry| self.delete_from(&queue, &entry.receipt_handle).map(|()| Nothing {}))
    }

    pub(super) fn change_visibility_batch(
        &self,
        batch: Batch<VisibilityEntry>,
    ) -> Result<Results<Nothing>, Fault> {
        let queue = self.queue(&batch.queue_url)?;
        each(batch, |entry| {
            self.change_visibility_in(&queue, &entry.receipt_handle, entry.visibility_timeout)
                .map(|()| Nothing {})
        })
    }
}

fn each<E, R>(batch: Batch<E>, act: impl Fn(E) -> Result<R, Fault>) -> Result<Results<R>, Fault> {
    check(&batch)?;
    let mut results = Results { successful: Vec::new(), failed: Vec::new() };
    for Identified { id, entry } in batch.entries {
        match act(entry) {
            Ok(result) => results.successful.push(Success { id, result }),
            Err(Fault { code, message }) => {
                results.failed.push(Failure { id, code, message, sender_fault: true });
            }
        }
    }
    Ok(results)
}

fn check<E>(batch: &Batch<E>) -> Result<(), Fault> {
    if batch.entries.is_empty() {
        let message = "There should be at least one entry in the request.";
        return Err(Fault::new("EmptyBatchRequest", message));
    }
    if batch.entries.len() > MAX_ENTRIES {
        let message = format!("Maximum number of entries per request are {MAX_ENTRIES}.");
        return Err(Fault::new("TooManyEntriesInBatchRequest", message));
    }
    let ids: HashSet<_> = batch.entries.iter().map(|entry| &entry.id).collect();
    if ids.len() < batch.entries.len() {
        return Err(Fault::new("BatchEntryIdsNotDistinct", "Two entries of the request have the same Id."));
    }
    let is_id = |id: &str| {
        (1..=80).contains(&id.len())
            && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    if !ids.iter().all(|id| is_id(id)) {
        let message = "A batch entry id can only contain alphanumeric characters, hyphens and underscores.";
        return Err(Fault::new("InvalidBatchEntryId", message));
    }
    Ok(())
}
