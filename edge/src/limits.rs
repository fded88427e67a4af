//! How much one viewer or one address may ask for: GCRA by `governor`, one state a client, and no more clients than
//! memory is meant for.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use flodrama_asset::ErrorKind;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota};
use http::HeaderMap;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use crate::config;
use crate::error::EdgeError;
use crate::peer::{self, Peer};

/// Clients whose state is kept: some 100 bytes each. Beyond that those who were silent longest are forgotten.
const KEPT: u64 = 200_000;
const MINUTE: Duration = Duration::from_secs(60);

/// The limits of this process.
pub(crate) struct Limits {
    viewers: Option<Limit<Arc<str>>>,
    addresses: Option<Limit<IpAddr>>,
    trusts_cloudfront: bool,
}

struct Limit<K> {
    quota: Quota,
    clients: Cache<K, Arc<DefaultDirectRateLimiter>>,
}

impl Limits {
    pub(crate) fn new(settings: &config::Rates) -> Limits {
        Limits {
            viewers: Limit::new(settings.viewer_per_minute),
            addresses: Limit::new(settings.address_per_minute),
            trusts_cloudfront: settings.trust_viewer_address,
        }
    }

    /// A request of a viewer whose token holds.
    pub(crate) fn viewer(&self, subject: &str) -> Result<(), EdgeError> {
        self.viewers.as_ref().map_or(Ok(()), |limit| limit.take(Arc::from(subject)))
    }

    /// A request that no token vouches for. Without an address nobody can be told apart, and nothing is limited.
    pub(crate) fn address(&self, headers: &HeaderMap, peer: Option<&Peer>) -> Result<(), EdgeError> {
        let Some(limit) = &self.addresses else { return Ok(()) };
        let by_cloudfront = self.trusts_cloudfront.then(|| peer::behind_cloudfront(headers)).flatten();
        match by_cloudfront.or(peer.map(|Peer(address)| *address)) {
            Some(address) => limit.take(peer::client(address)),
            None => Ok(()),
        }
    }
}

impl<K: std::hash::Hash + Eq + Send + Sync + 'static> Limit<K> {
    /// `per_minute` requests a minute, and as many at once; none where it is 0.
    fn new(per_minute: u32) -> Option<Limit<K>> {
        let quota = Quota::per_minute(NonZeroU32::new(per_minute)?);
        // Who is silent for a minute has all of it again: nothing is forgotten with them.
        let clients = Cache::builder()
            .max_capacity(KEPT)
            .eviction_policy(EvictionPolicy::lru())
            .time_to_idle(MINUTE)
            .build();
        Some(Limit { quota, clients })
    }

    fn take(&self, client: K) -> Result<(), EdgeError> {
        let limiter =
            self.clients.get_with(client, || Arc::new(DefaultDirectRateLimiter::direct(self.quota)));
        limiter.check().map_err(|not_until| {
            let wait = not_until.wait_time_from(DefaultClock::default().now());
            EdgeError::new(ErrorKind::TooManyRequests, "Too many requests. Wait a moment.")
                .retry_after_s(wait.as_secs() + 1)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_clients_excess_is_not_anothers() {
        let settings = config::Rates { viewer_per_minute: 3, ..config::Rates::default() };
        let limits = Limits::new(&settings);
        for _ in 0..3 {
            limits.viewer("ann").expect("within");
        }
        let refused = limits.viewer("ann").expect_err("beyond");
        assert_eq!(refused.status().as_u16(), 429);
        assert!((1..=21).contains(&refused.retry_after().expect("a time")), "one in 20 s");
        limits.viewer("bob").expect("another");
        let anybody = Peer([192, 0, 2, 1].into());
        for _ in 0..100 {
            limits.address(&HeaderMap::new(), Some(&anybody)).expect("no limit is set");
        }
    }
}
