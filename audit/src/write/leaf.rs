//! Leaves: a body with its place in the log and the hash of the leaf before it in front.
//!
//! The previous leaf's hash is inside the leaf, so the one tree over the leaves commits to the chain
//! as well, and no second structure has to be joined to it.

use base64::{Engine, prelude::BASE64_STANDARD};
use sha2::{Digest, Sha256};

use super::{Error, Hash, json::INTEGER_MAX};

/// Longest leaf in bytes: entry bundles carry a 16-bit length.
pub const LEAF_BYTES_MAX: usize = 65_535;

/// Longest body in bytes: the leaf replaces its first byte with at most 80.
pub const BODY_BYTES_MAX: usize = LEAF_BYTES_MAX - 79;

/// What the first entry of a log names as its predecessor.
pub const FIRST_PREV: Hash = [0; 32];

/// The leaf of `body` as entry `seq` (from 0) after the leaf whose hash is `prev`:
/// `{"_prev":"<base64>","_seq":N,` and the body without its first `{`.
///
/// # Errors
/// [`Error::NotABody`] unless `body` is bytes of [`super::event::Event::body`]'s shape,
/// [`Error::TooLong`] above [`BODY_BYTES_MAX`], [`Error::Range`] for a `seq` above 2^53 − 1.
pub fn leaf(body: &[u8], seq: u64, prev: &Hash) -> Result<Vec<u8>, Error> {
    let rest = match body {
        [b'{', rest @ ..] if rest.starts_with(b"\"") && rest.ends_with(b"}") => rest,
        _ => return Err(Error::NotABody),
    };
    if body.len() > BODY_BYTES_MAX {
        return Err(Error::TooLong { body_bytes: body.len() });
    }
    if seq > INTEGER_MAX.unsigned_abs() {
        return Err(Error::Range { asked: seq, size: INTEGER_MAX.unsigned_abs() + 1 });
    }
    let mut out = Vec::with_capacity(80 + rest.len());
    out.extend_from_slice(b"{\"_prev\":\"");
    out.extend_from_slice(BASE64_STANDARD.encode(prev).as_bytes());
    out.extend_from_slice(b"\",\"_seq\":");
    out.extend_from_slice(seq.to_string().as_bytes());
    out.push(b',');
    out.extend_from_slice(rest);
    Ok(out)
}

/// RFC 6962's leaf hash, `SHA-256(0x00 || leaf)`.
#[must_use]
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(leaf).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leaf_is_the_body_with_its_place_in_front() {
        assert_eq!(leaf(br#"{"a":1}"#, 7, &FIRST_PREV).as_deref(), Ok(&br#"{"_prev":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","_seq":7,"a":1}"#[..]));
        for bad in [&b""[..], b"{}", b"{", b"[1]", b"{\"a\":1", b" {\"a\":1}"] {
            assert_eq!(leaf(bad, 0, &FIRST_PREV), Err(Error::NotABody));
        }
    }

    #[test]
    fn the_longest_body_fits_at_the_highest_seq() {
        let mut body = b"{\"a\":\"".to_vec();
        body.resize(BODY_BYTES_MAX - 2, b'x');
        body.extend_from_slice(b"\"}");
        assert_eq!(leaf(&body, (1 << 53) - 1, &FIRST_PREV).map(|l| l.len()), Ok(LEAF_BYTES_MAX));
        assert!(leaf(&body, 1 << 53, &FIRST_PREV).is_err());
        body.insert(6, b'x');
        assert_eq!(leaf(&body, 0, &FIRST_PREV), Err(Error::TooLong { body_bytes: body.len() }));
    }
}
