//! A queue's attributes: which there are, what they may be, what they are when nobody says.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::aws_json::Fault;

/// When a message goes to a dead-letter queue, and to which.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RedrivePolicy {
    pub dead_letter_target_arn: String,
    /// SDKs send it as a number or as text.
    #[serde(deserialize_with = "number_or_text")]
    pub max_receive_count: u32,
}

/// What may be set on a queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Settings {
    pub visibility_timeout_s: u32,
    pub delay_s: u32,
    pub wait_s: u32,
    pub retention_s: u32,
    pub max_message_bytes: u32,
    pub redrive: Option<RedrivePolicy>,
    /// Kept and given back, and without effect here: policies, encryption and the like.
    pub others: BTreeMap<String, String>,
}

/// SQS's own defaults.
impl Default for Settings {
    fn default() -> Settings {
        Settings {
            visibility_timeout_s: 30,
            delay_s: 0,
            wait_s: 0,
            retention_s: 4 * 24 * 3600,
            max_message_bytes: 1024 * 1024,
            redrive: None,
            others: BTreeMap::new(),
        }
    }
}

impl Settings {
    /// Sets the attributes that a request names.
    pub fn set(&mut self, attributes: &BTreeMap<String, String>) -> Result<(), Fault> {
        for (name, value) in attributes {
            match name.as_str() {
                "VisibilityTimeout" => self.visibility_timeout_s = number(name, value, 0, 43_200)?,
                "DelaySeconds" => self.delay_s = number(name, value, 0, 900)?,
                "ReceiveMessageWaitTimeSeconds" => self.wait_s = number(name, value, 0, 20)?,
                "MessageRetentionPeriod" => self.retention_s = number(name, value, 60, 1_209_600)?,
                "MaximumMessageSize" => self.max_message_bytes = number(name, value, 1024, 1_048_576)?,
                "RedrivePolicy" if value.is_empty() => self.redrive = None,
                "RedrivePolicy" => {
                    let policy: RedrivePolicy = serde_json::from_str(value).map_err(|_| bad_value(name))?;
                    if !(1..=1000).contains(&policy.max_receive_count) {
                        return Err(bad_value(name));
                    }
                    self.redrive = Some(policy);
                }
                "Policy"
                | "RedriveAllowPolicy"
                | "KmsMasterKeyId"
                | "KmsDataKeyReusePeriodSeconds"
                | "SqsManagedSseEnabled" => {
                    self.others.insert(name.clone(), value.clone());
                }
                _ => return Err(Fault::new("InvalidAttributeName", format!("Unknown Attribute {name}."))),
            }
        }
        Ok(())
    }

    /// The settings as attributes.
    pub fn attributes(&self) -> BTreeMap<String, String> {
        let mut attributes = self.others.clone();
        for (name, value) in [
            ("VisibilityTimeout", self.visibility_timeout_s),
            ("DelaySeconds", self.delay_s),
            ("ReceiveMessageWaitTimeSeconds", self.wait_s),
            ("MessageRetentionPeriod", self.retention_s),
            ("MaximumMessageSize", self.max_message_bytes),
        ] {
            attributes.insert(name.to_owned(), value.to_string());
        }
        if let Some(policy) = self.redrive.as_ref().and_then(|policy| serde_json::to_string(policy).ok()) {
            attributes.insert("RedrivePolicy".to_owned(), policy);
        }
        attributes
    }
}

fn number(name: &str, value: &str, least: u32, most: u32) -> Result<u32, Fault> {
    value.parse().ok().filter(|number| (least..=most).contains(number)).ok_or_else(|| bad_value(name))
}

fn bad_value(name: &str) -> Fault {
    Fault::new("InvalidAttributeValue", format!("Invalid value for the parameter {name}."))
}

fn number_or_text<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(u32),
        Text(String),
    }
    match Either::deserialize(deserializer)? {
        Either::Number(number) => Ok(number),
        Either::Text(text) => text.parse().map_err(serde::de::Error::custom),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(name: &str, value: &str) -> Result<Settings, &'static str> {
        let mut settings = Settings::default();
        let attributes = BTreeMap::from([(name.to_owned(), value.to_owned())]);
        settings.set(&attributes).map_err(|fault| fault.code)?;
        Ok(settings)
    }

    #[test]
    fn limits_are_those_of_sqs() {
        assert_eq!(set("VisibilityTimeout", "43200").expect("allowed").visibility_timeout_s, 43_200);
        for (name, value) in [
            ("VisibilityTimeout", "43201"),
            ("VisibilityTimeout", "-1"),
            ("DelaySeconds", "901"),
            ("ReceiveMessageWaitTimeSeconds", "21"),
            ("MessageRetentionPeriod", "59"),
            ("MaximumMessageSize", "many"),
            ("RedrivePolicy", r#"{"deadLetterTargetArn":"a","maxReceiveCount":0}"#),
            ("RedrivePolicy", "{}"),
        ] {
            assert_eq!(set(name, value), Err("InvalidAttributeValue"), "{name}={value}");
        }
        assert_eq!(set("Colour", "blue"), Err("InvalidAttributeName"));
    }

    #[test]
    fn a_redrive_policy_takes_its_count_as_number_or_text() {
        for count in ["5", "\"5\""] {
            let policy = format!(r#"{{"deadLetterTargetArn":"arn:x","maxReceiveCount":{count}}}"#);
            let settings = set("RedrivePolicy", &policy).expect("allowed");
            assert_eq!(settings.redrive.expect("policy").max_receive_count, 5);
        }
    }
}
