//! The operations on queues.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::settings::{RedrivePolicy, Settings};
use super::{Queue, Sqs};
use crate::aws_json::Fault;
use crate::disk;
use crate::sync::{read, write};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateQueue {
    queue_name: String,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct QueueNamed {
    queue_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct OnQueue {
    pub(super) queue_url: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct QueueUrl {
    queue_url: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListQueues {
    queue_name_prefix: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct QueueUrls {
    queue_urls: Vec<String>,
}

#[derive(Serialize)]
pub(super) struct SourceUrls {
    #[serde(rename = "queueUrls")]
    queue_urls: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetAttributes {
    queue_url: String,
    #[serde(default)]
    attribute_names: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SetAttributes {
    queue_url: String,
    attributes: BTreeMap<String, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AttributesOf {
    attributes: BTreeMap<String, String>,
}

/// `{}`, what operations without a result answer.
#[derive(Serialize)]
pub(super) struct Done {}

impl Sqs {
    pub(super) fn create_queue(&self, input: CreateQueue) -> Result<QueueUrl, Fault> {
        let name = input.queue_name;
        if !is_queue_name(&name) {
            return Err(Fault::new("InvalidParameterValue", QUEUE_NAME_RULE));
        }
        let mut settings = Settings::default();
        settings.set(&input.attributes)?;
        self.check_redrive(&settings)?;
        if let Ok(queue) = self.named(&name) {
            let mut wanted = queue.settings();
            wanted.set(&input.attributes)?;
            if wanted != queue.settings() {
                let message =
                    "A queue already exists with the same name and a different value for an attribute";
                return Err(Fault::new("QueueNameExists", message));
            }
        }
        self.open_queue(&name, settings).map_err(Fault::internal)?;
        Ok(QueueUrl { queue_url: self.url(&name) })
    }

    pub(super) fn delete_queue(&self, input: OnQueue) -> Result<Done, Fault> {
        let queue = self.queue(&input.queue_url)?;
        let mut queues = write(&self.queues);
        disk::remove_folder(&self.folder.join(&queue.name)).map_err(Fault::internal)?;
        queues.remove(&queue.name);
        Ok(Done {})
    }

    pub(super) fn get_queue_url(&self, input: QueueNamed) -> Result<QueueUrl, Fault> {
        self.named(&input.queue_name).map(|queue| QueueUrl { queue_url: self.url(&queue.name) })
    }

    pub(super) fn list_queues(&self, input: ListQueues) -> Result<QueueUrls, Fault> {
        let prefix = input.queue_name_prefix.unwrap_or_default();
        let queues = read(&self.queues);
        let names = queues.keys().filter(|name| name.starts_with(&prefix));
        Ok(QueueUrls { queue_urls: names.map(|name| self.url(name)).collect() })
    }

    /// The queues whose dead letters come to this one.
    pub(super) fn list_sources(&self, input: OnQueue) -> Result<SourceUrls, Fault> {
        let target = self.queue(&input.queue_url)?;
        let queues = read(&self.queues);
        let sources = queues.values().filter(|queue| sends_dead_letters_to(queue, &target.arn));
        Ok(SourceUrls { queue_urls: sources.map(|queue| self.url(&queue.name)).collect() })
    }

    pub(super) fn get_attributes(&self, input: GetAttributes) -> Result<AttributesOf, Fault> {
        let queue = self.queue(&input.queue_url)?;
        let mut attributes = queue.settings().attributes();
        let counts = queue.counts();
        attributes.extend(
            [
                ("QueueArn", queue.arn.clone()),
                ("CreatedTimestamp", (queue.created_ms / 1000).to_string()),
                ("LastModifiedTimestamp", (queue.modified_ms() / 1000).to_string()),
                ("ApproximateNumberOfMessages", counts.visible.to_string()),
                ("ApproximateNumberOfMessagesNotVisible", counts.in_flight.to_string()),
                ("ApproximateNumberOfMessagesDelayed", counts.delayed.to_string()),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
        let asked = |name: &str| input.attribute_names.iter().any(|asked| asked == "All" || asked == name);
        attributes.retain(|name, _| asked(name));
        Ok(AttributesOf { attributes })
    }

    pub(super) fn set_attributes(&self, input: SetAttributes) -> Result<Done, Fault> {
        let queue = self.queue(&input.queue_url)?;
        let mut settings = queue.settings();
        settings.set(&input.attributes)?;
        self.check_redrive(&settings)?;
        queue.set(settings).map_err(Fault::internal)?;
        Ok(Done {})
    }

    pub(super) fn purge(&self, input: OnQueue) -> Result<Done, Fault> {
        self.queue(&input.queue_url)?.purge().map_err(Fault::internal)?;
        Ok(Done {})
    }

    fn check_redrive(&self, settings: &Settings) -> Result<(), Fault> {
        let missing = |policy: &RedrivePolicy| self.by_arn(&policy.dead_letter_target_arn).is_none();
        if settings.redrive.as_ref().is_some_and(missing) {
            let message =
                "Value for parameter RedrivePolicy is invalid. Reason: Dead letter target does not exist.";
            return Err(Fault::new("InvalidParameterValue", message));
        }
        Ok(())
    }
}

pub(super) fn sends_dead_letters_to(queue: &Queue, arn: &str) -> bool {
    queue.settings().redrive.is_some_and(|policy| policy.dead_letter_target_arn == arn)
}

/// What SQS says of a name that it does not take.
const QUEUE_NAME_RULE: &str =
    "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length";

/// Whether SQS takes `name` for a standard queue.
pub(crate) fn is_queue_name(name: &str) -> bool {
    let fits = (1..=80).contains(&name.len());
    fits && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}
