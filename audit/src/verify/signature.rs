//! Signatures of time-stamping authorities and of the certificates above them: RSA as PKCS #1 v1.5 and ECDSA on P-256 and
//! P-384, each with SHA-256, SHA-384 or SHA-512. Anything else is refused.
//!
//! RSA is checked by making the one encoding there is and comparing, so that no form of padding is ever read.

use crypto_bigint::{
    BoxedUint,
    modular::{BoxedMontyForm, BoxedMontyParams},
};
use p256::ecdsa::signature::hazmat::PrehashVerifier;
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::{
    Error,
    der::{NULL, OCTET_STRING, OID, Reader, SEQUENCE, Value},
};

/// 1.2.840.113549.1.1.1
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
/// 1.2.840.10045.2.1
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
/// 1.2.840.10045.3.1.7
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
/// 1.3.132.0.34
const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];

/// Bytes of an RSA modulus: 2048 to 8192 bits.
const MODULUS_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;
/// Bytes of an RSA exponent at most.
const EXPONENT_BYTES_MAX: usize = 4;

/// A hash that signatures are over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hashing {
    Sha256,
    Sha384,
    Sha512,
}

impl Hashing {
    const ALL: [Self; 3] = [Self::Sha256, Self::Sha384, Self::Sha512];

    /// 2.16.840.1.101.3.4.2.n
    fn oid(self) -> [u8; 9] {
        let last = match self {
            Self::Sha256 => 1,
            Self::Sha384 => 2,
            Self::Sha512 => 3,
        };
        [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, last]
    }

    /// 1.2.840.113549.1.1.n
    fn with_rsa(self) -> [u8; 9] {
        let last = match self {
            Self::Sha256 => 0x0b,
            Self::Sha384 => 0x0c,
            Self::Sha512 => 0x0d,
        };
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, last]
    }

    /// 1.2.840.10045.4.3.n
    fn with_ecdsa(self) -> [u8; 8] {
        let last = match self {
            Self::Sha256 => 2,
            Self::Sha384 => 3,
            Self::Sha512 => 4,
        };
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, last]
    }

    /// Reads an `AlgorithmIdentifier` of a hash.
    pub(super) fn read(algorithm: Value<'_>) -> Result<Self, Error> {
        let oid = identifier(algorithm)?;
        Self::ALL.into_iter().find(|hash| hash.oid() == oid).ok_or_else(|| Error::new("a hash other than SHA-256, SHA-384 and SHA-512"))
    }

    pub(super) fn of(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => Sha256::digest(bytes).to_vec(),
            Self::Sha384 => Sha384::digest(bytes).to_vec(),
            Self::Sha512 => Sha512::digest(bytes).to_vec(),
        }
    }
}

/// What signs, with what hash. A message's own algorithm may leave the hash open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    Rsa(Hashing),
    Ecdsa(Hashing),
}

impl Scheme {
    /// Reads an `AlgorithmIdentifier` of a signature; `hash` is the one that a bare RSA identifier means.
    pub(super) fn read(algorithm: Value<'_>, hash: Option<Hashing>) -> Result<Self, Error> {
        let oid = identifier(algorithm)?;
        let named = Hashing::ALL.into_iter().find_map(|hash| {
            let rsa = (hash.with_rsa() == oid).then_some(Self::Rsa(hash));
            rsa.or((hash.with_ecdsa() == oid).then_some(Self::Ecdsa(hash)))
        });
        let found = named.or(hash.filter(|_| oid == RSA).map(Self::Rsa));
        let found = found.ok_or_else(|| Error::new("a signature other than RSA with PKCS #1 v1.5 and ECDSA with SHA-256, SHA-384 or SHA-512"))?;
        if hash.is_some_and(|hash| hash != found.hash()) {
            return Err(Error::new("the signature is over another hash than it says"));
        }
        Ok(found)
    }

    fn hash(self) -> Hashing {
        match self {
            Self::Rsa(hash) | Self::Ecdsa(hash) => hash,
        }
    }
}

/// The object identifier of an `AlgorithmIdentifier` whose parameters are absent or NULL.
fn identifier(algorithm: Value<'_>) -> Result<&[u8], Error> {
    let mut inside = algorithm.inside();
    let oid = inside.take(OID)?.content;
    if let Some(null) = inside.maybe(NULL)?
        && !null.content.is_empty()
    {
        return Err(Error::new("DER: a NULL with content"));
    }
    inside.end().map_err(|_| Error::new("an algorithm with parameters, which none here has"))?;
    Ok(oid)
}

/// A public key that signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Rsa { modulus: Vec<u8>, exponent: Vec<u8> },
    P256(Vec<u8>),
    P384(Vec<u8>),
}

