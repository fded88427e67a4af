//! API Gateway's payload format 2.0 (AWS: "Create AWS Lambda proxy integrations for HTTP APIs"), both ways.

use std::collections::BTreeMap;
use std::net::IpAddr;

use axum::body::Body;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flodrama_asset::ErrorKind;
use http::header::{self, HeaderName, HeaderValue};
use http::{Method, Request, Uri};
use http_body_util::BodyExt;
use serde::{Deserialize, Serialize};

use super::runtime::Invocation;
use crate::error::EdgeError;
use crate::peer::{Peer, RequestId};

/// Lambda's limit for a synchronous answer is 6 MB, JSON and all.
const MAX_BYTES: usize = 6 * 1024 * 1024;
const TRACE: HeaderName = HeaderName::from_static("x-amzn-trace-id");

/// An event is not what an HTTP API sends. Holds nothing of it.
#[derive(Debug, thiserror::Error)]
pub(super) enum EventError {
    #[error("the event is none of an HTTP API's, payload format 2.0")]
    Json(#[from] serde_json::Error),
    #[error("the event is not of payload format 2.0: set payloadFormatVersion of the integration")]
    Version,
    #[error("the event's body is no base64")]
    Body(#[from] base64::DecodeError),
    #[error("the event's method is none")]
    Method(#[from] http::method::InvalidMethod),
}

/// What we read of an event. API Gateway adds fields as it likes.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Event {
    version: String,
    raw_path: String,
    raw_query_string: String,
    #[serde(default)]
    cookies: Vec<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    request_context: Context,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Context {
    #[serde(default)]
    domain_name: Option<String>,
    stage: String,
    http: Http,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Http {
    method: String,
    source_ip: String,
}

impl Event {
    /// The request as the edge would have had it from a socket.
    pub(super) fn into_request(self, invocation: &Invocation) -> Result<Request<Body>, EventError> {
        if self.version != "2.0" {
            return Err(EventError::Version);
        }
        let body = match self.body {
            Some(text) if self.is_base64_encoded => STANDARD.decode(text)?,
            text => text.unwrap_or_default().into_bytes(),
        };
        let path = below_stage(&self.raw_path, &self.request_context.stage);
        let mut request = Request::new(Body::from(body));
        *request.method_mut() = Method::from_bytes(self.request_context.http.method.as_bytes())?;
        *request.uri_mut() = address(path, &self.raw_query_string);
        let headers = request.headers_mut();
        for (name, value) in &self.headers {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
                headers.append(name, value);
            }
        }
        if let Some(Ok(host)) = self.request_context.domain_name.map(HeaderValue::try_from) {
            headers.entry(header::HOST).or_insert(host);
        }
        if let (false, Ok(cookies)) =
            (self.cookies.is_empty(), HeaderValue::try_from(self.cookies.join("; ")))
        {
            headers.insert(header::COOKIE, cookies);
        }
        // The function's own segment is nearer than what the viewer or the gateway said.
        if let Some(Ok(trace)) = invocation.trace.as_deref().map(HeaderValue::try_from) {
            headers.insert(TRACE, trace);
        }
        request.extensions_mut().insert(RequestId(invocation.id.clone()));
        if let Ok(address) = self.request_context.http.source_ip.parse::<IpAddr>() {
            request.extensions_mut().insert(Peer(address));
        }
        Ok(request)
    }
}

/// `rawPath` begins with the stage unless that is `$default`, or the name of the host stands for it.
fn below_stage<'a>(path: &'a str, stage: &str) -> &'a str {
    let below = path.strip_prefix('/').and_then(|path| path.strip_prefix(stage));
    match below {
        Some("") => "/",
        Some(below) if below.starts_with('/') && stage != "$default" => below,
        _ => path,
    }
}

/// The raw path and query. API Gateway may have decoded the path, so that it can hold what no address can: that is
/// refused like every path that is not plain, by a route that is none.
fn address(path: &str, query: &str) -> Uri {
    let text = if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") };
    // A `?` or `#` in a decoded path would move the query's beginning.
    let is_path = path.starts_with('/') && !path.contains(['?', '#']);
    text.parse().ok().filter(|_| is_path).unwrap_or(Uri::from_static("*"))
}

/// What API Gateway makes an HTTP answer of.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer {
    status_code: u16,
    headers: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cookies: Vec<String>,
    body: String,
    is_base64_encoded: bool,
}

