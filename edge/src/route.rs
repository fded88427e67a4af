//! Paths to typed routes. Matched on the raw path: CloudFront picks a behaviour by the normalised path but sends the
//! raw one, so anything that could mean two paths is refused before it is matched.

use std::borrow::Cow;

use flodrama_asset::{AssetId, ErrorKind, PublishedFile, Version};
use http::Method;
use http::uri::Authority;

use crate::error::EdgeError;

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// `POST /v1/assets/{asset}/playback`.
    Playback(AssetId),
    /// `GET /v1/assets`.
    Assets,
    /// `GET /v1/assets/{asset}`.
    Asset(AssetId),
    /// `GET /vod/{asset}/{version}/…`: a playlist or the storyboard.
    Manifest(AssetId, Version, PublishedFile),
    /// `GET /watch/{asset}`: the player page.
    Watch(AssetId),
    /// `GET /static/{file}`: a file of the player page.
    Static(String),
    /// `GET /livez`.
    Live,
    /// `GET /healthz`.
    Health,
    /// `GET /metrics`.
    Metrics,
    /// `GET /v1/openapi.json`.
    OpenApi,
}

const READ: &str = "GET, HEAD";

impl Route {
    /// The route of a request, by method and raw path (no query).
    pub fn of(method: &Method, path: &str) -> Result<Route, EdgeError> {
        let route = Route::at(path)?;
        let allow = if matches!(route, Route::Playback(_)) { "POST" } else { READ };
        let allowed = allow.split(", ").any(|name| name == method.as_str());
        if allowed { Ok(route) } else { Err(EdgeError::method_not_allowed(allow)) }
    }

    /// A short stable name for logs and metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Route::Playback(_) => "playback",
            Route::Assets => "assets",
            Route::Asset(_) => "asset",
            Route::Manifest(..) => "manifest",
            Route::Watch(_) => "watch",
            Route::Static(_) => "static",
            Route::Live => "livez",
            Route::Health => "healthz",
            Route::Metrics => "metrics",
            Route::OpenApi => "openapi",
        }
    }

    /// True where a viewer's token decides.
    pub(crate) fn needs_viewer(&self) -> bool {
        matches!(self, Route::Playback(_) | Route::Assets | Route::Asset(_))
    }

    fn at(path: &str) -> Result<Route, EdgeError> {
        if !is_plain(path) {
            return Err(EdgeError::new(ErrorKind::BadRequest, "The address is malformed."));
        }
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        match parts[..] {
            ["livez"] => Some(Route::Live),
            ["healthz"] => Some(Route::Health),
            ["metrics"] => Some(Route::Metrics),
            ["v1", "openapi.json"] => Some(Route::OpenApi),
            ["v1", "assets"] => Some(Route::Assets),
            ["v1", "assets", asset] => asset.parse().ok().map(Route::Asset),
            ["v1", "assets", asset, "playback"] => asset.parse().ok().map(Route::Playback),
            ["watch", asset] => asset.parse().ok().map(Route::Watch),
            ["static", file] => Some(Route::Static(file.to_owned())),
            ["vod", asset, version, ..] => manifest(path, asset, version),
            _ => None,
        }
        .ok_or(EdgeError::new(ErrorKind::NotFound, "There is nothing at this address."))
    }
}

fn manifest(path: &str, asset: &str, version: &str) -> Option<Route> {
    let below = path.strip_prefix("/vod/")?.strip_prefix(asset)?.strip_prefix('/')?.strip_prefix(version)?;
    let file = PublishedFile::parse(below.strip_prefix('/')?).filter(PublishedFile::is_manifest)?;
    Some(Route::Manifest(asset.parse().ok()?, version.parse().ok()?, file))
}

/// Every path of ours is letters, digits, `.`, `-` and `_` between single slashes, so no escape has any business
/// here: not `%2e`, not `%2f`, not `\`, not NUL, not a second encoding of those.
pub(crate) fn is_plain(path: &str) -> bool {
    let in_alphabet =
        path.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'.' | b'-' | b'_'));
    let mut parts = path.split('/').skip(1);
    let dots = |part: &str| part == "." || part == "..";
    path.starts_with('/') && in_alphabet && !path.contains("//") && !parts.any(dots)
}

