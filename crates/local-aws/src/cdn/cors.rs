//! The response headers policy: one origin, with credentials.

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue};

/// The one page that may read answers: the edge's.
pub(super) struct Cors {
    pub origin: HeaderValue,
}

/// What a player sends beyond the simple headers: ranges, and CMCD in its header form (CTA-5004).
const REQUEST_HEADERS: &str = "range, if-none-match, cmcd-object, cmcd-request, cmcd-session, cmcd-status";
const EXPOSED: &str = "Content-Length, Content-Range, Accept-Ranges, ETag";

impl Cors {
    /// Adds the headers for a request from `viewer`; another origin gets none, so its browser keeps the answer from it.
    pub fn allow(&self, viewer: &HeaderMap, headers: &mut HeaderMap) {
        headers.append(VARY, HeaderValue::from_static("Origin"));
        if viewer.get(ORIGIN) != Some(&self.origin) {
            return;
        }
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, self.origin.clone());
        headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    }

    /// Adds the headers that answer a preflight.
    pub fn preflight(&self, viewer: &HeaderMap, headers: &mut HeaderMap) {
        self.allow(viewer, headers);
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, HEAD, OPTIONS"));
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(REQUEST_HEADERS));
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    }
}
