//! Signed notes as in C2SP signed-note: a text, a blank line, signature lines.
//!
//! Signatures by other keys are passed over; one by the known key that does not verify sinks the note.

use super::{
    Error, base64,
    vkey::{self, Named, Vkey},
};

/// Longest note that is read, in bytes.
pub const NOTE_BYTES_MAX: usize = 65_536;

/// Most signature lines that are read.
pub const SIGNATURES_MAX: usize = 100;

/// A note whose signature by the known key was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The signed text, with its final newline.
    pub text: String,
    /// How many signature lines are by keys that were not given.
    pub unknown_signatures: usize,
}

/// Reads a note and verifies the signatures of `key` on it.
///
/// # Errors
/// When the note is not in form, has no signature by `key`, or has one that does not verify.
pub fn open(note: &[u8], key: &Vkey) -> Result<Note, Error> {
    let (text, lines) = split(note)?;
    let (mut known, mut unknown) = (0, 0);
    for line in lines {
        if line.is_by(key.named()) {
            key.verify(text.as_bytes(), &line.signature)?;
            known += 1;
        } else {
            unknown += 1;
        }
    }
    if known == 0 {
        return Err(Error::new(format!("the note has no signature by the key given, `{}`", key.name())));
    }
    Ok(Note { text: text.to_owned(), unknown_signatures: unknown })
}

/// One signature line, not verified.
pub(super) struct Line<'a> {
    name: &'a str,
    id: [u8; 4],
    /// What follows the key id, at least a byte.
    pub(super) signature: Vec<u8>,
}

impl Line<'_> {
    /// Whether the line says that it is by `key`; only the signature shows it.
    pub(super) fn is_by(&self, key: &Named) -> bool {
        self.name == key.name() && self.id == key.id()
    }

    /// Whether the line is under this name, by whatever key.
    pub(super) fn is_under(&self, name: &str) -> bool {
        self.name == name
    }
}

/// The text of a note, with its final newline, and its signature lines.
pub(super) fn split(note: &[u8]) -> Result<(&str, Vec<Line<'_>>), Error> {
    if note.len() > NOTE_BYTES_MAX {
        return Err(Error::new(format!("the note is longer than {NOTE_BYTES_MAX} bytes")));
    }
    let note = std::str::from_utf8(note).map_err(|_| Error::new("the note is not UTF-8"))?;
    if let Some(control) = note.chars().find(|c| *c < ' ' && *c != '\n') {
        return Err(Error::new(format!("the note has the control character U+{:04X}", control as u32)));
    }
    // The text keeps its newline; the blank line belongs to neither part.
    let blank = note.rfind("\n\n").ok_or_else(|| Error::new("the note has no signatures"))?;
    let (text, lines) = (&note[..=blank], &note[blank + 2..]);
    let lines = lines.strip_suffix('\n').ok_or_else(|| Error::new("the note has no signatures, or does not end in a newline"))?;
    let mut read = Vec::new();
    for line in lines.split('\n') {
        if read.len() >= SIGNATURES_MAX {
            return Err(Error::new(format!("the note has more than {SIGNATURES_MAX} signatures")));
        }
        read.push(signature_line(line)?);
    }
    Ok((text, read))
}

fn signature_line(line: &str) -> Result<Line<'_>, Error> {
    let (name, blob) = line
        .strip_prefix("\u{2014} ")
        .and_then(|rest| rest.split_once(' '))
        .filter(|(name, _)| vkey::is_name(name))
        .ok_or_else(|| Error::new("a signature line is not `\u{2014} <name> <base64>`"))?;
    match base64::decode(blob)?.split_first_chunk::<4>() {
        Some((id, signature)) if !signature.is_empty() => Ok(Line { name, id: *id, signature: signature.to_vec() }),
        _ => Err(Error::new("a signature line holds no signature")),
    }
}
