//! Who hears of it when the server itself is in trouble: a mail address and a webhook, each by itself or both.
//! Must stay true: a setting that could not do what it says stops the start; the signing secret is never shown.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// What a secret in the form of Standard Webhooks begins with; base64 follows.
const PREFIX: &str = "whsec_";
/// Shorter secrets are refused: Standard Webhooks asks for 24 bytes at least.
const SECRET_BYTES_MIN: usize = 24;

/// Who hears of it.
#[derive(Clone, Debug, Default)]
pub struct Alerts {
    /// The address that is mailed to.
    pub mail_to: Option<String>,
    /// Where it is posted to.
    pub webhook: Option<Webhook>,
}

/// Where notices are posted to, and what signs them.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// The address.
    pub url: String,
    /// The key of the signatures.
    pub secret: SigningSecret,
}

/// The bytes that sign a webhook; never printed, wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningSecret(Zeroizing<Vec<u8>>);

impl SigningSecret {
    /// The bytes themselves; for the one call that needs them.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningSecret(..)")
    }
}

/// Reads a secret: base64 after `whsec_`, or any other text for its bytes. The error never repeats it.
pub(super) fn signing_secret(text: &str) -> Result<SigningSecret, String> {
    let bytes = match text.strip_prefix(PREFIX) {
        Some(coded) => Zeroizing::new(STANDARD.decode(coded).map_err(|_| format!("write padded base64 after `{PREFIX}`"))?),
        None => Zeroizing::new(text.as_bytes().to_vec()),
    };
    if bytes.len() < SECRET_BYTES_MIN {
        return Err(format!("give at least {SECRET_BYTES_MIN} bytes, as in `{PREFIX}` and the output of `openssl rand -base64 32`"));
    }
    Ok(SigningSecret(bytes))
}

/// Reads the address alerts are mailed to: one, bare.
pub(super) fn address(text: &str) -> Result<String, String> {
    let good = text.is_ascii() && text.parse::<lettre::Address>().is_ok();
    if good { Ok(text.to_owned()) } else { Err("give one bare mail address, as in `operations@example.org`".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_base64_after_its_prefix_or_its_own_bytes() {
        let coded = signing_secret("whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz").expect("read");
        assert_eq!(coded.expose(), b"012345678901234567890123");
        assert_eq!(signing_secret("012345678901234567890123").expect("read"), coded);
        assert_eq!(format!("{coded:?}"), "SigningSecret(..)");
    }

    #[test]
    fn a_short_or_malformed_secret_is_refused_and_never_repeated() {
        for text in ["01234567890123456789012", "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=", "whsec_qz xjv qzxjv qzxjv qzxjv qzxjv", "whsec_", ""] {
            let said = signing_secret(text).expect_err("refused");
            assert!(text.len() < 7 || !said.contains(text), "{said}");
        }
    }

    #[test]
    fn an_address_is_one_and_bare() {
        assert!(address("operations@example.org").is_ok());
        for text in ["a@example.org, b@example.org", "A <a@example.org>", "nobody", "a@b\r\nBcc: c@d", "ä@example.org"] {
            assert!(address(text).is_err(), "{text}");
        }
    }
}
