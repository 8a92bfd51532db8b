//! Who gives time-stamps over the trail's checkpoints: a time-stamping authority as RFC 3161 has it.
//! Must stay true: an authority whose certificate could not be checked stops the start.

use std::sync::Arc;
use std::time::Duration;

use countersign_audit::verify::certificate::{ROOTS_BYTES_MAX, Roots};
use countersign_audit::write::token;

use super::parse;
use crate::core::clock::Micros;

/// Who gives time-stamps.
#[derive(Clone, Debug, Default)]
pub struct Timestamps {
    /// The authority; none when nobody does.
    pub authority: Option<Authority>,
    /// How often it is asked.
    pub period: Duration,
    /// How old an entry may become before a time-stamp covers it.
    pub untimed_max: Micros,
}

/// A time-stamping authority.
#[derive(Clone, Debug)]
pub struct Authority {
    /// Its address.
    pub url: String,
    /// The certificates that vouch for it.
    pub roots: Arc<Roots>,
    /// The policy it is asked for, as dotted numbers; its own when none.
    pub policy: Option<String>,
}

/// Reads the file of certificates at `path`.
pub(super) fn roots(path: &str) -> Result<Arc<Roots>, String> {
    let unread = |e: std::io::Error| format!("the file cannot be read: {e}");
    let bytes_max = u64::try_from(ROOTS_BYTES_MAX).unwrap_or(u64::MAX);
    if std::fs::metadata(path).map_err(unread)?.len() > bytes_max {
        return Err("the file is larger than 1 MiB".to_owned());
    }
    let text = std::fs::read_to_string(path).map_err(unread)?;
    let roots = Roots::parse(&text).map_err(|e| format!("name the certificates, in PEM, that vouch for the authority: {e}"))?;
    Ok(Arc::new(roots))
}

/// Reads the authority's address. Plain http will do: a hash leaves, and what comes back is signed.
pub(super) fn url(text: &str) -> Result<String, String> {
    let checked = text.strip_prefix("http://").map_or_else(|| text.to_owned(), |rest| format!("https://{rest}"));
    parse::webhook_url(&checked).map(|_| text.to_owned())
}

/// Reads the policy that is asked for.
pub(super) fn policy(text: &str) -> Result<String, String> {
    token::request(&[0; 32], &[1; 8], Some(text)).map(|_| text.to_owned()).map_err(|_| "give dotted numbers, as in `1.3.6.1.4.1.32473.1`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_be_plain_and_must_be_one() {
        for text in ["http://timestamp.example.org", "https://tsa.example.org/tsr", "http://127.0.0.1:318/"] {
            assert_eq!(url(text), Ok(text.to_owned()));
        }
        for text in ["tsa.example.org", "ftp://tsa.example.org", "http://u:p@tsa.example.org", "http://", "http://a b"] {
            assert!(url(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_policy_is_dotted_numbers() {
        assert!(policy("1.3.6.1.4.1.32473.1").is_ok());
        for text in ["", "baseline", "1", "3.1.1", "1.2.3.", "1.2. 3"] {
            assert!(policy(text).is_err(), "{text}");
        }
    }
}
