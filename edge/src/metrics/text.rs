//! Prometheus' text format, version 0.0.4. What each metric is for: docs/OPERATIONS.md.

use std::fmt::{self, Display, Write};
use std::sync::atomic::Ordering::Relaxed;

use super::family::BOUNDS;
use super::{Histogram, Metrics, Readings};

/// The text.
pub(super) fn write(metrics: &Metrics, readings: &Readings) -> String {
    let mut out = Text(String::new());
    // Writing to a string cannot fail.
    let _ = out.everything(metrics, readings);
    out.0
}

struct Text(String);

impl Text {
    fn everything(&mut self, metrics: &Metrics, readings: &Readings) -> fmt::Result {
        self.head("build_info", "gauge", "The version that runs.")?;
        self.line("build_info", &format!("version=\"{}\"", env!("CARGO_PKG_VERSION")), 1)?;
        self.head("connections", "gauge", "Open connections.")?;
        self.line("connections", "", metrics.connections.load(Relaxed))?;
        self.head("requests_in_flight", "gauge", "Requests that are being answered.")?;
        self.line("requests_in_flight", "", metrics.in_flight.load(Relaxed))?;

        self.head("requests_total", "counter", "Requests answered.")?;
        for ((route, status), count) in metrics.requests.all() {
            let labels = format!("route=\"{route}\",status=\"{status}\"");
            self.line("requests_total", &labels, count.get())?;
        }
        self.head("request_seconds", "histogram", "Time from a request's head to its answer.")?;
        for (route, times) in metrics.latency.all() {
            self.histogram("request_seconds", &format!("route=\"{route}\""), &times)?;
        }
        self.head("refused_total", "counter", "Requests and connections turned away.")?;
        for (reason, count) in metrics.refused.all() {
            self.line("refused_total", &format!("reason=\"{reason}\""), count.get())?;
        }
        self.head("store_request_seconds", "histogram", "Time that S3 took, tries of the SDK included.")?;
        for (operation, times) in metrics.store.all() {
            self.histogram("store_request_seconds", &format!("operation=\"{operation}\""), &times)?;
        }
        self.head("store_errors_total", "counter", "Requests that S3 did not answer, or refused us.")?;
        for (operation, count) in metrics.store_errors.all() {
            self.line("store_errors_total", &format!("operation=\"{operation}\""), count.get())?;
        }
        self.readings(readings)
    }

    fn readings(&mut self, readings: &Readings) -> fmt::Result {
        if let Some(age_s) = readings.jwks_age_s {
            self.head("jwks_age_seconds", "gauge", "Time since the user pool's keys were fetched.")?;
            self.line("jwks_age_seconds", "", age_s)?;
        }
        self.head("jwks_fetches_total", "counter", "Fetches of the user pool's keys.")?;
        self.line("jwks_fetches_total", "result=\"ok\"", readings.jwks_fetched)?;
        self.line("jwks_fetches_total", "result=\"failed\"", readings.jwks_failed)?;
        self.head("signatures_total", "counter", "Signatures made with the private key.")?;
        self.line("signatures_total", "", readings.signatures)?;
        self.head("manifest_cache_total", "counter", "Signed manifests looked up in memory.")?;
        self.line("manifest_cache_total", "result=\"hit\"", readings.cache_hits)?;
        self.line("manifest_cache_total", "result=\"miss\"", readings.cache_misses)?;
        self.head("manifest_cache_bytes", "gauge", "Memory that manifests take.")?;
        self.line("manifest_cache_bytes", "", readings.cache_bytes)
    }

    fn head(&mut self, name: &str, kind: &str, help: &str) -> fmt::Result {
        writeln!(self.0, "# HELP flodrama_edge_{name} {help}")?;
        writeln!(self.0, "# TYPE flodrama_edge_{name} {kind}")
    }

    fn line(&mut self, name: &str, labels: &str, value: impl Display) -> fmt::Result {
        match labels {
            "" => writeln!(self.0, "flodrama_edge_{name} {value}"),
            labels => writeln!(self.0, "flodrama_edge_{name}{{{labels}}} {value}"),
        }
    }

    fn histogram(&mut self, name: &str, labels: &str, times: &Histogram) -> fmt::Result {
        let (within, count) = times.within();
        let bucket = format!("{name}_bucket");
        for (bound, within) in BOUNDS.iter().zip(within) {
            self.line(&bucket, &format!("{labels},le=\"{bound}\""), within)?;
        }
        self.line(&bucket, &format!("{labels},le=\"+Inf\""), count)?;
        self.line(&format!("{name}_sum"), labels, times.sum_s())?;
        self.line(&format!("{name}_count"), labels, count)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use flodrama_store::Observe;

    use super::*;

    #[test]
    fn every_count_has_its_line() {
        let metrics = Metrics::default();
        for ms in [1, 4, 30, 60_000] {
            metrics.answered("manifest", 200, Duration::from_millis(ms));
        }
        metrics.answered("manifest", 403, Duration::from_millis(1));
        metrics.refused("gate");
        metrics.done("GetObject", Duration::from_millis(20), false);
        let open = (metrics.connected(), metrics.connected(), metrics.begin());
        let readings =
            Readings { jwks_age_s: Some(7), signatures: 3, cache_misses: 2, ..Readings::default() };
        let text = metrics.text(&readings);
        for line in [
            "flodrama_edge_connections 2",
            "flodrama_edge_requests_in_flight 1",
            r#"flodrama_edge_requests_total{route="manifest",status="200"} 4"#,
            r#"flodrama_edge_request_seconds_bucket{route="manifest",le="0.001"} 2"#,
            r#"flodrama_edge_request_seconds_bucket{route="manifest",le="0.005"} 3"#,
            r#"flodrama_edge_request_seconds_bucket{route="manifest",le="5"} 4"#,
            r#"flodrama_edge_request_seconds_bucket{route="manifest",le="+Inf"} 5"#,
            r#"flodrama_edge_request_seconds_sum{route="manifest"} 60.036"#,
            r#"flodrama_edge_request_seconds_count{route="manifest"} 5"#,
            r#"flodrama_edge_refused_total{reason="gate"} 1"#,
            r#"flodrama_edge_store_request_seconds_bucket{operation="GetObject",le="0.025"} 1"#,
            r#"flodrama_edge_store_errors_total{operation="GetObject"} 1"#,
            "flodrama_edge_jwks_age_seconds 7",
            "flodrama_edge_signatures_total 3",
            r#"flodrama_edge_manifest_cache_total{result="miss"} 2"#,
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        drop(open);
        assert!(metrics.text(&Readings::default()).contains("flodrama_edge_connections 0\n"));
    }
}
