//! Why a stack did not start.

use std::io;
use std::path::PathBuf;

use flodrama_asset::ErrorKind;

pub use crate::disk::DiskError;

/// A stack that did not start. The text is a sentence for whoever started it.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// The data folder cannot be read or written.
    #[error("the local stack cannot use its data folder")]
    Data(#[from] DiskError),
    /// Another stack holds the data folder.
    #[error("another local stack is already running on {}: stop it, or choose another data folder", folder.display())]
    InUse {
        /// The data folder.
        folder: PathBuf,
    },
    /// No loopback port could be had.
    #[error("the local stack cannot listen on 127.0.0.1")]
    Listen(#[source] io::Error),
    /// A name in the options is not one that AWS allows.
    #[error("the local stack cannot use '{value}' as its {what}: {rule}")]
    Name {
        /// Which option.
        what: &'static str,
        /// Its value.
        value: String,
        /// What is allowed.
        rule: &'static str,
    },
    /// A CloudFront public key that CloudFront would refuse.
    #[error("CloudFront public key '{key_id}' is not an RSA-2048 or ECDSA P-256 public key in PEM")]
    PublicKey {
        /// Its id in the options.
        key_id: String,
    },
    /// OpenSSL failed, or a stored private key is damaged.
    #[error("the local stack cannot make or read its own keys")]
    Keys(#[from] openssl::error::ErrorStack),
    /// An S3 event could not be put on the queue.
    #[error("the local stack cannot write an event to its queue")]
    Event(#[source] io::Error),
    /// The demo user could not be added to the pool.
    #[error("the local stack cannot add its demo user: {0}")]
    Viewer(String),
    /// The operating system gave no random bytes.
    #[error("the local stack cannot make its secrets")]
    Random(#[source] io::Error),
}

impl StackError {
    /// The kind that callers decide by.
    pub fn kind(&self) -> ErrorKind {
        match self {
            StackError::Data(e) => match e.source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::OutOfResources,
                _ => ErrorKind::Config,
            },
            StackError::InUse { .. } | StackError::Name { .. } | StackError::PublicKey { .. } => {
                ErrorKind::Config
            }
            StackError::Listen(_) | StackError::Event(_) => ErrorKind::OutOfResources,
            StackError::Keys(_) | StackError::Random(_) | StackError::Viewer(_) => ErrorKind::Internal,
        }
    }
}
