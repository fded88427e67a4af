//! The one error of this crate: which operation, on which key, of which kind, and why.

use std::error::Error;
use std::io;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::RequestId;
use aws_smithy_types::byte_stream::error::Error as BodyError;
use flodrama_asset::ErrorKind;

/// An operation on the bucket that failed. Holds no credentials: S3's answers never repeat them, and requests are
/// not kept.
#[derive(Debug, thiserror::Error)]
#[error("{operation} {key}: {problem}")]
pub struct StoreError {
    operation: &'static str,
    key: String,
    problem: String,
    kind: ErrorKind,
    #[source]
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl StoreError {
    /// What a caller can decide by: `NotFound`, `Superseded` (a precondition failed), `Config` (no such bucket, or
    /// not ours to use), `Unavailable` (try again), `OutOfResources` (this machine's disk) or `Internal`.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The object that the operation was on; the bucket or a prefix where it was on those.
    pub fn key(&self) -> &str {
        &self.key
    }

    pub(crate) fn new(
        operation: &'static str,
        key: &str,
        kind: ErrorKind,
        problem: impl Into<String>,
    ) -> StoreError {
        StoreError { operation, key: key.to_owned(), problem: problem.into(), kind, source: None }
    }

    pub(crate) fn with_source(mut self, source: impl Error + Send + Sync + 'static) -> StoreError {
        self.source = Some(Box::new(source));
        self
    }

    pub(crate) fn sdk<E>(operation: &'static str, key: &str, error: SdkError<E, HttpResponse>) -> StoreError
    where
        E: Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        let kind = kind_of(&error);
        let problem = match (&error, status(&error)) {
            (SdkError::ServiceError(_), Some(status)) => {
                let code = error.code().unwrap_or("no error code");
                let request = error.meta().request_id().unwrap_or("unknown");
                format!("S3 answered {status} {code} (request {request})")
            }
            (SdkError::ConstructionFailure(_), _) => "the request could not be made".to_owned(),
            (SdkError::TimeoutError(_), _) => "S3 did not answer in time".to_owned(),
            (SdkError::DispatchFailure(_), _) => "S3 could not be reached".to_owned(),
            _ => "S3's answer could not be read".to_owned(),
        };
        StoreError::new(operation, key, kind, problem).with_source(error)
    }

    pub(crate) fn body(operation: &'static str, key: &str, error: BodyError) -> StoreError {
        StoreError::new(operation, key, ErrorKind::Unavailable, "the body broke off").with_source(error)
    }

    pub(crate) fn file(operation: &'static str, key: &str, error: io::Error) -> StoreError {
        use io::ErrorKind::{FileTooLarge, OutOfMemory, QuotaExceeded, StorageFull};
        let kind = match error.kind() {
            StorageFull | QuotaExceeded | FileTooLarge | OutOfMemory => ErrorKind::OutOfResources,
            _ => ErrorKind::Internal,
        };
        StoreError::new(operation, key, kind, "the local file failed").with_source(error)
    }

    pub(crate) fn json(operation: &'static str, key: &str, error: serde_json::Error) -> StoreError {
        StoreError::new(operation, key, ErrorKind::Internal, "not the JSON document that belongs here")
            .with_source(error)
    }
}

/// The HTTP status that S3 answered with, if it answered.
pub(crate) fn status<E>(error: &SdkError<E, HttpResponse>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}

fn kind_of<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> ErrorKind {
    match error {
        SdkError::ConstructionFailure(_) => return ErrorKind::Config,
        SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_) => {
            return ErrorKind::Unavailable;
        }
        _ => {}
    }
    match (status(error), error.code()) {
        (_, Some("NoSuchBucket")) => ErrorKind::Config,
        // Session credentials are renewed by the SDK: the next try may well pass.
        (_, Some("ExpiredToken" | "RequestTimeout")) => ErrorKind::Unavailable,
        (Some(404), _) => ErrorKind::NotFound,
        (Some(412), _) => ErrorKind::Superseded,
        // Not `Forbidden`: that is about viewers' rights, this about ours.
        (Some(301 | 307 | 401 | 403), _) => ErrorKind::Config,
        (Some(409 | 429 | 500..), _) => ErrorKind::Unavailable,
        _ => ErrorKind::Internal,
    }
}
