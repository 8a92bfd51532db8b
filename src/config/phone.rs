//! The phone bridge: a program on a telephone in reach of this server, and the key that it is shown.
//! Must stay true: the key is a secret and comes from a file; it travels in the clear only where nobody else listens: on this
//! machine, or in a tailnet.

use std::net::IpAddr;

use super::{Secret, parse};

/// Characters of a key.
const KEY_CHARS: usize = 64;

/// The bridge.
#[derive(Clone, Debug)]
pub struct Phone {
    /// Where it is, without a slash at the end.
    pub url: String,
    /// What it is shown.
    pub key: Secret,
}

/// Reads the address of a bridge.
pub(super) fn url(text: &str) -> Result<String, String> {
    if let Some(place) = text.strip_prefix("http://")
        && let Ok(place) = place.parse::<std::net::SocketAddr>()
        && is_tailnet(place.ip())
    {
        return Ok(text.to_owned());
    }
    parse::public_url(text).map(|url| url.as_str().to_owned())
}

/// Is this an address that only a tailnet routes, and encrypts?
fn is_tailnet(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => v4.octets()[0] == 100 && v4.octets()[1] & 0b1100_0000 == 64,
        IpAddr::V6(v6) => v6.segments()[..3] == [0xfd7a, 0x115c, 0xa1e0],
    }
}

/// Reads a key.
pub(super) fn key(text: &str) -> Result<Secret, String> {
    let good = text.len() == KEY_CHARS && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if good { Ok(Secret::new(text)) } else { Err("give the key as `countersign-phone setup` shows it".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_goes_in_the_clear_only_where_nobody_listens() {
        for good in ["http://127.0.0.1:8622", "http://100.64.0.7:8622", "http://[fd7a:115c:a1e0::7]:8622", "https://phone.example"] {
            assert_eq!(url(good), Ok(good.to_owned()), "{good}");
        }
        for bad in
            ["", "http://192.168.1.4:8622", "http://100.128.0.1:8622", "http://100.64.0.7:8622/", "http://100.64.0.7", "http://phone.example:8622", "ftp://x"]
        {
            assert!(url(bad).is_err(), "{bad}");
        }
        assert!(key(&"0a".repeat(32)).is_ok());
        for bad in ["", "0A0A", &"0g".repeat(32), &"0a".repeat(31)] {
            assert!(key(bad).is_err(), "{bad}");
        }
    }
}
