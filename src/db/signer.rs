//! Who signs checkpoints: what it is asked, and how it may refuse. Whoever implements it remembers what it signed last, and
//! signs only a consistent extension of that; the memory is durable before a signature leaves.

use countersign_audit::write::Hash;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::core::fault::Fault;

/// What a signer is asked to sign.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The log's origin, also the key's name.
    pub origin: String,
    /// Entries covered.
    pub size: u64,
    /// Root over them.
    pub root: Hash,
    /// Proof that this extends what was signed last; empty when nothing was.
    pub proof: Vec<Hash>,
    /// The last of these entries ends the epoch.
    pub end: Option<EpochEnd>,
}

/// The entry that ends an epoch, and the proof that it is the last of the claim.
#[derive(Clone, Debug)]
pub struct EpochEnd {
    /// The leaf.
    pub leaf: Vec<u8>,
    /// Its inclusion proof.
    pub inclusion: Vec<Hash>,
}

/// What comes after the epoch that runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NextEpoch {
    /// The epoch that runs; 0 before the first.
    pub n: u64,
    /// Verifier key of the one after it.
    pub next_vkey: String,
}

/// Why a signer refused.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The claim does not extend what was signed before: somebody's history changed.
    #[error("the log does not extend what was signed before: {0}")]
    Inconsistent(String),
    /// What it signed last is gone or was touched, or a key of an epoch is.
    #[error("the signer's memory is gone or was touched: {0}")]
    Lost(String),
    /// It was not told to sign this log.
    #[error("the signer does not sign `{0}`; say so on its side with `countersign signer allow`")]
    NotAllowed(String),
    /// It does not answer: the class of trouble.
    #[error("the signer does not answer ({0})")]
    Away(&'static str),
    /// Something inside failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl SignError {
    /// A stable word for pages, logs and alerts.
    #[must_use]
    pub const fn class(&self) -> &'static str {
        match self {
            Self::Inconsistent(_) => "inconsistent",
            Self::Lost(_) => "memory_lost",
            Self::NotAllowed(_) => "log_not_allowed",
            Self::Away(class) => class,
            Self::Fault(_) => "failed",
        }
    }

    /// Does it put the trail in doubt? One that is away, or was not told of the log, only has checkpoints wait.
    #[must_use]
    pub const fn is_doubt(&self) -> bool {
        matches!(self, Self::Inconsistent(_) | Self::Lost(_))
    }
}

/// Signs checkpoints of one log.
pub trait Signer: Send + Sync + std::fmt::Debug {
    /// Begins to sign a log that has no entry yet. Again changes nothing.
    fn begin(&self, origin: &str) -> BoxFuture<'_, Result<(), SignError>>;
    /// The last size signed for `origin`, so that the caller can bring the proof.
    fn last(&self, origin: &str) -> BoxFuture<'_, Result<Option<(u64, Hash)>, SignError>>;
    /// Signs, after checking the claim against its memory and keeping it.
    fn sign(&self, claim: Claim) -> BoxFuture<'_, Result<String, SignError>>;
    /// Makes ready for the next epoch: its key is durable when this returns, and the same until that epoch begins.
    fn next_epoch(&self, origin: &str) -> BoxFuture<'_, Result<NextEpoch, SignError>>;
    /// The checkpoint that ended epoch `n`, once it has ended.
    fn ended(&self, origin: &str, n: u64) -> BoxFuture<'_, Result<Option<String>, SignError>>;
    /// The verifier key of `origin`.
    fn vkey(&self, origin: &str) -> String;
}
