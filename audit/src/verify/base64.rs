//! Base64, standard alphabet with padding, in its one canonical form only.
//!
//! Two texts for the same bytes would let a file change without its meaning changing.

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{Error, Hash};

pub(super) fn decode(text: &str) -> Result<Vec<u8>, Error> {
    let refused = || Error::new(format!("`{}` is not canonical base64", text.escape_default()));
    let bytes = STANDARD.decode(text).map_err(|_| refused())?;
    if STANDARD.encode(&bytes) == text { Ok(bytes) } else { Err(refused()) }
}

pub(super) fn decode_hash(text: &str) -> Result<Hash, Error> {
    decode(text)?.try_into().map_err(|bytes: Vec<u8>| Error::new(format!("a hash of {} bytes where 32 belong", bytes.len())))
}

pub(super) fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// A hash in base64.
pub(super) fn encode_hash(hash: &Hash) -> [u8; 44] {
    let mut text = [0; 44];
    // 32 bytes are 44 characters.
    let _ = STANDARD.encode_slice(hash, &mut text);
    text
}
