//! The worker's error: a kind for the table in `failure`, a sentence for the content team, the causes for engineers.

use std::fmt;

use flodrama_asset::ErrorKind;
use flodrama_media::MediaError;
use flodrama_media::fault::Fault;
use flodrama_store::StoreError;

/// Why a job did not end well.
#[derive(Debug)]
pub struct JobError {
    /// What went wrong, to decide by.
    pub kind: ErrorKind,
    /// One sentence that a content editor understands.
    pub message: String,
    /// Where and why, for engineers.
    pub detail: String,
    /// Set where a device failed: another family may do better.
    pub fault: Option<Fault>,
}

/// Result with a [`JobError`].
pub type Result<T> = std::result::Result<T, JobError>;

impl JobError {
    /// An error with no cause below it.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> JobError {
        JobError { kind, message: message.into(), detail: String::new(), fault: None }
    }

    /// Adds where and why.
    pub fn detail(mut self, detail: impl fmt::Display) -> JobError {
        self.detail = detail.to_string();
        self
    }

    /// The worker stops, or the message was held for as long as it may be.
    pub fn interrupted() -> JobError {
        JobError::new(ErrorKind::Cancelled, "Processing was interrupted and will go on later.")
    }

    /// A fault of ours: `what` names the step.
    pub fn internal(what: &str, cause: impl fmt::Display) -> JobError {
        let message = "The episode could not be processed because of a fault on our side.";
        JobError::new(ErrorKind::Internal, message).detail(format_args!("{what}: {cause}"))
    }

    /// A file of this machine could not be read or written.
    pub fn io(what: &str, cause: &std::io::Error) -> JobError {
        match cause.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                JobError::new(ErrorKind::OutOfResources, "There is no space left on this machine's disk.")
                    .detail(format_args!("{what}: {cause}"))
            }
            _ => JobError::internal(what, cause),
        }
    }
}

impl fmt::Display for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for JobError {}

impl From<MediaError> for JobError {
    fn from(e: MediaError) -> JobError {
        JobError { kind: e.kind, message: e.message, detail: e.detail, fault: None }
    }
}

impl From<StoreError> for JobError {
    fn from(e: StoreError) -> JobError {
        let message = match e.kind() {
            ErrorKind::Superseded => "A newer upload replaced this one while it was being processed.",
            ErrorKind::NotFound => "The upload was removed before it could be processed.",
            ErrorKind::OutOfResources => "There is no space left on this machine's disk.",
            _ => "The storage did not answer as it should.",
        };
        JobError::new(e.kind(), message).detail(chain(&e))
    }
}

/// An error and all that caused it, in one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut out = error.to_string();
    let mut cause = error.source();
    while let Some(e) = cause {
        let text = e.to_string();
        if !out.ends_with(&text) {
            out.push_str(": ");
            out.push_str(&text);
        }
        cause = e.source();
    }
    out
}
