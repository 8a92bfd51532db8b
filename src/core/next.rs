//! The local path to which somebody returns after signing in.
//! What must stay true: whatever passes leads to a page of this site in every
//! browser, however it is decoded, and never back into signing in or out.

/// Bytes of a path with its query.
pub const PATH_BYTES_MAX: usize = 2048;
/// Layers of percent-encoding that are looked through; more are a trick.
const DECODINGS_MAX: usize = 3;
/// First segments to which nobody returns: they sign in, sign out or are single-use.
const FIRST_SEGMENTS_REFUSED: [&str; 3] = ["login", "logout", "link"];

/// The path itself when it is safe to redirect to.
pub fn local(path: &str) -> Option<&str> {
    if path.len() > PATH_BYTES_MAX || !path.bytes().all(is_plain) {
        return None;
    }
    let (route, query) = path.split_once(['?', '#']).unwrap_or((path, ""));
    let safe = views(route)?.iter().all(|view| is_safe_route(view)) && views(query)?.iter().all(|view| !view.iter().any(u8::is_ascii_control));
    safe.then_some(path)
}

/// Bytes that a browser sends in a path or query as they are.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"\\\"<>^`{|}".contains(&byte)
}

fn is_safe_route(route: &[u8]) -> bool {
    let Some(rest) = route.strip_prefix(b"/") else {
        return false;
    };
    if route.iter().any(|byte| *byte == b'\\' || byte.is_ascii_control()) {
        return false;
    }
    // What decodes to one of these may end the segment for another reader.
    let first = rest.split(|byte| b"/;?#".contains(byte)).next();
    let first = first.unwrap_or_default().trim_ascii();
    let is_refused = |name: &str| first.eq_ignore_ascii_case(name.as_bytes());
    !FIRST_SEGMENTS_REFUSED.iter().any(|name| is_refused(name)) && segments_are_plain(rest)
}

/// No empty segment but the last (a double slash), and none that climbs.
fn segments_are_plain(rest: &[u8]) -> bool {
    let mut segments: Vec<&[u8]> = rest.split(|byte| *byte == b'/').collect();
    if segments.last().is_some_and(|last| last.is_empty()) {
        segments.pop();
    }
    segments.iter().all(|segment| !matches!(segment, [] | [b'.'] | [b'.', b'.']))
}

/// A text as it is and after each decoding; none when it is malformed or encoded too deep.
fn views(text: &str) -> Option<Vec<Vec<u8>>> {
    let mut views = vec![text.as_bytes().to_vec()];
    for _ in 0..DECODINGS_MAX {
        let last = views.last()?;
        // Only the first layer must be well formed: `%2525` is a percent sign with digits behind.
        let decoded = decode(last, views.len() == 1)?;
        if decoded == *last {
            return Some(views);
        }
        views.push(decoded);
    }
    None
}

fn decode(text: &[u8], strict: bool) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [byte, tail @ ..] = rest {
        let escaped = match (byte, tail) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)),
            _ => None,
        };
        match escaped {
            Some((high, low)) => {
                decoded.push(high << 4 | low);
                rest = &tail[2..];
            }
            None if *byte == b'%' && strict => return None,
            None => {
                decoded.push(*byte);
                rest = tail;
            }
        }
    }
    Some(decoded)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn local_paths_pass_as_they_are() {
        for path in [
            "/",
            "/audit",
            "/audit/",
            "/audit?after=12&limit=50",
            "/evidence/evd_0192/content",
            "/audit?q=a%20b&url=https%3A%2F%2Fexample.org",
            "/audit?q=https://example.org",
            "/audit?q=50%25",
            "/a.b/c..d/...",
            "/people/anna%40example.org",
            "/caf%C3%A9",
            "/audit#entry-12",
            "/loginx",
            "/links",
            "/reports/login",
            "/a:b",
        ] {
            assert_eq!(local(path), Some(path), "{path:?}");
        }
    }

    #[test]
    fn whatever_could_lead_elsewhere_is_refused() {
        for path in [
            "",
            "audit",
            "?x",
            "#x",
            "https://evil.example",
            "https:/evil.example",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\/evil.example",
            "\\\\evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            "\t//evil.example",
            " //evil.example",
            " /audit",
            "/audit ",
            "/%2fevil.example",
            "/%2F%2Fevil.example",
            "/%5cevil.example",
            "/%5Cevil.example",
            "/%252fevil.example",
            "/%25252fevil.example",
            "/%255cevil.example",
            "/%09/evil.example",
            "/%0a/evil.example",
            "/%0d%0aSet-Cookie:a=b",
            "/a%00b",
            "/a\0b",
            "/./",
            "/.//evil.example",
            "/../evil",
            "/a/../login",
            "/a/%2e%2e/login",
            "/%2e/x",
            "/a//b",
            "/a/%2fb",
            "javascript:alert(1)",
            "data:text/html,x",
            "/a\\b",
            "/a%5cb",
            "/é",
            "/\u{2028}",
            "／／evil.example",
            "/\u{FF0F}evil.example",
            "/a\"b",
            "/<script>",
            "/a%",
            "/a%2",
            "/a%zz",
            "/a?b=%0d%0aX",
            "/a?b=%zz",
            "/a?b\n",
            "/a?b=%250a",
            "@evil.example",
            "/%25252525252fevil",
        ] {
            assert_eq!(local(path), None, "{path:?}");
        }
    }

    #[test]
    fn nobody_returns_to_signing_in_or_out() {
        for path in [
            "/login",
            "/login/",
            "/login/totp",
            "/LOGIN",
            "/login?next=/",
            "/login;a=b",
            "/login#x",
            "/logout",
            "/logout?x",
            "/link/abc",
            "/%6cogin",
            "/%6Cogin/totp",
            "/%256cogin",
            "/login%2Ftotp",
            "/login%20",
            "/login%3b",
            "/login%3Fx",
        ] {
            assert_eq!(local(path), None, "{path:?}");
        }
    }

    #[test]
    fn a_path_beyond_the_limit_is_refused() {
        let path = format!("/{}", "a".repeat(PATH_BYTES_MAX - 1));
        assert_eq!(local(&path), Some(path.as_str()));
        assert_eq!(local(&format!("{path}a")), None);
    }

    proptest! {
        #[test]
        fn what_passes_begins_with_one_slash_and_is_plain_ascii(path in "[/\\\\a.%25fFcC0-9?\n :@]{0,24}") {
            if let Some(path) = local(&path) {
                let route = path.split(['?', '#']).next().unwrap_or_default();
                prop_assert!(route.starts_with('/') && !route.contains("//") && !route.contains('\\'));
                prop_assert!(path.bytes().all(|byte| byte.is_ascii_graphic()));
            }
        }

        #[test]
        fn any_text_is_judged_without_a_panic(path in any::<String>()) {
            let _ = local(&path);
        }
    }
}
