//! Cosignatures as in C2SP tlog-cosignature v1: a witness saw this checkpoint, at a time it vouches for.
//!
//! A cosignature counts for the whole key, never for its 32-bit id; lines by keys that were not given are
//! passed over, and one by a given key that does not verify sinks the note.

use super::{
    Error, note,
    vkey::{self, Named},
};

/// C2SP's signature type for timestamped Ed25519 cosignatures.
const COSIGNATURE: u8 = 0x04;

/// Bytes of a signature before which the time stands.
const TIME_BYTES: usize = 8;

/// Latest time of a cosignature that is read, in seconds since 1970: the largest integer of canonical JSON.
pub const TIME_MAX: u64 = (1 << 53) - 1;

/// A cosigner's key with its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CosignerKey(Named);

impl CosignerKey {
    /// Reads `<name>+<key id, 8 lower-case hex digits>+<base64 of 0x04 and 32 bytes>`, as strictly as
    /// [`vkey::Vkey::parse`].
    ///
    /// # Errors
    /// When the text has another form, the id is not that of name and key, or the key is a weak point
    /// of the curve or not in canonical form.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Named::parse(text, COSIGNATURE).map(Self)
    }

    /// The key's name, as signature lines carry it.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// The key id: `SHA-256(name || 0x0A || 0x04 || key)`, its first 4 bytes.
    #[must_use]
    pub fn id(&self) -> [u8; 4] {
        self.0.id()
    }

    /// What the key is called in a report: `<name>+<key id>`.
    #[must_use]
    pub fn short(&self) -> String {
        self.0.short()
    }

    /// Whether `other` is the same public key, under whatever name.
    #[must_use]
    pub fn is_same_key(&self, other: &Self) -> bool {
        self.0.bytes() == other.0.bytes()
    }

    /// Whether a log signs with the same public key.
    #[must_use]
    pub fn is_key_of(&self, log: &vkey::Vkey) -> bool {
        self.0.bytes() == log.named().bytes()
    }

    /// Verifies what follows the key id in a signature line over a checkpoint's `text`; gives its time.
    fn check(&self, text: &str, signature: &[u8]) -> Result<u64, Error> {
        let (time, signature) =
            signature.split_first_chunk::<TIME_BYTES>().ok_or_else(|| Error::new(format!("the cosignature by `{}` is too short", self.name())))?;
        let time = u64::from_be_bytes(*time);
        if time > TIME_MAX {
            return Err(Error::new(format!("the time of the cosignature by `{}` is above 2^53 − 1", self.name())));
        }
        self.0.verify(format!("cosignature/v1\ntime {time}\n{text}").as_bytes(), signature)?;
        Ok(time)
    }
}

/// A cosignature that was verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cosignature<'k> {
    /// Whose it is.
    pub key: &'k CosignerKey,
    /// When it was made, in seconds since 1970, as the cosigner says.
    pub time: u64,
}

/// The cosignatures of `keys` on a note, in the order of `keys` and at most one for each: the newest, when
/// a key signed more than once. The log's own signature is not looked at; see [`note::open`] for that.
///
/// # Errors
/// When the note is not in form, or a line by one of `keys` does not verify.
pub fn cosignatures<'k>(note: &[u8], keys: &'k [CosignerKey]) -> Result<Vec<Cosignature<'k>>, Error> {
    let newest = newest(note, keys.iter())?.0;
    Ok(keys.iter().zip(newest).filter_map(|(key, time)| Some(Cosignature { key, time: time? })).collect())
}

/// For each of `keys` the newest time at which it cosigned; and how many lines are by `keys` in all.
pub(super) fn newest<'k>(note: &[u8], keys: impl Iterator<Item = &'k CosignerKey> + Clone) -> Result<(Vec<Option<u64>>, usize), Error> {
    let (text, lines) = note::split(note)?;
    let (mut newest, mut own) = (vec![None; keys.clone().count()], 0);
    for line in lines {
        for (key, newest) in keys.clone().zip(&mut newest).filter(|(key, _)| line.is_by(&key.0)) {
            *newest = (*newest).max(Some(key.check(text, &line.signature)?));
            own += 1;
        }
    }
    Ok((newest, own))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of C2SP tlog-cosignature. Its keys are not published, so only its form is read.
    const EXAMPLE: &str = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\
        \u{2014} example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\
        \u{2014} witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n";

    #[test]
    fn the_published_example_has_the_form_that_is_read() {
        let (text, lines) = note::split(EXAMPLE.as_bytes()).expect("a note");
        assert_eq!((text.lines().count(), lines.len()), (3, 2));
        let (time, signature) = lines[1].signature.split_first_chunk::<TIME_BYTES>().expect("long enough");
        assert_eq!((u64::from_be_bytes(*time), signature.len()), (1_679_315_147, 64));
    }
}
