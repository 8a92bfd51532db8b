//! Time-based codes of RFC 6238 (SHA-1, six digits, 30 seconds) and the QR
//! image by which a secret reaches an authenticator.
//! What must stay true: only the current and the previous step are accepted,
//! never a coming one; the matched step is handed back so that the caller burns
//! it; a secret shows itself nowhere but in `uri` and `base32`.

use std::fmt;

use qrcodegen::{QrCode, QrCodeEcc};
use subtle::ConstantTimeEq as _;
use totp_rs::{Builder, Totp, TotpError};
use zeroize::{Zeroize as _, Zeroizing};

/// Bytes of a secret: the length of the hash, as RFC 4226 recommends.
pub const SECRET_BYTES: usize = 20;
/// Digits of a code.
pub const CODE_DIGITS: usize = 6;
/// Seconds of one step.
pub const STEP_SECS: u64 = 30;
/// Light modules around a QR code, without which readers do not find it.
pub const QUIET_ZONE: i32 = 4;
/// Bytes that are drawn as a QR code; more would need too fine a grid for a phone.
pub const QR_BYTES_MAX: usize = 512;

/// The secret that a server and an authenticator share.
#[derive(Clone)]
pub struct Secret([u8; SECRET_BYTES]);

impl Secret {
    pub fn new(bytes: [u8; SECRET_BYTES]) -> Self {
        Self(bytes)
    }

    /// The secret from its stored bytes; none when they are not exactly [`SECRET_BYTES`].
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The bytes, to be sealed.
    pub fn as_bytes(&self) -> &[u8; SECRET_BYTES] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// Why a secret could not be written as a URI.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UriError {
    #[error("an authenticator cannot tell this account from others; give it a name without `:`")]
    Account,
    #[error("an authenticator cannot read this issuer; give it a name without `:`")]
    Issuer,
}

/// The `otpauth://` URI that an authenticator imports.
pub fn uri(issuer: &str, account: &str, secret: &Secret) -> Result<Zeroizing<String>, UriError> {
    if issuer.is_empty() || issuer.contains(':') {
        return Err(UriError::Issuer);
    }
    let builder = Builder::new().with_secret(secret.0).with_issuer(Some(issuer)).with_account_name(account);
    let url = builder.build().and_then(|totp| totp.to_url());
    url.map(Zeroizing::new).map_err(|_: TotpError| UriError::Account)
}

/// The secret as people type it.
pub fn base32(secret: &Secret) -> Zeroizing<String> {
    Zeroizing::new(totp_rs::Secret::from(secret.0).to_base32())
}

/// The step of which `code` is, the current one first. Takes the same time for every six digits.
pub fn matched_step(secret: &Secret, code: &str, now_secs: u64) -> Option<u64> {
    let code: [u8; CODE_DIGITS] = code.as_bytes().try_into().ok()?;
    if !code.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let totp = Builder::new().with_secret(secret.0).build().ok()?;
    let current = now_secs / STEP_SECS;
    let is_current = is_code_of(&totp, current, &code);
    // In the very first step there is no previous one, and it is the same again.
    let previous = current.saturating_sub(1);
    let is_previous = is_code_of(&totp, previous, &code);
    match (is_current, is_previous) {
        (true, _) => Some(current),
        (false, true) => Some(previous),
        (false, false) => None,
    }
}

fn is_code_of(totp: &Totp, step: u64, code: &[u8; CODE_DIGITS]) -> bool {
    let expected = Zeroizing::new(totp.generate(step * STEP_SECS).to_string());
    expected.as_bytes().ct_eq(code).into()
}

/// A QR code as one SVG path of dark runs, in a square of `size` modules with the quiet zone inside.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Qr {
    pub size: u32,
    pub path: String,
}

