//! One line a minute that says how the process is: what is open, and what was done since the line before.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::metrics::{Readings, Sums};

/// Target of the line, by which [`crate::emf`] knows it.
pub(crate) const VITALS: &str = "flodrama_edge::vitals";
/// CloudWatch's own resolution.
pub(crate) const EVERY: Duration = Duration::from_secs(60);

/// What the last line said.
pub(crate) struct Vitals(Mutex<(Instant, Sums, Readings)>);

impl Vitals {
    pub(crate) fn new() -> Vitals {
        Vitals(Mutex::new((Instant::now(), Sums::default(), Readings::default())))
    }

    /// True where a line is due.
    pub(crate) fn are_due(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0.elapsed() >= EVERY
    }

    /// Writes the line.
    pub(crate) fn write(&self, sums: Sums, readings: Readings) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, sums_before, before) = std::mem::replace(&mut *last, (Instant::now(), sums, readings));
        tracing::info!(
            target: VITALS,
            connections = sums.connections,
            in_flight = sums.in_flight,
            refused = sums.refused - sums_before.refused,
            store_requests = sums.store_requests - sums_before.store_requests,
            store_errors = sums.store_errors - sums_before.store_errors,
            jwks_age_s = readings.jwks_age_s,
            jwks_failed = readings.jwks_failed - before.jwks_failed,
            signatures = readings.signatures - before.signatures,
            cache_hits = readings.cache_hits - before.cache_hits,
            cache_misses = readings.cache_misses - before.cache_misses,
            cache_bytes = readings.cache_bytes,
            "vitals"
        );
    }
}