impl Answer {
    pub(super) async fn of(response: Response) -> Answer {
        let (mut head, body) = response.into_parts();
        // Bodies are whole in memory: reading them cannot fail.
        let bytes = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        let cookies = head.headers.get_all(header::SET_COOKIE).iter().filter_map(text).collect();
        for name in [header::SET_COOKIE, header::CONNECTION] {
            head.headers.remove(name);
        }
        let mut headers = BTreeMap::new();
        for name in head.headers.keys() {
            let values: Vec<String> = head.headers.get_all(name).iter().filter_map(text).collect();
            headers.insert(name.to_string(), values.join(", "));
        }
        let plain = match head.headers.contains_key(header::CONTENT_ENCODING) {
            true => None,
            false => String::from_utf8(bytes.to_vec()).ok(),
        };
        let is_base64_encoded = plain.is_none();
        let body = plain.unwrap_or_else(|| STANDARD.encode(&bytes));
        Answer { status_code: head.status.as_u16(), headers, cookies, body, is_base64_encoded }
    }

    /// The document. Lambda would refuse one that is too large, and the viewer would see a gateway's error.
    pub(super) fn to_json(&self) -> Vec<u8> {
        let whole = serde_json::to_vec(self).unwrap_or_default();
        if (1..=MAX_BYTES).contains(&whole.len()) {
            return whole;
        }
        tracing::error!(
            bytes = whole.len(),
            "an answer is too large for Lambda: players that take gzip get it"
        );
        let request_id = self.headers.get("x-request-id").map_or("", String::as_str);
        let error =
            EdgeError::new(ErrorKind::Internal, "The answer is too large for a client that takes no gzip.");
        let mut headers = self.headers.clone();
        headers.retain(|name, _| !name.starts_with("content-") && name != "etag");
        headers.insert("content-type".to_owned(), "application/problem+json".to_owned());
        headers.insert("cache-control".to_owned(), "no-store".to_owned());
        let instead = Answer {
            status_code: error.status().as_u16(),
            headers,
            cookies: Vec::new(),
            body: serde_json::to_string(&error.problem(request_id)).unwrap_or_default(),
            is_base64_encoded: false,
        };
        serde_json::to_vec(&instead).unwrap_or_default()
    }
}

fn text(value: &HeaderValue) -> Option<String> {
    value.to_str().ok().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stage_is_no_part_of_the_path() {
        for (path, stage, below) in [
            ("/v1/assets", "$default", "/v1/assets"),
            ("/prod/v1/assets", "prod", "/v1/assets"),
            ("/prod", "prod", "/"),
            ("/v1/assets", "prod", "/v1/assets"),
            ("/production/v1", "prod", "/production/v1"),
            ("/$default/v1", "$default", "/$default/v1"),
        ] {
            assert_eq!(below_stage(path, stage), below, "{path} {stage}");
        }
    }

    #[test]
    fn addresses_stay_as_they_are_or_are_none() {
        let query = "Policy=a_-~&Signature=b%7E";
        assert_eq!(address("/vod/a%2fb", query), format!("/vod/a%2fb?{query}").as_str());
        for path in ["/a b", "/a?b", "/a#b", "", "a", "/\u{0}"] {
            assert_eq!(address(path, ""), "*", "{path:?}");
        }
    }

    #[tokio::test]
    async fn an_answer_that_lambda_cannot_carry_is_an_error_of_its_own() {
        let large = Response::new(Body::from("x".repeat(MAX_BYTES)));
        let sent: serde_json::Value =
            serde_json::from_slice(&Answer::of(large).await.to_json()).expect("JSON");
        assert_eq!(sent["statusCode"], 500);
        assert!(sent["body"].as_str().expect("text").contains("too large"), "{sent}");
    }
}
