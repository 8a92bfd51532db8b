//! The signer as the server meets it behind its socket. What it answers is not believed: a note counts when the known key
//! verifies it over what was claimed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use countersign_audit::verify::checkpoint::Checkpoint;
use countersign_audit::verify::vkey::Vkey;
use countersign_audit::write::Hash;
use countersign_audit::write::checkpoint::vkey_under;
use futures_util::future::BoxFuture;
use serde_json::Value;
use tokio::net::UnixStream;

use super::wire::{self, Ask};
use crate::core::fault::Fault;
use crate::core::folder::write_private;
use crate::db::signer::{Claim, NextEpoch, SignError, Signer};

/// An answer that takes longer does not come.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// What the signer's key is called where no log names it.
pub const KEY_NAME: &str = "signer";
/// The file with the signer's verifier key, in the server's `signer/`.
const KNOWN: &str = "vkey";

/// A signer in a process of its own.
#[derive(Debug)]
pub struct RemoteSigner {
    socket: PathBuf,
    /// Its verifier key, as it was when it was met first or adopted the server's key.
    vkey: String,
}

impl RemoteSigner {
    /// The signer at `socket`, whose key is kept in `folder`. A signer that is met for the first time is believed only by a log
    /// that has no entry yet.
    ///
    /// # Errors
    /// When its key is not known, and it does not answer or may not be believed.
    pub async fn open(socket: &Path, folder: &Path, log_is_empty: bool) -> Result<Self, SignError> {
        let known = folder.join(KNOWN);
        match std::fs::read_to_string(&known) {
            Ok(vkey) => Self::with(socket, vkey.trim_end()),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && log_is_empty => {
                let met = Self { socket: socket.to_owned(), vkey: String::new() };
                let vkey = met.ask(&Ask::Key).await?;
                let met = Self::with(socket, vkey.as_str().unwrap_or_default())?;
                remember(folder, &met.vkey)?;
                Ok(met)
            }
            Err(e) => {
                Err(Fault::with(format!("`{}` holds the signer's verifier key; run `countersign signer adopt`, or put it back", known.display()), e).into())
            }
        }
    }

    fn with(socket: &Path, vkey: &str) -> Result<Self, SignError> {
        Vkey::parse(vkey).map_err(|e| Fault::with("the signer's verifier key", e))?;
        Ok(Self { socket: socket.to_owned(), vkey: vkey.to_owned() })
    }

    async fn ask(&self, ask: &Ask) -> Result<Value, SignError> {
        let asked = async {
            let mut stream = UnixStream::connect(&self.socket).await.map_err(|_| SignError::Away("no_connection"))?;
            wire::write(&mut stream, ask).await.map_err(|_| SignError::Away("connection_lost"))?;
            let line: Option<Value> = wire::read(&mut stream).await.map_err(|_| SignError::Away("connection_lost"))?;
            wire::told(&line.ok_or(SignError::Away("bad_answer"))?)
        };
        tokio::time::timeout(WAIT_MAX, asked).await.map_err(|_| SignError::Away("timeout"))?
    }

    async fn note(&self, claim: &Claim) -> Result<String, SignError> {
        let told = self.ask(&Ask::sign(claim)).await?;
        let note = told.as_str().ok_or(SignError::Away("bad_answer"))?;
        let vkey = Vkey::parse(&self.vkey(&claim.origin)).map_err(|e| Fault::with("the signer's verifier key", e))?;
        let (signed, _) = Checkpoint::open(note.as_bytes(), &vkey).map_err(|_| SignError::Away("bad_signature"))?;
        if (signed.size, signed.root) == (claim.size, claim.root) { Ok(note.to_owned()) } else { Err(SignError::Away("bad_signature")) }
    }
}

/// Keeps the signer's verifier key beside the server's other memory.
///
/// # Errors
/// When it cannot be written.
pub fn remember(folder: &Path, vkey: &str) -> Result<(), Fault> {
    write_private(&folder.join(KNOWN), format!("{vkey}\n").as_bytes()).map_err(|e| Fault::with("keep the signer's verifier key", e))
}

impl Signer for RemoteSigner {
    /// The signer's own console says which logs it signs.
    fn begin(&self, _: &str) -> BoxFuture<'_, Result<(), SignError>> {
        Box::pin(async { Ok(()) })
    }

    fn last(&self, origin: &str) -> BoxFuture<'_, Result<Option<(u64, Hash)>, SignError>> {
        let ask = Ask::Last { origin: origin.to_owned() };
        Box::pin(async move {
            let told = self.ask(&ask).await?;
            if told.is_null() {
                return Ok(None);
            }
            let last = told["size"].as_u64().zip(told["root"].as_str().and_then(wire::hash));
            last.map(Some).ok_or(SignError::Away("bad_answer"))
        })
    }

    fn sign(&self, claim: Claim) -> BoxFuture<'_, Result<String, SignError>> {
        Box::pin(async move { self.note(&claim).await })
    }

    fn next_epoch(&self, origin: &str) -> BoxFuture<'_, Result<NextEpoch, SignError>> {
        let ask = Ask::NextEpoch { origin: origin.to_owned() };
        Box::pin(async move { serde_json::from_value(self.ask(&ask).await?).map_err(|_| SignError::Away("bad_answer")) })
    }

    fn ended(&self, origin: &str, n: u64) -> BoxFuture<'_, Result<Option<String>, SignError>> {
        let ask = Ask::Ended { origin: origin.to_owned(), n };
        Box::pin(async move { Ok(self.ask(&ask).await?.as_str().map(str::to_owned)) })
    }

    fn vkey(&self, origin: &str) -> String {
        // The known key was parsed when it was read.
        vkey_under(&self.vkey, origin).unwrap_or_default()
    }
}
