//! Signed notes as in C2SP signed-note: a text, a blank line, signature lines.
//!
//! Signatures by other keys are passed over; one by the known key that does not verify sinks the note.

use super::{
    Error, base64,
    vkey::{self, Vkey},
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

    let (mut known, mut unknown) = (0, 0);
    for (at, line) in lines.split('\n').enumerate() {
        if at >= SIGNATURES_MAX {
            return Err(Error::new(format!("the note has more than {SIGNATURES_MAX} signatures")));
        }
        let (name, blob) = signature_line(line)?;
        match blob.split_first_chunk::<4>() {
            Some((id, signature)) if name == key.name() && *id == key.id() => {
                key.verify(text.as_bytes(), signature)?;
                known += 1;
            }
            Some((_, signature)) if !signature.is_empty() => unknown += 1,
            _ => return Err(Error::new("a signature line holds no signature")),
        }
    }
    if known == 0 {
        return Err(Error::new(format!("the note has no signature by the key given, `{}`", key.name())));
    }
    Ok(Note { text: text.to_owned(), unknown_signatures: unknown })
}

fn signature_line(line: &str) -> Result<(&str, Vec<u8>), Error> {
    let (name, blob) = line
        .strip_prefix("\u{2014} ")
        .and_then(|rest| rest.split_once(' '))
        .filter(|(name, _)| vkey::is_name(name))
        .ok_or_else(|| Error::new("a signature line is not `\u{2014} <name> <base64>`"))?;
    Ok((name, base64::decode(blob)?))
}
