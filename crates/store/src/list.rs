//! Listing keys and folders.

use std::collections::BTreeSet;

use time::OffsetDateTime;

use crate::read::{size_of, utc};
use crate::{Store, StoreError, unquoted};

const OPERATION: &str = "ListObjectsV2";

/// A line of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The object's whole key.
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// Entity tag, without quotes. AWS always lists it; some S3-compatible stores leave it out.
    pub etag: Option<String>,
    /// When it was written, to the second.
    pub last_modified: OffsetDateTime,
}

impl Store {
    /// Every object whose key starts with `prefix`, in key order.
    pub async fn list(&self, prefix: &str) -> Result<Vec<Summary>, StoreError> {
        let request = self.client.list_objects_v2().bucket(&self.bucket).prefix(prefix);
        let mut pages = request.into_paginator().send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|e| StoreError::sdk(OPERATION, prefix, e))?;
            found.extend(page.contents.unwrap_or_default().into_iter().map(|object| Summary {
                key: object.key.unwrap_or_default(),
                size: size_of(object.size),
                etag: object.e_tag.map(|tag| unquoted(Some(tag))),
                last_modified: object.last_modified.map_or(OffsetDateTime::UNIX_EPOCH, |t| utc(&t)),
            }));
        }
        Ok(found)
    }

    /// The names of the folders right below `prefix` (which ends in `/`), without the prefix and without the slash.
    pub async fn list_folders(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let request = self.client.list_objects_v2().bucket(&self.bucket).prefix(prefix).delimiter("/");
        let mut pages = request.into_paginator().send();
        let mut found = BTreeSet::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|e| StoreError::sdk(OPERATION, prefix, e))?;
            for folder in page.common_prefixes.unwrap_or_default() {
                let name = folder.prefix.as_deref().and_then(|p| p.strip_prefix(prefix)?.strip_suffix('/'));
                found.extend(name.map(str::to_owned));
            }
        }
        Ok(found.into_iter().collect())
    }
}
