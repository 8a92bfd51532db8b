//! Bytes of a file of contacts turned into UTF-8 as they come: UTF-8, UTF-16 of both orders, Windows-1252.
//! Must stay true: memory does not grow with the file, and a file that is no text is told before anything of it is kept.

use std::io::Read;

use super::ImportError;

/// Bytes read at once.
const PIECE: usize = 64 * 1024;

/// How a file's characters are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Encoding {
    /// With or without its mark.
    #[serde(rename = "utf-8")]
    Utf8,
    /// Low byte first.
    #[serde(rename = "utf-16le")]
    Utf16Le,
    /// High byte first.
    #[serde(rename = "utf-16be")]
    Utf16Be,
    /// What old spreadsheet programs write in the west.
    #[serde(rename = "windows-1252")]
    Windows1252,
}

impl Encoding {
    /// The name people know.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Utf16Le => "UTF-16LE",
            Self::Utf16Be => "UTF-16BE",
            Self::Windows1252 => "Windows-1252",
        }
    }
}

/// The encoding of a file that begins with `head`, and the bytes of its mark. `whole`: nothing follows.
///
/// # Errors
/// [`ImportError::NotText`] when NUL bytes stand where no encoding has them.
pub fn detect(head: &[u8], whole: bool) -> Result<(Encoding, usize), ImportError> {
    if head.starts_with(&[0xEF, 0xBB, 0xBF]) {
        return Ok((Encoding::Utf8, 3));
    }
    if head.starts_with(&[0xFF, 0xFE]) {
        return Ok((Encoding::Utf16Le, 2));
    }
    if head.starts_with(&[0xFE, 0xFF]) {
        return Ok((Encoding::Utf16Be, 2));
    }
    // Western text in UTF-16 has a NUL in nearly every pair, always on the same side.
    let nul = |odd: usize| head.iter().skip(odd).step_by(2).filter(|b| **b == 0).count();
    let (even, odd, pairs) = (nul(0), nul(1), head.len() / 2);
    if pairs >= 2 && odd * 10 >= pairs * 9 && even * 10 < pairs {
        return Ok((Encoding::Utf16Le, 0));
    }
    if pairs >= 2 && even * 10 >= pairs * 9 && odd * 10 < pairs {
        return Ok((Encoding::Utf16Be, 0));
    }
    if even + odd > 0 {
        return Err(ImportError::NotText);
    }
    match std::str::from_utf8(head) {
        Ok(_) => Ok((Encoding::Utf8, 0)),
        // The head may end within a character.
        Err(error) if error.error_len().is_none() && !whole => Ok((Encoding::Utf8, 0)),
        Err(_) => Ok((Encoding::Windows1252, 0)),
    }
}

/// The text of a file, as UTF-8. Bytes of UTF-8 go through as they are: the reader of rows judges them.
#[derive(Debug)]
pub struct Decoded<R> {
    from: R,
    encoding: Encoding,
    raw: Vec<u8>,
    /// The first byte of a pair whose second has not come yet, and a surrogate that waits for its other half.
    odd: Option<u8>,
    high: Option<u16>,
    bytes: u64,
}

impl<R: Read> Decoded<R> {
    /// Of what follows the mark.
    pub fn new(from: R, encoding: Encoding) -> Self {
        Self { from, encoding, raw: vec![0; PIECE], odd: None, high: None, bytes: 0 }
    }

    /// Bytes read so far.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Puts the next text behind `out`; false at the end.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn more(&mut self, out: &mut Vec<u8>) -> std::io::Result<bool> {
        let count = self.from.read(&mut self.raw)?;
        self.bytes += count as u64;
        if count == 0 {
            if self.odd.take().is_some() || self.high.take().is_some() {
                push(out, char::REPLACEMENT_CHARACTER);
                return Ok(true);
            }
            return Ok(false);
        }
        match self.encoding {
            Encoding::Utf8 => out.extend_from_slice(&self.raw[..count]),
            Encoding::Windows1252 => self.raw[..count].iter().for_each(|byte| push(out, western(*byte))),
            Encoding::Utf16Le | Encoding::Utf16Be => {
                for at in 0..count {
                    let byte = self.raw[at];
                    match self.odd.take() {
                        None => self.odd = Some(byte),
                        Some(first) if self.encoding == Encoding::Utf16Le => self.unit(u16::from_le_bytes([first, byte]), out),
                        Some(first) => self.unit(u16::from_be_bytes([first, byte]), out),
                    }
                }
            }
        }
        Ok(true)
    }

    fn unit(&mut self, unit: u16, out: &mut Vec<u8>) {
        let waiting = self.high.take();
        if let (Some(high), 0xDC00..=0xDFFF) = (waiting, unit) {
            let c = 0x10000 + ((u32::from(high) - 0xD800) << 10) + (u32::from(unit) - 0xDC00);
            push(out, char::from_u32(c).unwrap_or(char::REPLACEMENT_CHARACTER));
            return;
        }
        if waiting.is_some() {
            push(out, char::REPLACEMENT_CHARACTER);
        }
        match unit {
            0xD800..=0xDBFF => self.high = Some(unit),
            _ => push(out, char::from_u32(u32::from(unit)).unwrap_or(char::REPLACEMENT_CHARACTER)),
        }
    }
}

