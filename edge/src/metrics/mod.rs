//! Counts since the process started. What other parts count themselves is read from them when somebody asks
//! ([`Readings`]), so that they know nothing of metrics.

mod family;
mod text;

use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::Duration;

use flodrama_asset::ErrorKind;
use flodrama_store::Observe;

pub(crate) use family::{Counter, Family, Histogram};

/// Counts of this process.
#[derive(Default)]
pub(crate) struct Metrics {
    /// By route and status.
    requests: Family<(&'static str, u16), Counter>,
    /// By route.
    latency: Family<&'static str, Histogram>,
    in_flight: AtomicI64,
    connections: AtomicI64,
    /// By reason.
    refused: Family<&'static str, Counter>,
    /// By operation.
    store: Family<String, Histogram>,
    store_errors: Family<String, Counter>,
}

/// What the other parts say of themselves at this moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Readings {
    /// Seconds since the pool's keys were fetched; `None` before the first time.
    pub(crate) jwks_age_s: Option<i64>,
    pub(crate) jwks_fetched: u64,
    pub(crate) jwks_failed: u64,
    /// Signatures made with the private key.
    pub(crate) signatures: u64,
    /// Manifests that were there, signed.
    pub(crate) cache_hits: u64,
    pub(crate) cache_misses: u64,
    /// What the caches of manifests hold.
    pub(crate) cache_bytes: u64,
}

/// Sums that a line of the log carries.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sums {
    pub(crate) in_flight: i64,
    pub(crate) connections: i64,
    pub(crate) refused: u64,
    pub(crate) store_requests: u64,
    pub(crate) store_errors: u64,
}

impl Metrics {
    /// A request began; it is in flight until what this returns is dropped.
    pub(crate) fn begin(&self) -> Gauge<'_> {
        Gauge::up(&self.in_flight)
    }

    /// A connection was accepted; it is open until what this returns is dropped.
    pub(crate) fn connected(&self) -> Gauge<'_> {
        Gauge::up(&self.connections)
    }

    /// A request was answered.
    pub(crate) fn answered(&self, route: &'static str, status: u16, took: Duration) {
        self.requests.of((route, status)).add();
        self.latency.of(route).record(took);
    }

    /// Somebody was turned away.
    pub(crate) fn refused(&self, reason: &'static str) {
        self.refused.of(reason).add();
    }

    /// Everything, in Prometheus' text format 0.0.4.
    pub(crate) fn text(&self, readings: &Readings) -> String {
        text::write(self, readings)
    }

    /// The sums so far.
    pub(crate) fn sums(&self) -> Sums {
        Sums {
            in_flight: self.in_flight.load(Relaxed),
            connections: self.connections.load(Relaxed),
            refused: self.refused.all().iter().map(|(_, count)| count.get()).sum(),
            store_requests: self.store.all().iter().map(|(_, times)| times.count()).sum(),
            store_errors: self.store_errors.all().iter().map(|(_, count)| count.get()).sum(),
        }
    }
}

impl Observe for Metrics {
    fn done(&self, operation: &str, took: Duration, is_good: bool) {
        self.store.of_str(operation).record(took);
        if !is_good {
            self.store_errors.of_str(operation).add();
        }
    }
}

/// Why a request was turned away; `None` where it was not, but simply found nothing or failed.
pub(crate) fn reason(route: &str, kind: ErrorKind) -> Option<&'static str> {
    match kind {
        ErrorKind::Unauthenticated => Some("auth"),
        ErrorKind::Forbidden if route == "manifest" => Some("gate"),
        ErrorKind::Forbidden
        | ErrorKind::NotIncluded
        | ErrorKind::NotYetOpen
        | ErrorKind::NoLongerOpen
        | ErrorKind::NotInCountry => Some("entitlement"),
        ErrorKind::TooManyRequests | ErrorKind::OverLimit => Some("limits"),
        ErrorKind::BadRequest => Some("malformed"),
        _ => None,
    }
}

/// One more, until dropped.
pub(crate) struct Gauge<'a>(&'a AtomicI64);

impl Gauge<'_> {
    fn up(count: &AtomicI64) -> Gauge<'_> {
        count.fetch_add(1, Relaxed);
        Gauge(count)
    }
}

impl Drop for Gauge<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}
