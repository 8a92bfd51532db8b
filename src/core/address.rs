//! Network addresses: ranges of trusted proxies, and which address a request
//! came from when proxies stand in front.
//! What must stay true: a header can change the address only as far as trusted
//! proxies wrote it, read from the right; an IPv4 address is the same address
//! when it comes wrapped in IPv6.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// Proxies that are walked back in one request.
pub const HOPS_MAX: usize = 32;
/// Bits of an IPv6 address that one customer is commonly given.
const CUSTOMER_BITS: u32 = 64;
/// Bits before an IPv4 address that is wrapped in IPv6.
const MAPPED_BITS: u8 = 96;

/// Why a range was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CidrError {
    #[error("`{0}` is not an address range; write `10.0.0.0/8`, `2001:db8::/32` or one address")]
    Malformed(String),
    #[error("`{given}` has bits set beyond its prefix; write `{meant}`")]
    HostBits { given: String, meant: Cidr },
}

/// A range of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Deserialize)]
#[serde(try_from = "String")]
pub struct Cidr {
    network: IpAddr,
    prefix: u8,
}

impl Cidr {
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.network, address.to_canonical()) {
            (IpAddr::V4(_), IpAddr::V4(_)) | (IpAddr::V6(_), IpAddr::V6(_)) => masked(address.to_canonical(), self.prefix) == self.network,
            // `::/0` and the like: a wide IPv6 range holds the wrapped IPv4 addresses.
            (IpAddr::V6(_), IpAddr::V4(v4)) => masked(IpAddr::V6(v4.to_ipv6_mapped()), self.prefix) == self.network,
            (IpAddr::V4(_), IpAddr::V6(_)) => false,
        }
    }
}

impl FromStr for Cidr {
    type Err = CidrError;

    fn from_str(text: &str) -> Result<Self, CidrError> {
        let malformed = || CidrError::Malformed(text.to_owned());
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| malformed())?;
        let bits_max = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            // `u8::from_str` would take `+8` as well.
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().map_err(|_| malformed())?,
            Some(_) => return Err(malformed()),
            None => bits_max,
        };
        if prefix > bits_max {
            return Err(malformed());
        }
        let network = masked(address, prefix);
        let cidr = Self { network, prefix }.canonical();
        if network == address { Ok(cidr) } else { Err(CidrError::HostBits { given: text.to_owned(), meant: cidr }) }
    }
}

impl Cidr {
    fn canonical(self) -> Self {
        match (self.network.to_canonical(), self.prefix.checked_sub(MAPPED_BITS)) {
            (network @ IpAddr::V4(_), Some(prefix)) if self.network.is_ipv6() => Self { network, prefix },
            _ => self,
        }
    }
}

impl TryFrom<String> for Cidr {
    type Error = CidrError;

    fn try_from(text: String) -> Result<Self, CidrError> {
        text.parse()
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix)
    }
}

/// The address a request came from: the peer, or the right-most hop that is not
/// a trusted proxy. A hop that cannot be read ends the walk at the last good one.
pub fn client_address(peer: IpAddr, forwarded_for: &[&str], trusted: &[Cidr]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|cidr| cidr.contains(address));
    let mut client = peer.to_canonical();
    if !is_trusted(client) {
        return client;
    }
    let hops = forwarded_for.iter().rev().flat_map(|line| line.rsplit(','));
    for hop in hops.take(HOPS_MAX) {
        let Some(address) = hop_address(hop) else {
            return client;
        };
        client = address;
        if !is_trusted(client) {
            return client;
        }
    }
    client
}

/// The address by which limits are counted: all of a customer's IPv6 addresses are one.
pub fn bucket(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => IpAddr::V6(masked_v6(v6, CUSTOMER_BITS)),
    }
}

/// Whether an address is of this machine, wrapped IPv4 included.
pub fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// One entry of `X-Forwarded-For`; some proxies add a port, and then brackets.
fn hop_address(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim_matches([' ', '\t']);
    let bracketed = hop.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let address = match bracketed {
        Some(v6) => v6.parse().ok().map(IpAddr::V6),
        None => hop.parse().ok().or_else(|| hop.parse::<SocketAddr>().ok().map(|socket| socket.ip())),
    };
    address.map(|address| address.to_canonical())
}

