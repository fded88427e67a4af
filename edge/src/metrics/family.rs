//! Counters and histograms by label. A label that was seen before costs a shared lock and an atomic addition.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

/// Upper bounds of the buckets, seconds.
pub(super) const BOUNDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];

/// One metric by label. Labels are few and come from our own words, never from a client's.
pub(crate) struct Family<L, M> {
    members: RwLock<BTreeMap<L, Arc<M>>>,
}

impl<L, M> Default for Family<L, M> {
    fn default() -> Family<L, M> {
        Family { members: RwLock::default() }
    }
}

impl<L: Ord + Clone, M: Default> Family<L, M> {
    /// The member with this label.
    pub(crate) fn of(&self, label: L) -> Arc<M> {
        match self.known(&label) {
            Some(member) => member,
            None => self.new_member(label),
        }
    }

    fn known<Q: Ord + ?Sized>(&self, label: &Q) -> Option<Arc<M>>
    where
        L: Borrow<Q>,
    {
        self.members.read().unwrap_or_else(PoisonError::into_inner).get(label).cloned()
    }

    fn new_member(&self, label: L) -> Arc<M> {
        let mut members = self.members.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(members.entry(label).or_default())
    }

    /// Every member, by label.
    pub(crate) fn all(&self) -> Vec<(L, Arc<M>)> {
        let members = self.members.read().unwrap_or_else(PoisonError::into_inner);
        members.iter().map(|(label, member)| (label.clone(), Arc::clone(member))).collect()
    }
}

impl<M: Default> Family<String, M> {
    /// As [`Family::of`], without a copy of a label that is known.
    pub(crate) fn of_str(&self, label: &str) -> Arc<M> {
        self.known(label).unwrap_or_else(|| self.new_member(label.to_owned()))
    }
}

/// Goes up.
#[derive(Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// How long something took.
#[derive(Default)]
pub(crate) struct Histogram {
    /// Within each bound and above the one before; the last is above all bounds.
    buckets: [AtomicU64; BOUNDS.len() + 1],
    sum_us: AtomicU64,
}

impl Histogram {
    pub(crate) fn record(&self, took: Duration) {
        let seconds = took.as_secs_f64();
        let bucket = BOUNDS.iter().position(|bound| seconds <= *bound).unwrap_or(BOUNDS.len());
        self.buckets[bucket].fetch_add(1, Relaxed);
        self.sum_us.fetch_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Relaxed);
    }

    /// How many within each bound (those of the bounds before included), and how many in all.
    pub(super) fn within(&self) -> ([u64; BOUNDS.len()], u64) {
        let mut sum = 0;
        let mut within = [0; BOUNDS.len()];
        for (bucket, total) in self.buckets.iter().zip(&mut within) {
            sum += bucket.load(Relaxed);
            *total = sum;
        }
        (within, sum + self.buckets[BOUNDS.len()].load(Relaxed))
    }

    pub(crate) fn count(&self) -> u64 {
        self.within().1
    }

    /// Seconds.
    pub(super) fn sum_s(&self) -> f64 {
        Duration::from_micros(self.sum_us.load(Relaxed)).as_secs_f64()
    }
}
