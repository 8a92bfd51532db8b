//! The session cookie on the wire: reading it strictly, and the two
//! `Set-Cookie` lines of the product.
//! What must stay true: a request in which two readers of cookies could see two
//! different values is refused, and setting and removing carry the same flags,
//! since a browser ignores a removal whose flags do not fit the prefix.

use std::fmt::Write as _;

/// Bytes of all Cookie lines of one request.
pub const COOKIE_BYTES_MAX: usize = 16 * 1024;

/// Why the cookies of a request are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CookieError {
    #[error("the Cookie header holds a byte that is not printable ASCII; clear the cookies of this site")]
    NotPrintable,
    #[error("the name of a cookie holds `%`; clear the cookies of this site")]
    PercentInName,
    #[error("the session cookie was sent twice; clear the cookies of this site")]
    Twice,
    #[error("the Cookie header is longer than {COOKIE_BYTES_MAX} bytes; clear the cookies of this site")]
    TooLong,
}

/// Reads one cookie over all Cookie lines of a request; names match exactly, nothing is decoded.
pub fn check<'a>(headers: impl Iterator<Item = &'a [u8]>, name: &str) -> Result<Option<String>, CookieError> {
    let mut bytes_left = COOKIE_BYTES_MAX;
    let mut value_found = None;
    for header in headers {
        bytes_left = bytes_left.checked_sub(header.len()).ok_or(CookieError::TooLong)?;
        for (found, value) in pairs(printable(header)?) {
            if found.contains('%') {
                return Err(CookieError::PercentInName);
            }
            if found == name && value_found.replace(value.to_owned()).is_some() {
                return Err(CookieError::Twice);
            }
        }
    }
    Ok(value_found)
}

/// The `Set-Cookie` line that hands out a cookie; without `max_age_secs` it ends with the browser.
pub fn set(name: &str, value: &str, secure: bool, max_age_secs: Option<u64>) -> String {
    let mut line = format!("{}={}", octets(name), octets(value));
    line.push_str("; HttpOnly; SameSite=Strict; Path=/");
    if secure {
        line.push_str("; Secure");
    }
    if let Some(secs) = max_age_secs {
        // Writing to a String cannot fail.
        let _ = write!(line, "; Max-Age={secs}");
    }
    line
}

/// The `Set-Cookie` line that takes a cookie back.
pub fn remove(name: &str, secure: bool) -> String {
    set(name, "", secure, Some(0))
}

fn printable(header: &[u8]) -> Result<&str, CookieError> {
    if header.iter().all(|byte| matches!(byte, b' '..=b'~')) {
        str::from_utf8(header).map_err(|_| CookieError::NotPrintable)
    } else {
        Err(CookieError::NotPrintable)
    }
}

/// Name and value of each `name=value`; a pair without `=` has no name, and is nobody's cookie.
fn pairs(header: &str) -> impl Iterator<Item = (&str, &str)> {
    header.split(';').filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        Some((name.trim_matches(' '), value.trim_matches(' ')))
    })
}

