//! Time-stamp tokens of RFC 3161: that an authority which the auditor trusts saw just these bytes at a time.
//!
//! The token's signature, its binding to one certificate, that certificate's purpose and its way to a root are all checked,
//! at the time of the token. What is not known is refused. Revocation is not looked at.

use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::{
    Error,
    certificate::{CERTIFICATES_MAX, Certificate, Roots, generalized},
    der::{BOOLEAN, GENERALIZED_TIME, INTEGER, OCTET_STRING, OID, Reader, SEQUENCE, SET, Value, context, plain},
    signature::{Hashing, Scheme},
};

/// Most bytes of a token.
pub const TOKEN_BYTES_MAX: usize = 65_536;

/// 1.2.840.113549.1.7.2
const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
/// 1.2.840.113549.1.9.16.1.4
const TST_INFO: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x01, 0x04];
/// 1.2.840.113549.1.9.3 and 4
const CONTENT_TYPE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x03];
const MESSAGE_DIGEST: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x04];
/// 1.2.840.113549.1.9.16.2.12 and 47
const SIGNING_CERTIFICATE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x02, 0x0c];
const SIGNING_CERTIFICATE_V2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x02, 0x2f];

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// When, in seconds since 1970.
    pub time: u64,
    /// The authority: the common name of its certificate, or that certificate's hash.
    pub tsa: String,
    /// The policy under which it was given, as dotted numbers.
    pub policy: String,
    /// The nonce of the request, without leading zeros.
    pub nonce: Option<Vec<u8>>,
}

/// A token over the bytes it was held against, signed by whom it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token<'a> {
    stamp: Stamp,
    signer: Certificate<'a>,
    beside: Vec<Certificate<'a>>,
}

impl<'a> Token<'a> {
    /// Reads a token and checks all that it says of itself: that it is over `data`, and signed by a certificate it holds.
    ///
    /// # Errors
    /// When it is anything else.
    pub fn open(token: &'a [u8], data: &[u8]) -> Result<Self, Error> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(Error::new(format!("a token of more than {TOKEN_BYTES_MAX} bytes")));
        }
        let mut outer = Reader::only(token, SEQUENCE)?.inside();
        if outer.take(OID)?.content != SIGNED_DATA {
            return Err(Error::new("a token that is no signed data"));
        }
        let signed = outer.take(context(0))?;
        outer.end()?;
        let mut inside = Reader::only(signed.content, SEQUENCE)?.inside();
        inside.take(INTEGER)?;
        inside.take(SET)?;
        let content = content(inside.take(SEQUENCE)?)?;
        let certificates = certificates(inside.maybe(context(0))?)?;
        inside.maybe(context(1))?;
        let mut signers = inside.take(SET)?.inside();
        inside.end()?;
        let info = signers.take(SEQUENCE)?;
        signers.end().map_err(|_| Error::new("a token of more than one signer"))?;
        let (mut stamp, imprint) = statement(content)?;
        if imprint != Sha256::digest(data).as_slice() {
            return Err(Error::new("the token is over something else: its hash is another"));
        }
        let at = verify(info, content, &certificates)?;
        let mut beside = certificates;
        let signer = beside.remove(at);
        stamp.tsa = signer.name();
        Ok(Self { stamp, signer, beside })
    }

    /// What it says, when its certificate leads to one of `roots`; none when nothing links it to one.
    ///
    /// # Errors
    /// When its certificate leads to a root, but may not sign time-stamps, or not at the token's time.
    pub fn trusted(&self, roots: &Roots) -> Result<Option<&Stamp>, Error> {
        Ok(roots.lead_to(&self.signer, &self.beside, self.stamp.time)?.then_some(&self.stamp))
    }
}

/// The token in an authority's answer.
///
/// # Errors
/// When it did not grant one.
pub fn granted(answer: &[u8]) -> Result<&[u8], Error> {
    let mut inside = Reader::only(answer, SEQUENCE)?.inside();
    let status = inside.take(SEQUENCE)?.inside().unsigned()?;
    if !matches!(status, [0 | 1]) {
        return Err(Error::new("the authority refused"));
    }
    let token = inside.take(SEQUENCE)?;
    inside.end()?;
    Ok(token.whole)
}

