//! Prometheus text: requests by route and status, and how long they took.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Upper bounds of the buckets, seconds.
const BOUNDS: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0];

#[derive(Default)]
struct Histogram {
    /// Requests within each bound and above the one before; those above all bounds are in `count` alone.
    buckets: [u64; BOUNDS.len()],
    count: u64,
    sum_s: f64,
}

#[derive(Default)]
struct Totals {
    requests: BTreeMap<(&'static str, u16), u64>,
    durations: BTreeMap<&'static str, Histogram>,
}

/// Counts since the process started.
#[derive(Default)]
pub(crate) struct Metrics {
    totals: Mutex<Totals>,
    connections: AtomicUsize,
}

impl Metrics {
    /// A request was answered.
    pub(crate) fn answered(&self, route: &'static str, status: u16, took: Duration) {
        let mut totals = self.totals.lock().unwrap_or_else(PoisonError::into_inner);
        *totals.requests.entry((route, status)).or_default() += 1;
        let seconds = took.as_secs_f64();
        let histogram = totals.durations.entry(route).or_default();
        histogram.count += 1;
        histogram.sum_s += seconds;
        if let Some(i) = BOUNDS.iter().position(|bound| seconds <= *bound) {
            histogram.buckets[i] += 1;
        }
    }

    /// The number of open connections changed.
    pub(crate) fn connections(&self, open: usize) {
        self.connections.store(open, Ordering::Relaxed);
    }

    /// Everything, in Prometheus' text format; `signatures`: made since the start.
    pub(crate) fn text(&self, signatures: u64) -> String {
        let totals = self.totals.lock().unwrap_or_else(PoisonError::into_inner);
        let mut out = String::new();
        // Writing to a string cannot fail.
        let _ = write(&mut out, &totals, self.connections.load(Ordering::Relaxed), signatures);
        out
    }
}

fn write(out: &mut String, totals: &Totals, connections: usize, signatures: u64) -> std::fmt::Result {
    writeln!(out, "# HELP flodrama_edge_connections Open connections.")?;
    writeln!(out, "# TYPE flodrama_edge_connections gauge")?;
    writeln!(out, "flodrama_edge_connections {connections}")?;
    writeln!(out, "# HELP flodrama_edge_signatures_total CloudFront signatures made.")?;
    writeln!(out, "# TYPE flodrama_edge_signatures_total counter")?;
    writeln!(out, "flodrama_edge_signatures_total {signatures}")?;
    writeln!(out, "# HELP flodrama_edge_requests_total Requests answered.")?;
    writeln!(out, "# TYPE flodrama_edge_requests_total counter")?;
    for ((route, status), count) in &totals.requests {
        writeln!(out, "flodrama_edge_requests_total{{route=\"{route}\",status=\"{status}\"}} {count}")?;
    }
    writeln!(out, "# HELP flodrama_edge_request_seconds Time from a request's head to its answer.")?;
    writeln!(out, "# TYPE flodrama_edge_request_seconds histogram")?;
    for (route, histogram) in &totals.durations {
        let mut within = 0;
        for (bound, count) in BOUNDS.iter().zip(histogram.buckets) {
            within += count;
            writeln!(
                out,
                "flodrama_edge_request_seconds_bucket{{route=\"{route}\",le=\"{bound}\"}} {within}"
            )?;
        }
        let Histogram { count, sum_s, .. } = histogram;
        writeln!(out, "flodrama_edge_request_seconds_bucket{{route=\"{route}\",le=\"+Inf\"}} {count}")?;
        writeln!(out, "flodrama_edge_request_seconds_sum{{route=\"{route}\"}} {sum_s}")?;
        writeln!(out, "flodrama_edge_request_seconds_count{{route=\"{route}\"}} {count}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_count_everything_up_to_their_bound() {
        let metrics = Metrics::default();
        for ms in [1, 4, 30, 60_000] {
            metrics.answered("manifest", 200, Duration::from_millis(ms));
        }
        metrics.answered("manifest", 403, Duration::from_millis(1));
        metrics.connections(3);
        let text = metrics.text(2);
        for line in [
            "flodrama_edge_connections 3",
            "flodrama_edge_signatures_total 2",
            r#"flodrama_edge_requests_total{route="manifest",status="200"} 4"#,
            r#"flodrama_edge_requests_total{route="manifest",status="403"} 1"#,
            r#"flodrama_edge_request_seconds_bucket{route="manifest",le="0.001"} 2"#,
            r#"flodrama_edge_request_seconds_bucket{route="manifest",le="0.005"} 3"#,
            r#"flodrama_edge_request_seconds_bucket{route="manifest",le="5"} 4"#,
            r#"flodrama_edge_request_seconds_bucket{route="manifest",le="+Inf"} 5"#,
            r#"flodrama_edge_request_seconds_count{route="manifest"} 5"#,
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
