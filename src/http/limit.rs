//! Flood limits in memory: per address before anybody is asked who they are, per person or token after.
//! Tries of passwords and codes are counted elsewhere, in the database.

use std::net::IpAddr;
use std::num::NonZeroU32;

use governor::clock::{Clock as _, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};

use crate::policies::RequestLimits;

type Keyed<K> = RateLimiter<K, DefaultKeyedStateStore<K>, DefaultClock, StateInformationMiddleware>;

/// What is left to a key, for the `RateLimit` headers.
#[derive(Clone, Copy, Debug)]
pub struct Left {
    /// Requests that may follow at once.
    pub remaining: u32,
    /// The burst.
    pub limit: u32,
}

/// The limits in force.
#[derive(Debug)]
pub struct Limits {
    address: Keyed<IpAddr>,
    person: Keyed<String>,
    clock: DefaultClock,
}

impl Limits {
    /// With the quotas of the policy.
    #[must_use]
    pub fn new(policy: &RequestLimits) -> Self {
        let quota = |per_minute: u32, burst: u32| {
            let one = NonZeroU32::MIN;
            Quota::per_minute(NonZeroU32::new(per_minute).unwrap_or(one)).allow_burst(NonZeroU32::new(burst).unwrap_or(one))
        };
        Self {
            address: RateLimiter::dashmap(quota(policy.address_per_minute, policy.address_burst)).with_middleware(),
            person: RateLimiter::dashmap(quota(policy.person_per_minute, policy.person_burst)).with_middleware(),
            clock: DefaultClock::default(),
        }
    }

    /// One request from `address` (IPv6 by /64).
    ///
    /// # Errors
    /// Seconds to wait.
    pub fn address(&self, address: IpAddr) -> Result<Left, u64> {
        self.ask(&self.address, &crate::core::address::bucket(address))
    }

    /// One request of a person or token.
    ///
    /// # Errors
    /// Seconds to wait.
    pub fn person(&self, who: &str) -> Result<Left, u64> {
        self.ask(&self.person, &who.to_owned())
    }

    fn ask<K: std::hash::Hash + Eq + Clone>(&self, limiter: &Keyed<K>, key: &K) -> Result<Left, u64> {
        match limiter.check_key(key) {
            Ok(state) => Ok(Left { remaining: state.remaining_burst_capacity(), limit: state.quota().burst_size().get() }),
            Err(until) => Err(until.wait_time_from(self.clock.now()).as_secs() + 1),
        }
    }

    /// Forgets keys that are full again.
    pub fn sweep(&self) {
        self.address.retain_recent();
        self.person.retain_recent();
    }
}
