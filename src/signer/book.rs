//! What a signer remembers of each log: the last checkpoint it signed, and the epoch that runs with its key.
//! Must stay true: memory is durable before a signature leaves, and the key of an epoch is erased only when the checkpoint that
//! ended it is durable; a memory that is absent or was touched ends in an error, never in a fresh start.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use countersign_audit::verify::checkpoint::Checkpoint;
use countersign_audit::verify::leaf::Leaf;
use countersign_audit::verify::tree::{consistency, inclusion, leaf_hash};
use countersign_audit::verify::vkey::Vkey;
use countersign_audit::write::Hash;
use countersign_audit::write::checkpoint::{SigningKey, body, epoch_name, is_key_name};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::core::fault::{Fault, chain_of};
use crate::core::folder::{erase, overwrite, private_folder, write_private};
use crate::core::rng::Rng;
use crate::db::signer::{Claim, EpochEnd, NextEpoch, SignError};
use crate::vault::{make_key, read_key};

/// Logs that one signer signs at most.
pub const LOGS_MAX: usize = 64;
/// The file of a log's memory.
pub const STATE: &str = "state";

/// A place between two durable steps, so that the suite can end the signer there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The key of the next epoch is durable.
    NextKey,
    /// The checkpoint that ends an epoch is durable beside the memory.
    EndKept,
    /// The memory is durable, and the old key is still there.
    MemoryKept,
    /// The old key is overwritten, and its file is still there.
    KeyOverwritten,
    /// Nothing is left to do but to answer.
    Answer,
}

/// What is remembered of one log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    origin: String,
    /// The last signed checkpoint; empty before the first.
    note: String,
    /// The epoch that runs; 0 before the first.
    epoch: u64,
    /// The size that ended the one before; its key signs what is larger.
    after: u64,
}

/// A log as the signer's console shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Signed {
    /// Its origin.
    pub origin: String,
    /// The size signed last; none before the first.
    pub size: Option<u64>,
    /// The epoch that runs; 0 before the first.
    pub epoch: u64,
}

/// The memory of a signer in a folder, with the key it signs with.
#[derive(Debug)]
pub struct Book {
    key: SigningKey,
    folder: PathBuf,
    rng: Rng,
    /// The suite ends the signer at a step; elsewhere none is.
    stop_at: Option<Step>,
}

impl Book {
    /// The memory below `folder`, which exists; nothing is read yet.
    #[must_use]
    pub fn new(seed: &[u8; 32], folder: &Path, rng: Rng) -> Self {
        Self { key: SigningKey::from_seed(seed), folder: folder.to_owned(), rng, stop_at: None }
    }

    /// One that ends at a step as if the process were killed there.
    #[cfg(test)]
    pub fn stopping_at(self, step: Step) -> Self {
        Self { stop_at: Some(step), ..self }
    }

    /// The verifier key under `name`.
    #[must_use]
    pub fn vkey(&self, name: &str) -> String {
        self.key.vkey(name)
    }

    /// The logs it signs.
    ///
    /// # Errors
    /// When the memory of one is gone or was touched.
    pub fn logs(&self) -> Result<Vec<Signed>, SignError> {
        let mut out = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(|e| Fault::with("list the signer's memory", e))?.take(16 * LOGS_MAX) {
            let path = entry.map_err(|e| Fault::with("list the signer's memory", e))?.path();
            if !path.is_dir() {
                continue;
            }
            let text = fs::read(path.join(STATE)).map_err(|e| lost(&path.display().to_string(), e))?;
            let state: State = serde_json::from_slice(&text).map_err(|e| lost(&path.display().to_string(), e))?;
            let (state, last) = self.recall(&state.origin)?;
            self.finish(&state)?;
            out.push(Signed { origin: state.origin, size: last.map(|last| last.size), epoch: state.epoch });
        }
        out.sort_by(|a, b| a.origin.cmp(&b.origin));
        Ok(out)
    }