/// The bytes of the statement that is signed.
fn content(info: Value<'_>) -> Result<&[u8], Error> {
    let mut inside = info.inside();
    if inside.take(OID)?.content != TST_INFO {
        return Err(Error::new("what is signed is no time-stamp"));
    }
    let content = Reader::only(inside.take(context(0))?.content, OCTET_STRING)?.content;
    inside.end()?;
    Ok(content)
}

fn certificates(set: Option<Value<'_>>) -> Result<Vec<Certificate<'_>>, Error> {
    let (mut found, mut count) = (Vec::new(), 0);
    let mut inside = set.ok_or_else(|| Error::new("a token without certificates"))?.inside();
    while !inside.is_empty() {
        count += 1;
        if count > CERTIFICATES_MAX {
            return Err(Error::new(format!("more than {CERTIFICATES_MAX} certificates in a token")));
        }
        // One that cannot be read neither signs nor vouches.
        found.extend(Certificate::read(inside.next()?.whole).ok());
    }
    Ok(found)
}

/// What the authority states, but for its name, and the hash that it is about.
fn statement(content: &[u8]) -> Result<(Stamp, &[u8]), Error> {
    let mut inside = Reader::only(content, SEQUENCE)?.inside();
    if inside.unsigned()? != [1] {
        return Err(Error::new("a time-stamp of another version than 1"));
    }
    let policy = dotted(inside.take(OID)?.content)?;
    let mut imprint = inside.take(SEQUENCE)?.inside();
    let (hash, digest) = (Hashing::read(imprint.take(SEQUENCE)?)?, imprint.take(OCTET_STRING)?.content);
    imprint.end()?;
    if hash != Hashing::Sha256 {
        return Err(Error::new("a time-stamp over another hash than SHA-256"));
    }
    inside.take(INTEGER)?;
    let time = inside.take(GENERALIZED_TIME)?.content;
    let time = generalized(&String::from_utf8_lossy(time))?;
    // How exact the authority is, and whether its stamps have an order.
    inside.maybe(SEQUENCE)?;
    inside.maybe(BOOLEAN)?;
    let nonce = if inside.clone().next().is_ok_and(|next| next.tag == INTEGER) { Some(inside.unsigned()?.to_vec()) } else { None };
    inside.maybe(context(0))?;
    if inside.maybe(context(1))?.is_some() {
        return Err(Error::new("a time-stamp with extensions, of which none is known here"));
    }
    inside.end()?;
    Ok((Stamp { time, tsa: String::new(), policy, nonce }, digest))
}

/// Verifies the one signature; gives which of `certificates` made it.
fn verify(info: Value<'_>, content: &[u8], certificates: &[Certificate<'_>]) -> Result<usize, Error> {
    let mut inside = info.inside();
    inside.take(INTEGER)?;
    let by = inside.next()?;
    let hash = Hashing::read(inside.take(SEQUENCE)?)?;
    let attributes = inside.maybe(context(0))?.ok_or_else(|| Error::new("a token that signs no attributes"))?;
    let scheme = Scheme::read(inside.take(SEQUENCE)?, Some(hash))?;
    let signature = inside.take(OCTET_STRING)?.content;
    inside.maybe(context(1))?;
    inside.end()?;
    let at = certificates.iter().position(|certificate| is_by(by, certificate)).ok_or_else(|| Error::new("the certificate that signed is not in the token"))?;
    let signer = &certificates[at];
    // The attributes are signed under the tag of a set.
    let mut message = attributes.whole.to_vec();
    message[0] = SET;
    signer.key.verify(scheme, &message, signature)?;
    let attributes = Attributes::read(attributes)?;
    if attributes.value(CONTENT_TYPE)?.is_none_or(|value| value.tag != OID || value.content != TST_INFO) {
        return Err(Error::new("the signature is over something that is no time-stamp"));
    }
    if attributes.value(MESSAGE_DIGEST)?.is_none_or(|value| value.tag != OCTET_STRING || value.content != hash.of(content)) {
        return Err(Error::new("the signature is over another statement"));
    }
    let bound = [attributes.value(SIGNING_CERTIFICATE)?.map(|value| (value, false)), attributes.value(SIGNING_CERTIFICATE_V2)?.map(|value| (value, true))];
    if bound.iter().all(Option::is_none) {
        return Err(Error::new("the signature does not name its certificate"));
    }
    for (value, newer) in bound.into_iter().flatten() {
        if !names(value, newer, signer)? {
            return Err(Error::new("the signature names another certificate"));
        }
    }
    Ok(at)
}

