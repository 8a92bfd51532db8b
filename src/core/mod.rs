//! What everything else rests on: time, randomness, ids, text, faults. Imports nothing of the crate beyond itself.

pub mod address;
pub mod clock;
pub mod cookie;
pub mod docx;
pub mod dump;
pub mod fault;
pub mod folder;
pub mod id;
pub mod next;
pub mod number;
pub mod password;
pub mod rng;
pub mod room;
pub mod segment;
pub mod sheet;
pub mod text;
pub mod timekeeper;
pub mod xlsx;
pub mod zip;

/// How every id is made: from the clock, a counter of this process, and randomness.
mod mint {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::clock::Clock;
    use super::id;
    use super::rng::Rng;

    /// Last millisecond in the high bits, a counter within it in the low 12: ids of one process never go back.
    static LAST: AtomicU64 = AtomicU64::new(0);

    /// The next place: never smaller than the one before, even when the clock is.
    fn place(clock: &Clock) -> (u64, u16) {
        let now = u64::try_from(clock.now() / 1000).unwrap_or(0) << 12;
        let last = LAST.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |last| Some(now.max(last + 1))).unwrap_or(now);
        let next = now.max(last + 1);
        (next >> 12, u16::try_from(next & 0xfff).unwrap_or(0))
    }

    macro_rules! made {
        ($name:ident, $prefix:literal) => {
            impl id::$name {
                /// A new id: sorts by the time it was made.
                #[must_use]
                pub fn new(clock: &Clock, rng: &Rng) -> Self {
                    let (ms, counter) = place(clock);
                    Self::mint(ms, Some(counter), rng.bytes::<10>())
                }
            }
        };
    }
    crate::for_each_id!(made);
}
