use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

/// An IP address or CIDR range. IPv4-mapped IPv6 addresses are folded to IPv4; bits below the prefix are zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Prefix {
    addr: IpAddr,
    len: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidIp {
    #[error("this is neither an IPv4 nor an IPv6 address")]
    Address,
    #[error("the prefix length after / must be a number up to 32 for IPv4 or 128 for IPv6")]
    Length,
    #[error("the address has bits set below its prefix length; the range would be {0}")]
    HostBits(Prefix),
    #[error("a prefix of length 0 would cover every address")]
    Everything,
}

impl InvalidIp {
    /// The Defender API's word for this error.
    #[must_use]
    pub const fn code(self) -> &'static str {
        "InvalidIpAddress"
    }
}

impl Prefix {
    pub fn parse(text: &str) -> Result<Self, InvalidIp> {
        let text = text.trim();
        let (address, len) = match text.split_once('/') {
            Some((address, len)) => (address, Some(len)),
            None => (text, None),
        };
        let written: IpAddr = address.parse().map_err(|_| InvalidIp::Address)?;
        let full = if written.is_ipv4() { 32 } else { 128 };
        let digits = |len: &str| !len.is_empty() && len.len() <= 3 && len.bytes().all(|b| b.is_ascii_digit());
        let len: u8 = match len {
            None => full,
            Some(len) if digits(len) => len.parse().ok().filter(|len| *len <= full).ok_or(InvalidIp::Length)?,
            Some(_) => return Err(InvalidIp::Length),
        };
        if len == 0 {
            return Err(InvalidIp::Everything);
        }
        let (addr, len) = match (written, written.to_canonical()) {
            (IpAddr::V6(_), folded @ IpAddr::V4(_)) if len >= 96 => (folded, len - 96),
            _ => (written, len),
        };
        let prefix = Self {
            addr: mask(addr, len),
            len,
        };
        if prefix.len == 0 {
            return Err(InvalidIp::Everything);
        }
        if prefix.addr != addr {
            return Err(InvalidIp::HostBits(prefix));
        }
        Ok(prefix)
    }

    #[must_use]
    pub const fn addr(&self) -> IpAddr {
        self.addr
    }

    /// Prefix length: up to 32 for IPv4, up to 128 for IPv6.
    #[must_use]
    pub const fn prefix_len(&self) -> u8 {
        self.len
    }

    #[must_use]
    pub fn contains(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        ip.is_ipv4() == self.addr.is_ipv4() && mask(ip, self.len) == self.addr
    }

    /// Whether any address of it is private, loopback, link-local, multicast or otherwise means nothing outside one network
    /// (RFC 6890 and its registries).
    #[must_use]
    pub fn is_internal(&self) -> bool {
        match self.addr {
            IpAddr::V4(ip) => overlaps(u32::from(ip).into(), 96 + self.len, INTERNAL_V4, 96),
            IpAddr::V6(ip) => overlaps(ip.into(), self.len, INTERNAL_V6, 0),
        }
    }
}

const INTERNAL_V4: &[(u128, u8)] = &[
    (0x0000_0000, 8),  // this network
    (0x0a00_0000, 8),  // private
    (0x6440_0000, 10), // carrier-grade NAT
    (0x7f00_0000, 8),  // loopback
    (0xa9fe_0000, 16), // link-local
    (0xac10_0000, 12), // private
    (0xc0a8_0000, 16), // private
    (0xe000_0000, 4),  // multicast
    (0xf000_0000, 4),  // reserved, broadcast
];

const INTERNAL_V6: &[(u128, u8)] = &[
    (0, 128),           // unspecified
    (1, 128),           // loopback
    (0xfc00 << 112, 7), // unique local
    (0xfe80 << 112, 9), // link-local, and site-local as it was
    (0xff00 << 112, 8), // multicast
];

