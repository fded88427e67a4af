//! CloudFront's data plane: behaviours, signatures, origins.
//!
//! Nothing is cached: every answer comes from its origin, so that a test never sees an old one.

mod behaviour;
mod cors;
mod keys;
mod origin;
mod policy;
mod sigv4;
mod verify;
#[cfg(test)]
mod verify_tests;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, RwLock};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, COOKIE, HOST};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};

use self::behaviour::{Behaviour, behaviour, published};
use self::cors::Cors;
pub use self::keys::CloudFrontPublicKey;
use self::keys::KeyGroup;
use self::origin::{Bucket, OriginError, Origins};
use self::verify::{Asked, Denied, verify};
use crate::StackError;
use crate::clock::Clock;
use crate::identity::Credentials;
use crate::sync;

/// The distribution.
pub(crate) struct Cdn {
    keys: RwLock<KeyGroup>,
    origins: Origins,
    cors: Cors,
    clock: Clock,
}

/// What a distribution is made of.
pub(crate) struct CdnOptions<'o> {
    pub keys: &'o [CloudFrontPublicKey],
    /// `127.0.0.1:9000`, where S3 listens.
    pub s3_authority: String,
    pub bucket: &'o str,
    pub region: &'o str,
    pub credentials: Credentials,
    /// `http://127.0.0.1:8080`.
    pub edge_origin: &'o str,
    pub clock: Clock,
}

impl Cdn {
    pub fn new(options: CdnOptions<'_>) -> Result<Cdn, StackError> {
        let edge = options.edge_origin;
        let refused = || StackError::Name {
            what: "edge origin",
            value: edge.to_owned(),
            rule: "it is written http://host:port, without a path",
        };
        let authority = edge.strip_prefix("http://").filter(|a| !a.is_empty() && !a.contains('/'));
        authority.ok_or_else(refused)?;
        let bucket = Bucket {
            authority: options.s3_authority,
            name: options.bucket.to_owned(),
            region: options.region.to_owned(),
            credentials: options.credentials,
        };
        Ok(Cdn {
            keys: RwLock::new(KeyGroup::new(options.keys)?),
            origins: Origins::new(bucket, edge.to_owned()),
            cors: Cors { origin: HeaderValue::try_from(edge).map_err(|_| refused())? },
            clock: options.clock,
        })
    }

    /// Puts another key group in the place of the trusted one, at once.
    pub fn trust(&self, keys: &[CloudFrontPublicKey]) -> Result<(), StackError> {
        *sync::write(&self.keys) = KeyGroup::new(keys)?;
        Ok(())
    }

    async fn answer(&self, request: Request<Body>) -> Response {
        // Neither origin is sent a body.
        let (parts, _) = request.into_parts();
        let path = parts.uri.path();
        match behaviour(path) {
            Behaviour::Default => refusal(Denied::Forbidden),
            Behaviour::Manifest => match parts.method {
                Method::GET | Method::HEAD | Method::OPTIONS => {
                    or_bad_gateway(self.origins.ask_edge(&parts).await)
                }
                _ => method_refused(),
            },
            Behaviour::Restricted => match parts.method.clone() {
                Method::OPTIONS => {
                    let mut response = StatusCode::NO_CONTENT.into_response();
                    self.cors.preflight(&parts.headers, response.headers_mut());
                    response
                }
                method @ (Method::GET | Method::HEAD) => {
                    self.media(method, path, parts.uri.query(), &parts.headers).await
                }
                _ => method_refused(),
            },
        }
    }

    async fn media(&self, method: Method, path: &str, query: Option<&str>, headers: &HeaderMap) -> Response {
        let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let asked = Asked {
            origin: &format!("http://{host}"),
            path,
            query,
            cookies: cookies(headers),
            // Only loopback reaches the stack.
            viewer: IpAddr::V4(Ipv4Addr::LOCALHOST),
        };
        let verified = verify(&sync::read(&self.keys), &asked, self.clock.now_s());
        if let Err(denied) = verified {
            return refusal(denied);
        }
        let Some(key) = published(path) else { return refusal(Denied::Forbidden) };
        let mut response = or_bad_gateway(self.origins.ask_s3(method, &key.to_string(), headers).await);
        self.cors.allow(headers, response.headers_mut());
        response
    }
}

fn cookies(headers: &HeaderMap) -> Vec<(&str, &str)> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('=')).collect()
}

/// CloudFront's own 403, in its words. Without CORS headers, as the real one was seen: a browser's player learns only
/// that the request failed.
fn refusal(denied: Denied) -> Response {
    let (code, message) = match denied {
        Denied::MissingKey => ("MissingKey", "Missing Key-Pair-Id query parameter or cookie value"),
        Denied::UnknownKey => ("InvalidKey", "Unknown Key"),
        Denied::MalformedPolicy => ("MalformedPolicy", "Malformed Policy"),
        Denied::MalformedSignature => ("MalformedSignature", "Could not unencode Signature"),
        Denied::Forbidden => ("AccessDenied", "Access denied"),
    };
    let body = format!(
        r#"<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>{message}</Message></Error>"#
    );
    let content_type = (CONTENT_TYPE, HeaderValue::from_static("text/xml"));
    (StatusCode::FORBIDDEN, [content_type], body).into_response()
}

fn method_refused() -> Response {
    let text = "This distribution is not configured to allow the HTTP request method that was used for this request.";
    (StatusCode::FORBIDDEN, text).into_response()
}

fn or_bad_gateway(answer: Result<Response, OriginError>) -> Response {
    answer.unwrap_or_else(|error| {
        tracing::warn!(%error, "the local CDN got no answer from its origin");
        (StatusCode::BAD_GATEWAY, "CloudFront wasn't able to connect to the origin.").into_response()
    })
}

/// The HTTP service.
pub(crate) fn router(cdn: Arc<Cdn>) -> Router {
    Router::new()
        .fallback(|State(cdn): State<Arc<Cdn>>, request| async move { cdn.answer(request).await })
        .with_state(cdn)
}
