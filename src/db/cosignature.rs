//! Cosignatures of witnesses over kept checkpoints, and what is known of each witness.
//! Must stay true: a cosignature is kept only after it was verified, and is never changed.

use super::checkpoint::CheckpointRow;
use super::{Chore, Db};
use crate::core::clock::Micros;
use crate::core::fault::{Context as _, Fault};

const KEEP: &str = "insert into audit_cosignature (log, size, witness, line, at) values ($1, $2, $3, $4, $5) on conflict (log, size, witness) do nothing";
const OF: &str = "select witness, size, line, at from audit_cosignature where log = $1 and size = $2 order by witness limit 256";
const RECENT: &str = "select witness, size, line, at from audit_cosignature where log = $1 and size >= $2 and size < $3 order by size desc, witness limit 1024";
const STATES: &str = "select witness, size, cosigned_at, tried_at, state from witness_state where log = $1 order by witness limit 256";
const KEEP_STATE: &str = "insert into witness_state (log, witness, size, cosigned_at, tried_at, state) values ($1, $2, $3, $4, $5, $6) \
     on conflict (log, witness) do update set size = excluded.size, cosigned_at = excluded.cosigned_at, tried_at = excluded.tried_at, state = excluded.state";
/// Every statement of this file, for the test that prepares them all.
pub const SQL: &[&str] = &[KEEP, OF, RECENT, STATES, KEEP_STATE];

/// The state of a witness that countersigned more than there is here.
pub const AHEAD: &str = "ahead";
/// The state of a witness that countersigned another history.
pub const CONTRADICTS: &str = "contradicts";

/// Cosignatures read at once: those of four checkpoints, were there as many witnesses as a policy may name.
pub const PAGE_MAX: usize = 1024;

crate::row! {
    /// A cosignature as kept.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct CosignatureRow {
        /// Name of the witness's key and its id: `<name>+<id>`.
        pub witness: String,
        /// Entries of the checkpoint.
        pub size: i64,
        /// The signature line, with its newline.
        pub line: String,
        /// The witness's time in seconds since the epoch.
        pub at: i64,
    }
}

crate::row! {
    /// What is known of a witness.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct WitnessRow {
        /// Name of the witness's key and its id: `<name>+<id>`.
        pub witness: String,
        /// The size it countersigned last, as far as known here.
        pub size: i64,
        /// When it did, by its own clock in seconds since the epoch.
        pub cosigned_at: Option<i64>,
        /// When it was asked last.
        pub tried_at: i64,
        /// What it said: `ok`, or a class of trouble.
        pub state: String,
    }
}

impl Db {
    /// The cosignatures over the checkpoint of this size.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn cosignatures(&self, log: i64, size: i64) -> Result<Vec<CosignatureRow>, Fault> {
        self.query(OF).bind(log).bind(size).all().await.context("read cosignatures")
    }

    /// Cosignatures over checkpoints from size `from` on and below size `below`, those of the largest first, [`PAGE_MAX`] at most.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn recent_cosignatures(&self, log: i64, from: i64, below: i64) -> Result<Vec<CosignatureRow>, Fault> {
        self.query(RECENT).bind(log).bind(from).bind(below).all().await.context("read cosignatures")
    }

    /// A kept checkpoint as a note with every cosignature there is over it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn cosigned(&self, log: i64, kept: &CheckpointRow) -> Result<String, Fault> {
        let mut note = kept.note.clone();
        for row in self.cosignatures(log, kept.size).await? {
            note.push_str(&row.line);
        }
        Ok(note)
    }

    /// What is known of each witness.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn witnesses(&self, log: i64) -> Result<Vec<WitnessRow>, Fault> {
        self.query(STATES).bind(log).all().await.context("read the witnesses")
    }

    /// Keeps what witnesses said in one round.
    ///
    /// # Errors
    /// When nothing was kept.
    pub async fn keep_round(&self, log: i64, lines: &[CosignatureRow], states: &[WitnessRow]) -> Result<(), Fault> {
        let mut chore = self.chore(Chore::Witness).await.context("begin")?;
        for row in lines {
            let kept = chore.query(KEEP).bind(log).bind(row.size).bind(row.witness.as_str()).bind(row.line.as_str()).bind(row.at);
            kept.execute().await.context("keep a cosignature")?;
        }
        for row in states {
            let kept = chore.query(KEEP_STATE).bind(log).bind(row.witness.as_str()).bind(row.size).bind(row.cosigned_at);
            kept.bind(row.tried_at).bind(row.state.as_str()).execute().await.context("keep what a witness said")?;
        }
        chore.commit().await.context("keep what witnesses said")
    }
}

/// The time of a cosignature in microseconds since the epoch.
#[must_use]
pub fn micros(at: i64) -> Micros {
    at.saturating_mul(crate::core::clock::SECOND)
}
