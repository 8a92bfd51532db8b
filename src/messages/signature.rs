//! Signatures of Twilio's requests (`X-Twilio-Signature`): HMAC-SHA-1 with the account's token over the address as it was
//! configured and what was posted. Must stay true: compared in constant time; every value received is signed over, known here
//! or not; nothing of the address is normalised, since the other side signs it as it was written down there.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

/// What was received.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    /// Scheme, host and port as configured, path and query as they came.
    pub url: &'a str,
    /// The fields of a form, decoded; none when the body is something else.
    pub form: Option<&'a [(String, String)]>,
    /// The body as it came.
    pub body: &'a [u8],
    /// What the header says.
    pub signature: &'a str,
}

/// Was this signed with one of these tokens? During a rotation there are two.
#[must_use]
pub fn is_signed(tokens: &[&str], received: &Received<'_>) -> bool {
    let Ok(given) = STANDARD.decode(received.signature) else { return false };
    if given.len() != 20 {
        return false;
    }
    let hashed = body_hash(received.url);
    let fields = match (received.form, &hashed) {
        // A body that is no form is signed by its hash in the address.
        (_, Some(hash)) if received.form.is_none() || received.form.is_some_and(<[_]>::is_empty) => {
            if !is_hash_of(hash, received.body) {
                return false;
            }
            String::new()
        }
        (Some(form), _) => joined(form),
        (None, None) if received.body.is_empty() => String::new(),
        (None, _) => return false,
    };
    let mut right = false;
    for token in tokens.iter().filter(|token| !token.is_empty()) {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.as_bytes());
        for url in variants(received.url) {
            // Every variant is looked at, whichever fits.
            right |= hmac::verify(&key, format!("{url}{fields}").as_bytes(), &given).is_ok();
        }
    }
    right
}

/// What Twilio would send for this; for the built-in fake and for tests.
#[must_use]
pub fn sign(token: &str, url: &str, form: &[(String, String)]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.as_bytes());
    STANDARD.encode(hmac::sign(&key, format!("{url}{}", joined(form)).as_bytes()))
}

/// Each name once in byte order, followed by each of its values once in order.
fn joined(form: &[(String, String)]) -> String {
    let mut pairs: Vec<(&str, &str)> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    pairs.sort_unstable();
    pairs.dedup();
    pairs.into_iter().flat_map(|(name, value)| [name, value]).collect()
}

/// The `bodySHA256` of an address.
fn body_hash(url: &str) -> Option<String> {
    let (_, query) = url.split_once('?')?;
    query.split('&').find_map(|pair| pair.strip_prefix("bodySHA256=")).map(str::to_owned)
}

fn is_hash_of(hash: &str, body: &[u8]) -> bool {
    use subtle::ConstantTimeEq as _;
    let right = hex::encode(Sha256::digest(body));
    right.as_bytes().ct_eq(hash.to_ascii_lowercase().as_bytes()).into()
}

