//! Where the trail is streamed to: syslog, a webhook and a file, each by itself or together.
//! Must stay true: a receiver that could not be reached safely stops the start; what names a receiver holds no secret.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Webhook;

/// Where the trail is streamed to.
#[derive(Clone, Debug)]
pub struct Stream {
    /// A receiver of syslog.
    pub syslog: Option<Syslog>,
    /// Where entries are posted to.
    pub webhook: Option<Webhook>,
    /// The file that entries are appended to.
    pub file: Option<PathBuf>,
    /// A receiver that is behind for so long raises an alert.
    pub lag: Duration,
}

/// A receiver of syslog.
#[derive(Clone, Debug)]
pub struct Syslog {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Whom to believe that it is that host; none for a plain connection to this machine.
    pub trust: Option<Trust>,
    /// A connection that it closes without closing TLS first confirms too: for receivers that never do.
    pub any_close: bool,
    /// What its messages hold.
    pub format: SyslogFormat,
}

/// Who vouches for the certificate of a receiver.
#[derive(Clone, Debug)]
pub enum Trust {
    /// The certificates of the system.
    System,
    /// Those in this file alone, in PEM.
    These(PathBuf),
}

/// What a syslog message holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyslogFormat {
    /// The leaf, byte for byte.
    Json,
    /// CEF:0.
    Cef,
    /// An event of OCSF 1.x.
    Ocsf,
}

impl SyslogFormat {
    /// Its word in the settings and in entries.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Cef => "cef",
            Self::Ocsf => "ocsf",
        }
    }
}

/// Reads the file that entries are appended to: an absolute path that ends in a name.
pub(super) fn file(text: &str) -> Result<PathBuf, String> {
    let path = Path::new(text);
    let plain = path.components().all(|c| !matches!(c, std::path::Component::ParentDir));
    if path.is_absolute() && plain && path.file_name().is_some() && !text.ends_with('/') {
        Ok(path.to_owned())
    } else {
        Err("give the whole path of a file, as in `/var/log/countersign/trail.jsonl`".to_owned())
    }
}

/// The host of an address that is posted to, with its port when one is given.
#[must_use]
pub fn host_of(url: &str) -> &str {
    let after = url.split_once("://").map_or(url, |(_, after)| after);
    &after[..after.find(['/', '?', '#']).unwrap_or(after.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_is_named_without_what_may_be_secret() {
        assert_eq!(host_of("https://siem.example.org:8443/hook/SECRET?token=x"), "siem.example.org:8443");
        assert_eq!(host_of("http://[::1]:9/x"), "[::1]:9");
        assert_eq!(host_of("https://siem.example.org?token=x"), "siem.example.org");
    }

    #[test]
    fn a_file_is_named_wholly() {
        assert!(file("/var/log/trail.jsonl").is_ok());
        for text in ["trail.jsonl", "/", "/var/log/", "/var/../etc/passwd", ""] {
            assert!(file(text).is_err(), "{text}");
        }
    }
}
