//! Header values with which a stored file is handed out: its name after
//! RFC 6266 and 8187, and the one range that a client may ask for.
//! What must stay true: a name is data, so no name can end the header, add a
//! parameter, hide its extension or name a folder; and no range reaches beyond
//! the file.

use std::fmt::Write as _;

/// Characters of the name that is sent; a longer one keeps its beginning and its extension.
pub const NAME_CHARS_MAX: usize = 180;
/// Characters of an extension that survives the shortening, its dot included.
const EXTENSION_CHARS_MAX: usize = 12;
/// What a file without any usable name is called.
const NAME_FALLBACK: &str = "download";

/// The value of `Content-Disposition`: always an attachment, never shown in the page.
pub fn content_disposition(name: &str) -> String {
    let name = clean(name);
    let ascii: String = name.chars().map(ascii_or_underscore).collect();
    let mut value = format!("attachment; filename=\"{ascii}\"; filename*=UTF-8''");
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
            value.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(value, "%{byte:02X}");
        }
    }
    value
}

/// What of a file is sent; both ends of a part are counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Range {
    /// 200 and everything: no range was asked for, or none that is understood.
    Whole,
    /// 206 and these bytes.
    Part { start: u64, end: u64 },
    /// 416.
    Unsatisfiable,
}

impl Range {
    /// The value of `Content-Range` for a file of `len` bytes, where one is due.
    pub fn content_range(self, len: u64) -> Option<String> {
        match self {
            Self::Whole => None,
            Self::Part { start, end } => Some(format!("bytes {start}-{end}/{len}")),
            Self::Unsatisfiable => Some(format!("bytes */{len}")),
        }
    }
}

/// Reads a `Range` header for a file of `len` bytes. Several ranges, other units
/// and anything malformed are ignored, as RFC 9110, 14.2 allows.
pub fn byte_range(header: Option<&str>, len: u64) -> Range {
    header.and_then(spec).map_or(Range::Whole, |spec| match spec {
        Spec::Between(start, _) if start >= len => Range::Unsatisfiable,
        Spec::Between(start, end) => Range::Part { start, end: end.min(len - 1) },
        Spec::Last(0) => Range::Unsatisfiable,
        Spec::Last(_) if len == 0 => Range::Whole,
        Spec::Last(count) => Range::Part { start: len.saturating_sub(count), end: len - 1 },
    })
}

enum Spec {
    Between(u64, u64),
    Last(u64),
}

fn spec(header: &str) -> Option<Spec> {
    let (unit, range) = header.trim_matches([' ', '\t']).split_once('=')?;
    let (start, end) = range.split_once('-')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    match (start, end) {
        ("", count) => Some(Spec::Last(number(count)?)),
        (start, "") => Some(Spec::Between(number(start)?, u64::MAX)),
        (start, end) => {
            let (start, end) = (number(start)?, number(end)?);
            (start <= end).then_some(Spec::Between(start, end))
        }
    }
}

/// Digits only; a number beyond 64 bits lies beyond every file and stays there.
fn number(digits: &str) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| digits.parse().unwrap_or(u64::MAX))
}

fn clean(name: &str) -> String {
    let shown: String = name.chars().filter(|&c| !c.is_control() && !is_deceptive(c)).map(|c| if matches!(c, '/' | '\\' | ':') { '_' } else { c }).collect();
    // Leading dots hide a file, trailing dots and spaces vanish on Windows.
    let trimmed = shown.trim_matches(|c: char| c == '.' || c.is_whitespace());
    if trimmed.is_empty() { NAME_FALLBACK.to_owned() } else { shortened(trimmed) }
}

fn shortened(name: &str) -> String {
    let chars = name.chars().count();
    if chars <= NAME_CHARS_MAX {
        return name.to_owned();
    }
    let extension = name.rfind('.').map(|dot| &name[dot..]).filter(|extension| extension.chars().count() <= EXTENSION_CHARS_MAX).unwrap_or_default();
    let kept = NAME_CHARS_MAX - extension.chars().count();
    name.chars().take(kept).chain(extension.chars()).collect()
}

/// Characters that reorder or hide what a person reads, and line ends that are no controls.
fn is_deceptive(c: char) -> bool {
    matches!(
        c,
        '\u{061C}' | '\u{FEFF}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}'
    )
}