/// A query is letters, digits and marks, with escapes of readable UTF-8: whoever reads it before us reads the same.
pub(crate) fn query_is_plain(query: &str) -> Result<(), EdgeError> {
    decoded(query).map(drop).ok_or_else(malformed_query)
}

/// The parameter of a query that has this name, as forms are read; its value alone is decoded.
pub(crate) fn parameter<'a>(query: &'a str, name: &str) -> Option<Cow<'a, str>> {
    let has_name = |part: &&str| part.split('=').next().and_then(decoded).is_some_and(|found| found == name);
    let part = query.split('&').find(has_name)?;
    url::form_urlencoded::parse(part.as_bytes()).next().map(|(_, value)| value)
}

/// Each name once: of two, another reader could take the other.
pub(crate) fn names_are_single(query: &str) -> Result<(), EdgeError> {
    let parts = query.split('&').filter(|part| !part.is_empty());
    let mut names: Vec<_> = parts.filter_map(|part| decoded(part.split('=').next()?)).collect();
    let count = names.len();
    names.sort();
    names.dedup();
    if names.len() == count { Ok(()) } else { Err(malformed_query()) }
}

fn malformed_query() -> EdgeError {
    EdgeError::new(ErrorKind::BadRequest, "The address's query is malformed.")
}

/// `None` where an escape is none, or where what it means is no UTF-8 (overlong forms are not) or a control character.
fn decoded(text: &str) -> Option<Cow<'_, str>> {
    // As nearly every address is. Looks at all of it, which takes less time than to be ready to stop at each byte.
    if text.bytes().fold(true, |plain, byte| plain & byte.is_ascii_graphic() & (byte != b'%')) {
        return Some(Cow::Borrowed(text));
    }
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => {
                let digits = [bytes.next()?, bytes.next()?];
                let digits = std::str::from_utf8(&digits).ok().filter(|d| !d.starts_with('+'))?;
                u8::from_str_radix(digits, 16).ok()?
            }
            b'!'..=b'~' => byte,
            _ => return None,
        });
    }
    String::from_utf8(out).ok().filter(|text| !text.chars().any(char::is_control)).map(Cow::Owned)
}

