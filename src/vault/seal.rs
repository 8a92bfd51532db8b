//! The sealed form: `version(1) | len(key id) | key id | nonce(12) | ciphertext | tag(16)`.
//! The additional data is length-prefixed (schema version, table, row, column, key id), so bytes moved elsewhere do not open.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use crate::core::fault::Fault;
use crate::core::rng::Rng;

/// The version of the sealed form.
const VERSION: u8 = 1;
const NONCE_BYTES: usize = 12;

/// Where a sealed value lies. It opens nowhere else.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Table name.
    pub table: &'a str,
    /// The row's id.
    pub row: &'a str,
    /// Column name.
    pub column: &'a str,
}

impl Place<'_> {
    fn aad(&self, key_id: &str) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + self.row.len());
        for part in [&[VERSION], self.table.as_bytes(), self.row.as_bytes(), self.column.as_bytes(), key_id.as_bytes()] {
            out.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
            out.extend_from_slice(part);
        }
        out
    }
}

/// A 256-bit key with its id. Its bytes live in the library's own zeroised memory.
pub struct DataKey {
    id: String,
    key: LessSafeKey,
}

impl std::fmt::Debug for DataKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DataKey({}, ..)", self.id)
    }
}

impl DataKey {
    /// A key of exactly 32 bytes; none for any other length.
    #[must_use]
    pub fn new(id: &str, bytes: &[u8]) -> Option<Self> {
        if bytes.len() != 32 || id.len() > 255 {
            return None;
        }
        Some(Self { id: id.to_owned(), key: LessSafeKey::new(UnboundKey::new(&AES_256_GCM, bytes).ok()?) })
    }

    /// Seals `plain` for `place` under a fresh random nonce.
    #[must_use]
    pub fn seal(&self, place: &Place<'_>, plain: &[u8], rng: &Rng) -> Vec<u8> {
        let nonce = rng.bytes::<NONCE_BYTES>();
        let mut out = Vec::with_capacity(2 + self.id.len() + NONCE_BYTES + plain.len() + 16);
        out.push(VERSION);
        out.push(u8::try_from(self.id.len()).expect("the id's length was checked when the key was made"));
        out.extend_from_slice(self.id.as_bytes());
        out.extend_from_slice(&nonce);
        let head = out.len();
        out.extend_from_slice(plain);
        let tag = self
            .key
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(place.aad(&self.id)), &mut out[head..])
            .expect("AES-GCM seals anything shorter than 64 GB");
        out.extend_from_slice(tag.as_ref());
        out
    }

    /// Opens what was sealed for this place; none when anything differs.
    #[must_use]
    pub fn open(&self, place: &Place<'_>, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        if key_id(sealed)? != self.id {
            return None;
        }
        let body = sealed.get(2 + self.id.len()..)?;
        let (nonce, text) = body.split_at_checked(NONCE_BYTES)?;
        let mut buffer = Zeroizing::new(text.to_vec());
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let length = self.key.open_in_place(nonce, Aad::from(place.aad(&self.id)), &mut buffer).ok()?.len();
        buffer.truncate(length);
        Some(buffer)
    }
}

/// The id of the key that sealed these bytes.
#[must_use]
pub fn key_id(sealed: &[u8]) -> Option<&str> {
    let (&[VERSION, length], rest) = sealed.split_first_chunk::<2>()? else { return None };
    std::str::from_utf8(rest.get(..usize::from(length))?).ok()
}

/// A known answer (the GCM specification's test case 16 key and text, our own framing left out), run at each start.
///
/// # Errors
/// When the library does not give the published tag.
pub fn self_test() -> Result<(), Fault> {
    let broken = || Fault::new("the AES-256-GCM self-test failed; do not use this build");
    let key = hex::decode("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308").map_err(|_| broken())?;
    let nonce = hex::decode("cafebabefacedbaddecaf888").map_err(|_| broken())?;
    let aad = hex::decode("feedfacedeadbeeffeedfacedeadbeefabaddad2").map_err(|_| broken())?;
    let mut text =
        hex::decode(concat!("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72", "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"))
            .map_err(|_| broken())?;
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key).map_err(|_| broken())?);
    let nonce = Nonce::try_assume_unique_for_key(&nonce).map_err(|_| broken())?;
    let tag = key.seal_in_place_separate_tag(nonce, Aad::from(aad), &mut text).map_err(|_| broken())?;
    if hex::encode(tag.as_ref()) != "76fc6ece0f4e1768cddf8853bb2d551b" {
        return Err(broken());
    }
    // RFC 4231, test case 2.
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b"Jefe"), b"what do ya want for nothing?");
    let is_right = hex::encode(tag.as_ref()) == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    if is_right { Ok(()) } else { Err(Fault::new("the HMAC-SHA-256 self-test failed; do not use this build")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Place<'_> = Place { table: "person", row: "usr_1", column: "totp" };

    #[test]
    fn the_published_vector_holds() {
        self_test().expect("the library is sound");
    }

    #[test]
    fn a_value_opens_where_it_was_sealed_and_nowhere_else() {
        let rng = Rng::seeded(1);
        let key = DataKey::new("key_a", &[7; 32]).expect("32 bytes");
        let sealed = key.seal(&HERE, b"secret", &rng);
        assert_eq!(key.open(&HERE, &sealed).expect("opens").as_slice(), b"secret");
        for place in [
            Place { table: "people", ..HERE },
            Place { row: "usr_2", ..HERE },
            Place { column: "email", ..HERE },
            Place { table: "personu", row: "sr_1", ..HERE },
        ] {
            assert!(key.open(&place, &sealed).is_none(), "{place:?}");
        }
        let other = DataKey::new("key_b", &[7; 32]).expect("32 bytes");
        assert!(other.open(&HERE, &sealed).is_none(), "the key id is bound too");
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        let key = DataKey::new("key_a", &[7; 32]).expect("32 bytes");
        let sealed = key.seal(&HERE, b"secret", &Rng::seeded(2));
        for at in 0..sealed.len() {
            let mut bad = sealed.clone();
            bad[at] ^= 1;
            assert!(key.open(&HERE, &bad).is_none(), "byte {at}");
            assert!(key.open(&HERE, &sealed[..at]).is_none(), "cut at {at}");
        }
    }
}
