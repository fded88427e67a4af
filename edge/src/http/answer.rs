//! What every request goes through, whatever it asks for: a route, a time limit, a count, a log line.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::response::Response;
use http::Method;
use http::header::{self, HeaderName, HeaderValue};

use super::cors::Cors;
use super::respond::problem;
use super::serve;
use crate::app::Parts;
use crate::error::EdgeError;
use crate::route::Route;

pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// All of the edge as one service.
pub(crate) fn router(parts: Arc<Parts>, cors: Cors) -> Router {
    Router::new().fallback(answer).with_state(parts).layer(cors.0)
}

/// Routes, answers, counts and logs. The query is never logged: it holds signatures.
async fn answer(State(parts): State<Arc<Parts>>, request: Request) -> Response {
    let started = Instant::now();
    let request_id = request_id();
    let method = request.method().clone();
    let route = Route::of(&method, request.uri().path());
    let name = route.as_ref().map_or("none", Route::name);
    let result = match route {
        Ok(route) => match tokio::time::timeout(parts.request_timeout, serve(&parts, route, request)).await {
            Ok(result) => result,
            Err(elapsed) => Err(EdgeError::unavailable(elapsed)),
        },
        Err(error) => Err(error),
    };
    let (mut response, error) = match result {
        Ok(response) => (response, None),
        Err(error) => (problem(&error, &request_id), Some(error)),
    };
    finish(&mut response, &method, &request_id);
    let (status, took) = (response.status().as_u16(), started.elapsed());
    parts.metrics.answered(name, status, took);
    let ms = took.as_secs_f64() * 1000.0;
    match error {
        Some(e) if status >= 500 => {
            tracing::error!(request_id, %method, route = name, status, ms, code = %e.kind(), cause = e.causes(), "failed");
        }
        Some(e) => {
            tracing::info!(request_id, %method, route = name, status, ms, code = %e.kind(), cause = e.causes(), "refused");
        }
        None => tracing::info!(request_id, %method, route = name, status, ms, "answered"),
    }
    response
}

/// What every answer has.
fn finish(response: &mut Response, method: &Method, request_id: &str) {
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, id);
    }
    if *method == Method::HEAD {
        let length = response.body().size_hint().exact();
        *response.body_mut() = Body::empty();
        if let Some(length) = length {
            response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        }
    }
}

fn request_id() -> String {
    let mut bytes = [0; 8];
    // Without randomness requests are answered all the same, with an id that tells nothing.
    let _ = aws_lc_rs::rand::fill(&mut bytes);
    hex::encode(bytes)
}
