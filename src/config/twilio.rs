//! The account at Twilio: who may post to `/hooks/twilio`, proven by signatures.
//! Must stay true: a token is a secret and comes from a file; without a token nobody is believed.

use super::Secret;

/// The account.
#[derive(Clone, Debug)]
pub struct Twilio {
    /// `AC` and 32 digits.
    pub account_sid: String,
    /// The token, and during a rotation the next one.
    pub tokens: Vec<Secret>,
    /// A request whose signature does not fit is refused, and not only told in the log.
    pub enforces: bool,
}

/// Reads the name of an account.
pub(super) fn account_sid(text: &str) -> Result<String, String> {
    let digits = text.strip_prefix("AC").unwrap_or_default();
    let good = digits.len() == 32 && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if good { Ok(text.to_owned()) } else { Err("give `AC` and 32 digits from 0-9 and a-f".to_owned()) }
}

/// Reads a token.
pub(super) fn token(text: &str) -> Result<Secret, String> {
    let good = (16..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
    if good { Ok(Secret::new(text)) } else { Err("give the auth token as the console of Twilio shows it".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_and_a_token_look_as_twilio_gives_them() {
        assert!(account_sid("AC00112233445566778899aabbccddeeff").is_ok());
        for bad in ["", "AC", "SK00112233445566778899aabbccddeeff", "AC00112233445566778899AABBCCDDEEFF", "AC00112233445566778899aabbccddeef"] {
            assert!(account_sid(bad).is_err(), "{bad}");
        }
        assert!(token("00112233445566778899aabbccddeeff").is_ok());
        for bad in ["", "short", "with a blank in the middle"] {
            assert!(token(bad).is_err(), "{bad}");
        }
    }
}
