//! Time, from one place. `Clock` is the only reader of the system clock, so tests can hold it still.
//! Every instant is an i64 of microseconds since the Unix epoch, already cut to what both databases keep.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Microseconds since 1970-01-01T00:00:00Z.
pub type Micros = i64;
/// One second in [`Micros`].
pub const SECOND: Micros = 1_000_000;
/// One minute in [`Micros`].
pub const MINUTE: Micros = 60 * SECOND;
/// One hour in [`Micros`].
pub const HOUR: Micros = 60 * MINUTE;
/// One day in [`Micros`].
pub const DAY: Micros = 24 * HOUR;

/// A source of time that is either the machine's or a test's.
#[derive(Clone, Debug)]
pub struct Clock {
    fixed: Option<Arc<AtomicI64>>,
    started: Instant,
}

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub fn system() -> Self {
        Self { fixed: None, started: Instant::now() }
    }

    /// A clock that stands at `at` until it is moved.
    #[must_use]
    pub fn fixed(at: Micros) -> Self {
        Self { fixed: Some(Arc::new(AtomicI64::new(at))), started: Instant::now() }
    }

    /// The present instant.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the system clock")]
    pub fn now(&self) -> Micros {
        match &self.fixed {
            Some(at) => at.load(Ordering::SeqCst),
            None => SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| i64::try_from(d.as_micros()).unwrap_or(i64::MAX)),
        }
    }

    /// Microseconds since this process made its clock; never goes back.
    #[must_use]
    pub fn monotonic(&self) -> Micros {
        i64::try_from(self.started.elapsed().as_micros()).unwrap_or(i64::MAX)
    }

    /// Moves a fixed clock by `by`; the machine's clock does not move.
    pub fn advance(&self, by: Micros) {
        if let Some(at) = &self.fixed {
            at.fetch_add(by, Ordering::SeqCst);
        }
    }
}

/// Whole seconds of an instant, never negative.
#[must_use]
pub fn seconds(at: Micros) -> u64 {
    u64::try_from(at.div_euclid(SECOND)).unwrap_or(0)
}