/// One `Host`, and that a name or an address with at most a port.
pub(crate) fn host_is_plain(host: Option<&[u8]>, has_second: bool) -> Result<(), EdgeError> {
    let in_alphabet = |b: &u8| b.is_ascii_alphanumeric() || b".-_:[]".contains(b);
    let is_plain = host.is_some_and(|host| host.iter().all(in_alphabet) && Authority::try_from(host).is_ok());
    if is_plain && !has_second {
        return Ok(());
    }
    Err(EdgeError::new(ErrorKind::BadRequest, "The request must name one host."))
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERSION: &str = "v0123456789abcdef";

    fn status(method: &Method, path: &str) -> u16 {
        Route::of(method, path).expect_err(path).status().as_u16()
    }

    #[test]
    fn parameters_are_read_as_forms_are() {
        let value = |query, name| parameter(query, name).map(Cow::into_owned);
        for (query, expected) in [
            ("delivery=cookie", Some("cookie")),
            ("a=1&%64elivery=a+b%2Bc&b", Some("a b+c")),
            ("delivery", Some("")),
            ("delivery=", Some("")),
            ("delivery=a=b", Some("a=b")),
            ("deliver=x&delivery2=y", None),
            ("", None),
        ] {
            assert_eq!(value(query, "delivery").as_deref(), expected, "{query}");
        }
    }

    #[test]
    fn every_route_has_its_path() {
        let asset: AssetId = "demo".parse().expect("id");
        let version: Version = VERSION.parse().expect("version");
        let manifest = |file| Route::Manifest(asset.clone(), version.clone(), file);
        let table = [
            ("/livez", Route::Live),
            ("/healthz", Route::Health),
            ("/metrics", Route::Metrics),
            ("/v1/openapi.json", Route::OpenApi),
            ("/v1/assets", Route::Assets),
            ("/v1/assets/demo", Route::Asset(asset.clone())),
            ("/watch/demo", Route::Watch(asset.clone())),
            ("/static/player.js", Route::Static("player.js".into())),
            ("/vod/demo/v0123456789abcdef/main.m3u8", manifest(PublishedFile::Multivariant)),
            ("/vod/demo/v0123456789abcdef/thumbs/storyboard.vtt", manifest(PublishedFile::Storyboard)),
        ];
        for (path, route) in table {
            assert_eq!(Route::of(&Method::GET, path).expect(path), route);
            assert_eq!(Route::of(&Method::HEAD, path).expect(path), route);
        }
        let playback = Route::of(&Method::POST, "/v1/assets/demo/playback").expect("playback");
        assert_eq!(playback, Route::Playback(asset));
    }

    #[test]
    fn media_and_unknown_paths_are_not_ours() {
        for path in [
            "/",
            "/v1/assets/",
            "/v1/assets/DEMO",
            "/v1/assets/demo/playback/",
            "/vod/demo/v0123456789abcdef/video/720p/00001.m4s",
            "/vod/demo/v0123456789abcdef/asset.json",
            "/vod/demo/current.json",
            "/vod/demo/v0123/main.m3u8",
            "/vod/demo/v0123456789abcdef/",
        ] {
            assert_eq!(status(&Method::GET, path), 404, "{path}");
        }
    }

    #[test]
    fn paths_that_could_mean_two_things_are_refused() {
        for trick in [
            "..",
            "%2e%2e",
            ".",
            "%2E",
            "a%2fb",
            "a\\b",
            "a%5cb",
            "a\0b",
            "a%00b",
            "%252e%252e",
            "é",
            "a;b",
            "..;",
            "%c0%ae%c0%ae",
            "%ef%bc%8e",
            "a b",
            "a+b",
            "a*b",
            "a?b",
            "a#b",
        ] {
            let path = format!("/vod/demo/{VERSION}/{trick}/main.m3u8");
            assert_eq!(status(&Method::GET, &path), 400, "{trick:?}");
        }
        for path in ["//v1/assets", "/v1//assets", "v1/assets", "", "*", "/v1/assets/%64emo"] {
            assert_eq!(status(&Method::GET, path), 400, "{path}");
        }
    }

    #[test]
    fn queries_are_read_one_way_alone() {
        for good in
            ["", "delivery=cookies", "a=1&b=2", "a=%7E&b=~", "a=%C3%A9", "&&a=1", "Policy=x_-~&Signature=y"]
        {
            query_is_plain(good).and_then(|()| names_are_single(good)).expect(good);
        }
        for bad in [
            "a=%00",
            "a=%0d%0a",
            "a=%7f",
            "a=%",
            "a=%4",
            "a=%zz",
            "a=%+1",
            "a=%c0%af",
            "a=%e0%80%af",
            "a=%ff",
            "a=%ed%a0%80",
            "a=\u{e9}",
            "a=b c",
            "a=\t",
        ] {
            assert_eq!(query_is_plain(bad).expect_err(bad).status().as_u16(), 400, "{bad:?}");
        }
        for twice in ["a=1&a=2", "a&a", "a&b&a=", "%61=1&a=2"] {
            assert_eq!(names_are_single(twice).expect_err(twice).status().as_u16(), 400, "{twice:?}");
        }
    }

    #[test]
    fn a_request_names_one_host() {
        let plain = |host: Option<&str>, second| host_is_plain(host.map(str::as_bytes), second).is_ok();
        for good in ["example.com", "example.com:8080", "127.0.0.1:1", "[::1]:8080"] {
            assert!(plain(Some(good), false), "{good}");
            assert!(!plain(Some(good), true), "{good}, twice");
        }
        for bad in ["", "a b", "user@example.com", "example.com/path", "a,b", "http://example.com", "a\0b"] {
            assert!(!plain(Some(bad), false), "{bad:?}");
        }
        assert!(!plain(None, false));
    }

    #[test]
    fn the_wrong_method_is_told_the_right_one() {
        for (method, path, allow) in [
            (Method::GET, "/v1/assets/demo/playback", "POST"),
            (Method::POST, "/v1/assets", "GET, HEAD"),
            (Method::DELETE, "/healthz", "GET, HEAD"),
        ] {
            let error = Route::of(&method, path).expect_err(path);
            assert_eq!((error.status().as_u16(), error.allow()), (405, Some(allow)), "{path}");
        }
    }
}
