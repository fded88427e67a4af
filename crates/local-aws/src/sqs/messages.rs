//! The operations on single messages.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::message::{Attributes, Message, MessageAttribute, md5_of, md5_of_attributes};
use super::queue::{Outgoing, Wanted, bury};
use super::queues::Done;
use super::receipt::Receipt;
use super::{Queue, Sqs};
use crate::aws_json::Fault;

const TRACE_HEADER: &str = "AWSTraceHeader";

/// What sending one message takes, alone or in a batch.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Entry {
    message_body: String,
    delay_seconds: Option<i64>,
    #[serde(default)]
    message_attributes: Attributes,
    #[serde(default)]
    message_system_attributes: Attributes,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Send {
    queue_url: String,
    #[serde(flatten)]
    entry: Entry,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Sent {
    message_id: String,
    #[serde(rename = "MD5OfMessageBody")]
    md5_of_body: String,
    #[serde(rename = "MD5OfMessageAttributes", skip_serializing_if = "Option::is_none")]
    md5_of_attributes: Option<String>,
    #[serde(rename = "MD5OfMessageSystemAttributes", skip_serializing_if = "Option::is_none")]
    md5_of_system_attributes: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Receive {
    queue_url: String,
    max_number_of_messages: Option<i64>,
    visibility_timeout: Option<i64>,
    wait_time_seconds: Option<i64>,
    /// The older name of `MessageSystemAttributeNames`.
    #[serde(default)]
    attribute_names: Vec<String>,
    #[serde(default)]
    message_system_attribute_names: Vec<String>,
    #[serde(default)]
    message_attribute_names: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Received {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    messages: Vec<ReceivedMessage>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ReceivedMessage {
    message_id: String,
    receipt_handle: String,
    #[serde(rename = "MD5OfBody")]
    md5_of_body: String,
    body: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    attributes: BTreeMap<&'static str, String>,
    #[serde(rename = "MD5OfMessageAttributes", skip_serializing_if = "Option::is_none")]
    md5_of_attributes: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    message_attributes: BTreeMap<String, MessageAttribute>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Delete {
    queue_url: String,
    receipt_handle: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ChangeVisibility {
    queue_url: String,
    receipt_handle: String,
    visibility_timeout: i64,
}

impl Sqs {
    pub(super) fn send(&self, input: Send) -> Result<Sent, Fault> {
        self.send_to(&*self.queue(&input.queue_url)?, input.entry)
    }

    pub(super) fn send_to(&self, queue: &Queue, entry: Entry) -> Result<Sent, Fault> {
        check_message(&entry, queue.settings().max_message_bytes as usize)?;
        let trace_header = match entry.message_system_attributes.get(TRACE_HEADER) {
            Some(attribute) => attribute.string_value.clone(),
            None => None,
        };
        let delay_s = entry.delay_seconds.map(|s| seconds("DelaySeconds", s, 900)).transpose()?;
        let md5_of_system_attributes =
            md5_of_attributes(&entry.message_system_attributes).map_err(Fault::internal)?;
        let outgoing = Outgoing {
            body: entry.message_body,
            attributes: entry.message_attributes,
            trace_header,
            delay_s,
        };
        let message = queue.send(outgoing).map_err(Fault::internal)?;
        Ok(Sent {
            md5_of_body: md5_of(message.body.as_bytes()).map_err(Fault::internal)?,
            md5_of_attributes: md5_of_attributes(&message.attributes).map_err(Fault::internal)?,
            md5_of_system_attributes,
            message_id: message.id,
        })
    }

    pub(super) async fn receive(&self, input: Receive) -> Result<Received, Fault> {
        let queue = self.queue(&input.queue_url)?;
        let settings = queue.settings();
        let max = input.max_number_of_messages.unwrap_or(1);
        if !(1..=10).contains(&max) {
            let reason = "Reason: Must be between 1 and 10, if provided.";
            return Err(bad_value("MaxNumberOfMessages", max, reason));
        }
        let visibility_s =
            input.visibility_timeout.map(|s| seconds("VisibilityTimeout", s, 43_200)).transpose()?;
        let wait_s = match input.wait_time_seconds {
            Some(s) => seconds("WaitTimeSeconds", s, 20)?,
            None => settings.wait_s,
        };
        let dead_letters = settings.redrive.as_ref().and_then(|policy| {
            self.by_arn(&policy.dead_letter_target_arn).map(|target| (target, policy.max_receive_count))
        });
        let wanted = Wanted {
            max: max as usize,
            visibility_s,
            wait: Duration::from_secs(wait_s.into()),
            max_receives: dead_letters.as_ref().map_or(u32::MAX, |(_, count)| *count),
        };
        let receive = queue.receive(wanted, |dead| match &dead_letters {
            Some((target, _)) => bury(&queue, target, dead),
            None => Ok(()),
        });
        let messages = tokio::select! {
            messages = receive => messages.map_err(Fault::internal)?,
            () = self.stop.cancelled() => Vec::new(),
        };
        let messages = messages.into_iter().map(|message| show(message, &input)).collect::<Result<_, _>>();
        Ok(Received { messages: messages.map_err(Fault::internal)? })
    }

    pub(super) fn delete(&self, input: Delete) -> Result<Done, Fault> {
        self.delete_from(&*self.queue(&input.queue_url)?, &input.receipt_handle)?;
        Ok(Done {})
    }

    pub(super) fn delete_from(&self, queue: &Queue, handle: &str) -> Result<(), Fault> {
        queue.delete(&receipt(handle)?, self.stale_handles())
    }

    pub(super) fn change_visibility(&self, input: ChangeVisibility) -> Result<Done, Fault> {
        let queue = self.queue(&input.queue_url)?;
        self.change_visibility_in(&queue, &input.receipt_handle, input.visibility_timeout)?;
        Ok(Done {})
    }

    pub(super) fn change_visibility_in(
        &self,
        queue: &Queue,
        handle: &str,
        timeout_s: i64,
    ) -> Result<(), Fault> {
        let timeout_s = seconds("VisibilityTimeout", timeout_s, 43_200)?;
        queue.change_visibility(&receipt(handle)?, timeout_s, self.stale_handles())
    }
}

fn check_message(entry: &Entry, max_bytes: usize) -> Result<(), Fault> {
    if entry.message_body.is_empty() {
        return Err(Fault::new("MissingParameter", "The request must contain the parameter MessageBody."));
    }
    // XML's characters, as SQS documents it.
    let allowed = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..);
    if !entry.message_body.chars().all(allowed) {
        return Err(Fault::new(
            "InvalidMessageContents",
            "The message contains characters outside the allowed set.",
        ));
    }
    let attribute_bytes = entry.message_attributes.iter().map(|(name, attribute)| {
        let value = attribute.string_value.as_ref().or(attribute.binary_value.as_ref());
        name.len() + attribute.data_type.len() + value.map_or(0, String::len)
    });
    if entry.message_body.len() + attribute_bytes.sum::<usize>() > max_bytes {
        let message = format!(
            "One or more parameters are invalid. Reason: Message must be shorter than {max_bytes} bytes."
        );
        return Err(Fault::new("InvalidParameterValue", message));
    }
    Ok(())
}

fn show(message: Message, asked: &Receive) -> Result<ReceivedMessage, openssl::error::ErrorStack> {
    let system_names = || asked.attribute_names.iter().chain(&asked.message_system_attribute_names);
    let wants_system = |name: &str| system_names().any(|asked| asked == "All" || asked == name);
    let number = |value: Option<i64>| value.map(|value| value.to_string());
    let attributes = [
        ("SenderId", Some("AIDALOCAL".to_owned())),
        ("SentTimestamp", Some(message.sent_ms.to_string())),
        ("ApproximateReceiveCount", Some(message.receive_count.to_string())),
        ("ApproximateFirstReceiveTimestamp", number(message.first_received_ms)),
        (TRACE_HEADER, message.trace_header),
        ("DeadLetterQueueSourceArn", message.dead_letter_source),
    ];
    let attributes = attributes.into_iter().filter(|(name, _)| wants_system(name));
    let wants = |name: &str| {
        asked.message_attribute_names.iter().any(|asked| match asked.strip_suffix(".*") {
            Some(prefix) => name.starts_with(prefix),
            None => asked == "All" || asked == name,
        })
    };
    let message_attributes: BTreeMap<_, _> =
        message.attributes.into_iter().filter(|(name, _)| wants(name)).collect();
    let receipt = Receipt { message_id: message.id.clone(), mark: message.receipt.unwrap_or_default() };
    Ok(ReceivedMessage {
        receipt_handle: receipt.handle(),
        message_id: message.id,
        md5_of_body: md5_of(message.body.as_bytes())?,
        body: message.body,
        attributes: attributes.filter_map(|(name, value)| Some((name, value?))).collect(),
        md5_of_attributes: md5_of_attributes(&message_attributes)?,
        message_attributes,
    })
}

fn receipt(handle: &str) -> Result<Receipt, Fault> {
    Receipt::parse(handle).ok_or_else(|| {
        Fault::new("ReceiptHandleIsInvalid", "The input receipt handle is not a valid receipt handle.")
    })
}

fn seconds(name: &str, value: i64, most: u32) -> Result<u32, Fault> {
    u32::try_from(value)
        .ok()
        .filter(|seconds| *seconds <= most)
        .ok_or_else(|| bad_value(name, value, &format!("Reason: Must be between 0 and {most}, if provided.")))
}

fn bad_value(name: &str, value: i64, reason: &str) -> Fault {
    Fault::new("InvalidParameterValue", format!("Value {value} for parameter {name} is invalid. {reason}"))
}
