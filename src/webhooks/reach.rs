//! Which addresses a webhook may reach: those of the open internet, and of this house only those that the settings name.
//! Must stay true: the address is judged when it is connected to, by the very answer that the connection uses, so that a name that
//! answers otherwise a moment later gains nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::URL_CHARS_MAX;
use crate::core::address::Cidr;

/// Resolves names to addresses that may be reached.
#[derive(Clone, Debug)]
pub struct Reach(pub Vec<Cidr>);

impl Resolve for Reach {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.clone();
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.filter(|at| reach.may(at.ip())).collect();
            if found.is_empty() {
                return Err("no address of it may be reached".into());
            }
            let all: Addrs = Box::new(found.into_iter());
            Ok::<Addrs, Box<dyn std::error::Error + Send + Sync>>(all)
        })
    }
}

impl Reach {
    /// May this address be reached?
    #[must_use]
    pub fn may(&self, ip: IpAddr) -> bool {
        is_open(ip) || self.is_ours(ip)
    }

    fn is_ours(&self, ip: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(ip.to_canonical()))
    }

    /// May this be posted to, as far as its text says? A name is judged when it is resolved.
    #[must_use]
    pub fn takes(&self, url: &str) -> bool {
        let Ok(parsed) = Url::parse(url) else { return false };
        let plain = url.len() <= URL_CHARS_MAX && url.bytes().all(|b| b.is_ascii_graphic()) && parsed.username().is_empty() && parsed.password().is_none();
        // As the connection reads it: `http://0x7f.1` is an address too.
        let literal: Option<IpAddr> = parsed.host_str().and_then(|host| host.trim_start_matches('[').trim_end_matches(']').parse().ok());
        plain
            && parsed.fragment().is_none()
            && match (parsed.scheme(), literal) {
                ("https", Some(ip)) => self.may(ip),
                ("https", None) => true,
                ("http", Some(ip)) => self.is_ours(ip),
                _ => false,
            }
    }
}

/// Does this address lie in the open internet?
#[must_use]
pub fn is_open(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(v4) => is_open_v4(v4),
        IpAddr::V6(v6) => is_open_v6(v6),
    }
}

fn is_open_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let shared = a == 100 && b & 0b1100_0000 == 64;
    let special = a == 0 || a >= 240 || (a == 192 && b == 0 && c == 0) || (a == 198 && b & 0b1111_1110 == 18);
    !(ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_multicast() || ip.is_documentation() || ip.is_broadcast() || shared || special)
}

fn is_open_v6(ip: Ipv6Addr) -> bool {
    let s = ip.segments();
    // Only what is given out for use, and of that nothing that carries an address of the older kind inside, or is an example.
    let global = s[0] & 0xe000 == 0x2000;
    let special = (s[0] == 0x2001 && (s[1] < 0x0200 || s[1] == 0x0db8)) || s[0] == 0x2002 || (s[0] == 0x3fff && s[1] < 0x1000);
    global && !special
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_this_house_is_open() {
        for closed in [
            "127.0.0.1",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "192.0.0.8",
            "198.18.0.1",
            "203.0.113.7",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::7f00:1",
            "2002:7f00:1::1",
            "2001::1",
            "2001:db8::1",
        ] {
            assert!(!is_open(closed.parse().expect("an address")), "{closed}");
        }
        for open in ["1.1.1.1", "93.184.215.14", "2606:4700::1111", "2a00:1450:4001::1"] {
            assert!(is_open(open.parse().expect("an address")), "{open}");
        }
    }

    #[test]
    fn an_address_is_https_or_named_by_the_settings() {
        let none = Reach(Vec::new());
        for good in ["https://hooks.example.org/a?b=c", "https://1.1.1.1/x"] {
            assert!(none.takes(good), "{good}");
        }
        for bad in [
            "http://hooks.example.org/",
            "http://127.0.0.1/",
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://[::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://169.254.169.254/latest/meta-data",
            "https://u:p@hooks.example.org/",
            "https://hooks.example.org/#x",
            "ftp://hooks.example.org/",
            "file:///etc/passwd",
            "https://",
            "",
        ] {
            assert!(!none.takes(bad), "{bad}");
        }
        let house = Reach(vec!["10.1.0.0/16".parse().expect("a network")]);
        assert!(house.takes("http://10.1.2.3:8080/x") && house.takes("https://10.1.2.3/x") && !house.takes("http://10.2.0.1/"));
    }

    #[tokio::test]
    async fn a_name_that_leads_into_the_house_leads_nowhere() {
        let resolve = async |reach: Reach| reach.resolve("localhost".parse().expect("a name")).await.map(Iterator::count);
        assert!(resolve(Reach(Vec::new())).await.is_err());
        let house = Reach(vec!["127.0.0.0/8".parse().expect("a network"), "::1/128".parse().expect("a network")]);
        assert!(resolve(house).await.is_ok_and(|n| n > 0));
    }
}