/// `%` too: some browsers decode it in the plain form.
fn ascii_or_underscore(c: char) -> char {
    let is_safe = c == ' ' || c.is_ascii_graphic() && !matches!(c, '"' | '%' | '*' | '<' | '>' | '?' | '|');
    if is_safe { c } else { '_' }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_plain_name_is_sent_in_both_forms() {
        assert_eq!(
            content_disposition("Access policy 2026.pdf"),
            "attachment; filename=\"Access policy 2026.pdf\"; filename*=UTF-8''Access%20policy%202026.pdf"
        );
    }

    #[test]
    fn a_name_beyond_ascii_is_whole_in_the_encoded_form() {
        assert_eq!(content_disposition("Prüfung €.pdf"), "attachment; filename=\"Pr_fung _.pdf\"; filename*=UTF-8''Pr%C3%BCfung%20%E2%82%AC.pdf");
    }

    #[test]
    fn a_name_cannot_end_the_header_or_add_a_parameter() {
        for (name, expected) in [
            ("a\"; filename=evil.exe", "attachment; filename=\"a_; filename=evil.exe\"; filename*=UTF-8''a%22%3B%20filename%3Devil.exe"),
            ("a\r\nSet-Cookie: b=c.txt", "attachment; filename=\"aSet-Cookie_ b=c.txt\"; filename*=UTF-8''aSet-Cookie_%20b%3Dc.txt"),
            ("a%0d%0ab.txt", "attachment; filename=\"a_0d_0ab.txt\"; filename*=UTF-8''a%250d%250ab.txt"),
            ("a\\\".txt", "attachment; filename=\"a__.txt\"; filename*=UTF-8''a_%22.txt"),
        ] {
            assert_eq!(content_disposition(name), expected);
        }
    }

    #[test]
    fn a_name_cannot_hide_its_extension_or_name_a_folder() {
        for (name, expected) in [
            ("invoice\u{202E}fdp.exe", "invoicefdp.exe"),
            ("a\u{200B}b.pdf", "ab.pdf"),
            ("../../etc/passwd", "_.._etc_passwd"),
            ("C:\\Windows\\x.dll", "C__Windows_x.dll"),
            (".htaccess", "htaccess"),
            ("report.pdf. . ", "report.pdf"),
            ("x\0.pdf", "x.pdf"),
        ] {
            let plain = format!("filename=\"{expected}\"");
            assert!(content_disposition(name).contains(&plain), "{name:?}: {}", content_disposition(name));
        }
    }

    #[test]
    fn a_file_without_a_usable_name_is_called_download() {
        for name in ["", " ", "...", "\r\n", "\u{202E}", "\0"] {
            assert_eq!(content_disposition(name), "attachment; filename=\"download\"; filename*=UTF-8''download");
        }
    }

    #[test]
    fn a_long_name_keeps_its_extension() {
        let value = content_disposition(&format!("{}.docx", "ä".repeat(500)));
        assert!(value.contains(&format!("filename=\"{}.docx\"", "_".repeat(175))));
        let value = content_disposition(&format!("a.{}", "b".repeat(500)));
        assert!(value.contains(&format!("filename=\"a.{}\"", "b".repeat(178))));
    }

    #[test]
    fn one_range_is_understood() {
        let part = |start, end| Range::Part { start, end };
        for (header, expected) in [
            ("bytes=0-0", part(0, 0)),
            ("bytes=0-", part(0, 9)),
            ("bytes=5-", part(5, 9)),
            ("bytes=2-4", part(2, 4)),
            ("bytes=2-400", part(2, 9)),
            ("bytes=9-9", part(9, 9)),
            ("bytes=-3", part(7, 9)),
            ("bytes=-300", part(0, 9)),
            ("BYTES=0-1", part(0, 1)),
            (" bytes=0-1 ", part(0, 1)),
            ("bytes=0-99999999999999999999999999", part(0, 9)),
            ("bytes=10-", Range::Unsatisfiable),
            ("bytes=10-20", Range::Unsatisfiable),
            ("bytes=-0", Range::Unsatisfiable),
            ("bytes=99999999999999999999999999-", Range::Unsatisfiable),
        ] {
            assert_eq!(byte_range(Some(header), 10), expected, "{header:?}");
        }
    }

    #[test]
    fn whatever_is_not_one_byte_range_yields_the_whole_file() {
        assert_eq!(byte_range(None, 10), Range::Whole);
        for header in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=a-b",
            "bytes=4-2",
            "bytes=0-1,3-4",
            "bytes=0-1,",
            "items=0-1",
            "bytes=0",
            "bytes=+0-1",
            "bytes=0-+1",
            "bytes= 0-1",
            "bytes=0 -1",
            "bytes=0x0-1",
            "bytes=--1",
            "bytes=0--1",
            "bytes:0-1",
            "bytes=1.5-2",
            "bytes=٠-١",
        ] {
            assert_eq!(byte_range(Some(header), 10), Range::Whole, "{header:?}");
        }
    }

    #[test]
    fn an_empty_file_has_no_part() {
        assert_eq!(byte_range(Some("bytes=0-"), 0), Range::Unsatisfiable);
        assert_eq!(byte_range(Some("bytes=-5"), 0), Range::Whole);
    }

    #[test]
    fn the_content_range_names_the_part_and_the_length() {
        assert_eq!(Range::Whole.content_range(10), None);
        assert_eq!(Range::Part { start: 2, end: 4 }.content_range(10).as_deref(), Some("bytes 2-4/10"));
        assert_eq!(Range::Unsatisfiable.content_range(10).as_deref(), Some("bytes */10"));
    }

    proptest! {
        #[test]
        fn every_name_yields_one_printable_ascii_header(name in any::<String>()) {
            let value = content_disposition(&name);
            prop_assert!(value.bytes().all(|byte| matches!(byte, b' '..=b'~')));
            prop_assert_eq!(value.matches('"').count(), 2);
            prop_assert!(!value.contains('\\') && !value.contains('/'));
            prop_assert!(value.starts_with("attachment; filename=\""));
        }

        #[test]
        fn every_part_lies_within_the_file(header in "(bytes=)?[0-9]{0,21}-?[0-9]{0,21},?", len in any::<u64>()) {
            if let Range::Part { start, end } = byte_range(Some(&header), len) {
                prop_assert!(start <= end && end < len);
            }
        }

        #[test]
        fn a_well_formed_range_within_the_file_is_sent_as_asked(len in 1_u64.., a in any::<u64>(), b in any::<u64>()) {
            let (start, end) = ((a % len).min(b % len), (a % len).max(b % len));
            let header = format!("bytes={start}-{end}");
            prop_assert_eq!(byte_range(Some(&header), len), Range::Part { start, end });
        }

        #[test]
        fn any_header_is_read_without_a_panic(header in any::<String>(), len in any::<u64>()) {
            let _ = byte_range(Some(&header), len);
        }
    }
}
