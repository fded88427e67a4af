//! The log: our own lines at the configured level, those of libraries from `warn` on, because below that HTTP
//! libraries show headers, and headers hold tokens. One line a request.

use std::io::IsTerminal;

use http::Method;
use tracing_subscriber::filter::{FilterExt, LevelFilter, Targets, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt};

use crate::config::{Log, LogFormat, LogLevel};
use crate::emf::Emf;
use crate::error::EdgeError;
use crate::telemetry::Telemetry;

type Lines = Box<dyn Layer<Registry> + Send + Sync>;

/// Starts logging to standard error, and traces where `telemetry` sends them. Does nothing where the process logs
/// already.
pub(crate) fn start(settings: &Log, telemetry: &Telemetry) {
    // Spans are for traces alone: in the log they would double what the request's own line says.
    let ours = filter(settings.level).and(filter_fn(|metadata| metadata.is_event()));
    let mut layers: Vec<Lines> = vec![lines(settings.format).with_filter(ours).boxed()];
    layers.extend(telemetry.layer());
    // An error means that somebody set a subscriber before: theirs stays.
    let _ = tracing_subscriber::registry().with(layers).try_init();
}

fn lines(format: LogFormat) -> Lines {
    // Colours are for people: in a file or a collector they are noise that costs.
    let layer = fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    let json = || fmt::layer().with_writer(std::io::stderr).json().flatten_event(true).with_span_list(false);
    match format {
        LogFormat::Human => layer.boxed(),
        LogFormat::Json => json().boxed(),
        LogFormat::Emf => json().map_event_format(Emf::around).boxed(),
    }
}

fn filter(level: LogLevel) -> Targets {
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    // A target is a prefix: `flodrama` is every crate of ours.
    Targets::new().with_default(level.min(LevelFilter::WARN)).with_target("flodrama", level)
}

/// The line of a request.
pub(crate) struct Request {
    pub(crate) request_id: String,
    /// Of the trace that the caller says it is part of.
    pub(crate) trace_id: Option<String>,
    pub(crate) method: Method,
    pub(crate) route: &'static str,
    pub(crate) status: u16,
    pub(crate) latency_ms: f64,
    /// `answered`, `refused` or `failed`.
    pub(crate) outcome: &'static str,
}

/// Target of the lines of requests, by which [`Emf`] knows them.
pub(crate) const REQUEST: &str = "flodrama_edge::request";

impl Request {
    pub(crate) fn write(&self, error: Option<&EdgeError>) {
        let Request { request_id, method, route, status, latency_ms, outcome, .. } = self;
        let trace_id = self.trace_id.as_deref();
        match error {
            Some(e) if *status >= 500 => {
                tracing::error!(target: REQUEST, request_id, trace_id, %method, route, status, latency_ms, outcome, code = %e.kind(), cause = e.causes(), "failed");
            }
            Some(e) => {
                tracing::info!(target: REQUEST, request_id, trace_id, %method, route, status, latency_ms, outcome, code = %e.kind(), cause = e.causes(), "refused");
            }
            None => {
                tracing::info!(target: REQUEST, request_id, trace_id, %method, route, status, latency_ms, outcome, "answered");
            }
        }
    }
}
