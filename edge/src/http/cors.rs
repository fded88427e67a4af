//! Which web pages of other origins may read answers.

use http::Method;
use http::header::{self, HeaderValue};
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::answer::REQUEST_ID;

/// Which web pages of other origins may read answers.
pub(crate) struct Cors(pub(super) CorsLayer);

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
