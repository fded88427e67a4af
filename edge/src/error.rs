//! What a request can end with instead of an answer, and the one table from kind to HTTP status.

use std::error::Error;
use std::sync::Arc;

use flodrama_asset::ErrorKind;
use flodrama_store::StoreError;
use http::StatusCode;
use serde::Serialize;
use time::OffsetDateTime;

use crate::entitlement::Refusal;

/// A refused or failed request. The sentence goes to the caller; the source goes to the log and never out.
#[derive(Debug, thiserror::Error)]
#[error("{sentence}")]
pub struct EdgeError {
    kind: ErrorKind,
    sentence: &'static str,
    /// The methods that the path does take, where the request used another.
    allow: Option<&'static str>,
    /// From when the answer will be another one.
    opens_at: Option<OffsetDateTime>,
    /// When to try again, seconds from now.
    retry_after_s: Option<u64>,
    #[source]
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// An RFC 9457 problem document.
#[derive(Debug, Serialize)]
pub struct Problem<'a> {
    /// Always `about:blank`: `code` says which problem it is.
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: &'static str,
    /// [`ErrorKind`]'s stable code.
    code: &'static str,
    /// With `not-yet-open`: when the title opens.
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    opens_at: Option<OffsetDateTime>,
    /// Finds the request in the log.
    request_id: &'a str,
}

impl EdgeError {
    /// `sentence` is for the caller: plain words, nothing of ours in it.
    pub fn new(kind: ErrorKind, sentence: &'static str) -> EdgeError {
        EdgeError { kind, sentence, allow: None, opens_at: None, retry_after_s: None, source: None }
    }

    /// A path that exists, asked with a method that it does not take.
    pub fn method_not_allowed(allow: &'static str) -> EdgeError {
        let error = EdgeError::new(ErrorKind::BadRequest, "This address does not take that method.");
        EdgeError { allow: Some(allow), ..error }
    }

    /// A fault of ours, of which the caller learns no more than that.
    pub fn internal(source: impl Error + Send + Sync + 'static) -> EdgeError {
        EdgeError::new(ErrorKind::Internal, "Something went wrong on our side.").caused_by(source)
    }

    /// A dependency's fault that usually passes.
    pub fn unavailable(source: impl Error + Send + Sync + 'static) -> EdgeError {
        EdgeError::new(ErrorKind::Unavailable, "The service cannot answer just now. Try again.")
            .caused_by(source)
    }

    /// The error with the cause that the log shows.
    pub fn caused_by(mut self, source: impl Error + Send + Sync + 'static) -> EdgeError {
        self.source = Some(Box::new(source));
        self
    }

    /// The error with the time after which the same request is welcome, seconds from now.
    pub(crate) fn retry_after_s(self, seconds: u64) -> EdgeError {
        EdgeError { retry_after_s: Some(seconds), ..self }
    }

    /// The error of work that several requests waited for.
    pub(crate) fn shared(error: Arc<EdgeError>) -> EdgeError {
        let (allow, opens_at) = (error.allow, error.opens_at);
        EdgeError { allow, opens_at, ..EdgeError::new(error.kind, error.sentence).caused_by(error) }
    }

    /// What a caller can decide by.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The methods to name in `Allow`.
    pub(crate) fn allow(&self) -> Option<&'static str> {
        self.allow
    }

    /// What to say in `Retry-After`, seconds.
    pub(crate) fn retry_after(&self) -> Option<u64> {
        self.retry_after_s
    }

    /// The HTTP status to answer with.
    pub fn status(&self) -> StatusCode {
        if self.allow.is_some() { StatusCode::METHOD_NOT_ALLOWED } else { status(self.kind) }
    }

    /// The document to answer with.
    pub fn problem<'a>(&self, request_id: &'a str) -> Problem<'a> {
        let status = self.status();
        Problem {
            r#type: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: self.sentence,
            code: self.kind.code(),
            opens_at: self.opens_at,
            request_id,
        }
    }

    /// The causes, outermost first, for the log.
    pub(crate) fn causes(&self) -> String {
        let mut causes = Vec::new();
        let mut next = self.source();
        while let Some(cause) = next {
            causes.push(cause.to_string());
            next = cause.source();
        }
        causes.join(": ")
    }
}

impl From<StoreError> for EdgeError {
    fn from(error: StoreError) -> EdgeError {
        match error.kind() {
            ErrorKind::Unavailable => EdgeError::unavailable(error),
            // What is missing or forbidden to us in the bucket is our fault, not the viewer's.
            _ => EdgeError::internal(error),
        }
    }
}

/// Why a viewer may not, in a sentence to them.
impl From<Refusal> for EdgeError {
    fn from(refusal: Refusal) -> EdgeError {
        let (kind, sentence) = match refusal {
            Refusal::SignIn => (ErrorKind::Unauthenticated, "Sign in to watch."),
            Refusal::NotInCountry => {
                (ErrorKind::NotInCountry, "This title is not available in your country.")
            }
            Refusal::CountryUnknown => (
                ErrorKind::NotInCountry,
                "This title is not available everywhere, and we cannot tell where you are.",
            ),
            Refusal::NoLongerOpen => (ErrorKind::NoLongerOpen, "This title is no longer available."),
            Refusal::NotIncluded => {
                (ErrorKind::NotIncluded, "Your subscription does not include this title.")
            }
            Refusal::NotYetOpen(_) => (ErrorKind::NotYetOpen, "This title is not available yet."),
            Refusal::Editors => {
                (ErrorKind::Forbidden, "Titles that are still being prepared are for editors.")
            }
        };
        let opens_at = if let Refusal::NotYetOpen(opens_at) = refusal { Some(opens_at) } else { None };
        EdgeError { opens_at, ..EdgeError::new(kind, sentence).caused_by(refusal) }
    }
}

/// The table.
fn status(kind: ErrorKind) -> StatusCode {
    use ErrorKind::*;
    match kind {
        BadRequest => StatusCode::BAD_REQUEST,
        Unauthenticated => StatusCode::UNAUTHORIZED,
        Forbidden | NotIncluded | NotYetOpen | NoLongerOpen => StatusCode::FORBIDDEN,
        // What may be shown where is a matter of rights (RFC 7725).
        NotInCountry => StatusCode::UNAVAILABLE_FOR_LEGAL_REASONS,
        NotFound => StatusCode::NOT_FOUND,
        NameTaken | Superseded => StatusCode::CONFLICT,
        OverLimit => StatusCode::PAYLOAD_TOO_LARGE,
        NotMedia | EmptyFile | Truncated | NoVideo | Encrypted | UnsupportedCodec => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
        Unavailable | OutOfResources | Stalled | Cancelled => StatusCode::SERVICE_UNAVAILABLE,
        ProofFailed | Config | AccessUnreadable | Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_says_what_and_never_why_inside() {
        let error = EdgeError::internal(std::io::Error::other("disk 7 of host-12 is on fire"));
        let json = serde_json::to_string(&error.problem("abc")).expect("json");
        assert_eq!(
            json,
            r#"{"type":"about:blank","title":"Internal Server Error","status":500,"detail":"Something went wrong on our side.","code":"internal","request_id":"abc"}"#
        );
        assert_eq!(error.causes(), "disk 7 of host-12 is on fire");
    }

    #[test]
    fn a_wrong_method_is_405_and_names_the_right_one() {
        let error = EdgeError::shared(Arc::new(EdgeError::method_not_allowed("POST")));
        assert_eq!((error.status().as_u16(), error.allow()), (405, Some("POST")));
    }
}
