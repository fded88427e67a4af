//! AWS's JSON protocol, as SQS (1.0) and Cognito (1.1) speak it: the operation in `X-Amz-Target`, errors by `__type`.

use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// An error as AWS names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// What SDKs match on: `QueueDoesNotExist`.
    pub code: &'static str,
    /// A sentence for people.
    pub message: String,
}

impl Fault {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Fault {
        Fault { code, message: message.into() }
    }

    /// A fault of ours, which an SDK may retry.
    pub(crate) fn internal(error: impl std::fmt::Display) -> Fault {
        tracing::error!(%error, "local stand-in failed");
        Fault::new(INTERNAL, "We encountered an internal error. Please try again.")
    }
}

const INTERNAL: &str = "InternalFailure";

/// An operation's answer, already JSON.
pub(crate) type Answer = Result<Vec<u8>, Fault>;

/// Reads an operation's input. Fields that we do not know are left alone, as AWS grows new ones.
pub(crate) fn input<T: DeserializeOwned>(body: &[u8]) -> Result<T, Fault> {
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|e| Fault::new("SerializationException", e.to_string()))
}

/// Writes an operation's output.
pub(crate) fn output<T: Serialize>(value: &T) -> Answer {
    serde_json::to_vec(value).map_err(Fault::internal)
}

/// The operation's name in `X-Amz-Target: <service>.<operation>`.
pub(crate) fn operation<'h>(headers: &'h HeaderMap, service: &str) -> Option<&'h str> {
    headers.get("x-amz-target")?.to_str().ok()?.strip_prefix(service)?.strip_prefix('.')
}

/// The HTTP answer. `namespace` goes before the error's name; `query_code` gives the name that the older query
/// protocol had for it, which SDKs of query-compatible services read.
pub(crate) fn response(
    answer: Answer,
    content_type: &'static str,
    namespace: &str,
    query_code: fn(&'static str) -> Option<&'static str>,
) -> Response {
    let content_type = (CONTENT_TYPE, HeaderValue::from_static(content_type));
    let fault = match answer {
        Ok(body) => return ([content_type], body).into_response(),
        Err(fault) => fault,
    };
    let status =
        if fault.code == INTERNAL { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::BAD_REQUEST };
    let body = serde_json::json!({
        "__type": format!("{namespace}{}", fault.code),
        "message": fault.message,
    });
    let mut response = (status, [content_type], body.to_string()).into_response();
    if let Some(code) = query_code(fault.code)
        && let Ok(value) = HeaderValue::try_from(format!("{code};Sender"))
    {
        response.headers_mut().insert("x-amzn-query-error", value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operation_is_read_from_the_target() {
        let mut headers = HeaderMap::new();
        assert_eq!(operation(&headers, "AmazonSQS"), None);
        headers.insert("x-amz-target", HeaderValue::from_static("AmazonSQS.SendMessage"));
        assert_eq!(operation(&headers, "AmazonSQS"), Some("SendMessage"));
        assert_eq!(operation(&headers, "AmazonS"), None);
    }
}
