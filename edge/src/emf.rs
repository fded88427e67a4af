//! CloudWatch's embedded metric format: log lines out of which CloudWatch takes metrics (AWS: "Specification: Embedded
//! metric format"). The line of a request is its own metric, so nothing is summed up that a frozen Lambda could lose,
//! and nothing is logged twice. Dimensions are our own few words, never ids.

use std::fmt;

use serde_json::json;
use time::OffsetDateTime;
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{Format, Json, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::log::REQUEST;
use crate::vitals::VITALS;

const NAMESPACE: &str = "FloDrama/Edge";

/// What CloudWatch takes out of the lines of one target: members of the line, by name.
struct Directive {
    dimensions: &'static [&'static [&'static str]],
    /// Name and unit.
    metrics: &'static [(&'static str, &'static str)],
}

const OF_REQUESTS: Directive = Directive {
    dimensions: &[&["route"], &["route", "outcome"]],
    metrics: &[("latency_ms", "Milliseconds")],
};

const OF_VITALS: Directive = Directive {
    dimensions: &[&[]],
    metrics: &[
        ("connections", "Count"),
        ("in_flight", "Count"),
        ("refused", "Count"),
        ("store_requests", "Count"),
        ("store_errors", "Count"),
        ("jwks_age_s", "Seconds"),
        ("jwks_failed", "Count"),
        ("signatures", "Count"),
        ("cache_hits", "Count"),
        ("cache_misses", "Count"),
        ("cache_bytes", "Bytes"),
    ],
};

/// JSON lines, some with metrics in them.
pub(crate) struct Emf(Format<Json>);

impl Emf {
    pub(crate) fn around(format: Format<Json>) -> Emf {
        Emf(format)
    }
}

impl<S, N> FormatEvent<S, N> for Emf
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let directive = match event.metadata().target() {
            REQUEST => OF_REQUESTS,
            VITALS => OF_VITALS,
            _ => return self.0.format_event(context, writer, event),
        };
        let mut line = String::new();
        self.0.format_event(context, Writer::new(&mut line), event)?;
        match line.trim_end().strip_suffix('}') {
            Some(open) => {
                let metadata = directive.metadata(open, OffsetDateTime::now_utc());
                writeln!(writer, "{open},\"_aws\":{metadata}}}")
            }
            None => writer.write_str(&line),
        }
    }
}

impl Directive {
    /// `_aws` of a line. A metric that the line lacks is not named.
    fn metadata(&self, line: &str, now: OffsetDateTime) -> serde_json::Value {
        let is_there = |name: &str| line.contains(&format!("\"{name}\":"));
        let metrics = self.metrics.iter().filter(|(name, _)| is_there(name));
        let metrics: Vec<_> = metrics.map(|(name, unit)| json!({"Name": name, "Unit": unit})).collect();
        json!({
            "Timestamp": now.unix_timestamp_nanos() / 1_000_000,
            "CloudWatchMetrics": [{
                "Namespace": NAMESPACE, "Dimensions": self.dimensions, "Metrics": metrics,
            }],
        })
    }
}
