//! The key that a server shows this bridge. Only its hash is kept here; there is none until `setup` made one.
//! Must stay true: keys are compared in constant time, and of two the new one counts from the moment it was first used.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rand::TryRng as _;
use rand::rngs::SysRng;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::Error;

/// Characters of a key.
pub const CHARS: usize = 64;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    current: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// The hashes of the keys that are taken.
#[derive(Debug)]
pub struct Keys {
    path: PathBuf,
    kept: Kept,
}

/// A key, to be shown once.
///
/// # Errors
/// When the system gives no randomness.
pub fn make() -> Result<String, Error> {
    let mut bytes = [0; CHARS / 2];
    SysRng.try_fill_bytes(&mut bytes).map_err(|e| Error::of("make a key", e))?;
    Ok(hex::encode(bytes))
}

/// Is this the writing of a key?
#[must_use]
pub fn is_key(text: &str) -> bool {
    text.len() == CHARS && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

impl Keys {
    /// The keys of `folder`.
    ///
    /// # Errors
    /// When there is none, or others may read it.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let path = folder.join("key");
        let text = fs::read(&path).map_err(|_| Error::Says("there is no key yet: run `countersign-phone setup`".into()))?;
        let mode = fs::metadata(&path).map_err(|e| Error::of("look at the key", e))?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(Error::Says(format!("`{}` may be read by others: run `chmod 600` on it", path.display())));
        }
        let kept: Kept = serde_json::from_slice(&text).map_err(|e| Error::of("read the key", e))?;
        if !is_key(&kept.current) || kept.next.as_deref().is_some_and(|next| !is_key(next)) {
            return Err(Error::Says("the file of the key was altered: run `countersign-phone setup --anew`".into()));
        }
        Ok(Self { path, kept })
    }

    /// Keeps the hash of a first key, or of one that takes the place of all others.
    ///
    /// # Errors
    /// When there is one and `anew` is not said, or it cannot be kept.
    pub fn begin(folder: &Path, key: &str, anew: bool) -> Result<(), Error> {
        let path = folder.join("key");
        if path.exists() && !anew {
            return Err(Error::Says("there is a key already; `setup --anew` replaces it, and the server must be told the new one".into()));
        }
        Self { path, kept: Kept { current: hash(key), next: None } }.keep()
    }

    /// Is this the key, or the next one? That one takes its place now.
    ///
    /// # Errors
    /// When the change could not be kept.
    pub fn admit(&mut self, shown: &str) -> Result<bool, Error> {
        let shown = hash(shown);
        let is = |kept: &str| bool::from(kept.as_bytes().ct_eq(shown.as_bytes()));
        if is(&self.kept.current) {
            return Ok(true);
        }
        if !self.kept.next.as_deref().is_some_and(is) {
            return Ok(false);
        }
        let before = std::mem::replace(&mut self.kept, Kept { current: shown, next: None });
        if let Err(error) = self.keep() {
            self.kept = before;
            return Err(error);
        }
        Ok(true)
    }

    /// Takes a next key beside the one in use.
    ///
    /// # Errors
    /// When it could not be kept.
    pub fn announce(&mut self, next: &str) -> Result<(), Error> {
        let before = self.kept.next.replace(hash(next));
        self.keep().inspect_err(|_| self.kept.next = before)
    }

    fn keep(&self) -> Result<(), Error> {
        let new = self.path.with_extension("new");
        let _ = fs::remove_file(&new);
        let text = serde_json::to_vec(&self.kept).map_err(|e| Error::of("keep the key", e))?;
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new).map_err(|e| Error::of("keep the key", e))?;
        let done = file.write_all(&text).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&new, &self.path));
        done.and_then(|()| fs::File::open(self.path.parent().unwrap_or(Path::new("/")))?.sync_all()).map_err(|e| Error::of("keep the key", e))
    }
}

fn hash(key: &str) -> String {
    hex::encode(Sha256::digest(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_key_takes_the_place_of_the_first_when_it_is_used() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(Keys::open(folder.path()).is_err(), "no default key");
        let (one, two) = (make().expect("a key"), make().expect("a key"));
        Keys::begin(folder.path(), &one, false).expect("begins");
        assert!(Keys::begin(folder.path(), &two, false).is_err());
        let mut keys = Keys::open(folder.path()).expect("opens");
        let admits = |keys: &mut Keys, key: &str| keys.admit(key).expect("asks");
        assert!(admits(&mut keys, &one) && !admits(&mut keys, &two) && !admits(&mut keys, ""));
        keys.announce(&two).expect("keeps");
        let mut keys = Keys::open(folder.path()).expect("opens");
        assert!(admits(&mut keys, &one) && admits(&mut keys, &two) && !admits(&mut keys, &one));
        let mut keys = Keys::open(folder.path()).expect("opens");
        assert!(admits(&mut keys, &two) && !admits(&mut keys, &one));
        let text = fs::read_to_string(folder.path().join("key")).expect("reads");
        assert!(!text.contains(&two) && !text.contains(&one));
    }
}
