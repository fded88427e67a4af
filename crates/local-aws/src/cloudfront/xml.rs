//! CloudFront's documents.

use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};

use super::Invalidation;
use crate::clock::iso_ms;

const NAMESPACE: &str = "http://cloudfront.amazonaws.com/doc/2020-05-31/";

/// An error as CloudFront names it.
#[derive(Debug)]
pub(super) struct Fault {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl Fault {
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Fault {
        Fault { status, code, message: message.into() }
    }

    pub fn internal(error: impl std::fmt::Display) -> Fault {
        tracing::error!(%error, "local stand-in failed");
        Fault::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", "We encountered an internal error.")
    }
}

/// `InvalidationBatch`, read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Batch {
    pub paths: Vec<String>,
    pub caller_reference: String,
}

#[derive(Deserialize, Serialize)]
#[serde(rename = "InvalidationBatch", rename_all = "PascalCase")]
struct BatchDocument {
    paths: PathsDocument,
    caller_reference: String,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct PathsDocument {
    quantity: usize,
    #[serde(default)]
    items: Items,
}

#[derive(Default, Deserialize, Serialize)]
struct Items {
    #[serde(rename = "Path", default)]
    paths: Vec<String>,
}

impl Batch {
    /// Reads and checks a request's body.
    pub fn parse(body: &[u8]) -> Result<Batch, Fault> {
        let refused = |code, message: &str| Fault::new(StatusCode::BAD_REQUEST, code, message);
        if body.is_empty() {
            return Err(refused("MissingBody", "This operation requires a body."));
        }
        let document: BatchDocument =
            quick_xml::de::from_reader(body).map_err(|e| refused("MalformedXML", &e.to_string()))?;
        let BatchDocument { paths: PathsDocument { quantity, items }, caller_reference } = document;
        if quantity != items.paths.len() {
            return Err(refused(
                "InconsistentQuantities",
                "The value of Quantity and the size of Items don't match.",
            ));
        }
        let no_path = items.paths.is_empty() || items.paths.iter().any(|path| !path.starts_with('/'));
        if no_path || caller_reference.is_empty() {
            return Err(refused(
                "InvalidArgument",
                "Your request contains one or more invalid invalidation paths.",
            ));
        }
        Ok(Batch { paths: items.paths, caller_reference })
    }
}

#[derive(Serialize)]
#[serde(rename = "Invalidation", rename_all = "PascalCase")]
struct InvalidationDocument<'a> {
    #[serde(rename = "@xmlns")]
    namespace: &'a str,
    id: &'a str,
    status: &'a str,
    create_time: String,
    invalidation_batch: BatchDocument,
}

#[derive(Serialize)]
#[serde(rename = "InvalidationList", rename_all = "PascalCase")]
struct ListDocument<'a> {
    #[serde(rename = "@xmlns")]
    namespace: &'a str,
    marker: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<&'a str>,
    max_items: usize,
    is_truncated: bool,
    quantity: usize,
    items: Summaries<'a>,
}

#[derive(Serialize)]
struct Summaries<'a> {
    #[serde(rename = "InvalidationSummary")]
    summaries: Vec<Summary<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Summary<'a> {
    id: &'a str,
    create_time: String,
    status: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ErrorResponse<'a> {
    #[serde(rename = "@xmlns")]
    namespace: &'a str,
    error: ErrorDocument<'a>,
    request_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ErrorDocument<'a> {
    r#type: &'a str,
    code: &'a str,
    message: &'a str,
}

/// An invalidation and its status.
pub(super) struct Known {
    pub invalidation: Invalidation,
    pub status: &'static str,
}

/// Answers a creation, with where the invalidation can be found.
pub(super) fn created(known: &Known, location: String) -> Response {
    let mut response = document(StatusCode::CREATED, &invalidation_document(known));
    response.headers_mut().extend(HeaderValue::try_from(location).map(|value| (LOCATION, value)));
    response
}

/// Answers with one invalidation.
pub(super) fn shown(known: &Known) -> Response {
    document(StatusCode::OK, &invalidation_document(known))
}

/// Answers with a page of invalidations; `more` tells that others follow.
pub(super) fn listed(listed: &[Known], more: bool, marker: &str, max_items: usize) -> Response {
    let summaries = listed.iter().map(|Known { invalidation, status }| Summary {
        id: &invalidation.id,
        create_time: iso_ms(invalidation.created_ms),
        status,
    });
    let list = ListDocument {
        namespace: NAMESPACE,
        marker,
        next_marker: listed.last().filter(|_| more).map(|last| last.invalidation.id.as_str()),
        max_items,
        is_truncated: more,
        quantity: listed.len(),
        items: Summaries { summaries: summaries.collect() },
    };
    document(StatusCode::OK, &list)
}

fn invalidation_document(known: &Known) -> InvalidationDocument<'_> {
    let Known { invalidation, status } = known;
    InvalidationDocument {
        namespace: NAMESPACE,
        id: &invalidation.id,
        status,
        create_time: iso_ms(invalidation.created_ms),
        invalidation_batch: BatchDocument {
            paths: PathsDocument {
                quantity: invalidation.paths.len(),
                items: Items { paths: invalidation.paths.clone() },
            },
            caller_reference: invalidation.caller_reference.clone(),
        },
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let kind = if self.status.is_server_error() { "Receiver" } else { "Sender" };
        let error = ErrorDocument { r#type: kind, code: self.code, message: &self.message };
        document(self.status, &ErrorResponse { namespace: NAMESPACE, error, request_id: "local" })
    }
}

fn document<T: Serialize>(status: StatusCode, value: &T) -> Response {
    match quick_xml::se::to_string(value) {
        Ok(xml) => {
            let content_type = (CONTENT_TYPE, HeaderValue::from_static("text/xml"));
            (status, [content_type], format!("<?xml version=\"1.0\"?>\n{xml}")).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "local stand-in cannot write its answer");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(paths: &str, quantity: usize) -> Result<Batch, &'static str> {
        let body = format!(
            r#"<InvalidationBatch xmlns="{NAMESPACE}"><Paths><Quantity>{quantity}</Quantity>{paths}</Paths>
               <CallerReference>ref</CallerReference></InvalidationBatch>"#
        );
        Batch::parse(body.as_bytes()).map_err(|fault| fault.code)
    }

    #[test]
    fn batches_are_read_and_checked() {
        let two = "<Items><Path>/vod/a/*</Path><Path>/b</Path></Items>";
        let batch = parse(two, 2).expect("batch");
        assert_eq!(batch.paths, ["/vod/a/*", "/b"]);
        assert_eq!(parse(two, 3), Err("InconsistentQuantities"));
        assert_eq!(parse("", 0), Err("InvalidArgument"));
        assert_eq!(parse("<Items><Path>vod</Path></Items>", 1), Err("InvalidArgument"));
        assert_eq!(Batch::parse(b"").map_err(|f| f.code), Err("MissingBody"));
        assert_eq!(Batch::parse(b"<x").map_err(|f| f.code), Err("MalformedXML"));
    }
}
