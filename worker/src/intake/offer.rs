//! Offers: the worker that has a long episode asks idle ones to encode chunks of it (docs/adr/0025-several-workers.md).
//!
//! They travel on the queue of the uploads, so whoever would take an upload takes an offer. One that is lost costs time
//! and nothing else.

use flodrama_asset::{AssetId, SourceRef, Version};
use serde::{Deserialize, Serialize};

/// `{"help": {"asset": …, "version": …, "source": …}}`: chunks of this version are to be had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    /// The asset.
    pub asset: AssetId,
    /// The version being made. A worker that would not make this very version cannot help.
    pub version: Version,
    /// The upload.
    pub source: SourceRef,
}

/// Events of S3 and of EventBridge have no such field.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Envelope {
    Help(Offer),
}

impl Offer {
    /// The offer in a message; none where it is another kind of message.
    pub fn read(body: &str) -> Option<Offer> {
        serde_json::from_str(body).ok().map(|Envelope::Help(offer)| offer)
    }

    /// The message.
    ///
    /// # Errors
    /// serde's, which this type never gives rise to.
    pub fn body(&self) -> serde_json::Result<String> {
        serde_json::to_string(&Envelope::Help(self.clone()))
    }
}
