//! S3 by [`ObjectKey`]: everything that the two services and the command line do with the bucket.
//!
//! * `read`: head, get, get as JSON, get only if changed.
//! * `write`: conditional puts, files, editors' uploads.
//! * `download`: an upload, pinned to the content that an event named, resumed where a body breaks.
//! * `observe`: what others learn of each request.
//! * `list`: keys and folders below a prefix.
//! * `rollback`: another version live again.
//! * [`garbage`](mod@garbage): what is left of versions that nobody needs.
//! * [`catalogue`](mod@catalogue): where each asset stands, from the documents in the bucket.
//!
//! Entity tags are kept without their quotes, as [`SourceRef`](flodrama_asset::SourceRef) has them.

pub mod catalogue;
mod download;
mod error;
pub mod garbage;
mod list;
mod multipart;
mod observe;
mod read;
mod rollback;
mod write;

use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_s3::Client;
use flodrama_asset::ObjectKey;

pub use catalogue::{AssetStatus, asset_status, catalogue};
pub use error::StoreError;
pub use list::Summary;
pub use observe::Observe;
pub use read::{Change, Head, Object};
pub use rollback::{RollbackError, roll_back};
pub use write::{Condition, Put};

/// How long a connection may take to open before the SDK tries again.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long S3 may take to answer with its first byte before the SDK tries again.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// One bucket. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    client: Client,
    bucket: String,
}

impl Store {
    /// The bucket as seen through `client`.
    pub fn new(client: Client, bucket: impl Into<String>) -> Store {
        Store { client, bucket: bucket.into() }
    }

    /// The bucket, with region and credentials from the AWS SDK's own settings.
    ///
    /// An endpoint URL, given here or by `AWS_ENDPOINT_URL`, switches to path-style addressing, because such hosts
    /// seldom answer to `bucket.host`. Nothing is asked of S3 yet: [`Store::probe`] does.
    pub async fn connect(bucket: &str, endpoint: Option<&str>) -> Store {
        let timeouts =
            TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).read_timeout(READ_TIMEOUT).build();
        let mut loader = aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts);
        if let Some(url) = endpoint {
            loader = loader.endpoint_url(url);
        }
        let shared = loader.load().await;
        let config =
            aws_sdk_s3::config::Builder::from(&shared).force_path_style(shared.endpoint_url().is_some());
        Store::new(Client::from_conf(config.build()), bucket)
    }

    /// The bucket's name.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// Asks S3 whether the bucket is there and ours to use (HeadBucket).
    pub async fn probe(&self) -> Result<(), StoreError> {
        let sent = self.client.head_bucket().bucket(&self.bucket).send().await;
        sent.map(drop).map_err(|e| StoreError::sdk("HeadBucket", &self.bucket, e))
    }
}

/// S3 quotes entity tags in answers.
fn unquoted(etag: Option<String>) -> String {
    etag.map(|tag| tag.trim_matches('"').to_owned()).unwrap_or_default()
}

/// S3 wants entity tags quoted in conditions.
fn quoted(etag: &str) -> String {
    format!("\"{etag}\"")
}

/// What an object is stored with besides its bytes.
struct Stored {
    key: String,
    content_type: &'static str,
    cache_control: &'static str,
}

impl From<&ObjectKey> for Stored {
    fn from(key: &ObjectKey) -> Stored {
        Stored { key: key.to_string(), content_type: key.content_type(), cache_control: key.cache_control() }
    }
}
