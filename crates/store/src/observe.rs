//! What others learn of each request to S3: how long it took and whether it was answered, and a span for traces.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_sdk_s3::config::interceptors::{
    BeforeSerializationInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_types::config_bag::{Storable, StoreReplace};
use tracing::Span;
use tracing::field::Empty;

use crate::Store;

/// Told of each request to S3.
pub trait Observe: Send + Sync {
    /// `operation` is AWS's name for it, such as `GetObject`. It took so long, the SDK's own tries included; it is good
    /// where S3 answered what can be asked of it: also that there is nothing, or that a condition does not hold.
    fn done(&self, operation: &str, took: Duration, is_good: bool);
}

impl Store {
    /// The same bucket; each request is told to `observer`.
    pub fn observed(&self, observer: Arc<dyn Observe>) -> Store {
        let config = self.client.config().to_builder().interceptor(Watch(observer)).build();
        Store { client: aws_sdk_s3::Client::from_conf(config), bucket: self.bucket.clone() }
    }
}

struct Watch(Arc<dyn Observe>);

/// Kept in the SDK's bag while the request is under way.
#[derive(Debug)]
struct Begun {
    at: Instant,
    /// Ends when it is dropped.
    span: Span,
}

impl Storable for Begun {
    type Storer = StoreReplace<Begun>;
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watch")
    }
}

impl Intercept for Watch {
    fn name(&self) -> &'static str {
        "Watch"
    }

    fn read_before_execution(
        &self,
        _context: &BeforeSerializationInterceptorContextRef<'_>,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        // The operation is not in the bag yet.
        let span =
            tracing::info_span!("s3", otel.name = Empty, otel.kind = "client", otel.status_code = Empty);
        bag.interceptor_state().store_put(Begun { at: Instant::now(), span });
        Ok(())
    }

    fn read_after_execution(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let status = context.response().map(|response| response.status().as_u16());
        let is_good = matches!(status, Some(200..=299 | 304 | 404 | 409 | 412 | 416));
        if let (Some(begun), Some(metadata)) = (bag.load::<Begun>(), bag.load::<Metadata>()) {
            begun.span.record("otel.name", metadata.name());
            if !is_good {
                begun.span.record("otel.status_code", "ERROR");
            }
            self.0.done(metadata.name(), begun.at.elapsed(), is_good);
        }
        Ok(())
    }
}
