//! The only file that knows axum: requests to routes, results to responses, one log line each.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use flodrama_asset::access::Country;
use flodrama_asset::{AssetId, ErrorKind, PublishedFile, Version};
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Method, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::Serialize;
use sha2::{Digest, Sha256};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::app::Parts;
use crate::auth::Viewer;
use crate::config::{self, SameSite};
use crate::entitlement;
use crate::error::EdgeError;
use crate::manifest::Wanted;
use crate::pages;
use crate::platform::Platform;
use crate::playback::{Caller, Delivery, Opened, Wish};
use crate::route::Route;
use crate::sign::Refusal;

/// What CloudFront says of where a viewer is: ISO 3166-1 alpha-2.
const VIEWER_COUNTRY: HeaderName = HeaderName::from_static("cloudfront-viewer-country");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const JSON: &str = "application/json";
/// Answers about a viewer, or with signatures in them, are nobody else's and not to be kept.
const PRIVATE: &str = "private, no-store";
/// Pages are checked for changes at each load, by their etag.
const REVALIDATE: &str = "no-cache";

/// Which web pages of other origins may read answers.
pub(crate) struct Cors(CorsLayer);

impl Cors {
    /// Exact origins. Fails with what is wrong with them.
    pub(crate) fn new(origins: &[String]) -> Result<Cors, String> {
        let origins: Vec<HeaderValue> = origins
            .iter()
            .map(|origin| match url::Url::parse(origin) {
                Ok(url) if url.origin().is_tuple() && url.origin().ascii_serialization() == *origin => {
                    HeaderValue::from_str(origin).map_err(|e| e.to_string())
                }
                _ => Err(format!("{origin:?} is no origin such as https://www.example.com")),
            })
            .collect::<Result<_, _>>()?;
        Ok(Cors(
            CorsLayer::new()
                .allow_origin(AllowOrigin::list(origins))
                .allow_credentials(true)
                .allow_methods([Method::GET, Method::HEAD, Method::POST])
                .allow_headers([
                    header::AUTHORIZATION,
                    header::CONTENT_TYPE,
                    header::RANGE,
                    header::IF_NONE_MATCH,
                ])
                .expose_headers([header::CONTENT_LENGTH, header::ETAG, REQUEST_ID])
                .max_age(std::time::Duration::from_secs(600)),
        ))
    }
}

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

async fn serve(parts: &Parts, route: Route, request: Request) -> Result<Response, EdgeError> {
    let (head, body) = request.into_parts();
    let query = head.uri.query().unwrap_or_default();
    match route {
        Route::Playback(asset) => {
            discard(body, parts.max_body_bytes).await?;
            let caller = caller(parts, &head.headers).await?;
            let (delivery, preview, platform) = (delivery(query)?, wants_preview(query)?, platform(query)?);
            playback(parts, &caller, &asset, Wish { delivery, preview, platform }).await
        }
        Route::Assets => {
            let caller = caller(parts, &head.headers).await?;
            if caller.viewer.is_none() {
                return Err(entitlement::Refusal::SignIn.into());
            }
            json(&parts.assets.list(&caller).await?)
        }
        Route::Asset(asset) => json(&parts.assets.get(&caller(parts, &head.headers).await?, &asset).await?),
        Route::Manifest(asset, version, file) => {
            manifest(parts, head.uri.path(), query, &head.headers, (asset, version, file)).await
        }
        Route::Watch(_) => page(parts, "index.html", &head.headers),
        Route::Static(name) => page(parts, &name, &head.headers),
        Route::Health => {
            let health = parts.checkup.health().await;
            let mut response = json(&health)?;
            if !health.is_good() {
                *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            }
            Ok(response)
        }
        Route::Metrics => {
            let text = parts.metrics.text(parts.links.signer.made());
            Ok(respond("text/plain; version=0.0.4", PRIVATE, text))
        }
        Route::OpenApi => Ok(respond(JSON, REVALIDATE, include_str!("../openapi.json"))),
    }
}

async fn playback(
    parts: &Parts,
    caller: &Caller,
    asset: &AssetId,
    wish: Wish,
) -> Result<Response, EdgeError> {
    let (playback, opened) = parts.links.playback(caller, asset, wish).await?;
    let viewer = caller.viewer.as_ref().map_or("-", |viewer| &viewer.subject);
    tracing::info!(viewer, %asset, version = %opened.version, preview = wish.preview, "opened");
    let mut response = json(&playback)?;
    if opened.delivery == Delivery::Cookies {
        for cookie in cookies(&parts.cookies, asset, &opened, parts.clock.now()) {
            let mut value = HeaderValue::from_str(&cookie).map_err(EdgeError::internal)?;
            value.set_sensitive(true);
            response.headers_mut().append(header::SET_COOKIE, value);
        }
    }
    Ok(response)
}

/// Each for the one version that it opens, so that two titles in one browser do not overwrite each other's.
fn cookies(
    settings: &config::Cookies,
    asset: &AssetId,
    opened: &Opened,
    now: time::OffsetDateTime,
) -> Vec<String> {
    let Opened { version, signed, .. } = opened;
    let max_age_s = (signed.expires_at() - now).whole_seconds();
    let domain = settings.domain.as_ref().map(|domain| format!("; Domain={domain}")).unwrap_or_default();
    let secure = if settings.secure { "; Secure" } else { "" };
    let same_site = match settings.same_site {
        SameSite::None => "None",
        SameSite::Lax => "Lax",
        SameSite::Strict => "Strict",
    };
    let cookie = |(name, value): (&str, &str)| {
        format!(
            "{name}={value}; Path=/vod/{asset}/{version}/; Max-Age={max_age_s}; HttpOnly; \
             SameSite={same_site}{secure}{domain}"
        )
    };
    signed.cookies().into_iter().map(cookie).collect()
}