/// The address as it is, without its port, and with the port that its scheme has anyway.
fn variants(url: &str) -> Vec<String> {
    let mut out = vec![url.to_owned()];
    let Some((scheme, rest)) = url.split_once("://") else { return out };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let (user, host) = authority.rsplit_once('@').map_or(("", authority), |(user, host)| (user, host));
    let user = if user.is_empty() { String::new() } else { format!("{user}@") };
    // The colons of an IPv6 address are inside brackets.
    let port_at = host.rfind(':').filter(|at| host[at + 1..].bytes().all(|b| b.is_ascii_digit()) && !host[*at..].contains(']'));
    let default = if scheme == "http" { "80" } else { "443" };
    out.push(match port_at {
        Some(at) => format!("{scheme}://{user}{}{path}", &host[..at]),
        None => format!("{scheme}://{user}{host}:{default}{path}"),
    });
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "12345";
    const U: &str = "https://mycompany.com/myapp.php?foo=1&bar=2";

    fn pairs(form: &[(&str, &str)]) -> Vec<(String, String)> {
        form.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
    }

    fn data(more: &[(&str, &str)]) -> Vec<(String, String)> {
        let own = [("CallSid", "CA1234567890ABCDE"), ("Caller", "+14158675309"), ("Digits", "1234"), ("From", "+14158675309"), ("To", "+18005551212")];
        pairs(&[&own[..], more].concat())
    }

    fn fits(url: &str, form: &[(String, String)], signature: &str) -> bool {
        is_signed(&[TOKEN], &Received { url, form: Some(form), body: b"", signature })
    }

    #[test]
    fn every_published_signature_fits() {
        let d = data(&[]);
        let reason = data(&[("ReasonConferenceEnded", "test"), ("Reason", "Participant")]);
        for (url, form, signature) in [
            (U, d.clone(), "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
            ("https://mycompany.com:443/myapp.php?foo=1&bar=2", d.clone(), "kvajT1Ptam85bY51eRf/AJRuM3w="),
            ("http://mycompany.com:80/myapp.php?foo=1&bar=2", d.clone(), "0ZXoZLH/DfblKGATFgpif+LLRf4="),
            ("http://mycompany.com:1234/myapp.php?foo=1&bar=2", d.clone(), "Zmvh+3yNM1Phv2jhDCwEM3q5ebU="),
            (
                U,
                pairs(&[("Sid", "CA123"), ("SidAccount", "AC123"), ("Digits", "5678"), ("Digits", "1234"), ("Digits", "1234")]),
                "IK+Dwps556ElfBT0I3Rgjkr1wJU=",
            ),
            (U, pairs(&[("MessagingBinding.Address", "+1325xxxxxxx"), ("MessagingBinding.Address", "+1415xxxxxxx")]), "83O6e2vORAoJHUNzJjDWN1jz+BA="),
            (U, reason.clone(), "vOEb5UThFn24KEfnOFLQY2AE5FY="),
            ("http://mycompany.com/myapp.php?foo=1&bar=2", reason, "n2xBNyzSW7rfYStDtOFiFMv7qNo="),
            (U, pairs(&[("property", "value"), ("boolean", "true")]), "NBdBDr/T/lgjI+tlgpXjKZQZs/k="),
            ("https://user:pass@mycompany.com/myapp.php?foo=1&bar=2", d.clone(), "CukzLTc1tT5dXEDIHm/tKBanW10="),
            ("https://user@mycompany.com/myapp.php?foo=1&bar=2", d.clone(), "2YRLlVAflCqxaNicjMpJcSTgzSs="),
            ("https://user:pass@mycompany.com:443/myapp.php?foo=1&bar=2", d.clone(), "ZQFR1PTIZXF2MXB8ZnKCvnnA+rI="),
            ("https://mycompany.com/myapp.php?foo=1&bar=2&Body=It%27s+amazing", d, "TfZzewPq8wqrGlMfyAud8+/IvJ0="),
        ] {
            assert!(fits(url, &form, signature), "{url}");
        }
    }

    #[test]
    fn an_address_fits_with_and_without_the_port_that_its_scheme_has() {
        let d = data(&[]);
        assert!(fits("https://mycompany.com/myapp.php?foo=1&bar=2", &d, "kvajT1Ptam85bY51eRf/AJRuM3w="));
        assert!(fits("https://mycompany.com:443/myapp.php?foo=1&bar=2", &d, "RSOYDt4T1cUTdK1PDd93/VVr8B8="));
        assert_eq!(variants("https://[::1]:8443/x"), ["https://[::1]:8443/x", "https://[::1]/x"]);
        assert_eq!(variants("http://[::1]/x"), ["http://[::1]/x", "http://[::1]:80/x"]);
    }

    #[test]
    fn a_body_that_is_no_form_is_signed_by_its_hash() {
        const SHA: &str = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620";
        const EMPTY: &str = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
        let of = |url: &str, body: &[u8], signature: &str| is_signed(&[TOKEN], &Received { url, form: None, body, signature });
        let body = br#"{"property": "value", "boolean": true}"#;
        let (whole, alone) = (format!("{U}&bodySHA256={SHA}"), format!("https://mycompany.com/myapp.php?bodySHA256={SHA}"));
        assert!(of(&whole, body, "a9nBmqA0ju/hNViExpshrM61xv4="));
        assert!(of(&alone, body, "y77kIzt2vzLz71DgmJGsen2scGs="));
        // This one fits only with the port of https.
        assert!(of(&format!("{U}&bodySHA256={EMPTY}"), b"{}", "Ldidvp12m26NI7eqEvxnEpkd9Hc="));
        assert!(!of(&whole, b"{}", "a9nBmqA0ju/hNViExpshrM61xv4="), "another body");
        assert!(!of(&format!("{U}&bodySHA256={EMPTY}"), body, "a9nBmqA0ju/hNViExpshrM61xv4="), "another hash");
        assert!(!of(U, body, "RSOYDt4T1cUTdK1PDd93/VVr8B8="), "no hash");
    }

    #[test]
    fn everything_that_was_touched_is_refused() {
        let d = data(&[]);
        const RIGHT: &str = "RSOYDt4T1cUTdK1PDd93/VVr8B8=";
        let mut flipped = d.clone();
        flipped[2].1 = "1235".into();
        let more = data(&[("Extra", "1")]);
        let reason = data(&[("ReasonConferenceEnded", "test"), ("Reason", "Participant")]);
        for (url, form, signature) in [
            (U, &flipped, RIGHT),
            (U, &more, RIGHT),
            (U, &d[1..].to_vec(), RIGHT),
            (U, &d, ""),
            (U, &d, "not base64!"),
            (U, &d, "RSOYDt4T1cUTdK1PDd93/VVr8B8"),
            (U, &d, "RSOYDt4T1cUTdK1PDd93/VVr"),
            ("https://mycompany.com/myapp.php?bar=2&foo=1", &d, RIGHT),
            ("http://mycompany.com/myapp.php?foo=1&bar=2", &d, RIGHT),
            ("https://MYCOMPANY.com/myapp.php?foo=1&bar=2", &d, RIGHT),
            ("https://mycompany.com/myapp.php?foo=1", &d, RIGHT),
            // What sorting by name and value in one would give.
            (U, &reason, "95+Bu0JVPi0r/SsESZCVf0dWAjw="),
        ] {
            assert!(!fits(url, form, signature), "{url} {signature}");
        }
        let received = Received { url: U, form: Some(&d), body: b"", signature: RIGHT };
        for tokens in [&[][..], &[""], &["12346"], &["1234"]] {
            assert!(!is_signed(tokens, &received), "{tokens:?}");
        }
        assert!(is_signed(&["other", TOKEN], &received), "the second token, during a rotation");
        assert!(fits(U, &d, &sign(TOKEN, U, &d)));
    }
}