/// Whether a range of 128 bits shares an address with one of `others`, whose lengths count from `offset`.
fn overlaps(addr: u128, len: u8, others: &[(u128, u8)], offset: u8) -> bool {
    others.iter().any(|(other, other_len)| {
        let common = len.min(offset + other_len);
        (addr ^ other).checked_shr(128 - u32::from(common)).unwrap_or(0) == 0
    })
}

impl FromStr for Prefix {
    type Err = InvalidIp;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Self::parse(s)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let full = if self.addr.is_ipv4() { 32 } else { 128 };
        if self.len == full {
            write!(f, "{}", self.addr)
        } else {
            write!(f, "{}/{}", self.addr, self.len)
        }
    }
}

/// Clears the bits below a prefix of `len`.
pub(crate) fn mask(ip: IpAddr, len: u8) -> IpAddr {
    match ip {
        IpAddr::V4(ip) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(len.min(32))).unwrap_or(0);
            Ipv4Addr::from(u32::from(ip) & mask).into()
        }
        IpAddr::V6(ip) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(len.min(128))).unwrap_or(0);
            Ipv6Addr::from(u128::from(ip) & mask).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_form() {
        for (text, canonical) in [
            ("192.0.2.1", "192.0.2.1"),
            ("192.0.2.1/32", "192.0.2.1"),
            ("192.0.2.0/24", "192.0.2.0/24"),
            ("2001:4860:4860:0:0:0:0:8888", "2001:4860:4860::8888"),
            ("2001:DB8::/32", "2001:db8::/32"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("::ffff:192.0.2.0/120", "192.0.2.0/24"),
        ] {
            assert_eq!(
                Prefix::parse(text).map(|p| p.to_string()),
                Ok(canonical.to_string()),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_the_reason() {
        for text in [
            "",
            "evil.example",
            "192.0.2",
            "192.0.2.256",
            "192.0.2.01",
            "[2001:db8::1]",
            "192.0.2.*",
        ] {
            assert_eq!(Prefix::parse(text), Err(InvalidIp::Address), "{text}");
        }
        for text in [
            "192.0.2.0/33",
            "192.0.2.0/",
            "192.0.2.0/+4",
            "2001:db8::/129",
            "192.0.2.0/24/1",
        ] {
            assert_eq!(Prefix::parse(text), Err(InvalidIp::Length), "{text}");
        }
        assert_eq!(Prefix::parse("0.0.0.0/0"), Err(InvalidIp::Everything));
        assert_eq!(Prefix::parse("::ffff:0.0.0.0/96"), Err(InvalidIp::Everything));
        assert!(
            Prefix::parse("192.0.2.7/24")
                .unwrap_err()
                .to_string()
                .contains("192.0.2.0/24")
        );
    }

    #[test]
    fn internal_is_what_shares_an_address_with_an_internal_range() {
        for text in [
            "10.1.2.3",
            "8.0.0.0/5",
            "172.31.0.0/16",
            "192.168.0.0/15",
            "127.0.0.1",
            "169.254.0.1",
            "100.64.0.0/10",
            "224.0.0.251",
            "255.255.255.255",
            "0.0.0.1",
            "::1",
            "::/8",
            "fd00::/8",
            "fe80::1",
            "ff02::fb",
            "::ffff:10.0.0.1",
        ] {
            assert!(Prefix::parse(text).unwrap().is_internal(), "{text}");
        }
        for text in [
            "11.0.0.0/8",
            "172.32.0.0/16",
            "192.169.0.0/16",
            "192.0.2.0/24",
            "100.128.0.1",
            "2001:db8::/32",
            "2000::/3",
            "::2",
        ] {
            assert!(!Prefix::parse(text).unwrap().is_internal(), "{text}");
        }
    }

    #[test]
    fn contains_its_range_and_no_more() {
        let range = Prefix::parse("192.0.2.0/25").unwrap();
        assert!(range.contains("192.0.2.127".parse().unwrap()) && range.contains("::ffff:192.0.2.1".parse().unwrap()));
        assert!(!range.contains("192.0.2.128".parse().unwrap()) && !range.contains("2001:db8::1".parse().unwrap()));
    }
}