impl Key {
    /// Reads a `SubjectPublicKeyInfo`.
    pub(super) fn read(info: Value<'_>) -> Result<Self, Error> {
        let mut inside = info.inside();
        let mut algorithm = inside.take(SEQUENCE)?.inside();
        let bits = inside.bits()?;
        inside.end()?;
        let kind = algorithm.take(OID)?.content;
        if kind == EC {
            let curve = algorithm.take(OID)?.content;
            algorithm.end()?;
            return match curve {
                P256 => Ok(Self::P256(bits.to_vec())),
                P384 => Ok(Self::P384(bits.to_vec())),
                _ => Err(Error::new("a key on a curve other than P-256 and P-384")),
            };
        }
        if kind != RSA {
            return Err(Error::new("a key that is neither RSA nor on P-256 or P-384"));
        }
        let mut key = Reader::only(bits, SEQUENCE)?.inside();
        let (modulus, exponent) = (key.unsigned()?.to_vec(), key.unsigned()?.to_vec());
        key.end()?;
        let exponent_fits = exponent.len() <= EXPONENT_BYTES_MAX && exponent.last().is_some_and(|byte| byte % 2 == 1) && exponent != [1];
        if !MODULUS_BYTES.contains(&modulus.len()) || !exponent_fits {
            return Err(Error::new("an RSA key that is not of 2048 to 8192 bits with an odd exponent of at most four bytes"));
        }
        Ok(Self::Rsa { modulus, exponent })
    }

    /// Verifies a signature over `message`.
    pub(super) fn verify(&self, scheme: Scheme, message: &[u8], signature: &[u8]) -> Result<(), Error> {
        let digest = scheme.hash().of(message);
        let good = match (self, scheme) {
            (Self::Rsa { modulus, exponent }, Scheme::Rsa(hash)) => rsa(modulus, exponent, hash, &digest, signature),
            (Self::P256(point), Scheme::Ecdsa(_)) => p256(point, &digest, signature),
            (Self::P384(point), Scheme::Ecdsa(_)) => p384(point, &digest, signature),
            _ => return Err(Error::new("the signature is of another kind than the key")),
        };
        good.filter(|good| *good).map(drop).ok_or_else(|| Error::new("the signature does not verify"))
    }
}

fn p256(point: &[u8], digest: &[u8], signature: &[u8]) -> Option<bool> {
    let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(point).ok()?;
    let signature = p256::ecdsa::Signature::from_slice(&scalars::<32>(signature)?).ok()?;
    Some(key.verify_prehash(digest, &signature).is_ok())
}

fn p384(point: &[u8], digest: &[u8], signature: &[u8]) -> Option<bool> {
    let key = p384::ecdsa::VerifyingKey::from_sec1_bytes(point).ok()?;
    let signature = p384::ecdsa::Signature::from_slice(&scalars::<48>(signature)?).ok()?;
    Some(key.verify_prehash(digest, &signature).is_ok())
}

/// Both numbers of an ECDSA signature, `N` bytes each.
fn scalars<const N: usize>(signature: &[u8]) -> Option<Vec<u8>> {
    let mut inside = Reader::only(signature, SEQUENCE).ok()?.inside();
    let (r, s) = (inside.unsigned().ok()?, inside.unsigned().ok()?);
    inside.end().ok()?;
    let mut out = vec![0; 2 * N];
    out[N.checked_sub(r.len())?..N].copy_from_slice(r);
    out[N + N.checked_sub(s.len())?..].copy_from_slice(s);
    Some(out)
}

/// RSASSA-PKCS1-v1_5 of RFC 8017, section 8.2.2.
fn rsa(modulus: &[u8], exponent: &[u8], hash: Hashing, digest: &[u8], signature: &[u8]) -> Option<bool> {
    let bits = u32::try_from(8 * modulus.len()).ok()?.next_multiple_of(u64::BITS);
    if signature.len() != modulus.len() || signature >= modulus {
        return Some(false);
    }
    let number = |bytes: &[u8]| BoxedUint::from_be_slice(bytes, bits).ok();
    let odd = number(modulus)?.into_odd().into_option()?;
    let form = BoxedMontyForm::new(number(signature)?, &BoxedMontyParams::new(odd));
    let raised = form.pow_bounded_exp(&number(exponent)?, u32::try_from(8 * exponent.len()).ok()?).retrieve();
    // The first byte of the encoding is zero.
    Some(*raised.to_be_bytes_trimmed_vartime() == encoded(hash, digest, modulus.len())?[1..])
}

/// EMSA-PKCS1-v1_5 of RFC 8017, section 9.2: the one text of this length that may have been signed.
fn encoded(hash: Hashing, digest: &[u8], length: usize) -> Option<Vec<u8>> {
    let oid = hash.oid();
    let byte = |length: usize| u8::try_from(length).ok();
    let algorithm = [&[SEQUENCE, byte(oid.len() + 4)?, OID, byte(oid.len())?][..], &oid, &[NULL, 0]].concat();
    let info = [&[SEQUENCE, byte(algorithm.len() + 2 + digest.len())?][..], &algorithm, &[OCTET_STRING, byte(digest.len())?], digest].concat();
    let padding = length.checked_sub(info.len() + 3)?;
    Some([&[0, 1][..], &vec![0xff; padding], &[0], &info].concat())
}
