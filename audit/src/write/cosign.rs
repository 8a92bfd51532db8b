//! Cosignatures: a witness's signature under a checkpoint, with the time at which it is made.
//!
//! This module signs whatever it is given at whatever time it is told. That a witness signs only what extends
//! what it signed before, and remembers that first, is its own duty.

use std::fmt;

use base64::{Engine, prelude::BASE64_STANDARD};
use ed25519_dalek::Signer;

use super::{
    Error,
    checkpoint::{is_key_name, is_note_text, key_id, vkey_text},
};

/// C2SP's signature type for timestamped Ed25519 cosignatures.
const COSIGNATURE: u8 = 0x04;

/// Latest time that a cosignature carries, in seconds since 1970: 2^53 − 1.
pub const TIME_MAX: u64 = (1 << 53) - 1;

/// A witness's Ed25519 key. Its secret is overwritten when it is dropped, and never printed. It must not be
/// any log's key: what a witness signs is told from what a log signs by the text alone.
pub struct CosigningKey(ed25519_dalek::SigningKey);

impl CosigningKey {
    /// The key that RFC 8032 derives from 32 secret bytes. To make a new key, draw them from the
    /// system's source of randomness. The caller overwrites its own copy of `seed`.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(seed))
    }

    /// The verifier key under `name`: `<name>+<key id, 8 hex digits>+<base64 of type and public key>`.
    #[must_use]
    pub fn vkey(&self, name: &str) -> String {
        vkey_text(name, COSIGNATURE, &self.0.verifying_key())
    }

    /// The signature line under `name`, with its newline, over the text of a checkpoint (without the blank
    /// line and the signatures), made at `posix_seconds`. It goes after the note's last line.
    ///
    /// # Errors
    /// [`Error::Note`] when `checkpoint_text` cannot be a note's text or `name` a key's name, or for a time
    /// above [`TIME_MAX`].
    pub fn cosign(&self, name: &str, checkpoint_text: &str, posix_seconds: u64) -> Result<String, Error> {
        if !is_key_name(name) {
            return Err(Error::Note("a key name has no spaces, `+` or control characters"));
        }
        if !is_note_text(checkpoint_text) {
            return Err(Error::Note("a note's text ends in a newline and has no control characters"));
        }
        if posix_seconds > TIME_MAX {
            return Err(Error::Note("a cosignature's time is at most 2^53 − 1 seconds"));
        }
        let message = format!("cosignature/v1\ntime {posix_seconds}\n{checkpoint_text}");
        let mut blob = key_id(name, COSIGNATURE, &self.0.verifying_key()).to_vec();
        blob.extend_from_slice(&posix_seconds.to_be_bytes());
        blob.extend_from_slice(&self.0.sign(message.as_bytes()).to_bytes());
        Ok(format!("\u{2014} {name} {}\n", BASE64_STANDARD.encode(blob)))
    }
}

impl fmt::Debug for CosigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CosigningKey(..)")
    }
}
