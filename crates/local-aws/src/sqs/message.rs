//! One message, as it lies on disk.

use std::collections::BTreeMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use openssl::error::ErrorStack;
use openssl::hash::{MessageDigest, hash};
use serde::{Deserialize, Serialize};

/// A message attribute in the form that the wire has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct MessageAttribute {
    pub data_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub string_value: Option<String>,
    /// Base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binary_value: Option<String>,
}

pub(crate) type Attributes = BTreeMap<String, MessageAttribute>;

/// A message and where it stands. Times are milliseconds since the epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Message {
    pub id: String,
    pub body: String,
    pub attributes: Attributes,
    /// `AWSTraceHeader`, the only system attribute that a sender may set.
    pub trace_header: Option<String>,
    pub sent_ms: i64,
    /// Not given out before this.
    pub visible_ms: i64,
    pub receive_count: u32,
    pub first_received_ms: Option<i64>,
    pub last_received_ms: Option<i64>,
    /// Marks the latest receipt; earlier ones are stale.
    pub receipt: Option<String>,
    /// The queue that it was moved here from, after too many receives.
    pub dead_letter_source: Option<String>,
}

/// Lower-case hex MD5, which the SDKs compare with their own.
pub(crate) fn md5_of(bytes: &[u8]) -> Result<String, ErrorStack> {
    hash(MessageDigest::md5(), bytes).map(hex::encode)
}

/// The MD5 of attributes: in order of name, each name, type and value with its length before it.
///
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html>
pub(crate) fn md5_of_attributes(attributes: &Attributes) -> Result<Option<String>, ErrorStack> {
    if attributes.is_empty() {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    let mut field = |kind: Option<u8>, value: &[u8]| {
        bytes.extend(kind);
        bytes.extend((value.len() as u32).to_be_bytes());
        bytes.extend(value);
    };
    for (name, attribute) in attributes {
        field(None, name.as_bytes());
        field(None, attribute.data_type.as_bytes());
        match &attribute.binary_value {
            Some(value) => field(Some(2), &BASE64_STANDARD.decode(value).unwrap_or_default()),
            None => field(Some(1), attribute.string_value.as_deref().unwrap_or_default().as_bytes()),
        }
    }
    md5_of(&bytes).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn md5s_are_those_that_the_sdks_compute() {
        assert_eq!(md5_of(b"This is a test message").expect("md5"), "fafb00f5732ab283681e124bf8747ed1");
        let attribute = |data_type: &str, string: Option<&str>, binary: Option<&str>| MessageAttribute {
            data_type: data_type.to_owned(),
            string_value: string.map(str::to_owned),
            binary_value: binary.map(str::to_owned),
        };
        assert_eq!(md5_of_attributes(&Attributes::new()).expect("md5"), None);
        // The value that botocore's and moto's tests hold for this attribute.
        let timestamp = attribute("Number", Some("1493147359900"), None);
        let one = Attributes::from([("timestamp".to_owned(), timestamp)]);
        assert_eq!(
            md5_of_attributes(&one).expect("md5").as_deref(),
            Some("235c5c510d26fb653d073faed50ae77c")
        );
        let binary = Attributes::from([("b".to_owned(), attribute("Binary", None, Some("AAE=")))]);
        assert!(md5_of_attributes(&binary).expect("md5").is_some());
    }
}
