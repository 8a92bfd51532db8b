//! Gateways that are an app on a telephone: SMSGate and httpSMS, where they are, who signs in, and what signs what they tell.
//! Must stay true: passwords and keys come from files, or are sealed by an administrator; without a webhook key nobody is
//! believed at the hooks; a password travels in the clear only where nobody else listens.

use super::{Secret, phone};

/// A device with SMSGate.
#[derive(Clone, Debug)]
pub struct SmsGate {
    /// Where its API is, without a slash at the end.
    pub url: String,
    /// Who signs in.
    pub username: String,
    /// With what; none when an administrator seals it.
    pub password: Option<Secret>,
    /// The device.
    pub device: String,
    /// What signs what it tells.
    pub webhook_key: Option<Secret>,
    /// Messages handed over in a minute, at most.
    pub per_minute: u32,
}

/// A telephone with httpSMS.
#[derive(Clone, Debug)]
pub struct HttpSms {
    /// Where its API is, without a slash at the end.
    pub url: String,
    /// What it is shown; none when an administrator seals it.
    pub key: Option<Secret>,
    /// The telephone's number, in E.164.
    pub sender: String,
    /// What signs what it tells.
    pub webhook_key: Option<Secret>,
    /// Messages handed over in a minute, at most.
    pub per_minute: u32,
}

/// Reads where an API is: a path may follow.
pub(super) fn url(text: &str) -> Result<String, String> {
    let usage =
        || "give an address such as `https://api.sms-gate.app/3rdparty/v1`, without a slash at the end; plain http only on this machine or in a tailnet";
    let (scheme, rest) = text.split_once("://").ok_or_else(usage)?;
    let (place, path) = rest.split_once('/').unwrap_or((rest, ""));
    let plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'/' | b'-' | b'_' | b'.');
    if !path.bytes().all(plain) || path.ends_with('/') || path.contains("..") || (rest.contains('/') && path.is_empty()) {
        return Err(usage().to_owned());
    }
    phone::url(&format!("{scheme}://{place}")).map_err(|_| usage())?;
    Ok(text.to_owned())
}

/// Reads a name: of who signs in, or of a device.
pub(super) fn name(text: &str) -> Result<String, String> {
    let good = (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic() && b != b':');
    if good { Ok(text.to_owned()) } else { Err("give it as the app shows it: at most 64 characters, no blank and no colon".to_owned()) }
}

/// Reads a number in E.164.
pub(super) fn sender(text: &str) -> Result<String, String> {
    let digits = text.strip_prefix('+').unwrap_or_default();
    let good = (7..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
    if good { Ok(text.to_owned()) } else { Err("give the telephone's number with + and its country, as in `+15005550006`".to_owned()) }
}

/// Reads a password or a key.
pub(super) fn secret(text: &str) -> Result<Secret, String> {
    let good = (8..=512).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
    if good { Ok(Secret::new(text)) } else { Err("give at least 8 characters, without blanks".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_have_a_path_and_is_plain_only_where_nobody_listens() {
        for good in ["https://api.sms-gate.app/3rdparty/v1", "http://100.64.0.7:8080", "http://127.0.0.1:7/api", "https://api.httpsms.com"] {
            assert_eq!(url(good), Ok(good.to_owned()), "{good}");
        }
        for bad in ["", "http://192.168.1.4:8080", "https://x.example/", "https://x.example/a/", "https://x.example/a?b", "https://x.example/../a", "ftp://x"] {
            assert!(url(bad).is_err(), "{bad}");
        }
        assert!(name("sms").is_ok() && name("a:b").is_err() && name("").is_err() && name("a b").is_err());
        assert!(sender("+15005550006").is_ok() && sender("15005550006").is_err());
        assert!(secret("12345678").is_ok() && secret("short").is_err() && secret("with a blank").is_err());
    }
}
