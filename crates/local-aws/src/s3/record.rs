//! What is known of an object beside its bytes: one small JSON file each.

use std::collections::BTreeMap;
use std::sync::Arc;

use s3s::dto::{ETag, Metadata, Timestamp};
use serde::{Deserialize, Serialize};

use super::checksums::Checksums;
use super::content::{Content, Piece};
use crate::clock;

/// The headers that S3 keeps with an object and gives back as they came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Headers {
    pub content_type: Option<String>,
    pub cache_control: Option<String>,
    pub content_encoding: Option<String>,
    pub content_disposition: Option<String>,
    pub content_language: Option<String>,
    /// Seconds since the epoch.
    pub expires_s: Option<i64>,
    pub website_redirect_location: Option<String>,
    /// `x-amz-meta-*`.
    pub metadata: BTreeMap<String, String>,
}

impl Headers {
    pub fn metadata(&self) -> Option<Metadata> {
        let entries = self.metadata.iter().map(|(k, v)| (k.clone(), v.clone()));
        (!self.metadata.is_empty()).then(|| entries.collect())
    }

    pub fn expires(&self) -> Option<Timestamp> {
        self.expires_s.map(|s| clock::date(s * 1000).into())
    }
}

/// Builds [`Headers`] from any of the three S3 inputs that carry them; their fields have the same names.
macro_rules! headers_of {
    ($input:expr) => {
        $crate::s3::record::Headers {
            content_type: $input.content_type.take(),
            cache_control: $input.cache_control.take(),
            content_encoding: $input.content_encoding.take(),
            content_disposition: $input.content_disposition.take(),
            content_language: $input.content_language.take(),
            expires_s: $input.expires.take().map(|at| time::OffsetDateTime::from(at).unix_timestamp()),
            website_redirect_location: $input.website_redirect_location.take(),
            metadata: $input.metadata.take().unwrap_or_default().into_iter().collect(),
        }
    };
}
pub(super) use headers_of;

/// The record of one object. Writing it is what makes a write happen.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Record {
    pub key: String,
    pub size: u64,
    /// Without quotes: the MD5 of the bytes, or that of the parts' MD5s, `-`, and their count.
    pub etag: String,
    /// Whole seconds since the epoch, as S3 keeps it.
    pub modified_s: i64,
    /// Orders the writes of this bucket, over restarts too.
    pub sequencer: String,
    pub headers: Headers,
    pub checksums: Checksums,
    pub pieces: Vec<Piece>,
    /// The event that the queue has not been given yet: sent again at the next start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsent_event: Option<String>,
}

/// An object that can be read.
#[derive(Debug)]
pub(super) struct Object {
    pub record: Record,
    pub content: Arc<Content>,
}

impl Record {
    pub fn e_tag(&self) -> ETag {
        ETag::Strong(self.etag.clone())
    }

    pub fn modified(&self) -> Timestamp {
        clock::date(self.modified_s * 1000).into()
    }
}
