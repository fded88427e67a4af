//! Where answers come from: the S3 stand-in (signed, as with origin access control) and the edge.

use axum::body::Body;
use axum::response::Response;
use http::header::{
    ACCEPT_RANGES, AUTHORIZATION, CACHE_CONTROL, CONNECTION, CONTENT_DISPOSITION, CONTENT_ENCODING,
    CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, EXPIRES, HOST, IF_MATCH, IF_MODIFIED_SINCE,
    IF_NONE_MATCH, IF_UNMODIFIED_SINCE, LAST_MODIFIED, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, RANGE, TE,
    TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use time::OffsetDateTime;

use super::sigv4;
use crate::identity::Credentials;

/// What CloudFront passes on to S3.
const TO_S3: [HeaderName; 5] = [RANGE, IF_MATCH, IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_UNMODIFIED_SINCE];

/// What of S3's answer reaches the viewer.
const FROM_S3: [HeaderName; 10] = [
    ACCEPT_RANGES,
    CACHE_CONTROL,
    CONTENT_DISPOSITION,
    CONTENT_ENCODING,
    CONTENT_LENGTH,
    CONTENT_RANGE,
    CONTENT_TYPE,
    ETAG,
    EXPIRES,
    LAST_MODIFIED,
];

/// Headers of one connection, which no proxy passes on (RFC 9110 §7.6.1).
const HOP_BY_HOP: [HeaderName; 7] =
    [CONNECTION, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];

/// The two origins.
pub(super) struct Origins {
    /// Sends the path as it stands, where a client over URLs would tidy `..` away, as CloudFront does not.
    client: Client<HttpConnector, Body>,
    pub bucket: Bucket,
    /// `http://127.0.0.1:8080`.
    pub edge: String,
}

/// The bucket behind the distribution.
pub(super) struct Bucket {
    /// `127.0.0.1:9000`.
    pub authority: String,
    pub name: String,
    pub region: String,
    pub credentials: Credentials,
}

/// An origin that gave no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum OriginError {
    #[error("the origin cannot be reached")]
    Unreachable(#[from] hyper_util::client::legacy::Error),
    #[error("the request to the origin cannot be written")]
    Request(#[from] http::Error),
    #[error("the request to the origin cannot be signed")]
    Signature(#[from] openssl::error::ErrorStack),
    #[error("the signature does not fit a header")]
    Header(#[from] http::header::InvalidHeaderValue),
}

impl Origins {
    pub fn new(bucket: Bucket, edge: String) -> Origins {
        Origins { client: Client::builder(TokioExecutor::new()).build_http(), bucket, edge }
    }

    /// The object `key` of the bucket. `key` needs no encoding: it is one of ours.
    pub async fn ask_s3(
        &self,
        method: Method,
        key: &str,
        viewer: &HeaderMap,
    ) -> Result<Response, OriginError> {
        let Bucket { authority, name, region, credentials } = &self.bucket;
        let path = format!("/{name}/{key}");
        // S3 verifies dates by the machine's clock, however far the stack's was put forwards.
        let now = OffsetDateTime::now_utc();
        let signed = sigv4::sign(credentials, region, now, method.as_str(), authority, &path)?;
        let mut request =
            Request::builder().method(method).uri(format!("http://{authority}{path}")).body(Body::empty())?;
        let headers = request.headers_mut();
        copy(viewer, headers, &TO_S3);
        headers.insert(HOST, HeaderValue::try_from(authority)?);
        headers.insert("x-amz-date", HeaderValue::try_from(signed.date)?);
        headers.insert("x-amz-content-sha256", HeaderValue::from_static(signed.content_sha256));
        headers.insert(AUTHORIZATION, HeaderValue::try_from(signed.authorization)?);
        let (parts, body) = self.client.request(request).await?.into_parts();
        let mut response = Response::new(Body::new(body));
        *response.status_mut() = parts.status;
        copy(&parts.headers, response.headers_mut(), &FROM_S3);
        Ok(response)
    }

    /// The edge's answer to the same path and query, with the viewer's headers.
    pub async fn ask_edge(&self, viewer: &Parts) -> Result<Response, OriginError> {
        let target = viewer.uri.path_and_query().map_or("/", |target| target.as_str());
        let mut forwarded = Request::builder()
            .method(viewer.method.clone())
            .uri(format!("{}{target}", self.edge))
            .body(Body::empty())?;
        *forwarded.headers_mut() = viewer.headers.clone();
        forwarded.headers_mut().remove(HOST);
        forwarded.headers_mut().remove(CONTENT_LENGTH);
        HOP_BY_HOP.iter().for_each(|name| drop(forwarded.headers_mut().remove(name)));
        let mut response = self.client.request(forwarded).await?.map(Body::new);
        HOP_BY_HOP.iter().for_each(|name| drop(response.headers_mut().remove(name)));
        Ok(response)
    }
}

fn copy(from: &HeaderMap, to: &mut HeaderMap, names: &[HeaderName]) {
    for name in names {
        if let Some(value) = from.get(name) {
            to.insert(name, value.clone());
        }
    }
}
