//! The other door to a write: work that deserves no entry of its own. The list is closed, its tables are unguarded, and a
//! test counts the call sites.

use super::DbError;
use crate::store::{Haste, Query, Work};

/// What a write without an entry may be for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chore {
    /// When a session was last seen.
    SessionSeen,
    /// When a token was last used.
    TokenSeen,
    /// Failed tries and their delays.
    Throttle,
    /// Claiming, finishing and sweeping jobs.
    Job,
    /// Queueing and finishing notices.
    Notice,
    /// Keeping a signed checkpoint.
    Checkpoint,
    /// Keeping what witnesses said.
    Witness,
    /// Keeping a time-stamp.
    Token,
    /// Settings fixed at first start.
    Fixed,
    /// Keeping the answer to a repeated request.
    Idempotency,
    /// What the sandbox gateway delivered.
    Sandbox,
    /// How far a receiver of the stream has the trail.
    Sink,
    /// What a node found in doubt.
    Doubt,
    /// The head of a log, before anything can be recorded in it; events left behind by the one before.
    Origin,
    /// The key of an erased subject is destroyed, its sealed values go.
    Erasure,
    /// What was pruned goes, bundle by bundle.
    Prune,
    /// What became of what webhooks are told.
    Webhook,
}

impl Chore {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::SessionSeen,
        Self::TokenSeen,
        Self::Throttle,
        Self::Job,
        Self::Notice,
        Self::Checkpoint,
        Self::Witness,
        Self::Token,
        Self::Fixed,
        Self::Idempotency,
        Self::Sandbox,
        Self::Sink,
        Self::Doubt,
        Self::Origin,
        Self::Erasure,
        Self::Prune,
        Self::Webhook,
    ];

    /// Whether its commit may wait a little for that of an act.
    #[must_use]
    pub const fn haste(self) -> Haste {
        match self {
            Self::Throttle | Self::Fixed | Self::Doubt | Self::Origin | Self::Erasure => Haste::Urgent,
            Self::SessionSeen
            | Self::TokenSeen
            | Self::Job
            | Self::Notice
            | Self::Checkpoint
            | Self::Witness
            | Self::Token
            | Self::Idempotency
            | Self::Sandbox
            | Self::Sink
            | Self::Prune
            | Self::Webhook => Haste::Patient,
        }
    }

    /// The tables this chore may write.
    #[must_use]
    pub const fn tables(self) -> &'static [&'static str] {
        match self {
            Self::SessionSeen => &["session_seen"],
            Self::TokenSeen => &["token_seen"],
            Self::Throttle => &["throttle", "known_device"],
            Self::Job => &["job"],
            Self::Notice => &["notice"],
            Self::Checkpoint => &["audit_checkpoint"],
            Self::Witness => &["audit_cosignature", "witness_state"],
            Self::Token => &["audit_token"],
            Self::Fixed => &["fixed"],
            Self::Idempotency => &["idempotency"],
            Self::Sandbox => &["sandbox_delivery"],
            Self::Sink => &["sink"],
            Self::Doubt => &["audit_doubt"],
            Self::Origin => &["audit_head", "audit_pending"],
            Self::Erasure => &["erasure_done", "audit_payload"],
            Self::Prune => &["fixed", "audit_payload", "audit_event", "prune_progress"],
            Self::Webhook => &["webhook_delivery"],
        }
    }
}

/// A chore's transaction. Dropping it undoes it.
#[derive(Debug)]
pub struct ChoreTx {
    chore: Chore,
    work: Work,
}

impl ChoreTx {
    pub(super) fn new(chore: Chore, work: Work) -> Self {
        Self { chore, work }
    }

    /// A statement; a write must name one of the chore's tables.
    pub fn query(&mut self, sql: &'static str) -> Query<'_> {
        debug_assert!(sql.trim_start().starts_with("select") || self.chore.tables().iter().any(|t| sql.contains(t)), "{:?} may not run: {sql}", self.chore);
        self.work.query(sql)
    }

    /// Makes the chore durable.
    ///
    /// # Errors
    /// When nothing was committed.
    pub async fn commit(self) -> Result<(), DbError> {
        Ok(self.work.commit(None).await?)
    }
}