/// Whether a signer's identifier is that of this certificate.
fn is_by(by: Value<'_>, certificate: &Certificate<'_>) -> bool {
    if by.tag == plain(0) {
        return certificate.key_id == Some(by.content);
    }
    let mut inside = by.inside();
    let (issuer, serial) = (inside.take(SEQUENCE), inside.take(INTEGER));
    by.tag == SEQUENCE && issuer.is_ok_and(|issuer| issuer.whole == certificate.issuer) && serial.is_ok_and(|serial| serial.content == certificate.serial)
}

/// Whether an attribute `SigningCertificate`, or `SigningCertificateV2`, names this certificate first.
fn names(value: Value<'_>, newer: bool, certificate: &Certificate<'_>) -> Result<bool, Error> {
    let mut list = value.inside();
    let mut first = list.take(SEQUENCE)?.inside().take(SEQUENCE)?.inside();
    let hash = match (newer, first.maybe(SEQUENCE)?) {
        (true, Some(algorithm)) => Hashing::read(algorithm)?.of(certificate.whole),
        (true, None) => Hashing::Sha256.of(certificate.whole),
        (false, None) => Sha1::digest(certificate.whole).to_vec(),
        (false, Some(_)) => return Err(Error::new("DER: a hash is missing")),
    };
    Ok(value.tag == SEQUENCE && first.take(OCTET_STRING)?.content == hash)
}

/// The signed attributes.
struct Attributes<'a>(Vec<(&'a [u8], Value<'a>)>);

impl<'a> Attributes<'a> {
    fn read(set: Value<'a>) -> Result<Self, Error> {
        let (mut found, mut inside) = (Vec::new(), set.inside());
        while !inside.is_empty() {
            let mut attribute = inside.take(SEQUENCE)?.inside();
            found.push((attribute.take(OID)?.content, attribute.take(SET)?));
            attribute.end()?;
        }
        Ok(Self(found))
    }

    /// The one value of the attribute, if it is there.
    fn value(&self, oid: &[u8]) -> Result<Option<Value<'a>>, Error> {
        let mut found = self.0.iter().filter(|(name, _)| *name == oid).map(|(_, set)| *set);
        let (first, second) = (found.next(), found.next());
        let Some(set) = first else { return Ok(None) };
        let mut inside = set.inside();
        let value = inside.next()?;
        if second.is_some() || !inside.is_empty() {
            return Err(Error::new("an attribute that is there twice"));
        }
        Ok(Some(value))
    }
}

/// An object identifier as dotted numbers.
fn dotted(oid: &[u8]) -> Result<String, Error> {
    let refused = || Error::new("DER: an object identifier that cannot be read");
    let (mut arcs, mut arc) = (Vec::new(), 0_u64);
    for (at, byte) in oid.iter().enumerate() {
        if *byte == 0x80 && (at == 0 || oid[at - 1] < 0x80) {
            return Err(refused());
        }
        arc = arc.checked_mul(128).ok_or_else(refused)? + u64::from(byte & 0x7f);
        if *byte < 0x80 {
            arcs.push(arc);
            arc = 0;
        }
    }
    let (first, rest) = arcs.split_first().filter(|_| oid.last().is_some_and(|byte| *byte < 0x80)).ok_or_else(refused)?;
    let root = (first / 40).min(2);
    let mut text = format!("{root}.{}", first - 40 * root);
    rest.iter().for_each(|arc| text.push_str(&format!(".{arc}")));
    Ok(text)
}