fn delivery(query: &str) -> Result<Delivery, EdgeError> {
    let given = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "delivery");
    match given.as_ref().map(|(_, value)| value.as_ref()) {
        None | Some("links") => Ok(Delivery::Links),
        Some("cookies") => Ok(Delivery::Cookies),
        Some(_) => Err(EdgeError::new(ErrorKind::BadRequest, "`delivery` is `links` or `cookies`.")),
    }
}

fn wants_preview(query: &str) -> Result<bool, EdgeError> {
    let given = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "preview");
    match given.as_ref().map(|(_, value)| value.as_ref()) {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(EdgeError::new(ErrorKind::BadRequest, "`preview` is `true` or `false`.")),
    }
}

fn platform(query: &str) -> Result<Option<&'static Platform>, EdgeError> {
    let given = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "platform");
    let named = given.map(|(_, value)| Platform::named(&value)).transpose();
    named.map_err(|unknown| EdgeError::new(ErrorKind::BadRequest, Platform::list()).caused_by(unknown))
}

async fn manifest(
    parts: &Parts,
    path: &str,
    query: &str,
    headers: &HeaderMap,
    (asset, version, file): (AssetId, Version, PublishedFile),
) -> Result<Response, EdgeError> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pass = parts.gate.pass(path, query, cookies, parts.clock.now()).map_err(|refusal| {
        let sentence = match refusal {
            Refusal::Expired => "This link has expired.",
            _ => "This link does not open this file.",
        };
        EdgeError::new(refusal.kind(), sentence).caused_by(refusal)
    })?;
    let content_type = file.content_type();
    let wanted = Wanted { asset, version, file, pass, platform: platform(query)? };
    let manifest = parts.manifests.get(wanted).await?;
    let gzip = accepts_gzip(headers);
    let etag = if gzip { format!("\"{}-gzip\"", manifest.etag) } else { format!("\"{}\"", manifest.etag) };
    let body = if gzip { &manifest.gzip } else { &manifest.plain };
    let mut response = unless_known(headers, &etag, content_type, PRIVATE, body.clone())?;
    response.headers_mut().append(header::VARY, HeaderValue::from_static("accept-encoding"));
    if gzip {
        response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(response)
}

fn page(parts: &Parts, name: &str, headers: &HeaderMap) -> Result<Response, EdgeError> {
    let page =
        pages::file(name).ok_or(EdgeError::new(ErrorKind::NotFound, "There is nothing at this address."))?;
    let etag = format!("\"{}\"", hex::encode(&Sha256::digest(page.bytes)[..16]));
    let mut response =
        unless_known(headers, &etag, page.content_type, REVALIDATE, Bytes::from_static(page.bytes))?;
    let policy = HeaderValue::from_str(&parts.content_security_policy).map_err(EdgeError::internal)?;
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    Ok(response)
}

/// Who asks: a token that is shown must hold, also where none is needed.
async fn caller(parts: &Parts, headers: &HeaderMap) -> Result<Caller, EdgeError> {
    let viewer = match headers.contains_key(header::AUTHORIZATION) {
        true => Some(viewer(parts, headers).await?),
        false => None,
    };
    // Whoever reaches the edge around CloudFront writes what they like.
    let mut said = headers.get_all(VIEWER_COUNTRY).iter().filter(|_| parts.trust_cloudfront_country);
    let country = match (said.next(), said.next()) {
        (Some(one), None) => one.to_str().ok().and_then(Country::reported),
        _ => None,
    };
    Ok(Caller { viewer, country })
}

/// The viewer whose token the request bears.
async fn viewer(parts: &Parts, headers: &HeaderMap) -> Result<Viewer, EdgeError> {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (given.next(), given.next()) else {
        return Err(EdgeError::new(ErrorKind::Unauthenticated, "Sign in to watch."));
    };
    let token = value.to_str().ok().and_then(|text| text.split_once(' '));
    let token =
        token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim());
    let Some(token) = token else {
        return Err(EdgeError::new(ErrorKind::Unauthenticated, "Sign in to watch."));
    };
    parts.verifier.verify(token).await.map_err(|error| match error.kind() {
        ErrorKind::Unauthenticated => {
            EdgeError::new(ErrorKind::Unauthenticated, "Your sign-in does not hold (any more).")
                .caused_by(error)
        }
        _ => EdgeError::unavailable(error),
    })
}

/// No route reads a body, but a client that sends one must get an answer, and a large one a refusal.
async fn discard(body: Body, max_bytes: usize) -> Result<(), EdgeError> {
    match Limited::new(body, max_bytes).collect().await {
        Ok(_) => Ok(()),
        Err(error) if error.is::<LengthLimitError>() => {
            Err(EdgeError::new(ErrorKind::OverLimit, "The request's body is too large."))
        }
        Err(_) => Err(EdgeError::new(ErrorKind::BadRequest, "The request's body broke off.")),
    }
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
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
fn unless_known(
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

fn json(value: &impl Serialize) -> Result<Response, EdgeError> {
    Ok(respond(JSON, PRIVATE, serde_json::to_vec(value).map_err(EdgeError::internal)?))
}

fn respond(content_type: &'static str, cache_control: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(cache_control));
    response
}

fn problem(error: &EdgeError, request_id: &str) -> Response {
    let body = serde_json::to_vec(&error.problem(request_id)).unwrap_or_default();
    let mut response = respond("application/problem+json", "no-store", body);
    *response.status_mut() = error.status();
    let headers = response.headers_mut();
    if let Some(allow) = error.allow() {
        headers.insert(header::ALLOW, HeaderValue::from_static(allow));
    }
    if error.kind() == ErrorKind::Unauthenticated {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
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
