//! What was recorded a short while ago: so that paging through one list is one entry and not one for each page.
//! Must stay true: forgetting makes one entry too many, never one too few.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use sha2::{Digest as _, Sha256};

use crate::core::clock::{MINUTE, Micros};

/// How long an entry stands for the reads that are like it.
const STANDS_FOR: Micros = 15 * MINUTE;
/// Reads remembered at most; then the old ones go, or all.
const REMEMBERED_MAX: usize = 10_000;

/// Reads that were recorded, by a digest of who and what.
#[derive(Debug, Default)]
pub struct Recently(Mutex<HashMap<[u8; 32], Micros>>);

/// What makes two reads the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Read([u8; 32]);

impl Read {
    /// The read by `who` of `what`; each part is told from its neighbours.
    #[must_use]
    pub fn of(who: &str, what: &[&str]) -> Self {
        let mut hash = Sha256::new();
        for part in std::iter::once(&who).chain(what) {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        Self(hash.finalize().into())
    }
}

impl Recently {
    /// Does an entry of less than fifteen minutes ago stand for this read?
    #[must_use]
    pub fn stands_for(&self, read: &Read, now: Micros) -> bool {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back forgets.
        held.get(&read.0).is_some_and(|at| (0..STANDS_FOR).contains(&(now - at)))
    }

    /// The read was recorded.
    pub fn recorded(&self, read: Read, now: Micros) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= REMEMBERED_MAX {
            held.retain(|_, at| (0..STANDS_FOR).contains(&(now - *at)));
        }
        if held.len() >= REMEMBERED_MAX {
            held.clear();
        }
        held.insert(read.0, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_stands_for_the_like_of_it_for_fifteen_minutes() {
        let (recently, read) = (Recently::default(), Read::of("anna", &["audit", "actor=x"]));
        assert!(!recently.stands_for(&read, 0));
        recently.recorded(read, 0);
        assert!(recently.stands_for(&read, STANDS_FOR - 1) && !recently.stands_for(&read, STANDS_FOR) && !recently.stands_for(&read, -1));
        assert!(!recently.stands_for(&Read::of("anna", &["audit", "actor=y"]), 1) && !recently.stands_for(&Read::of("ben", &["audit", "actor=x"]), 1));
        assert_ne!(Read::of("a", &["bc", "d"]), Read::of("a", &["b", "cd"]));
    }

    #[test]
    fn memory_is_bounded_and_forgetting_is_safe() {
        let recently = Recently::default();
        for n in 0..=REMEMBERED_MAX {
            recently.recorded(Read::of(&n.to_string(), &[]), 0);
        }
        assert!(recently.0.lock().expect("a lock").len() <= REMEMBERED_MAX);
        assert!(recently.stands_for(&Read::of(&REMEMBERED_MAX.to_string(), &[]), 1));
    }
}
