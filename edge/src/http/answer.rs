//! What every request goes through, whatever it asks for: a route, a time limit, a count, a log line, a span.

use std::convert::Infallible;
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::response::Response;
use flodrama_asset::ErrorKind;
use http::header::{self, HeaderName, HeaderValue};
use http::{Method, Version};
use tower::{Layer, Service};
use tracing::Instrument;

use super::cors::Cors;
use super::respond::problem;
use super::serve;
use crate::app::Parts;
use crate::error::EdgeError;
use crate::metrics::reason;
use crate::peer::{Deadline, RequestId};
use crate::route::{self, Route};
use crate::trace::{self, Upstream};

pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// All of the edge as one service, cheap to clone.
pub(crate) type Edge = tower_http::cors::Cors<Answers>;

/// Makes the service.
pub(crate) fn edge(parts: Arc<Parts>, cors: Cors) -> Edge {
    cors.0.layer(Answers(parts))
}

/// Answers whatever it is asked.
#[derive(Clone)]
pub(crate) struct Answers(Arc<Parts>);

impl Service<Request> for Answers {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let parts = Arc::clone(&self.0);
        Box::pin(async move { Ok(answer(&parts, request).await) })
    }
}

/// Routes, answers, counts and logs. The query is never logged: it holds signatures.
async fn answer(parts: &Parts, request: Request) -> Response {
    let started = Instant::now();
    let _in_flight = parts.metrics.begin();
    let request_id = request.extensions().get::<RequestId>().map_or_else(new_id, |RequestId(id)| id.clone());
    let upstream = Upstream::of(request.headers());
    let trace_id = upstream.map(|upstream| upstream.trace_id());
    let method = request.method().clone();
    let route = plain(&request).and_then(|()| Route::of(&method, request.uri().path()));
    let route = route.and_then(|route| single(&route, &request).map(|()| route));
    let is_unread = has_unread_body(&request, &route);
    let name = route.as_ref().map_or("none", Route::name);
    let span = trace::request(&method, name, &request_id, upstream);
    let limit = time_limit(&request, parts.request_timeout);
    let result = match route {
        Ok(route) => {
            let answering = serve(parts, route, request).instrument(span.clone());
            match tokio::time::timeout(limit, answering).await {
                Ok(result) => result,
                Err(elapsed) => Err(EdgeError::unavailable(elapsed)),
            }
        }
        Err(error) => Err(error),
    };
    let (mut response, error) = match result {
        Ok(response) => (response, None),
        Err(error) => (problem(&error, &request_id), Some(error)),
    };
    finish(&mut response, &method, &request_id, is_unread);
    let (status, took) = (response.status().as_u16(), started.elapsed());
    trace::answered(&span, status);
    parts.metrics.answered(name, status, took);
    let latency_ms = took.as_secs_f64() * 1000.0;
    let outcome = match &error {
        Some(_) if status >= 500 => "failed",
        Some(_) => "refused",
        None => "answered",
    };
    if let Some(reason) = error.as_ref().and_then(|error| reason(name, error.kind())) {
        parts.metrics.refused(reason);
    }
    let line = crate::log::Request { request_id, trace_id, method, route: name, status, latency_ms, outcome };
    line.write(error.as_ref());
    response
}

/// What can be said against a request before it is known what it asks for.
fn plain(request: &Request) -> Result<(), EdgeError> {
    route::query_is_plain(request.uri().query().unwrap_or_default())?;
    // RFC 9112 section 3.2: exactly one Host. What it says is read nowhere: addresses come from the settings.
    if request.version() == Version::HTTP_11 {
        let mut hosts = request.headers().get_all(header::HOST).iter();
        route::host_is_plain(hosts.next().map(HeaderValue::as_bytes), hosts.next().is_some())?;
    }
    // RFC 9112 section 6.1 and 6.3: `chunked` once, and no length beside it.
    let mut codings = request.headers().get_all(header::TRANSFER_ENCODING).iter();
    let is_single = match codings.next() {
        Some(coding) => coding.as_bytes().eq_ignore_ascii_case(b"chunked") && codings.next().is_none(),
        None => true,
    };
    let has_length = request.headers().contains_key(header::CONTENT_LENGTH);
    if !is_single || has_length && request.headers().contains_key(header::TRANSFER_ENCODING) {
        return Err(EdgeError::new(ErrorKind::BadRequest, "The request's length is ambiguous."));
    }
    Ok(())
}

/// No parameter of ours is repeated. Of manifests the gate says so first, in its own words.
fn single(route: &Route, request: &Request) -> Result<(), EdgeError> {
    match route {
        Route::Manifest(..) => Ok(()),
        _ => route::names_are_single(request.uri().query().unwrap_or_default()),
    }
}

/// True where a request of HTTP/1 brings a body that its route leaves alone.
fn has_unread_body(request: &Request, route: &Result<Route, EdgeError>) -> bool {
    let is_read = matches!(route, Ok(Route::Playback(_)));
    request.version() <= Version::HTTP_11 && !is_read && !request.body().is_end_stream()
}

/// The configured limit, or what is left of the time that a caller gives.
fn time_limit(request: &Request, configured: Duration) -> Duration {
    match request.extensions().get::<Deadline>() {
        Some(Deadline(left)) => configured.min(*left),
        None => configured,
    }
}

/// What every answer has.
fn finish(response: &mut Response, method: &Method, request_id: &str, is_unread: bool) {
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, id);
    }
    if is_unread {
        // What comes next on this connection could be taken for a request: there is no next.
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    if *method == Method::HEAD {
        let length = response.body().size_hint().exact();
        *response.body_mut() = Body::empty();
        if let Some(length) = length {
            response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        }
    }
}

/// The hash of a count under a random key: nobody outside can tell the next one, and processes do not repeat each other.
fn new_id() -> String {
    static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    static COUNT: AtomicU64 = AtomicU64::new(0);
    hex::encode(KEY.hash_one(COUNT.fetch_add(1, Ordering::Relaxed)).to_be_bytes())
}