    /// Begins a memory for a log. Again changes nothing.
    ///
    /// # Errors
    /// When there are too many, or it cannot be written.
    pub fn begin(&self, origin: &str) -> Result<(), SignError> {
        if !is_key_name(origin) {
            return Err(Fault::new("an origin has 1 to 255 characters without spaces or `+`").into());
        }
        let place = self.place(origin);
        if place.join(STATE).exists() {
            return self.recall(origin).map(drop);
        }
        // A folder without its memory has lost it, unless nothing was ever in it.
        if place.exists() && fs::read_dir(&place).is_ok_and(|mut inside| inside.next().is_some()) {
            return Err(SignError::Lost(origin.to_owned()));
        }
        // Counted without a look inside: one that was lost is what a new log is for.
        if fs::read_dir(&self.folder).map_err(|e| Fault::with("list the signer's memory", e))?.count() >= LOGS_MAX {
            return Err(Fault::new(format!("a signer signs {LOGS_MAX} logs at most")).into());
        }
        private_folder(&place).map_err(|e| Fault::with("make the memory of a log", e))?;
        self.keep(&State { origin: origin.to_owned(), note: String::new(), epoch: 0, after: 0 })
    }

    /// Size and root signed last; none before the first.
    ///
    /// # Errors
    /// When the log is not one it signs, or its memory was touched.
    pub fn last(&self, origin: &str) -> Result<Option<(u64, Hash)>, SignError> {
        Ok(self.recall(origin)?.1.map(|last| (last.size, last.root)))
    }

    /// Checks a claim against the memory, keeps it, and signs.
    ///
    /// # Errors
    /// [`SignError`]: then nothing was signed.
    pub fn sign(&self, claim: &Claim) -> Result<String, SignError> {
        let (state, last) = self.recall(&claim.origin)?;
        self.finish(&state)?;
        match &last {
            Some(last) if claim.size == last.size && claim.root == last.root => return Ok(state.note),
            Some(last) if claim.size < last.size => {
                return Err(SignError::Inconsistent(format!("{} entries are claimed, {} were signed", claim.size, last.size)));
            }
            Some(last) => {
                let extends = consistency(last.size, &last.root, claim.size, &claim.root, &claim.proof);
                extends.map_err(|e| SignError::Inconsistent(e.to_string()))?;
            }
            None => {}
        }
        let text = body(&claim.origin, claim.size, &claim.root);
        let mut note = self.key.sign_note(&claim.origin, &text).map_err(|e| Fault::with("sign a checkpoint", e))?;
        if state.epoch > 0 {
            let seal = self.epoch_key(&claim.origin, state.epoch)?.line(&epoch_name(&claim.origin), &text);
            note.push_str(&seal.map_err(|e| Fault::with("seal a checkpoint", e))?);
        }
        let Some(end) = &claim.end else {
            self.keep(&State { note: note.clone(), ..state })?;
            self.step(Step::Answer)?;
            return Ok(note);
        };
        self.check_end(claim, &state, end)?;
        self.write(&claim.origin, &ended(state.epoch), note.as_bytes())?;
        self.step(Step::EndKept)?;
        let next = State { note: note.clone(), epoch: state.epoch + 1, after: claim.size, ..state };
        self.keep(&next)?;
        self.step(Step::MemoryKept)?;
        self.finish(&next)?;
        self.step(Step::Answer)?;
        Ok(note)
    }

    /// The key of the next epoch, made when there is none yet.
    ///
    /// # Errors
    /// When the memory was touched or the key cannot be kept.
    pub fn next_epoch(&self, origin: &str) -> Result<NextEpoch, SignError> {
        let (state, _) = self.recall(origin)?;
        let path = self.place(origin).join(key_file(state.epoch + 1));
        if !path.exists() {
            // Whole or not at all: half a key would be a lost one.
            let new = path.with_extension("new");
            let _ = fs::remove_file(&new);
            make_key(&new, &self.rng).map_err(|e| Fault::with("make the key of an epoch", e))?;
            fs::rename(&new, &path).map_err(|e| Fault::with("keep the key of an epoch", e))?;
            crate::core::folder::sync_dir(&self.place(origin)).map_err(|e| Fault::with("keep the key of an epoch", e))?;
        }
        self.step(Step::NextKey)?;
        let next = self.epoch_key(origin, state.epoch + 1)?;
        Ok(NextEpoch { n: state.epoch, next_vkey: next.vkey(&epoch_name(origin)) })
    }

    /// The checkpoint that ended epoch `n`.
    ///
    /// # Errors
    /// When the memory was touched.
    pub fn ended(&self, origin: &str, n: u64) -> Result<Option<String>, SignError> {
        let (state, _) = self.recall(origin)?;
        if n >= state.epoch {
            return Ok(None);
        }
        fs::read_to_string(self.place(origin).join(ended(n))).map(Some).map_err(|e| lost(origin, e))
    }

