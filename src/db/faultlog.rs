//! `fault.log`: what happened while the trail was in doubt. One line an event, each holding the hash of the line before,
//! fsynced before the act is answered. Its hash stands in the first entry of the origin that follows.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use sha2::{Digest as _, Sha256};

use crate::core::fault::{Context as _, Fault};

/// The file, appended to under a lock.
#[derive(Debug)]
pub struct FaultLog {
    path: PathBuf,
    turn: Mutex<()>,
}

impl FaultLog {
    /// The log of this data folder; the file is made with its first line.
    #[must_use]
    pub fn new(data: &Path) -> Self {
        Self { path: data.join("fault.log"), turn: Mutex::new(()) }
    }

    /// Appends one event's canonical body, durably.
    ///
    /// # Errors
    /// When it could not be made durable.
    pub fn append(&self, body: &[u8]) -> Result<(), Fault> {
        let _turn = self.turn.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let before = std::fs::read(&self.path).unwrap_or_default();
        let last = before.trim_ascii_end().rsplit(|b| *b == b'\n').next().unwrap_or_default();
        let mut line = hex::encode(Sha256::digest(last)).into_bytes();
        line.push(b' ');
        line.extend_from_slice(body);
        line.push(b'\n');
        let mut file = std::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(&self.path).context("open fault.log")?;
        file.write_all(&line).context("write fault.log")?;
        file.sync_all().context("flush fault.log")
    }

    /// SHA-256 of the whole file in hex; none when there is no file.
    #[must_use]
    pub fn digest(&self) -> Option<String> {
        Some(hex::encode(Sha256::digest(std::fs::read(&self.path).ok()?)))
    }

    /// Sets the file aside once a new origin has taken its hash.
    ///
    /// # Errors
    /// When it cannot be renamed.
    pub fn retire(&self, log: i64) -> Result<(), Fault> {
        if !self.path.exists() {
            return Ok(());
        }
        std::fs::rename(&self.path, self.path.with_file_name(format!("fault-before-{log}.log"))).context("set fault.log aside")
    }
}
