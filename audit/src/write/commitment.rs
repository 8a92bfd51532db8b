//! Commitments: how a personal value is in the trail without being in it.
//!
//! The key is random and kept sealed beside the chain with the value. While both exist anyone who is
//! shown them can check the entry; once the key is destroyed the commitment tells nothing.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::Hash;

/// What every commitment begins with, so that its key serves no other purpose.
pub const DOMAIN: &[u8] = b"countersign/c/v1";

/// `HMAC-SHA256(key, DOMAIN || u32be len(name) || name || u64be len(value) || value)`.
///
/// `name` is the name of the field the value stands in, which binds the value to its place. `key`
/// must be 32 fresh random bytes for each value.
#[must_use]
pub fn commit(key: &[u8; 32], name: &str, value: &[u8]) -> Hash {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(DOMAIN);
    let name_bytes = u32::try_from(name.len()).expect("a field's name is shorter than 4 GiB");
    mac.update(&name_bytes.to_be_bytes());
    mac.update(name.as_bytes());
    mac.update(&(value.len() as u64).to_be_bytes());
    mac.update(value);
    mac.finalize().into_bytes().into()
}
