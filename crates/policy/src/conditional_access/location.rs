use std::{
    fmt::Display,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use moat_model::conditional_access::{CountryCode, CountryNamedLocation, IpNamedLocation, IpRange, NamedLocation};

use super::Invalid;

/// A named location, ready to be asked.
#[derive(Debug, Clone)]
pub(super) enum Location {
    Ip {
        trusted: bool,
        v4: Ranges<u32>,
        v6: Ranges<u128>,
    },
    Country {
        countries: Vec<CountryCode>,
        unknown: bool,
    },
}

impl Location {
    /// The location must have passed `validate_location`; what it says of its ranges is the error here too.
    pub(super) fn compile(location: &NamedLocation) -> Result<Self, Invalid> {
        match location {
            NamedLocation::Ip(location) => Self::ip(location),
            NamedLocation::Country(location) => Ok(Self::country(location)),
        }
    }

    fn ip(location: &IpNamedLocation) -> Result<Self, Invalid> {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for range in &location.ip_ranges {
            match range {
                IpRange::V4 { cidr_address } => v4.push(v4_range(cidr_address)?),
                IpRange::V6 { cidr_address } => v6.push(v6_range(cidr_address)?),
            }
        }
        Ok(Self::Ip {
            trusted: location.is_trusted,
            v4: Ranges::new(v4),
            v6: Ranges::new(v6),
        })
    }

    fn country(location: &CountryNamedLocation) -> Self {
        let mut countries = location.countries_and_regions.clone();
        countries.sort_unstable();
        Self::Country {
            countries,
            unknown: location.include_unknown_countries_and_regions,
        }
    }

    pub(super) fn is_trusted(&self) -> bool {
        matches!(self, Self::Ip { trusted: true, .. })
    }

    /// An address that is not known is at no IP location; a country that is not known is at those that say so.
    pub(super) fn contains(&self, ip: Option<IpAddr>, country: Option<CountryCode>) -> bool {
        match self {
            Self::Ip { v4, v6, .. } => match ip.map(|ip| ip.to_canonical()) {
                Some(IpAddr::V4(ip)) => v4.contains(ip.to_bits()),
                Some(IpAddr::V6(ip)) => v6.contains(ip.to_bits()),
                None => false,
            },
            Self::Country { countries, unknown } => {
                country.map_or(*unknown, |country| countries.binary_search(&country).is_ok())
            }
        }
    }
}

/// Ranges of addresses, first and last, apart from each other and in order.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ranges<T>(Vec<(T, T)>);

impl<T: Copy + Ord> Ranges<T> {
    fn new(mut ranges: Vec<(T, T)>) -> Self {
        ranges.sort_unstable();
        let mut apart: Vec<(T, T)> = Vec::with_capacity(ranges.len());
        for (first, last) in ranges {
            match apart.last_mut() {
                Some(before) if first <= before.1 => before.1 = before.1.max(last),
                _ => apart.push((first, last)),
            }
        }
        Self(apart)
    }

    fn contains(&self, address: T) -> bool {
        let after = self.0.partition_point(|(first, _)| *first <= address);
        let before = after.checked_sub(1).and_then(|position| self.0.get(position));
        before.is_some_and(|(_, last)| address <= *last)
    }
}

fn v4_range(cidr: &str) -> Result<(u32, u32), Invalid> {
    let (address, length) = address_and_length::<Ipv4Addr>(cidr, 32, "IPv4", "203.0.113.0/24")?;
    let hosts = u32::MAX.checked_shr(length).unwrap_or(0);
    Ok((address.to_bits() & !hosts, address.to_bits() | hosts))
}

fn v6_range(cidr: &str) -> Result<(u128, u128), Invalid> {
    let (address, length) = address_and_length::<Ipv6Addr>(cidr, 128, "IPv6", "2001:db8::/48")?;
    let hosts = u128::MAX.checked_shr(length).unwrap_or(0);
    Ok((address.to_bits() & !hosts, address.to_bits() | hosts))
}

/// A prefix of length 0 is refused: a location that is everywhere is no location, and trusted it would open everything.
fn address_and_length<A: FromStr>(
    cidr: &str,
    most: u32,
    family: impl Display,
    example: &str,
) -> Result<(A, u32), Invalid> {
    let invalid = || {
        let shown: String = cidr.chars().take(80).collect();
        Invalid::new(
            "ipRanges.cidrAddress",
            format!("{shown:?} is not an {family} address with a prefix of 1 to {most} bits, such as {example}"),
        )
    };
    let (address, length) = cidr.split_once('/').ok_or_else(invalid)?;
    let digits = !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
    let length = length
        .parse()
        .ok()
        .filter(|length| digits && (1..=most).contains(length))
        .ok_or_else(invalid)?;
    Ok((address.parse().map_err(|_| invalid())?, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ranges: &[&str], ip: &str) -> bool {
        let range = |cidr: &&str| match cidr.contains(':') {
            false => IpRange::V4 {
                cidr_address: (*cidr).into(),
            },
            true => IpRange::V6 {
                cidr_address: (*cidr).into(),
            },
        };
        let location = NamedLocation::Ip(IpNamedLocation {
            ip_ranges: ranges.iter().map(range).collect(),
            ..IpNamedLocation::default()
        });
        Location::compile(&location)
            .unwrap()
            .contains(Some(ip.parse().unwrap()), None)
    }

    #[test]
    fn addresses_are_found_in_their_prefixes() {
        for (ranges, ip, inside) in [
            (&["203.0.113.0/24"][..], "203.0.113.255", true),
            (&["203.0.113.0/24"], "203.0.114.0", false),
            (&["12.34.221.11/22"], "12.34.220.1", true),
            (&["12.34.221.11/22"], "12.34.224.0", false),
            (&["192.0.2.1/32"], "192.0.2.1", true),
            (&["192.0.2.1/32"], "192.0.2.2", false),
            (&["128.0.0.0/1"], "255.255.255.255", true),
            (&["128.0.0.0/1"], "127.255.255.255", false),
            (&["10.0.0.0/8", "10.1.0.0/16"], "10.200.0.1", true),
            (&["10.2.0.0/16", "10.0.0.0/16"], "10.1.0.1", false),
            (&["10.2.0.0/16", "10.0.0.0/16"], "10.0.9.9", true),
            (&["2001:db8::/48"], "2001:db8:0:ffff::1", true),
            (&["2001:db8::/48"], "2001:db8:1::1", false),
            (&["2001:db8::1/128"], "2001:db8::1", true),
            (&["8000::/1"], "7fff::1", false),
            (&["203.0.113.0/24"], "::ffff:203.0.113.9", true),
            (&["2001:db8::/48"], "203.0.113.9", false),
            (&[], "203.0.113.9", false),
        ] {
            assert_eq!(at(ranges, ip), inside, "{ip} in {ranges:?}");
        }
    }

    #[test]
    fn what_is_no_prefix_is_refused() {
        for bad in [
            "10.0.0.0",
            "10.0.0.0/",
            "10.0.0.0/33",
            "10.0.0.0/+8",
            "10.0.0.0/-1",
            "10.0.0/8",
            "0.0.0.0/0",
            "a/8",
            "::1/64",
        ] {
            assert!(v4_range(bad).is_err(), "{bad}");
        }
        for bad in ["2001:db8::/129", "::/0", "10.0.0.0/8", "2001:db8::"] {
            assert!(v6_range(bad).is_err(), "{bad}");
        }
        assert_eq!(
            v4_range("10.0.0.0/99").unwrap_err().to_string(),
            "ipRanges.cidrAddress: \"10.0.0.0/99\" is not an IPv4 address with a prefix of 1 to 32 bits, such as 203.0.113.0/24"
        );
    }

    #[test]
    fn what_is_not_known_is_at_a_location_only_if_it_says_so() {
        let country = |unknown| Location::Country {
            countries: vec!["CH".parse().unwrap(), "DE".parse().unwrap()],
            unknown,
        };
        for unknown in [false, true] {
            assert_eq!(country(unknown).contains(None, None), unknown);
            assert!(country(unknown).contains(None, Some("DE".parse().unwrap())));
            assert!(!country(unknown).contains(None, Some("FR".parse().unwrap())));
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_gives_a_range_or_an_error(text in "[0-9a-f.:/]{0,20}") {
            if let Ok((first, last)) = v4_range(&text) { assert!(first <= last); }
            if let Ok((first, last)) = v6_range(&text) { assert!(first <= last); }
        }

        #[test]
        fn merged_ranges_hold_what_the_single_ones_hold(
            ranges in proptest::collection::vec((0u8..60, 0u8..20), 0..8),
            address in 0u8..90,
        ) {
            let ranges: Vec<(u8, u8)> = ranges.into_iter().map(|(first, length)| (first, first + length)).collect();
            let single = ranges.iter().any(|(first, last)| (first..=last).contains(&&address));
            proptest::prop_assert_eq!(Ranges::new(ranges).contains(address), single);
        }
    }
}
