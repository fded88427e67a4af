//! Results to responses.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use flodrama_asset::ErrorKind;
use http::header::{self, HeaderValue};
use http::{HeaderMap, StatusCode};
use serde::Serialize;

use crate::error::EdgeError;

pub(super) const JSON: &str = "application/json";
/// Answers about a viewer, or with signatures in them, are nobody else's and not to be kept.
pub(super) const PRIVATE: &str = "private, no-store";
/// Pages are checked for changes at each load, by their etag.
pub(super) const REVALIDATE: &str = "no-cache";

pub(super) fn accepts_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let mut codings = values.flat_map(|value| value.split(','));
    codings.any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let is_gzip = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        let quality = parts.find_map(|part| part.strip_prefix("q=")).map_or(Ok(1.0), str::parse::<f32>);
        is_gzip && quality.is_ok_and(|q| q > 0.0)
    })
}

/// The content, or 304 where the request names its etag.
pub(super) fn unless_known(
    headers: &HeaderMap,
    etag: &str,
    content_type: &'static str,
    cache_control: &'static str,
    bytes: Bytes,
) -> Result<Response, EdgeError> {
    let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut known = known.flat_map(|value| value.split(',')).map(|tag| tag.trim().trim_start_matches("W/"));
    let mut response = if known.any(|tag| tag == etag || tag == "*") {
        let mut response = respond(content_type, cache_control, Bytes::new());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        respond(content_type, cache_control, bytes)
    };
    let etag = HeaderValue::from_str(etag).map_err(EdgeError::internal)?;
    response.headers_mut().insert(header::ETAG, etag);
    Ok(response)
}

pub(super) fn json(value: &impl Serialize) -> Result<Response, EdgeError> {
    Ok(respond(JSON, PRIVATE, serde_json::to_vec(value).map_err(EdgeError::internal)?))
}

pub(super) fn respond(
    content_type: &'static str,
    cache_control: &'static str,
    body: impl Into<Body>,
) -> Response {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(cache_control));
    response
}

pub(super) fn problem(error: &EdgeError, request_id: &str) -> Response {
    let body = serde_json::to_vec(&error.problem(request_id)).unwrap_or_default();
    let mut response = respond("application/problem+json", "no-store", body);
    *response.status_mut() = error.status();
    let headers = response.headers_mut();
    if let Some(allow) = error.allow() {
        headers.insert(header::ALLOW, HeaderValue::from_static(allow));
    }
    if let Some(seconds) = error.retry_after() {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if error.kind() == ErrorKind::Unauthenticated {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}
