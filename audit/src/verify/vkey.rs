//! Verifier keys: who may have signed, in C2SP's text form.
//!
//! A key is only as good as the way it was got: never from the log that it verifies. The 32-bit key id
//! picks a signature line and proves nothing; the whole key is what verifies.

use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest, Sha256};

use super::{Error, base64};

/// C2SP's signature type for plain Ed25519.
const ED25519: u8 = 0x01;

/// An Ed25519 verifier key with its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vkey(Named);

impl Vkey {
    /// Reads `<name>+<key id, 8 lower-case hex digits>+<base64 of 0x01 and 32 bytes>`, exactly.
    ///
    /// # Errors
    /// When the text has another form, the id is not that of name and key, or the key is a weak point
    /// of the curve or not in canonical form.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Named::parse(text, ED25519).map(Self)
    }

    /// The key's name, which is the log's origin.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The key id: `SHA-256(name || 0x0A || 0x01 || key)`, its first 4 bytes.
    #[must_use]
    pub fn id(&self) -> [u8; 4] {
        self.0.id
    }

    /// Checks an Ed25519 signature over `message`, strictly: no malleable or small-order signature.
    ///
    /// # Errors
    /// When the signature does not verify.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), Error> {
        self.0.verify(message, signature)
    }

    pub(super) fn named(&self) -> &Named {
        &self.0
    }
}

/// A public key under a name, of one signature type, as C2SP writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    name: String,
    id: [u8; 4],
    key: VerifyingKey,
}

impl Named {
    /// Reads `<name>+<key id>+<base64 of kind and 32 bytes>`, exactly.
    pub(super) fn parse(text: &str, kind: u8) -> Result<Self, Error> {
        let form = || Error::new("a verifier key has the form `<name>+<8 hex digits>+<base64>`");
        let (name, rest) = text.split_once('+').ok_or_else(form)?;
        let (id, key) = rest.split_once('+').ok_or_else(form)?;
        if !is_name(name) {
            return Err(Error::new("the verifier key's name is empty or has spaces"));
        }
        let typed = base64::decode(key)?;
        let bytes: [u8; 32] = match typed.split_first() {
            Some((found, key)) if *found == kind => key.try_into().map_err(|_| Error::new("the key is not 32 bytes"))?,
            _ => return Err(Error::new(format!("the verifier key is not of type {kind:#04x}"))),
        };
        let hash = Sha256::new().chain_update(name).chain_update(b"\n").chain_update(&typed).finalize();
        let expected = [hash[0], hash[1], hash[2], hash[3]];
        if id != format!("{:08x}", u32::from_be_bytes(expected)) {
            return Err(Error::new(format!("the key id `{}` is not that of the key", id.escape_default())));
        }
        Ok(Self { name: name.to_owned(), id: expected, key: strong(&bytes)? })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn id(&self) -> [u8; 4] {
        self.id
    }

    /// The 32 bytes of the public key.
    pub(super) fn bytes(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    /// What the key is called in a report: `<name>+<key id>`.
    pub(super) fn short(&self) -> String {
        format!("{}+{:08x}", self.name, u32::from_be_bytes(self.id))
    }

    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), Error> {
        let refused = |_| Error::new(format!("the signature by `{}` does not verify", self.name));
        let signature = Signature::from_slice(signature).map_err(refused)?;
        self.key.verify_strict(message, &signature).map_err(refused)
    }
}

/// C2SP's rule for key names, with a limit and without control characters.
pub(super) fn is_name(name: &str) -> bool {
    (1..=255).contains(&name.len()) && !name.contains(|c: char| c == '+' || c.is_whitespace() || c.is_control())
}

fn strong(bytes: &[u8; 32]) -> Result<VerifyingKey, Error> {
    // y must be below 2^255 − 19: the only larger values are 2^255 − 19 to 2^255 − 1.
    let y_is_reduced = bytes[31] & 0x7f != 0x7f || bytes[1..31].iter().any(|b| *b != 0xff) || bytes[0] < 0xed;
    let key = VerifyingKey::from_bytes(bytes).map_err(|_| Error::new("the verifier key is not a point of the curve"))?;
    if key.is_weak() || !y_is_reduced {
        return Err(Error::new("the verifier key is a weak or non-canonical point, under which anything verifies"));
    }
    Ok(key)
}
