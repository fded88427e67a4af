//! One vocabulary of failures. Two tables read it: the worker's (kind to queue action) and the edge's (kind to
//! HTTP status).

use std::fmt;

use serde::{Deserialize, Serialize};

/// What went wrong, in words that a caller can decide by. The text form is stable: it is the `code` of
/// `failure.json` and of the edge's problem documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorKind {
    /// The bytes are no media file that we read.
    NotMedia,
    /// The file has no bytes.
    EmptyFile,
    /// The file ends before the content that it declares.
    Truncated,
    /// The file has no moving picture.
    NoVideo,
    /// The content is encrypted.
    Encrypted,
    /// A codec that we do not decode.
    UnsupportedCodec,
    /// Dimensions, duration or track count over the configured limits.
    OverLimit,
    /// Another upload already owns this asset id.
    NameTaken,
    /// A newer upload of the same key replaced the one that this work was for.
    Superseded,
    /// What was written does not keep the rules, so it is not published.
    ProofFailed,
    /// A dependency answered with a fault that usually passes: try again.
    Unavailable,
    /// Disk, memory or another resource of this machine ran out.
    OutOfResources,
    /// A process stopped making progress and was ended.
    Stalled,
    /// The work was cancelled before its end, by shutdown.
    Cancelled,
    /// No such thing.
    NotFound,
    /// No token, or one that does not hold.
    Unauthenticated,
    /// A good token that does not give this right.
    Forbidden,
    /// The title is for members of groups that the viewer is not in.
    NotIncluded,
    /// The title opens later.
    NotYetOpen,
    /// The title was open and is no more.
    NoLongerOpen,
    /// The title is not for the viewer's country, or the country is not known.
    NotInCountry,
    /// The document that says who may watch cannot be understood, so nobody may.
    AccessUnreadable,
    /// The request is malformed.
    BadRequest,
    /// Too many requests from this caller.
    TooManyRequests,
    /// A setting is missing or wrong.
    Config,
    /// A fault of ours.
    Internal,
}

impl ErrorKind {
    /// The stable code, as it appears in documents.
    pub fn code(self) -> &'static str {
        match self {
            ErrorKind::NotMedia => "not-media",
            ErrorKind::EmptyFile => "empty-file",
            ErrorKind::Truncated => "truncated",
            ErrorKind::NoVideo => "no-video",
            ErrorKind::Encrypted => "encrypted",
            ErrorKind::UnsupportedCodec => "unsupported-codec",
            ErrorKind::OverLimit => "over-limit",
            ErrorKind::NameTaken => "name-taken",
            ErrorKind::Superseded => "superseded",
            ErrorKind::ProofFailed => "proof-failed",
            ErrorKind::Unavailable => "unavailable",
            ErrorKind::OutOfResources => "out-of-resources",
            ErrorKind::Stalled => "stalled",
            ErrorKind::Cancelled => "cancelled",
            ErrorKind::NotFound => "not-found",
            ErrorKind::Unauthenticated => "unauthenticated",
            ErrorKind::Forbidden => "forbidden",
            ErrorKind::NotIncluded => "not-included",
            ErrorKind::NotYetOpen => "not-yet-open",
            ErrorKind::NoLongerOpen => "no-longer-open",
            ErrorKind::NotInCountry => "not-in-country",
            ErrorKind::AccessUnreadable => "access-unreadable",
            ErrorKind::BadRequest => "bad-request",
            ErrorKind::TooManyRequests => "too-many-requests",
            ErrorKind::Config => "config",
            ErrorKind::Internal => "internal",
        }
    }

    /// True for faults of the upload itself: the same bytes fail again, so nobody should try.
    pub fn is_bad_input(self) -> bool {
        use ErrorKind::*;
        matches!(
            self,
            NotMedia | EmptyFile | Truncated | NoVideo | Encrypted | UnsupportedCodec | OverLimit | NameTaken
        )
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_in_documents_is_the_code_in_logs() {
        for kind in [ErrorKind::NotMedia, ErrorKind::UnsupportedCodec, ErrorKind::TooManyRequests] {
            assert_eq!(serde_json::to_value(kind).expect("json"), kind.code());
        }
    }
}
