//! Text files: encodings, cut characters, and markup that is only ever downloaded.

use super::*;

#[test]
fn text_may_hold_markup_since_it_is_only_ever_downloaded() {
    for head in [HTML, SVG, b"#!/bin/sh", b"BMW sales", b"=1+1", b"\xEF\xBB\xBFa;b", b"MZ"] {
        assert!(judged("a.txt", head).is_ok());
    }
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    for head in [
        PNG,
        JPEG,
        EXE,
        b"a\0b",
        b"caf\xE9",
        b"\xC3",
        b"\xED\xA0\x80",
        b"\xC0\xAF",
        b"\xF5\x80\x80\x80",
        b"\xFF\xFEa",
        b"\xFF\xFEa\0\0\0",
        b"\xFF\xFE\x00\xD8a\0",
        b"\xFF\xFE\x00\xDC",
        b"\xFE\xFF\xD8\x00",
        b"a\0b\0",
    ] {
        assert_eq!(judged("a.txt", head), Err(KindError::NotText), "{head:?}");
    }
}

#[test]
fn utf_16_with_a_mark_is_text_and_is_served_as_such() {
    for (name, mime) in [("a.txt", "text/plain; charset=utf-16"), ("a.csv", "text/csv; charset=utf-16"), ("a.md", "text/markdown; charset=utf-16")] {
        for head in [b"\xFF\xFEa\0\x3D\xD8\x00\xDE".as_slice(), b"\xFE\xFF\0a\xD8\x3D\xDE\x00"] {
            assert_eq!(judged(name, head).map(|kind| kind.mime), Ok(mime));
        }
    }
}

#[test]
fn a_full_head_may_end_inside_a_character_and_a_whole_file_may_not() {
    let mut utf8 = vec![b'a'; HEAD_BYTES - 1];
    utf8.push(0xE2);
    assert!(judged("a.txt", &utf8).is_ok());
    assert_eq!(judged("a.txt", &utf8[1..]), Err(KindError::NotText));
    utf8[10] = 0xE2;
    assert_eq!(judged("a.txt", &utf8), Err(KindError::NotText));

    let mut utf16 = b"\xFF\xFE".to_vec();
    utf16.extend(b"a\0".repeat(HEAD_BYTES / 2 - 2));
    utf16.extend(b"\x3D\xD8");
    assert_eq!(utf16.len(), HEAD_BYTES);
    assert!(judged("a.txt", &utf16).is_ok());
    assert_eq!(judged("a.txt", &[&utf16[..2], &utf16[4..]].concat()), Err(KindError::NotText));
    assert!(judged("a.txt", &[utf16.as_slice(), b"\0"].concat()).is_ok());
}
