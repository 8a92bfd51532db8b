//! Checkpoints: the log's size and root as a C2SP signed note, by one Ed25519 key.
//!
//! This module signs whatever it is given. That no two signed checkpoints contradict each other is the
//! signer's duty, which checks consistency with what it signed last before it comes here.

use std::fmt;

use base64::{Engine, prelude::BASE64_STANDARD};
use ed25519_dalek::{Signer, VerifyingKey};
use sha2::{Digest, Sha256};

use super::{Error, Hash};

/// C2SP's signature type for plain Ed25519.
const ED25519: u8 = 0x01;

/// The text of a checkpoint: origin, size and root, each on a line, and nothing else.
#[must_use]
pub fn body(origin: &str, size: u64, root: &Hash) -> String {
    format!("{origin}\n{size}\n{}\n", BASE64_STANDARD.encode(root))
}

/// A log's Ed25519 key. Its secret is overwritten when it is dropped, and never printed.
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// The key that RFC 8032 derives from 32 secret bytes. To make a new key, draw them from the
    /// system's source of randomness. The caller overwrites its own copy of `seed`.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(seed))
    }

    /// The verifier key under `name`: `<name>+<key id, 8 hex digits>+<base64 of type and public key>`.
    /// This is what an auditor must get by another way than the log itself.
    #[must_use]
    pub fn vkey(&self, name: &str) -> String {
        vkey_text(name, ED25519, &self.0.verifying_key())
    }

    /// `text`, a blank line, and this key's signature line under `name`.
    ///
    /// # Errors
    /// [`Error::Note`] when `text` does not end in a newline or has another control character, or
    /// when `name` is empty or has a space, a `+` or a control character.
    pub fn sign_note(&self, name: &str, text: &str) -> Result<String, Error> {
        Ok(format!("{text}\n{}", self.line(name, text)?))
    }

    /// This key's signature line under `name` over `text`, with its newline: a further one below a note.
    ///
    /// # Errors
    /// As [`Self::sign_note`].
    pub fn line(&self, name: &str, text: &str) -> Result<String, Error> {
        if !is_key_name(name) {
            return Err(Error::Note("a key name has no spaces, `+` or control characters"));
        }
        if !is_note_text(text) {
            return Err(Error::Note("a note's text ends in a newline and has no control characters"));
        }
        let mut blob = key_id(name, ED25519, &self.0.verifying_key()).to_vec();
        blob.extend_from_slice(&self.0.sign(text.as_bytes()).to_bytes());
        Ok(format!("\u{2014} {name} {}\n", BASE64_STANDARD.encode(blob)))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

/// What the epoch keys of a log are called: see README.md, section 14.
#[must_use]
pub fn epoch_name(origin: &str) -> String {
    format!("{origin}/epoch")
}

/// The verifier key `vkey` under another name; none when it is not one of this kind.
#[must_use]
pub fn vkey_under(vkey: &str, name: &str) -> Option<String> {
    let typed = BASE64_STANDARD.decode(vkey.splitn(3, '+').nth(2)?).ok()?;
    let public: &[u8; 32] = typed.strip_prefix(&[ED25519])?.try_into().ok()?;
    Some(vkey_text(name, ED25519, &VerifyingKey::from_bytes(public).ok()?))
}

/// Whether `name` can name a key and an origin: 1 to 255 bytes, no white space, no `+`, no control
/// character.
#[must_use]
pub fn is_key_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= 255 && !name.chars().any(|c| c.is_whitespace() || c.is_control() || c == '+')
}

/// Whether `text` can be a note's: it ends in a newline and has no other control character.
pub(super) fn is_note_text(text: &str) -> bool {
    text.ends_with('\n') && !text.chars().any(|c| c < ' ' && c != '\n')
}

/// The verifier key of `key` under `name` for signatures of type `kind`.
pub(super) fn vkey_text(name: &str, kind: u8, key: &VerifyingKey) -> String {
    let id = u32::from_be_bytes(key_id(name, kind, key));
    format!("{name}+{id:08x}+{}", BASE64_STANDARD.encode(typed(kind, key)))
}

/// C2SP's key id: the first 4 bytes of `SHA-256(name || 0x0A || kind || key)`.
pub(super) fn key_id(name: &str, kind: u8, key: &VerifyingKey) -> [u8; 4] {
    let hash: Hash = Sha256::new().chain_update(name).chain_update("\n").chain_update(typed(kind, key)).finalize().into();
    [hash[0], hash[1], hash[2], hash[3]]
}

fn typed(kind: u8, key: &VerifyingKey) -> [u8; 33] {
    let mut typed = [kind; 33];
    typed[1..].copy_from_slice(key.as_bytes());
    typed
}
