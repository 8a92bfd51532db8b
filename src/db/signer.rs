//! Who signs checkpoints, with a memory of the last one: it signs only a consistent extension of what it signed before.
//! The memory lies in a file of its own, fsynced before a signature leaves this module.

use std::path::{Path, PathBuf};

use countersign_audit::verify::checkpoint::Checkpoint;
use countersign_audit::verify::tree::consistency;
use countersign_audit::verify::vkey::Vkey;
use countersign_audit::write::Hash;
use countersign_audit::write::checkpoint::{SigningKey, body};
use tokio::sync::Mutex;

use crate::core::fault::{Context as _, Fault};

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
}

/// Why a signer refused.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The claim does not extend what was signed before: somebody's history changed.
    #[error("the log does not extend what was signed before: {0}")]
    Inconsistent(String),
    /// The signer could not be reached or could not keep its memory.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Signs checkpoints of one log.
pub trait Signer: Send + Sync + std::fmt::Debug {
    /// The last size signed for `origin`, so that the caller can bring the proof.
    fn last(&self, origin: &str) -> futures_util::future::BoxFuture<'_, Result<Option<(u64, Hash)>, Fault>>;
    /// Signs, after checking the claim against its memory and keeping it.
    fn sign(&self, claim: Claim) -> futures_util::future::BoxFuture<'_, Result<String, SignError>>;
    /// The verifier key of `origin`.
    fn vkey(&self, origin: &str) -> String;
}

/// The signer of a small installation: in this process, its memory in the data folder's `signer/`.
#[derive(Debug)]
pub struct LocalSigner {
    key: SigningKey,
    folder: PathBuf,
    turn: Mutex<()>,
}

impl LocalSigner {
    /// With the seed of the key folder and a memory below `folder`.
    #[must_use]
    pub fn new(seed: &[u8; 32], folder: &Path) -> Self {
        Self { key: SigningKey::from_seed(seed), folder: folder.to_owned(), turn: Mutex::new(()) }
    }

    fn memory(&self, origin: &str) -> PathBuf {
        self.folder.join(format!("last-{}", origin.replace('/', "_")))
    }

    fn recall(&self, origin: &str) -> Result<Option<(u64, Hash)>, Fault> {
        let note = match std::fs::read(self.memory(origin)) {
            Ok(note) => note,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(Fault::with("read the signer's memory", e)),
        };
        let vkey = Vkey::parse(&self.key.vkey(origin)).context("the signer's own key")?;
        let (last, _) = Checkpoint::open(&note, &vkey).context("the signer's memory is not what it signed")?;
        Ok(Some((last.size, last.root)))
    }

    fn check_and_sign(&self, claim: &Claim) -> Result<String, SignError> {
        if let Some((size, root)) = self.recall(&claim.origin)? {
            if claim.size < size {
                return Err(SignError::Inconsistent(format!("{} entries are claimed, {size} were signed", claim.size)));
            }
            consistency(size, &root, claim.size, &claim.root, &claim.proof).map_err(|e| SignError::Inconsistent(e.to_string()))?;
        }
        let note = self.key.sign_note(&claim.origin, &body(&claim.origin, claim.size, &claim.root)).context("sign a checkpoint")?;
        crate::core::folder::write_private(&self.memory(&claim.origin), note.as_bytes()).context("keep the signer's memory")?;
        Ok(note)
    }
}

impl Signer for LocalSigner {
    fn last(&self, origin: &str) -> futures_util::future::BoxFuture<'_, Result<Option<(u64, Hash)>, Fault>> {
        let origin = origin.to_owned();
        Box::pin(async move { self.recall(&origin) })
    }

    fn sign(&self, claim: Claim) -> futures_util::future::BoxFuture<'_, Result<String, SignError>> {
        Box::pin(async move {
            let _turn = self.turn.lock().await;
            self.check_and_sign(&claim)
        })
    }

    fn vkey(&self, origin: &str) -> String {
        self.key.vkey(origin)
    }
}