fn push(out: &mut Vec<u8>, c: char) {
    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

/// A character of Windows-1252; the five codes it leaves open stay what they are in Latin-1.
fn western(byte: u8) -> char {
    const HIGH: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8D}', 'Ž', '\u{8F}', '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™',
        'š', '›', 'œ', '\u{9D}', 'ž', 'Ÿ',
    ];
    match byte {
        0x80..=0x9F => HIGH[usize::from(byte - 0x80)],
        _ => char::from(byte),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(bytes: &[u8], encoding: Encoding) -> String {
        let mut out = Vec::new();
        // One byte at a time, so that every cut is met.
        struct Slow<'a>(&'a [u8]);
        impl Read for Slow<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
                let Some((first, rest)) = self.0.split_first() else { return Ok(0) };
                self.0 = rest;
                buffer[0] = *first;
                Ok(1)
            }
        }
        let mut decoded = Decoded::new(Slow(bytes), encoding);
        while decoded.more(&mut out).expect("reads") {}
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn the_encoding_is_told_by_mark_or_by_content() {
        let of = |bytes: &[u8]| detect(bytes, true).ok();
        assert_eq!(of(b"phone\n"), Some((Encoding::Utf8, 0)));
        assert_eq!(of("\u{FEFF}phone".as_bytes()), Some((Encoding::Utf8, 3)));
        assert_eq!(of(b"\xFF\xFEp\0"), Some((Encoding::Utf16Le, 2)));
        assert_eq!(of(b"\xFE\xFF\0p"), Some((Encoding::Utf16Be, 2)));
        assert_eq!(of(b"p\0h\0o\0n\0e\0"), Some((Encoding::Utf16Le, 0)));
        assert_eq!(of(b"\0p\0h\0o\0n\0e"), Some((Encoding::Utf16Be, 0)));
        assert_eq!(of(b"Jos\xE9,1"), Some((Encoding::Windows1252, 0)));
        assert_eq!(of(b""), Some((Encoding::Utf8, 0)));
        assert!(detect(&[0; 4096], true).is_err() && detect(b"phone\n+1415\0", true).is_err());
        // A head that ends within a character is still UTF-8.
        assert_eq!(detect(b"Jos\xC3", false).ok(), Some((Encoding::Utf8, 0)));
        assert_eq!(detect(b"Jos\xC3", true).ok(), Some((Encoding::Windows1252, 0)));
    }

    #[test]
    fn what_is_broken_shows_and_does_not_swallow_what_follows() {
        let lone: Vec<u8> = [0xD83D_u16, 0x41].iter().flat_map(|u| u.to_le_bytes()).collect();
        assert_eq!(text(&lone, Encoding::Utf16Le), "\u{FFFD}A");
        assert_eq!(text(b"A\0\x3D", Encoding::Utf16Le), "A\u{FFFD}");
        assert_eq!(text(b"\x80\x99\xE9", Encoding::Windows1252), "€™é");
    }

    proptest! {
        #[test]
        fn every_text_comes_through_both_orders(given in any::<String>()) {
            let little: Vec<u8> = given.encode_utf16().flat_map(u16::to_le_bytes).collect();
            let big: Vec<u8> = given.encode_utf16().flat_map(u16::to_be_bytes).collect();
            prop_assert_eq!(text(&little, Encoding::Utf16Le), given.clone());
            prop_assert_eq!(text(&big, Encoding::Utf16Be), given.clone());
            prop_assert_eq!(text(given.as_bytes(), Encoding::Utf8), given);
        }
    }
}
