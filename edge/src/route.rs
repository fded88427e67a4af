//! Paths to typed routes. Matched on the raw path: CloudFront picks a behaviour by the normalised path but sends the
//! raw one, so anything that could mean two paths is refused before it is matched.

use flodrama_asset::{AssetId, ErrorKind, PublishedFile, Version};
use http::Method;

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
            Route::Health => "healthz",
            Route::Metrics => "metrics",
            Route::OpenApi => "openapi",
        }
    }

    fn at(path: &str) -> Result<Route, EdgeError> {
        if !is_plain(path) {
            return Err(EdgeError::new(ErrorKind::BadRequest, "The address is malformed."));
        }
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        match parts[..] {
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

#[cfg(test)]
mod tests {
    use super::*;

    const VERSION: &str = "v0123456789abcdef";

    fn status(method: &Method, path: &str) -> u16 {
        Route::of(method, path).expect_err(path).status().as_u16()
    }

    #[test]
    fn every_route_has_its_path() {
        let asset: AssetId = "demo".parse().expect("id");
        let version: Version = VERSION.parse().expect("version");
        let manifest = |file| Route::Manifest(asset.clone(), version.clone(), file);
        let table = [
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
        for trick in
            ["..", "%2e%2e", ".", "%2E", "a%2fb", "a\\b", "a%5cb", "a\0b", "a%00b", "%252e%252e", "é", "a;b"]
        {
            let path = format!("/vod/demo/{VERSION}/{trick}/main.m3u8");
            assert_eq!(status(&Method::GET, &path), 400, "{trick:?}");
        }
        for path in ["//v1/assets", "/v1//assets", "v1/assets", "", "*", "/v1/assets/%64emo"] {
            assert_eq!(status(&Method::GET, path), 400, "{path}");
        }
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
