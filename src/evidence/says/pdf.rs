//! The document information of a PDF (ISO 32000-1, 14.3.3), as far as it stands in the open near either end of the file.
//! Must stay true: nothing is unpacked or followed; an encrypted document says nothing.

use std::io::{Read, Seek, SeekFrom};

use super::{Says, author, moment};

/// Bytes of either end that are read.
const END_BYTES: u64 = 512 << 10;
/// Bytes of a value.
const VALUE_BYTES_MAX: usize = 1024;

/// Reads what a document says.
pub(super) fn read(file: &mut (impl Read + Seek)) -> Option<Says> {
    let len = file.seek(SeekFrom::End(0)).ok()?;
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0)).ok()?;
    file.by_ref().take(END_BYTES).read_to_end(&mut bytes).ok()?;
    if len > END_BYTES {
        file.seek(SeekFrom::Start((len - END_BYTES).max(END_BYTES))).ok()?;
        file.take(END_BYTES).read_to_end(&mut bytes).ok()?;
    }
    if find_last(&bytes, b"/Encrypt").is_some() {
        return None;
    }
    let value = |key: &[u8]| value(&bytes[find_last(&bytes, key)? + key.len()..]);
    Some(Says {
        author: value(b"/Author").and_then(|t| author(&t)),
        created: value(b"/CreationDate").and_then(|t| date(&t)),
        modified: value(b"/ModDate").and_then(|t| date(&t)),
    })
}

/// The last place of a key: a document that was changed has its newest information at the end.
fn find_last(bytes: &[u8], key: &[u8]) -> Option<usize> {
    let is_key = |at: usize| bytes[at..].starts_with(key) && bytes.get(at + key.len()).is_none_or(|next| !next.is_ascii_alphanumeric());
    (0..bytes.len()).rev().filter(|at| bytes[*at] == b'/').find(|at| is_key(*at))
}

/// A string, literal or in hex.
fn value(bytes: &[u8]) -> Option<String> {
    let bytes = bytes.trim_ascii_start();
    let bytes = &bytes[..bytes.len().min(VALUE_BYTES_MAX)];
    match bytes.first()? {
        b'(' => literal(&bytes[1..]).map(|b| text(&b)),
        b'<' if bytes.get(1) != Some(&b'<') => {
            let end = bytes.iter().position(|b| *b == b'>')?;
            let digits: Vec<u8> = bytes[1..end].iter().copied().filter(u8::is_ascii_hexdigit).collect();
            hex::decode(digits.get(..digits.len() & !1)?).ok().map(|b| text(&b))
        }
        _ => None,
    }
}

fn literal(bytes: &[u8]) -> Option<Vec<u8>> {
    let (mut out, mut depth, mut at) = (Vec::new(), 0, 0);
    while let Some(byte) = bytes.get(at).copied() {
        at += 1;
        match byte {
            b')' if depth == 0 => return Some(out),
            b'(' => depth += 1,
            b')' => depth -= 1,
            b'\\' => {
                let octal: Vec<u8> = bytes[at..].iter().copied().take(3).take_while(|b| (b'0'..=b'7').contains(b)).collect();
                if octal.is_empty() {
                    match bytes.get(at)? {
                        b'n' | b'r' | b't' | b'b' | b'f' | b'\n' | b'\r' => out.push(b' '),
                        other => out.push(*other),
                    }
                    at += 1;
                } else {
                    out.push(octal.iter().fold(0_u8, |n, d| n.wrapping_mul(8).wrapping_add(d - b'0')));
                    at += octal.len();
                }
                continue;
            }
            _ => {}
        }
        out.push(byte);
    }
    None
}

/// A text string: UTF-16 or UTF-8 with their marks; anything else is near enough to Latin 1.
fn text(bytes: &[u8]) -> String {
    if let Some(rest) = bytes.strip_prefix(b"\xFE\xFF") {
        let units: Vec<u16> = rest.as_chunks::<2>().0.iter().map(|c| u16::from_be_bytes(*c)).collect();
        return String::from_utf16_lossy(&units);
    }
    match bytes.strip_prefix(b"\xEF\xBB\xBF") {
        Some(rest) => String::from_utf8_lossy(rest).into_owned(),
        None => bytes.iter().map(|b| char::from(*b)).collect(),
    }
}

/// `D:20260115120000+01'00'`, of which all after the year may be absent.
fn date(text: &str) -> Option<String> {
    let text = text.trim().trim_start_matches("D:");
    let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
    let rest = &text[digits.len()..];
    let zone = match rest.chars().next() {
        Some('Z') => "Z".to_owned(),
        Some(sign @ ('+' | '-')) => {
            let numbers: String = rest.chars().filter(char::is_ascii_digit).take(4).collect();
            if numbers.len() == 4 { format!("{sign}{}:{}", &numbers[..2], &numbers[2..]) } else { String::new() }
        }
        _ => String::new(),
    };
    moment(&digits, &zone)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;

    fn of(text: &[u8]) -> Says {
        read(&mut Cursor::new(text)).unwrap_or_default()
    }

    #[test]
    fn a_document_says_who_made_it_and_when() {
        let says = of(b"%PDF-1.4\n5 0 obj<</Author (A\\(d\\)a \\114.)/CreationDate (D:20251103091500Z)/ModDate (D:20251224180000+01'00')>>endobj");
        assert_eq!(says.author.as_deref(), Some("A(d)a L."));
        assert_eq!((says.created.as_deref(), says.modified.as_deref()), (Some("2025-11-03T09:15:00Z"), Some("2025-12-24T18:00:00+01:00")));
        assert_eq!(of(b"/Author <FEFF004100640061>").author.as_deref(), Some("Ada"));
        assert_eq!(of(b"/Author (old) /Author (new)").author.as_deref(), Some("new"), "the last one stands");
        assert_eq!(of(b"/CreationDate (D:20251103)").created.as_deref(), Some("2025-11-03"));
    }

    #[test]
    fn what_is_encrypted_cut_or_something_else_says_nothing() {
        for text in [b"/Author (Ada) /Encrypt 5 0 R".as_slice(), b"/Author (never closed", b"/Authority (Ada)", b"/Author 7 0 R", b"/Author <<>>", b""] {
            assert_eq!(of(text), Says::default(), "{}", String::from_utf8_lossy(text));
        }
        let long = [b"/Author (".as_slice(), &vec![b'a'; 5000], b")"].concat();
        assert_eq!(of(&long), Says::default());
    }

    #[test]
    fn both_ends_of_a_long_document_are_read_and_not_what_lies_between() {
        let pad = vec![b' '; 700 << 10];
        let text = [b"/Author (Ada)".as_slice(), &pad, b"/ModDate (D:20250101)", &pad, b"/CreationDate (D:20240101)"].concat();
        let says = of(&text);
        assert_eq!((says.author.as_deref(), says.created.as_deref(), says.modified), (Some("Ada"), Some("2024-01-01"), None));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_fail(bytes in proptest::collection::vec(any::<u8>(), 0..200), key in 0_usize..3) {
            let key = [b"/Author (".as_slice(), b"/ModDate <", b"/CreationDate("][key];
            of(&[key, &bytes].concat());
        }
    }
}
