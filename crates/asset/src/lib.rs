//! The words that both services share, and nothing that does I/O.
//!
//! * [`AssetId`] and [`Version`]: what is published, and which build of it.
//! * [`ObjectKey`]: the bucket's layout, once. It owns path, content type and cache control.
//! * [`ErrorKind`]: the vocabulary that every crate's errors map to.
//! * [`document`]: the JSON documents in the bucket that one service writes and another reads.
//! * [`access`]: the one that editors write: who may watch an asset.

pub mod access;
pub mod document;
mod file;
mod id;
mod key;
mod kind;
mod sidecar;
mod version;

pub use file::{PreviewFile, PublishedFile, RungName, TrackFile};
pub use id::{AssetId, BadAssetId, strip_extension};
pub use key::{JobFile, ObjectKey, UPLOADS_PREFIX};
pub use kind::ErrorKind;
pub use sidecar::{SidecarName, SubtitleKind, is_sidecar, shortest_stem, sidecar_of};
pub use version::{BadVersion, FORMAT_VERSION, SidecarRef, SourceRef, Version};
