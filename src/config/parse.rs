//! Reads single values: addresses, networks, names. Pure; every error is the second half of a sentence: what to give instead.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use crate::core::address::{Cidr, CidrError};

/// Names of logs are at most this long.
const NAME_CHARS_MAX: usize = 128;
/// Host names are at most this long.
const HOST_CHARS_MAX: usize = 253;

/// Where people reach the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    text: String,
    host: String,
    https: bool,
}

impl PublicUrl {
    /// The whole address, without a slash at the end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The host, without port and without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether browsers reach the server by https.
    #[must_use]
    pub const fn is_https(&self) -> bool {
        self.https
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// An address and port to listen on.
pub(super) fn socket(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "give an IP address and a port, as in `127.0.0.1:8080` or `[::1]:8080`".to_owned())
}

/// A network in CIDR notation, or one address.
pub(super) fn cidr(text: &str) -> Result<Cidr, String> {
    let usage = || "give networks as in `10.0.0.0/8` or `2001:db8::/32`".to_owned();
    let (address, prefix) = text.split_once('/').map_or((text, None), |(a, p)| (a, Some(p)));
    let address: IpAddr = address.parse().map_err(|_| usage())?;
    let longest = if address.is_ipv4() { 32 } else { 128 };
    let prefix = match prefix {
        None => longest,
        Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse::<u32>().map_err(|_| usage())?,
        Some(_) => return Err(usage()),
    };
    if prefix == 0 {
        return Err(format!("`{text}` would trust everyone to say where they come from; name the proxies' networks"));
    }
    if prefix > longest {
        return Err(format!("`{text}` has more than {longest} bits; {}", usage()));
    }
    if address.to_canonical() != address {
        return Err(format!("`{text}` is IPv4 in IPv6 clothes; write it as IPv4"));
    }
    text.parse().map_err(|error: CidrError| match error {
        CidrError::HostBits { meant, .. } => format!("`{text}` is not the start of its network; did you mean `{meant}`?"),
        CidrError::Malformed(_) => usage(),
    })
}

/// The address people type: scheme, host and perhaps a port, nothing else.
pub(super) fn public_url(text: &str) -> Result<PublicUrl, String> {
    let url = split_url(text)?;
    if text.ends_with('/') {
        return Err("leave out the slash at the end".to_owned());
    }
    if !url.rest.is_empty() {
        return Err("leave out everything after the host: the server owns the whole site".to_owned());
    }
    Ok(PublicUrl { text: text.to_owned(), host: url.host.to_owned(), https: url.https })
}

/// An address that notices are posted to.
pub(super) fn webhook_url(text: &str) -> Result<String, String> {
    split_url(text)?;
    Ok(text.to_owned())
}

/// An http address, taken apart.
struct Url<'a> {
    https: bool,
    host: &'a str,
    rest: &'a str,
}

fn split_url(text: &str) -> Result<Url<'_>, String> {
    if text.chars().any(|c| !c.is_ascii_graphic() || c == '\\') {
        return Err("use ASCII without spaces or backslashes; write an international host in its `xn--` form".to_owned());
    }
    let (https, after) = if let Some(after) = text.strip_prefix("https://") {
        (true, after)
    } else if let Some(after) = text.strip_prefix("http://") {
        (false, after)
    } else {
        return Err("begin it with `https://`".to_owned());
    };
    let end = after.find(['/', '?', '#']).unwrap_or(after.len());
    let (authority, rest) = after.split_at(end);
    if authority.contains('@') {
        return Err("leave out the user name and password before the host".to_owned());
    }
    let (host, port) = split_port(authority)?;
    if port.is_some_and(|p| !p.bytes().all(|b| b.is_ascii_digit()) || p.parse::<u16>().unwrap_or(0) == 0) {
        return Err("give a port from 1 to 65535 after the colon, or none".to_owned());
    }
    if !https && !is_loopback(host) {
        return Err("begin it with `https://`; plain http is allowed for this machine alone (localhost, 127.0.0.1, [::1])".to_owned());
    }
    Ok(Url { https, host, rest })
}

fn split_port(authority: &str) -> Result<(&str, Option<&str>), String> {
    if let Some(inner) = authority.strip_prefix('[') {
        let (host, after) = inner.split_once(']').ok_or("close the bracket around the IPv6 address")?;
        host.parse::<std::net::Ipv6Addr>().map_err(|_| "put an IPv6 address between the brackets")?;
        return match after.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if after.is_empty() => Ok((host, None)),
            None => Err("put a colon between the host and the port".to_owned()),
        };
    }
    let (host, port) = authority.split_once(':').map_or((authority, None), |(h, p)| (h, Some(p)));
    self::host(host)?;
    Ok((host, port))
}

/// The name or address of a machine.
pub(super) fn host(text: &str) -> Result<String, String> {
    let plain = text.parse::<IpAddr>().is_ok();
    let named = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'_'))
        && text.split('.').all(|label| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-'));
    if text.len() <= HOST_CHARS_MAX && (plain || named) { Ok(text.to_owned()) } else { Err("give a host name in lower case, or an IP address".to_owned()) }
}

/// Whether a host is this machine.
pub(super) fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.ends_with(".localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

/// The name of the audit log.
pub(super) fn log_name(text: &str) -> Result<String, String> {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-');
    if !text.is_empty() && text.len() <= NAME_CHARS_MAX && text.bytes().all(fits) {
        Ok(text.to_owned())
    } else {
        Err(format!("use lower-case letters, digits, dots and hyphens, at most {NAME_CHARS_MAX}"))
    }
}

/// A country's two letters.
pub(super) fn region(text: &str) -> Result<String, String> {
    if text.len() == 2 && text.bytes().all(|b| b.is_ascii_uppercase()) {
        Ok(text.to_owned())
    } else {
        Err("give the two capital letters of a country, as in `US`".to_owned())
    }
}

/// A time zone of the tz database.
pub(super) fn time_zone(text: &str) -> Result<jiff::tz::TimeZone, String> {
    jiff::tz::TimeZone::get(text).map_err(|_| "give a name of the tz database, as in `Europe/Berlin`".to_owned())
}

/// The sender of mails.
pub(super) fn mailbox(text: &str) -> Result<String, String> {
    let address = text.strip_suffix('>').and_then(|t| t.split_once('<')).map_or(text, |(_, address)| address);
    let good = address.split_once('@').is_some_and(|(user, host)| !user.is_empty() && !host.is_empty() && !host.contains('@'));
    // What the mail library cannot read would fail at every mail instead of here.
    if good && !address.contains(char::is_whitespace) && text.parse::<lettre::message::Mailbox>().is_ok() {
        Ok(text.to_owned())
    } else {
        Err("give a mail address, as in `Countersign <countersign@example.org>`".to_owned())
    }
}