/// Leaves out whatever is no cookie octet, so that no value can begin another attribute.
fn octets(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_graphic() && !matches!(c, '"' | ',' | ';' | '\\')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NAME: &str = "__Host-countersign";

    fn read(headers: &[&[u8]]) -> Result<Option<String>, CookieError> {
        check(headers.iter().copied(), NAME)
    }

    #[test]
    fn the_one_cookie_of_the_name_is_read() {
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&[b""]), Ok(None));
        assert_eq!(read(&[b"a=1; b=2"]), Ok(None));
        assert_eq!(read(&[b"__Host-countersign=abc"]), Ok(Some("abc".to_owned())));
        assert_eq!(read(&[b"a=1;__Host-countersign=abc ; b"]), Ok(Some("abc".to_owned())));
        assert_eq!(read(&[b"a=1", b"__Host-countersign=abc"]), Ok(Some("abc".to_owned())));
        assert_eq!(read(&[b"__Host-countersign="]), Ok(Some(String::new())));
        assert_eq!(read(&[b"__Host-countersign=a=b"]), Ok(Some("a=b".to_owned())));
    }

    #[test]
    fn an_encoded_name_cannot_pose_as_the_prefix() {
        for header in [
            b"__Host-countersign=good; __%48ost-countersign=evil".as_slice(),
            b"__%48ost-countersign=evil",
            b"%5F%5FHost-countersign=evil; __Host-countersign=good",
            b"other%=1",
        ] {
            assert_eq!(read(&[header]), Err(CookieError::PercentInName));
        }
    }

    #[test]
    fn a_percent_sign_in_a_value_is_fine() {
        assert_eq!(read(&[b"a=%20; __Host-countersign=x%41"]), Ok(Some("x%41".to_owned())));
    }

    #[test]
    fn unicode_white_space_before_the_name_is_refused() {
        for space in ["\u{2000}", "\u{00A0}", "\u{3000}", "\u{FEFF}", "\u{200B}"] {
            let header = format!("__Host-countersign=good; {space}__Host-countersign=evil");
            assert_eq!(read(&[header.as_bytes()]), Err(CookieError::NotPrintable));
        }
    }

    #[test]
    fn bytes_outside_printable_ascii_are_refused_anywhere() {
        for byte in (0..=0x1F).chain(0x7F..=0xFF) {
            assert_eq!(read(&[&[b'a', b'=', byte]]), Err(CookieError::NotPrintable), "{byte:#x}");
            assert_eq!(read(&[b"a=1", &[byte]]), Err(CookieError::NotPrintable), "{byte:#x}");
        }
    }

    #[test]
    fn the_name_twice_is_refused_in_one_line_and_over_two() {
        for headers in [
            [b"__Host-countersign=a; __Host-countersign=b".as_slice(), b""],
            [b"__Host-countersign=a", b"__Host-countersign=b"],
            [b"__Host-countersign=a", b"x=1; __Host-countersign=a"],
            [b"__Host-countersign=a; __Host-countersign =b", b""],
            [b"__Host-countersign=;   __Host-countersign=b", b""],
        ] {
            assert_eq!(read(&headers), Err(CookieError::Twice));
        }
    }

    #[test]
    fn another_cookie_twice_is_nobodys_business() {
        assert_eq!(read(&[b"a=1; a=2; __Host-countersign=x"]), Ok(Some("x".to_owned())));
    }

    #[test]
    fn names_match_exactly() {
        for header in [
            b"__host-countersign=evil".as_slice(),
            b"__Host-countersign2=evil",
            b"x__Host-countersign=evil",
            b"\"__Host-countersign\"=evil",
            b"=__Host-countersign=evil",
            b"__Host-countersign",
            b"a=1, __Host-countersign=evil",
        ] {
            assert_eq!(read(&[header]), Ok(None));
        }
    }

    #[test]
    fn a_header_beyond_the_limit_is_refused() {
        let long = [b'a'; COOKIE_BYTES_MAX];
        assert_eq!(read(&[&long]), Ok(None));
        assert_eq!(read(&[&long, b"b"]), Err(CookieError::TooLong));
    }

    #[test]
    fn setting_and_removing_carry_the_same_flags() {
        assert_eq!(set(NAME, "abc", true, None), "__Host-countersign=abc; HttpOnly; SameSite=Strict; Path=/; Secure");
        assert_eq!(set("countersign", "abc", false, Some(60)), "countersign=abc; HttpOnly; SameSite=Strict; Path=/; Max-Age=60");
        assert_eq!(remove(NAME, true), "__Host-countersign=; HttpOnly; SameSite=Strict; Path=/; Secure; Max-Age=0");
        assert_eq!(remove("countersign", false), "countersign=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0");
    }

    #[test]
    fn a_value_cannot_begin_another_attribute_or_line() {
        let line = set(NAME, "a; Domain=evil\r\nSet-Cookie: b", true, None);
        assert_eq!(line, "__Host-countersign=aDomain=evilSet-Cookie:b; HttpOnly; SameSite=Strict; Path=/; Secure");
    }

    proptest! {
        #[test]
        fn what_was_set_is_what_is_read(value in "[0-9a-zA-Z_=%-]{0,64}") {
            let line = set(NAME, &value, true, None);
            let pair = line.split(';').next().unwrap_or_default();
            prop_assert_eq!(read(&[b"x=1", pair.as_bytes()]), Ok(Some(value)));
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(header in any::<Vec<u8>>()) {
            let _ = read(&[&header]);
        }
    }
}
