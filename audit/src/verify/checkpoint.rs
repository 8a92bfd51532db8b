//! Checkpoints: what a log commits to at one size, read strictly.
//!
//! Exactly three lines. Extension lines are refused, since not every kind of signature covers them.

use super::{
    Error, Hash, base64, note, tree,
    vkey::{self, Vkey},
};

/// A checkpoint: this log had this many entries with this root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's origin, which is also its key's name.
    pub origin: String,
    /// Number of entries, at most 2^63 − 1.
    pub size: u64,
    /// RFC 6962 root over them.
    pub root: Hash,
}

impl Checkpoint {
    /// Reads the text of a checkpoint, without signatures.
    ///
    /// # Errors
    /// When the text is not exactly origin, size and root on a line each, in canonical form.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut lines = text.strip_suffix('\n').ok_or_else(|| Error::new("the checkpoint does not end in a newline"))?.split('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(Error::new("the checkpoint has fewer than three lines"));
        };
        if lines.next().is_some() {
            return Err(Error::new("the checkpoint has extension lines, which this format does not allow"));
        }
        if !vkey::is_name(origin) {
            return Err(Error::new("the checkpoint's origin is empty or has spaces, `+` or control characters"));
        }
        let checkpoint = Self { origin: origin.to_owned(), size: decimal(size)?, root: base64::decode_hash(root)? };
        if checkpoint.size == 0 && checkpoint.root != tree::empty_root() {
            return Err(Error::new("the checkpoint of an empty log has a root other than SHA-256 of nothing"));
        }
        Ok(checkpoint)
    }

    /// Reads a signed checkpoint: verifies `key`'s signature and that the origin is `key`'s name.
    /// Gives the checkpoint and the number of signatures by other keys.
    ///
    /// # Errors
    /// When [`note::open`] or [`Self::parse`] refuse it, or it is another log's.
    pub fn open(note: &[u8], key: &Vkey) -> Result<(Self, usize), Error> {
        let note = note::open(note, key)?;
        let checkpoint = Self::parse(&note.text)?;
        if checkpoint.origin != key.name() {
            return Err(Error::new(format!("the checkpoint is of the log `{}`, the key of `{}`", checkpoint.origin, key.name())));
        }
        Ok((checkpoint, note.unknown_signatures))
    }
}

/// A decimal number without sign or leading zero, at most 2^63 − 1.
pub(super) fn decimal(text: &str) -> Result<u64, Error> {
    let digits_only = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let no_leading_zero = text == "0" || !text.starts_with('0');
    match text.parse::<i64>() {
        Ok(number) if digits_only && no_leading_zero => Ok(number.unsigned_abs()),
        _ => Err(Error::new(format!("`{}` is not a decimal number up to 2^63 − 1 without leading zeros", text.escape_default()))),
    }
}