    /// The entry that ends an epoch must be the last that is claimed, and name the next key of this signer.
    fn check_end(&self, claim: &Claim, state: &State, end: &EpochEnd) -> Result<(), SignError> {
        let refused = |what: &str| SignError::Inconsistent(format!("the end of epoch {}: {what}", state.epoch));
        let at = claim.size.checked_sub(1).ok_or_else(|| refused("there is no entry"))?;
        inclusion(&leaf_hash(&end.leaf), at, claim.size, &end.inclusion, &claim.root).map_err(|_| refused("the entry is not the last one claimed"))?;
        let leaf = Leaf::parse(&end.leaf).map_err(|_| refused("the entry cannot be read"))?;
        leaf.check(&claim.origin).map_err(|_| refused("the entry is of another log"))?;
        let rotation = leaf.rotation(&claim.origin).map_err(|_| refused("the entry names no key"))?.ok_or_else(|| refused("the entry is another one"))?;
        let next = self.epoch_key(&claim.origin, state.epoch + 1)?.vkey(&epoch_name(&claim.origin));
        if rotation.n != state.epoch || rotation.next_vkey != next {
            return Err(refused("the entry names another epoch or key than is next"));
        }
        Ok(())
    }

    /// Erases keys of epochs that ended; a crash may have come before.
    fn finish(&self, state: &State) -> Result<(), SignError> {
        if state.epoch == 0 {
            return Ok(());
        }
        let old = self.place(&state.origin).join(key_file(state.epoch - 1));
        if old.exists() {
            overwrite(&old).map_err(|e| Fault::with("erase the key of an epoch", e))?;
            self.step(Step::KeyOverwritten)?;
            erase(&old).map_err(|e| Fault::with("erase the key of an epoch", e))?;
        }
        Ok(())
    }

    fn place(&self, origin: &str) -> PathBuf {
        self.folder.join(hex::encode(Sha256::digest(origin)))
    }

    fn epoch_key(&self, origin: &str, n: u64) -> Result<SigningKey, SignError> {
        let seed = read_key(&self.place(origin).join(key_file(n))).map_err(|e| SignError::Lost(format!("the key of epoch {n}: {}", chain_of(&e))))?;
        Ok(SigningKey::from_seed(&seed))
    }

    fn recall(&self, origin: &str) -> Result<(State, Option<Checkpoint>), SignError> {
        let place = self.place(origin);
        let text = match fs::read(place.join(STATE)) {
            Ok(text) => text,
            Err(e) if e.kind() == ErrorKind::NotFound && !place.exists() => return Err(SignError::NotAllowed(origin.to_owned())),
            Err(e) if e.kind() == ErrorKind::NotFound => return Err(SignError::Lost(origin.to_owned())),
            Err(e) => return Err(Fault::with("read the signer's memory", e).into()),
        };
        let state: State = serde_json::from_slice(&text).map_err(|e| lost(origin, e))?;
        if state.origin != origin {
            return Err(SignError::Lost(format!("it is of `{}`", state.origin)));
        }
        if state.epoch > 0 {
            self.epoch_key(origin, state.epoch)?;
        }
        if state.note.is_empty() {
            return if state.epoch == 0 { Ok((state, None)) } else { Err(SignError::Lost(origin.to_owned())) };
        }
        let vkey = Vkey::parse(&self.key.vkey(origin)).map_err(|e| Fault::with("the signer's own key", e))?;
        let (last, _) = Checkpoint::open(state.note.as_bytes(), &vkey).map_err(|e| lost(origin, e))?;
        Ok((state, Some(last)))
    }

    fn keep(&self, state: &State) -> Result<(), SignError> {
        let text = serde_json::to_vec(state).map_err(|e| Fault::with("write the signer's memory", e))?;
        self.write(&state.origin, STATE, &text)
    }

    fn write(&self, origin: &str, name: &str, bytes: &[u8]) -> Result<(), SignError> {
        Ok(write_private(&self.place(origin).join(name), bytes).map_err(|e| Fault::with("keep the signer's memory", e))?)
    }

    fn step(&self, step: Step) -> Result<(), SignError> {
        if self.stop_at == Some(step) { Err(SignError::Away("stopped")) } else { Ok(()) }
    }
}

fn lost(origin: &str, why: impl std::fmt::Display) -> SignError {
    SignError::Lost(format!("{origin}: {why}"))
}

fn key_file(n: u64) -> String {
    format!("key-{n}")
}

fn ended(n: u64) -> String {
    format!("ended-{n}")
}
