use std::{borrow::Cow, fmt, net::Ipv6Addr};

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

use crate::url::{host_key, legacy_ipv4};

/// A domain name in canonical form: lower case, A-labels (UTS-46), no trailing dot, at least two labels.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Domain(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDomain {
    #[error("the domain name is empty")]
    Empty,
    #[error("a domain name has no wildcard: it covers its subdomains by itself")]
    Wildcard,
    #[error("this is a URL; use the type Url, or leave only its host name")]
    IsUrl,
    #[error("this is an IP address; use the type IpAddress")]
    IsIpAddress,
    #[error("a domain name needs at least two labels, such as example.com")]
    OneLabel,
    #[error("a domain name has at most 253 characters and each label 1 to 63")]
    Length,
    #[error("the domain name holds a character that may not stand there")]
    Character,
}

impl InvalidDomain {
    /// The Defender API's word for this error.
    #[must_use]
    pub const fn code(self) -> &'static str {
        "InvalidDomainName"
    }
}

impl Domain {
    pub fn parse(text: &str) -> Result<Self, InvalidDomain> {
        let text = text.trim();
        if text.is_empty() {
            return Err(InvalidDomain::Empty);
        }
        if text.contains('*') {
            return Err(InvalidDomain::Wildcard);
        }
        if text.parse::<std::net::IpAddr>().is_ok() {
            return Err(InvalidDomain::IsIpAddress);
        }
        if text.contains(['/', ':', '?', '#', '@']) {
            return Err(InvalidDomain::IsUrl);
        }
        let host = to_ascii(text.strip_suffix('.').unwrap_or(text))?;
        let last = host.rsplit('.').next().unwrap_or_default();
        if !host.contains('.') {
            return Err(InvalidDomain::OneLabel);
        }
        if last.bytes().all(|b| b.is_ascii_digit()) || legacy_ipv4(&host).is_some() {
            return Err(InvalidDomain::IsIpAddress);
        }
        Ok(Self(host))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A-labels of a host name, lengths checked.
pub(crate) fn to_ascii(host: &str) -> Result<String, InvalidDomain> {
    let ascii = Uts46::new()
        .to_ascii(
            host.as_bytes(),
            AsciiDenyList::URL,
            // As browsers do: names with such hyphens exist, and so must be blockable.
            Hyphens::Allow,
            DnsLength::Ignore,
        )
        .map_err(|_| InvalidDomain::Character)?;
    let label_fits = |label: &str| (1..=63).contains(&label.len());
    if ascii.len() > 253 || !ascii.split('.').all(label_fits) {
        return Err(InvalidDomain::Length);
    }
    Ok(ascii.into_owned())
}

/// A host name as it comes from the wire, made comparable: lower case, A-labels, no trailing dot; IPv6 addresses short and
/// in brackets. None when it cannot be a host name.
pub(crate) fn normalise(host: &str) -> Option<Cow<'_, str>> {
    if host.contains(':') {
        let address: Ipv6Addr = host.trim_start_matches('[').trim_end_matches(']').parse().ok()?;
        return Some(Cow::Owned(host_key(&address.to_canonical().to_string()).into_owned()));
    }
    let host = host.strip_suffix('.').unwrap_or(host);
    if host.is_empty() || host.len() > 253 {
        return None;
    }
    if !host.is_ascii() {
        return to_ascii(host).ok().map(Cow::Owned);
    }
    match host.bytes().any(|b| b.is_ascii_uppercase()) {
        true => Some(Cow::Owned(host.to_ascii_lowercase())),
        false => Some(Cow::Borrowed(host)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_form() {
        for (text, canonical) in [
            ("Evil.Example", "evil.example"),
            ("evil.example.", "evil.example"),
            (" evil.example ", "evil.example"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
            ("_dmarc.evil.example", "_dmarc.evil.example"),
            ("r3---sn-p5qlsnz6.example", "r3---sn-p5qlsnz6.example"),
            ("evil。example", "evil.example"),
            ("-evil-.example", "-evil-.example"),
        ] {
            assert_eq!(
                Domain::parse(text).map(|d| d.to_string()),
                Ok(canonical.to_string()),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_domain_is_refused_with_the_reason() {
        for (text, error) in [
            ("", InvalidDomain::Empty),
            ("*.evil.example", InvalidDomain::Wildcard),
            ("https://evil.example/", InvalidDomain::IsUrl),
            ("192.0.2.1", InvalidDomain::IsIpAddress),
            ("2001:db8::1", InvalidDomain::IsIpAddress),
            ("1.2.3.4.5", InvalidDomain::IsIpAddress),
            ("0x7f.0x1", InvalidDomain::IsIpAddress),
            ("localhost", InvalidDomain::OneLabel),
            ("a..example", InvalidDomain::Length),
            ("evil example.com", InvalidDomain::Character),
            (&format!("{}.example", "a".repeat(64)), InvalidDomain::Length),
            (&format!("{}example", "a.".repeat(130)), InvalidDomain::Length),
        ] {
            assert_eq!(Domain::parse(text), Err(error), "{text}");
        }
    }
}
