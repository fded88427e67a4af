//! The one error of this crate: a kind to decide by, a sentence for the content team, a cause for engineers.

use std::fmt;

use flodrama_asset::ErrorKind;
use serde::{Deserialize, Serialize};

/// Why a media task failed. It crosses the process boundary as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaError {
    /// What went wrong, to decide by.
    pub kind: ErrorKind,
    /// One sentence that a content editor understands.
    pub message: String,
    /// Where and why, for engineers: stream, time, libav's words.
    pub detail: String,
}

/// As the C library words `ENOMEM`, and libav with it.
const NO_MEMORY: &str = "Cannot allocate memory";

pub(crate) type Result<T> = std::result::Result<T, MediaError>;

impl MediaError {
    /// An error with no cause below it.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> MediaError {
        MediaError { kind, message: message.into(), detail: String::new() }
    }

    /// Adds where and why.
    pub fn detail(mut self, detail: impl fmt::Display) -> MediaError {
        self.detail = detail.to_string();
        self
    }

    /// A fault of ours or of the machine: `what` names the step.
    pub(crate) fn internal(what: &str, cause: impl fmt::Display) -> MediaError {
        MediaError::new(
            ErrorKind::Internal,
            "The video could not be processed because of a fault on our side.",
        )
        .detail(format_args!("{what}: {cause}"))
    }

    /// Tells what a file was too much for from faults of ours: memory of a child is limited, so the same file fails again
    /// wherever it is tried.
    pub(crate) fn out_of_memory(self) -> MediaError {
        // Who counted what is too much has said it better.
        if self.kind == ErrorKind::OverLimit || !self.detail.contains(NO_MEMORY) {
            return self;
        }
        let message = "The file needs more memory than a job may use.";
        MediaError::new(ErrorKind::OverLimit, message).detail(self.detail)
    }

    /// A file could not be written or read; a full disk is told from the rest.
    pub(crate) fn io(what: &str, cause: &std::io::Error) -> MediaError {
        if cause.kind() == std::io::ErrorKind::StorageFull {
            return MediaError::new(ErrorKind::OutOfResources, "The disk of this machine is full.")
                .detail(format_args!("{what}: {cause}"));
        }
        MediaError::internal(what, cause)
    }
}

impl fmt::Display for MediaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if !self.detail.is_empty() {
            write!(f, " ({})", self.detail)?;
        }
        Ok(())
    }
}

impl std::error::Error for MediaError {}

/// Names the step at which a libav call failed.
pub(crate) trait Step<T> {
    /// The fault is ours: settings, encoder, muxer.
    fn step(self, what: &str) -> Result<T>;
}

impl<T, E: std::error::Error> Step<T> for std::result::Result<T, E> {
    fn step(self, what: &str) -> Result<T> {
        self.map_err(|e| match e.source() {
            Some(cause) => MediaError::internal(what, format_args!("{e}: {cause}")),
            None => MediaError::internal(what, e),
        })
    }
}
