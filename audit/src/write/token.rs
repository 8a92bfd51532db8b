//! Requests for time-stamps, as RFC 3161 has them: over a SHA-256 hash, with a nonce, asking for the certificate.
//! Only what this program asks for is written; an answer is the other side's to read.

use super::{Error, Hash};

/// `AlgorithmIdentifier` of SHA-256.
const SHA256: &[u8] = &[0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00];

/// A `TimeStampReq` in DER. `policy` is the one to ask for, as dotted numbers.
///
/// # Errors
/// When `policy` is no object identifier.
pub fn request(imprint: &Hash, nonce: &[u8; 8], policy: Option<&str>) -> Result<Vec<u8>, Error> {
    let mut inside = value(0x02, &[1]);
    inside.extend(value(0x30, &[SHA256, &value(0x04, imprint)].concat()));
    if let Some(policy) = policy {
        inside.extend(value(0x06, &object_identifier(policy).ok_or(Error::Policy)?));
    }
    inside.extend(integer(nonce));
    inside.extend(value(0x01, &[0xff]));
    Ok(value(0x30, &inside))
}

/// A positive integer in its shortest form.
fn integer(bytes: &[u8]) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count().min(bytes.len().saturating_sub(1));
    let bytes = &bytes[zeros..];
    let sign: &[u8] = if bytes.first().is_some_and(|first| *first >= 0x80) { &[0] } else { &[] };
    value(0x02, &[sign, bytes].concat())
}

/// A value of less than 128 bytes, as all are that stand in a request.
fn value(tag: u8, content: &[u8]) -> Vec<u8> {
    debug_assert!(content.len() < 0x80);
    let length = u8::try_from(content.len()).unwrap_or(0x7f);
    [&[tag, length], content].concat()
}

/// The content of an object identifier of at most 16 numbers.
fn object_identifier(dotted: &str) -> Option<Vec<u8>> {
    const NUMBERS_MAX: usize = 16;
    const BYTES_MAX: usize = 32;
    let number = |text: &str| text.parse::<u32>().ok().filter(|number| number.to_string() == text);
    let numbers = dotted.split('.').take(NUMBERS_MAX + 1).map(number).collect::<Option<Vec<u32>>>()?;
    let [root, second, rest @ ..] = numbers.as_slice() else { return None };
    if *root > 2 || (*root < 2 && *second > 39) || *second > 1000 || numbers.len() > NUMBERS_MAX {
        return None;
    }
    let mut out = Vec::new();
    for number in std::iter::once(&(root * 40 + second)).chain(rest) {
        let groups = (0..5).rev().map(|group| number >> (7 * group)).skip_while(|left| *left == 0).count().max(1);
        for group in (0..groups).rev() {
            let more = if group > 0 { 0x80 } else { 0 };
            out.push(more | u8::try_from(number >> (7 * group) & 0x7f).unwrap_or(0));
        }
    }
    (out.len() <= BYTES_MAX).then_some(out)
}