fn masked(address: IpAddr, prefix: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & mask))
        }
        IpAddr::V6(v6) => IpAddr::V6(masked_v6(v6, u32::from(prefix))),
    }
}

fn masked_v6(address: Ipv6Addr, prefix: u32) -> Ipv6Addr {
    let mask = u128::MAX.checked_shl(128 - prefix).unwrap_or(0);
    Ipv6Addr::from_bits(address.to_bits() & mask)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("the test gives an address")
    }

    fn cidrs(texts: &[&str]) -> Vec<Cidr> {
        texts.iter().map(|text| text.parse().expect("the test gives a range")).collect()
    }

    fn client(peer: &str, lines: &[&str], trusted: &[&str]) -> IpAddr {
        client_address(ip(peer), lines, &cidrs(trusted))
    }

    #[test]
    fn a_range_contains_its_addresses_and_no_others() {
        for (range, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.0"),
            ("10.0.0.0/8", "::ffff:10.1.2.3", "::10.1.2.3"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.8"),
            ("0.0.0.0/0", "255.255.255.255", "::1"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("::1", "::1", "::2"),
            ("::ffff:10.0.0.0/104", "10.9.9.9", "11.0.0.0"),
            ("fe80::/10", "febf::1", "fec0::1"),
        ] {
            let cidr: Cidr = range.parse().expect("a range");
            assert!(cidr.contains(ip(inside)), "{range} {inside}");
            assert!(!cidr.contains(ip(outside)), "{range} {outside}");
        }
        assert!(cidrs(&["::/0"])[0].contains(ip("192.0.2.1")));
    }

    #[test]
    fn a_wrapped_ipv4_range_is_the_ipv4_range() {
        assert_eq!(cidrs(&["::ffff:10.0.0.0/104"]), cidrs(&["10.0.0.0/8"]));
        assert_eq!(cidrs(&["::ffff:10.0.0.1"])[0].to_string(), "10.0.0.1/32");
    }

    #[test]
    fn malformed_ranges_are_refused() {
        for text in [
            "",
            "/8",
            "10.0.0.0/",
            "10.0.0.0/33",
            "::/129",
            "10.0.0.0/+8",
            "10.0.0/8",
            "10.0.0.0/8/8",
            " 10.0.0.0/8",
            "010.0.0.0/8",
            "localhost",
            "fe80::1%eth0",
            "10.0.0.0/-1",
            "10.0.0.0/256",
        ] {
            assert_eq!(text.parse::<Cidr>(), Err(CidrError::Malformed(text.to_owned())), "{text:?}");
        }
    }

    #[test]
    fn a_range_with_bits_beyond_its_prefix_is_refused_with_the_range_meant() {
        let error = "10.1.2.3/8".parse::<Cidr>().expect_err("host bits are set");
        assert_eq!(error.to_string(), "`10.1.2.3/8` has bits set beyond its prefix; write `10.0.0.0/8`");
    }

    #[test]
    fn a_stranger_cannot_choose_an_address() {
        assert_eq!(client("203.0.113.9", &["127.0.0.1"], &[]), ip("203.0.113.9"));
        assert_eq!(client("203.0.113.9", &["127.0.0.1"], &["10.0.0.0/8"]), ip("203.0.113.9"));
        assert_eq!(client("10.0.0.1", &["127.0.0.1, 203.0.113.9"], &["10.0.0.0/8"]), ip("203.0.113.9"));
        assert_eq!(client("10.0.0.1", &["127.0.0.1", "203.0.113.9"], &["10.0.0.0/8"]), ip("203.0.113.9"));
    }

    #[test]
    fn trusted_hops_are_walked_from_the_right_over_all_lines() {
        let trusted = ["10.0.0.0/8", "2001:db8::/32"];
        assert_eq!(client("::ffff:10.0.0.1", &["198.51.100.4", "203.0.113.9,10.0.0.2", " 2001:db8::7 "], &trusted), ip("203.0.113.9"));
        assert_eq!(client("10.0.0.1", &["10.0.0.3, 10.0.0.2"], &trusted), ip("10.0.0.3"));
        assert_eq!(client("10.0.0.1", &[], &trusted), ip("10.0.0.1"));
    }

    #[test]
    fn a_malformed_hop_ends_the_walk_at_the_last_good_one() {
        let trusted = ["10.0.0.0/8"];
        for bad in ["", "unknown", "_hidden", "1.2.3", "1.2.3.4.5", "a b", "\"1.2.3.4\"", "::1%eth0", "[1.2.3.4]", "1.2.3.4:99999", "[::1"] {
            let line = format!("203.0.113.9, {bad}, 10.0.0.2");
            assert_eq!(client("10.0.0.1", &[&line], &trusted), ip("10.0.0.2"), "{bad:?}");
            assert_eq!(client("10.0.0.1", &[bad], &trusted), ip("10.0.0.1"), "{bad:?}");
        }
    }

    #[test]
    fn a_port_beside_a_hop_is_ignored() {
        let trusted = ["10.0.0.0/8"];
        for (hop, expected) in
            [("203.0.113.9:4711", "203.0.113.9"), ("[2001:db8::1]:443", "2001:db8::1"), ("[2001:db8::1]", "2001:db8::1"), ("::ffff:203.0.113.9", "203.0.113.9")]
        {
            assert_eq!(client("10.0.0.1", &[hop], &trusted), ip(expected));
        }
    }

    #[test]
    fn the_walk_ends_after_the_most_hops() {
        let mut hops = vec!["10.0.0.2"; HOPS_MAX];
        hops[0] = "10.0.0.3";
        assert_eq!(client("10.0.0.1", &[&hops.join(",")], &["10.0.0.0/8"]), ip("10.0.0.3"));
        hops.insert(0, "203.0.113.9");
        assert_eq!(client("10.0.0.1", &[&hops.join(",")], &["10.0.0.0/8"]), ip("10.0.0.3"));
    }

    #[test]
    fn limits_count_a_customers_ipv6_addresses_as_one() {
        assert_eq!(bucket(ip("2001:db8:1:2:3:4:5:6")), ip("2001:db8:1:2::"));
        assert_eq!(bucket(ip("192.0.2.1")), ip("192.0.2.1"));
        assert_eq!(bucket(ip("::ffff:192.0.2.1")), ip("192.0.2.1"));
        assert_eq!(bucket(ip("::1")), ip("::"));
    }

    #[test]
    fn loopback_is_known_in_all_its_forms() {
        for address in ["127.0.0.1", "127.255.255.255", "::1", "::ffff:127.0.0.1"] {
            assert!(is_loopback(ip(address)), "{address}");
        }
        for address in ["0.0.0.0", "::", "128.0.0.1", "::127.0.0.1", "169.254.0.1"] {
            assert!(!is_loopback(ip(address)), "{address}");
        }
    }

    proptest! {
        #[test]
        fn a_range_contains_what_its_mask_leaves(bits in any::<u128>(), prefix in 0_u8..=128) {
            let network = masked(IpAddr::V6(Ipv6Addr::from_bits(bits)), prefix);
            let cidr: Cidr = format!("{network}/{prefix}").parse().expect("a masked range");
            prop_assert!(cidr.contains(IpAddr::V6(Ipv6Addr::from_bits(bits))));
        }

        #[test]
        fn the_address_is_the_peer_unless_the_peer_is_trusted(line in any::<String>()) {
            prop_assert_eq!(client("203.0.113.9", &[&line], &["10.0.0.0/8"]), ip("203.0.113.9"));
        }

        #[test]
        fn what_a_client_writes_before_the_last_stranger_never_counts(line in "[0-9a-f:., ]{0,40}") {
            let line = format!("{line}, 203.0.113.9");
            prop_assert_eq!(client("10.0.0.1", &[&line, "10.0.0.2"], &["10.0.0.0/8"]), ip("203.0.113.9"));
        }
    }
}
