//! Traces by OTLP over HTTP (protobuf). Off unless the settings name a collector. A thread of the SDK's own sends
//! batches from a bounded queue: a collector that is slow or away costs spans, never a viewer's time.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use opentelemetry::trace::TracerProvider;
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tokio::runtime::Handle;
use tracing_subscriber::filter::{FilterExt, LevelFilter, Targets, filter_fn};
use tracing_subscriber::{Layer, Registry};
use url::Url;

use crate::app::StartError;
use crate::config::Traces;

const SERVICE: &str = "flodrama-edge";
const TIMEOUT: Duration = Duration::from_secs(5);
/// What the last spans get to leave in.
const LAST: Duration = Duration::from_secs(2);

/// The way out for spans, if there is one.
#[derive(Default)]
pub(crate) struct Telemetry(Option<SdkTracerProvider>);

impl Telemetry {
    /// Within a tokio runtime, by which spans are sent.
    pub(crate) fn start(settings: &Traces) -> Result<Telemetry, StartError> {
        let Some(endpoint) = &settings.endpoint else { return Ok(Telemetry::default()) };
        let wrong = |problem: &str| StartError::new("traces.endpoint", problem);
        let base = Url::parse(endpoint).map_err(|e| StartError::caused("traces.endpoint", e))?;
        if !matches!(base.scheme(), "http" | "https") {
            return Err(wrong("it is no URL such as http://127.0.0.1:4318"));
        }
        if settings.sample_percent > 100 {
            return Err(StartError::new("traces.sample_percent", "it is 0 to 100"));
        }
        let http = reqwest::Client::builder().timeout(TIMEOUT).redirect(reqwest::redirect::Policy::none());
        let http = http.build().map_err(|e| StartError::caused("traces.endpoint", e))?;
        // OTLP specification, "OTLP/HTTP Request": the path is appended to the base.
        let url = format!("{}/v1/traces", base.as_str().trim_end_matches('/'));
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Client { http, runtime: Handle::current() })
            .with_endpoint(url)
            .with_timeout(TIMEOUT)
            .build()
            .map_err(|e| StartError::caused("traces.endpoint", e))?;
        // What a caller says of sampling is not followed: it would be the caller who decides what is sent.
        let sampler = Sampler::TraceIdRatioBased(f64::from(settings.sample_percent) / 100.0);
        let resource = Resource::builder().with_service_name(SERVICE).build();
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_sampler(sampler)
            .with_resource(resource)
            .build();
        Ok(Telemetry(Some(provider)))
    }

    /// Makes spans of ours into spans of a trace. Events stay out: they are the log's.
    pub(crate) fn layer(&self) -> Option<Box<dyn Layer<Registry> + Send + Sync>> {
        let tracer = self.0.as_ref()?.tracer(SERVICE);
        let ours = Targets::new().with_target("flodrama", LevelFilter::INFO);
        let layer = tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_filter(ours.and(filter_fn(|metadata| metadata.is_span())));
        Some(layer.boxed())
    }

    /// Sends what is queued: a process that is about to be frozen may never run again.
    pub(crate) async fn flush(&self) {
        self.apart(|provider| provider.force_flush()).await;
    }

    /// Sends what is queued, for the last time.
    pub(crate) async fn end(self) {
        self.apart(|provider| provider.shutdown_with_timeout(LAST)).await;
    }

    /// The SDK blocks: not on a thread that serves others.
    async fn apart(
        &self,
        work: impl FnOnce(&SdkTracerProvider) -> opentelemetry_sdk::error::OTelSdkResult + Send + 'static,
    ) {
        let Some(provider) = self.0.clone() else { return };
        let done = tokio::task::spawn_blocking(move || work(&provider)).await;
        if let Ok(Err(error)) = done {
            tracing::warn!(%error, "the last traces were not sent");
        }
    }
}

/// reqwest, by the service's own runtime: the SDK's thread has none.
#[derive(Debug)]
struct Client {
    http: reqwest::Client,
    runtime: Handle,
}

#[async_trait::async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (http, request) = (self.http.clone(), request.map(reqwest::Body::from).try_into()?);
        // What it answers besides its status is nobody's business, and could be endless.
        let received =
            self.runtime.spawn(async move { http.execute(request).await.map(|answer| answer.status()) });
        let status = received.await?.map_err(reqwest::Error::without_url).inspect_err(|error| {
            tracing::warn!(%error, "traces cannot be sent");
        })?;
        if !status.is_success() {
            tracing::warn!(status = status.as_u16(), "traces were not taken");
        }
        Ok(Response::builder().status(status).body(Bytes::new())?)
    }
}
