//! Whether bytes are text: UTF-8, or UTF-16 with a byte order mark.
//! What must stay true: a head that is cut may end inside a character, a whole
//! file may not, and U+0000 is never text.

/// How a text is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    Utf8,
    Utf16,
}

/// The encoding of a head; `is_cut` when the file goes on behind it.
pub fn encoding(head: &[u8], is_cut: bool) -> Option<Encoding> {
    match head {
        [0xFF, 0xFE, rest @ ..] => is_utf16(rest, is_cut, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => is_utf16(rest, is_cut, u16::from_be_bytes),
        _ => is_utf8(head, is_cut),
    }
}

fn is_utf8(head: &[u8], is_cut: bool) -> Option<Encoding> {
    let is_valid = match str::from_utf8(head) {
        Ok(_) => true,
        // Without a length the error is an incomplete last character.
        Err(error) => is_cut && error.error_len().is_none(),
    };
    (is_valid && !head.contains(&0)).then_some(Encoding::Utf8)
}

fn is_utf16(rest: &[u8], is_cut: bool, unit: fn([u8; 2]) -> u16) -> Option<Encoding> {
    let (pairs, odd) = rest.as_chunks::<2>();
    if !odd.is_empty() && !is_cut {
        return None;
    }
    let mut units = pairs.iter().map(|pair| unit(*pair));
    while let Some(first) = units.next() {
        let is_character = match first {
            0 => false,
            0xD800..=0xDBFF => match units.next() {
                Some(second) => matches!(second, 0xDC00..=0xDFFF),
                None => is_cut,
            },
            0xDC00..=0xDFFF => false,
            _ => true,
        };
        if !is_character {
            return None;
        }
    }
    Some(Encoding::Utf16)
}