/// Draws a text; none when it is longer than [`QR_BYTES_MAX`].
pub fn qr(text: &str) -> Option<Qr> {
    if text.len() > QR_BYTES_MAX {
        return None;
    }
    let code = QrCode::encode_text(text, QrCodeEcc::Medium).ok()?;
    let path = (0..code.size()).flat_map(|y| dark_runs(&code, y)).collect();
    let size = u32::try_from(code.size() + 2 * QUIET_ZONE).ok()?;
    Some(Qr { size, path })
}

fn dark_runs(code: &QrCode, y: i32) -> Vec<String> {
    let mut runs = Vec::new();
    let mut start = None;
    // One module further than the code: outside is light, which ends the last run.
    for x in 0..=code.size() {
        match (start, code.get_module(x, y)) {
            (None, true) => start = Some(x),
            (Some(from), false) => {
                let (left, top, width) = (from + QUIET_ZONE, y + QUIET_ZONE, x - from);
                runs.push(format!("M{left} {top}h{width}v1h-{width}z"));
                start = None;
            }
            _ => {}
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rfc_secret() -> Secret {
        Secret::new(*b"12345678901234567890")
    }

    /// Appendix B of RFC 6238, the last six of the eight digits.
    const VECTORS: [(u64, &str); 6] = [
        (59, "287082"),
        (1_111_111_109, "081804"),
        (1_111_111_111, "050471"),
        (1_234_567_890, "005924"),
        (2_000_000_000, "279037"),
        (20_000_000_000, "353130"),
    ];

    #[test]
    fn the_vectors_of_the_standard_match_in_their_own_step() {
        for (secs, code) in VECTORS {
            assert_eq!(matched_step(&rfc_secret(), code, secs), Some(secs / 30), "{secs}");
        }
    }

    #[test]
    fn a_code_lives_for_its_step_and_the_next_only() {
        for (secs, code) in VECTORS {
            let step = secs / 30;
            let first = step * 30;
            let matched = |at| matched_step(&rfc_secret(), code, at);
            assert_eq!(matched(first), Some(step));
            assert_eq!(matched(first + 29), Some(step));
            assert_eq!(matched(first + 30), Some(step));
            assert_eq!(matched(first + 59), Some(step));
            assert_eq!(matched(first + 60), None);
            assert_eq!(matched(first - 1), None);
        }
    }

    #[test]
    fn only_six_ascii_digits_are_a_code() {
        for code in
            ["", "28708", "2870820", "28708a", "287 082", " 287082", "+28708", "-28708", "２８７０８２", "٢٨٧٠٨٢", "287082\n", "28708\0", "é8708", "0x1234"]
        {
            assert_eq!(matched_step(&rfc_secret(), code, 59), None, "{code:?}");
        }
        assert_eq!(matched_step(&rfc_secret(), "287083", 59), None);
    }

    #[test]
    fn the_first_and_the_last_second_of_time_do_not_panic() {
        assert_eq!(matched_step(&rfc_secret(), "755224", 0), Some(0));
        assert_eq!(matched_step(&rfc_secret(), "755224", 30), Some(0));
        assert_eq!(matched_step(&rfc_secret(), "000000", u64::MAX), None);
    }

    #[test]
    fn another_secret_has_other_codes() {
        let other = Secret::new([7; SECRET_BYTES]);
        assert_eq!(matched_step(&other, "287082", 59), None);
    }

    #[test]
    fn the_uri_carries_issuer_account_and_secret() {
        let uri = uri("Countersign", "anna@example.org", &rfc_secret()).expect("a plain account");
        assert_eq!(uri.as_str(), "otpauth://totp/Countersign:anna%40example.org?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Countersign");
    }

    #[test]
    fn a_name_that_would_split_the_uri_is_refused() {
        assert_eq!(uri("Countersign", "", &rfc_secret()).err(), Some(UriError::Account));
        assert_eq!(uri("Countersign", "a:b", &rfc_secret()).err(), Some(UriError::Account));
        assert_eq!(uri("a:b", "anna", &rfc_secret()).err(), Some(UriError::Issuer));
        assert_eq!(uri("", "anna", &rfc_secret()).err(), Some(UriError::Issuer));
        let escaped = uri("A & B", "x?secret=1&y", &rfc_secret()).expect("escaped");
        assert!(escaped.starts_with("otpauth://totp/A%20%26%20B:x%3Fsecret%3D1%26y?secret=GEZD"), "{}", *escaped);
    }

    #[test]
    fn the_secret_is_typed_in_base32_without_padding() {
        assert_eq!(base32(&rfc_secret()).as_str(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert_eq!(base32(&Secret::new([0; 20])).as_str(), "A".repeat(32));
    }

    #[test]
    fn a_secret_shows_nothing_of_itself() {
        assert_eq!(format!("{:?}", rfc_secret()), "Secret(..)");
        assert_eq!(format!("{:#?}", Some(rfc_secret())), "Some(\n    Secret(..),\n)");
    }

    #[test]
    fn a_secret_of_another_length_is_none() {
        assert!(Secret::from_slice(&[0; 19]).is_none());
        assert!(Secret::from_slice(&[0; 21]).is_none());
        let secret = Secret::from_slice(b"12345678901234567890").expect("20 bytes");
        assert_eq!(secret.as_bytes(), b"12345678901234567890");
    }

    /// Fills a grid from the path, the way a browser would.
    fn drawn(qr: &Qr) -> Vec<Vec<bool>> {
        let size = usize::try_from(qr.size).expect("a small size");
        let mut grid = vec![vec![false; size]; size];
        for run in qr.path.split('M').skip(1) {
            let (at, shape) = run.split_once('h').expect("a run");
            let (x, y) = at.split_once(' ').expect("a place");
            let (width, rest) = shape.split_once('v').expect("a width");
            assert_eq!(rest, format!("1h-{width}z"));
            let number = |text: &str| text.parse::<usize>().expect("a number");
            let row = &mut grid[number(y)];
            row[number(x)..number(x) + number(width)].fill(true);
        }
        grid
    }

    #[test]
    fn the_path_draws_the_code_inside_its_quiet_zone() {
        let uri = uri("Countersign", "anna@example.org", &rfc_secret()).expect("a plain account");
        let qr = qr(&uri).expect("a short text");
        let code = QrCode::encode_text(&uri, QrCodeEcc::Medium).expect("a short text");
        let grid = drawn(&qr);
        for (y, row) in grid.iter().enumerate() {
            for (x, dark) in row.iter().enumerate() {
                let at = |n: usize| i32::try_from(n).expect("a small place") - QUIET_ZONE;
                assert_eq!(*dark, code.get_module(at(x), at(y)), "{x} {y}");
            }
        }
        assert_eq!(qr.size, u32::try_from(code.size() + 8).expect("a small size"));
    }

    #[test]
    fn a_text_too_long_for_a_phone_is_not_drawn() {
        assert!(qr(&"a".repeat(QR_BYTES_MAX)).is_some());
        assert!(qr(&"a".repeat(QR_BYTES_MAX + 1)).is_none());
    }

    proptest! {
        #[test]
        fn a_matched_step_is_never_in_the_future_and_at_most_one_old(
            bytes in any::<[u8; 20]>(),
            now in 60_u64..1 << 40,
        ) {
            let secret = Secret::new(bytes);
            let totp = Builder::new().with_secret(bytes).build().expect("a full secret");
            let coming = totp.generate(now + STEP_SECS).to_string();
            if let Some(step) = matched_step(&secret, &coming, now) {
                // One chance in a million: the coming code equals an accepted one.
                prop_assert_eq!(totp.generate(step * STEP_SECS).to_string(), coming);
                prop_assert!(step <= now / STEP_SECS);
            }
            let current = totp.generate(now).to_string();
            prop_assert_eq!(matched_step(&secret, &current, now), Some(now / STEP_SECS));
        }
    }
}
