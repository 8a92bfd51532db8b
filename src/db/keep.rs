//! What was lawfully taken out of the trail: below which place entries were pruned, and who was erased.
//! Must stay true: only an entry makes it so; what is read here is held against the entries by `integrity::walk`.

use super::Db;
use crate::core::fault::{Context as _, Fault};
use crate::vault::Vault;

const PRUNED: &str = "select done_seq from prune_progress where log = $1";
const PRUNED_LOGS: &str = "select log, done_seq from prune_progress";
const ERASED: &str = "select x.subject, x.made_at, c.log, c.seq from erasure x left join audit_chain c on c.event_id = x.last_audit_id where x.subject = $1";
/// Every statement of this file, for the test that prepares them all.
pub const SQL: &[&str] = &[PRUNED, PRUNED_LOGS, ERASED];

/// Entries of a bundle: pruning takes whole ones.
pub const BUNDLE: i64 = 256;
/// How long entries are kept when nobody set anything else: six years.
pub const DAYS_DEFAULT: i64 = 2190;
/// The fewest days anybody can set.
pub const DAYS_MIN: i64 = 365;
/// The most: a hundred years.
pub const DAYS_MAX: i64 = 36_525;

crate::row! {
    /// Somebody whose sealed values were erased.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Erased {
        /// Whose key was destroyed.
        pub subject: String,
        /// When that was entered.
        pub made_at: i64,
        /// The log of the entry; none while it is not linked.
        pub log: Option<i64>,
        /// Its place there.
        pub seq: Option<i64>,
    }
}

impl Db {
    /// Entries of log `log` below this place were pruned; 0 when none were.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn pruned_below(&self, log: i64) -> Result<i64, Fault> {
        let done: Option<(i64,)> = self.query(PRUNED).bind(log).optional().await.context("read how far the log was pruned")?;
        Ok(done.map_or(0, |(seq,)| seq))
    }

    /// The same for every log of which entries were pruned: the log and the place.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn pruned_logs(&self) -> Result<Vec<(i64, i64)>, Fault> {
        self.query(PRUNED_LOGS).all().await.context("read how far the logs were pruned")
    }

    /// The erasure of `subject`, if there was one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn erased(&self, subject: &str) -> Result<Option<Erased>, Fault> {
        self.query(ERASED).bind(subject).optional().await.context("look for an erasure")
    }
}

/// The blind index of a number, as messages are found by it.
#[must_use]
pub fn number_index(vault: &Vault, e164: &str) -> String {
    vault.blind("message.number", e164)
}

/// Whose key seals what concerns a number: one per number, so that a number can be erased.
#[must_use]
pub fn number_subject(vault: &Vault, e164: &str) -> String {
    format!("num_{}", number_index(vault, e164))
}

/// Can this subject be erased: a person, or a number?
#[must_use]
pub fn is_erasable(subject: &str) -> bool {
    let digits = subject.strip_prefix("usr_").or_else(|| subject.strip_prefix("num_"));
    digits.is_some_and(|d| d.len() == 32 && d.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
}

/// Can a legal hold stand on it: whatever can be erased, or the record of an intake?
#[must_use]
pub fn is_holdable(subject: &str) -> bool {
    is_erasable(subject) || subject.parse::<crate::core::id::IntakeId>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_people_and_numbers_can_be_erased() {
        let id = "0192f0c1a2b37c4d8e5f60718293a4b5";
        assert!(is_erasable(&format!("usr_{id}")) && is_erasable(&format!("num_{id}")));
        for wrong in ["console", "system", "strangers/2026-01", "usr_", id, "num_0192F0c1a2b37c4d8e5f60718293a4b5", "evt_0192f0c1a2b37c4d8e5f60718293a4b5"] {
            assert!(!is_erasable(wrong), "{wrong}");
        }
    }
}
