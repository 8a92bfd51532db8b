//! The account at Twilio: who may post to `/hooks/twilio`, proven by signatures, and how messages leave by it.
//! Must stay true: a token is a secret and comes from a file; without a token nobody is believed; without a sender nothing
//! leaves.

use super::{Secret, parse};

/// How long Twilio may keep a message that it cannot deliver yet, in seconds, at most.
pub const VALIDITY_SECS_MAX: u64 = 36_000;

/// The account.
#[derive(Clone, Debug)]
pub struct Twilio {
    /// `AC` and 32 digits.
    pub account_sid: String,
    /// The token, and during a rotation the next one.
    pub tokens: Vec<Secret>,
    /// A request whose signature does not fit is refused, and not only told in the log.
    pub enforces: bool,
    /// How messages leave; none when this account only tells.
    pub sends: Option<TwilioSends>,
}

/// How messages leave by Twilio.
#[derive(Clone, Debug)]
pub struct TwilioSends {
    /// Where its API is, without a slash at the end.
    pub api_url: String,
    /// Who sends.
    pub sender: TwilioSender,
    /// How long a message may wait at Twilio, in seconds.
    pub validity_secs: u32,
    /// Messages handed over in a second, at most.
    pub per_second: u32,
}

/// Who sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TwilioSender {
    /// One number, in E.164.
    From(String),
    /// A messaging service, which picks the number: `MG` and 32 digits.
    Service(String),
}

fn is_sid(text: &str, prefix: &str) -> bool {
    let digits = text.strip_prefix(prefix).unwrap_or_default();
    digits.len() == 32 && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// What one part of a message costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    /// In millionths.
    pub micros: i64,
    /// Three letters.
    pub currency: String,
}

/// Reads a price.
pub(super) fn price(text: &str) -> Result<Price, String> {
    let usage = || "give an amount and a currency, as in `0.0083 USD`".to_owned();
    let (amount, currency) = text.split_once(' ').ok_or_else(usage)?;
    let (whole, part) = amount.split_once('.').unwrap_or((amount, ""));
    let digits = |t: &str, max: usize| t.len() <= max && t.bytes().all(|b| b.is_ascii_digit());
    let good = !whole.is_empty() && digits(whole, 3) && digits(part, 6) && currency.len() == 3 && currency.bytes().all(|b| b.is_ascii_uppercase());
    if !good {
        return Err(usage());
    }
    let micros = format!("{whole}{part:0<6}").parse().map_err(|_| usage())?;
    Ok(Price { micros, currency: currency.to_owned() })
}

/// Reads who sends: a number or a messaging service.
pub(super) fn sender(text: &str) -> Result<TwilioSender, String> {
    if is_sid(text, "MG") {
        return Ok(TwilioSender::Service(text.to_owned()));
    }
    let digits = text.strip_prefix('+').unwrap_or_default();
    let good = (7..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
    let what = "give a number with + and its country, as in `+15005550006`, or a messaging service: `MG` and 32 digits from 0-9 and a-f";
    if good { Ok(TwilioSender::From(text.to_owned())) } else { Err(what.to_owned()) }
}

/// Reads the address of the API.
pub(super) fn api_url(text: &str) -> Result<String, String> {
    parse::public_url(text).map(|url| url.as_str().to_owned())
}

/// Reads the name of an account.
pub(super) fn account_sid(text: &str) -> Result<String, String> {
    if is_sid(text, "AC") { Ok(text.to_owned()) } else { Err("give `AC` and 32 digits from 0-9 and a-f".to_owned()) }
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
    fn a_price_is_read_to_the_millionth() {
        for (text, micros) in [("0.0083 USD", 8300), ("1 EUR", 1_000_000), ("0.000001 USD", 1), ("12.5 GBP", 12_500_000)] {
            assert_eq!(price(text).map(|p| p.micros), Ok(micros), "{text}");
        }
        for bad in ["", "0.0083", "USD", "-1 USD", "1,5 USD", "0.0000001 USD", "1 usd", "1 USDT", "1e3 USD", ".5 USD"] {
            assert!(price(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_account_and_a_token_look_as_twilio_gives_them() {
        assert!(account_sid("AC00112233445566778899aabbccddeeff").is_ok());
        for bad in ["", "AC", "SK00112233445566778899aabbccddeeff", "AC00112233445566778899AABBCCDDEEFF", "AC00112233445566778899aabbccddeef"] {
            assert!(account_sid(bad).is_err(), "{bad}");
        }
        assert!(sender("+15005550006").is_ok() && sender("MG00112233445566778899aabbccddeeff").is_ok());
        assert!(api_url("https://api.twilio.com").is_ok() && api_url("http://127.0.0.1:7").is_ok());
        for bad in ["", "15005550006", "+0123456789", "+1 500 555 0006", "+1500,+1501", "MG"] {
            assert!(sender(bad).is_err(), "{bad}");
        }
        for bad in ["http://api.twilio.com", "https://api.twilio.com/", "https://u:p@api.twilio.com", "file:///etc"] {
            assert!(api_url(bad).is_err(), "{bad}");
        }
        assert!(token("00112233445566778899aabbccddeeff").is_ok());
        for bad in ["", "short", "with a blank in the middle"] {
            assert!(token(bad).is_err(), "{bad}");
        }
    }
}
