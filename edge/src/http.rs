//! Routes to results.

mod answer;
mod cors;
mod respond;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use flodrama_asset::access::Country;
use flodrama_asset::{AssetId, ErrorKind, PublishedFile, Version};
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use sha2::{Digest, Sha256};
use tracing::Instrument;

pub(crate) use answer::{Edge, edge};
pub(crate) use cors::Cors;
use respond::{JSON, PRIVATE, REVALIDATE, accepts_gzip, json, respond, unless_known};

use crate::app::Parts;
use crate::auth::Viewer;
use crate::config::{self, SameSite};
use crate::entitlement;
use crate::error::EdgeError;
use crate::manifest::Wanted;
use crate::pages;
use crate::platform::Platform;
use crate::playback::{Caller, Delivery, Opened, Wish};
use crate::route::{Route, names_are_single, parameter};
use crate::sign::Refusal;

/// What CloudFront says of where a viewer is: ISO 3166-1 alpha-2.
const VIEWER_COUNTRY: HeaderName = HeaderName::from_static("cloudfront-viewer-country");

async fn serve(parts: &Parts, route: Route, request: Request) -> Result<Response, EdgeError> {
    let (head, body) = request.into_parts();
    let query = head.uri.query().unwrap_or_default();
    if !route.needs_viewer() {
        parts.limits.address(&head.headers, head.extensions.get())?;
    }
    match route {
        Route::Playback(asset) => {
            discard(body, parts.max_body_bytes).await?;
            let caller = caller(parts, &head).await?;
            let (delivery, preview, platform) = (delivery(query)?, wants_preview(query)?, platform(query)?);
            Box::pin(playback(parts, &caller, &asset, Wish { delivery, preview, platform })).await
        }
        Route::Assets => {
            let caller = caller(parts, &head).await?;
            if caller.viewer.is_none() {
                return Err(entitlement::Refusal::SignIn.into());
            }
            json(&Box::pin(parts.assets.list(&caller)).await?)
        }
        Route::Asset(asset) => json(&Box::pin(parts.assets.get(&caller(parts, &head).await?, &asset)).await?),
        Route::Manifest(asset, version, file) => {
            manifest(parts, head.uri.path(), query, &head.headers, (asset, version, file)).await
        }
        Route::Watch(_) => page(parts, "index.html", &head.headers),
        Route::Static(name) => page(parts, &name, &head.headers),
        Route::Health => {
            let health = Box::pin(parts.checkup.health()).await;
            let mut response = json(&health)?;
            if !health.is_good() {
                *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            }
            Ok(response)
        }
        Route::Live => json(&serde_json::json!({"status": "ok"})),
        Route::Metrics => Ok(respond(
            "text/plain; version=0.0.4",
            PRIVATE,
            parts.metrics.text(&Box::pin(parts.readings()).await),
        )),
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
    let given = parameter(query, "delivery");
    match given.as_deref() {
        None | Some("links") => Ok(Delivery::Links),
        Some("cookies") => Ok(Delivery::Cookies),
        Some(_) => Err(EdgeError::new(ErrorKind::BadRequest, "`delivery` is `links` or `cookies`.")),
    }
}

fn wants_preview(query: &str) -> Result<bool, EdgeError> {
    let given = parameter(query, "preview");
    match given.as_deref() {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(EdgeError::new(ErrorKind::BadRequest, "`preview` is `true` or `false`.")),
    }
}

fn platform(query: &str) -> Result<Option<&'static Platform>, EdgeError> {
    let given = parameter(query, "platform");
    let named = given.map(|name| Platform::named(&name)).transpose();
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
    names_are_single(query)?;
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
async fn caller(parts: &Parts, head: &http::request::Parts) -> Result<Caller, EdgeError> {
    let viewer = match head.headers.contains_key(header::AUTHORIZATION) {
        true => Some(Box::pin(viewer(parts, head)).await?),
        false => {
            parts.limits.address(&head.headers, head.extensions.get())?;
            None
        }
    };
    // Whoever reaches the edge around CloudFront writes what they like.
    let mut said = head.headers.get_all(VIEWER_COUNTRY).iter().filter(|_| parts.trust_cloudfront_country);
    let country = match (said.next(), said.next()) {
        (Some(one), None) => one.to_str().ok().and_then(Country::reported),
        _ => None,
    };
    Ok(Caller { viewer, country })
}

/// The viewer whose token the request bears, within what one viewer may ask for. Requests that bear none that holds
/// count for their address.
async fn viewer(parts: &Parts, head: &http::request::Parts) -> Result<Viewer, EdgeError> {
    match bearer(parts, &head.headers).instrument(tracing::info_span!("auth")).await {
        Ok(viewer) => parts.limits.viewer(&viewer.subject).map(|()| viewer),
        Err(error) => {
            parts.limits.address(&head.headers, head.extensions.get())?;
            Err(error)
        }
    }
}

async fn bearer(parts: &Parts, headers: &HeaderMap) -> Result<Viewer, EdgeError> {
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
