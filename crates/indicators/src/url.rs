use std::{
    borrow::Cow,
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
};

use crate::domain::{InvalidDomain, to_ascii};

/// A URL indicator in canonical form: host, and path with query. Scheme, port, user and fragment are dropped.
///
/// The rules are those of Safe Browsing's canonicalisation ("URLs and Hashing"): percent-escapes are undone until none is
/// left, dots and slashes collapsed, `.` and `..` resolved, IPv4 hosts normalised, and what is not printable is escaped again.
/// Beyond them, a trailing slash of the path and an empty query are dropped, so that `/login`, `/login/` and `/login?` are
/// one pattern, and an escaped `?` in a path stays escaped, because it is no query.
///
/// The text of a pattern ([`fmt::Display`]) parses to the same pattern.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UrlPattern {
    host: String,
    path: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidUrl {
    #[error("the URL is empty")]
    Empty,
    #[error("the URL, with what must be escaped in it escaped, is longer than 2,048 characters")]
    TooLong,
    #[error("the URL's scheme must be http or https")]
    Scheme,
    #[error("a URL has no wildcard: it covers what lies below its path by itself")]
    Wildcard,
    #[error("the URL's host is not a host name or IP address")]
    Host(#[source] InvalidDomain),
}

impl InvalidUrl {
    /// The Defender API's word for this error.
    #[must_use]
    pub const fn code(self) -> &'static str {
        "InvalidUrl"
    }
}

/// Longest text that is parsed, and longest canonical form.
pub(crate) const MAX_LEN: usize = 2048;

impl UrlPattern {
    pub fn parse(text: &str) -> Result<Self, InvalidUrl> {
        let text = text.trim();
        if text.is_empty() {
            return Err(InvalidUrl::Empty);
        }
        if text.len() > MAX_LEN {
            return Err(InvalidUrl::TooLong);
        }
        let text: String = text.chars().filter(|c| !matches!(c, '\t' | '\r' | '\n')).collect();
        let text = text.split('#').next().unwrap_or_default();
        let rest = without_scheme(text)?;
        let authority_end = rest.find(['/', '?', '\\']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at_checked(authority_end).unwrap_or((rest, ""));
        let host = canonical_host(authority)?;
        if host.contains('*') {
            return Err(InvalidUrl::Wildcard);
        }
        let pattern = Self {
            host,
            path: trim_path(canonical_target(target)),
        };
        if host_key(&pattern.host).len() + pattern.path.len() > MAX_LEN {
            return Err(InvalidUrl::TooLong);
        }
        Ok(pattern)
    }

    /// The host name, or the IP address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Path with query; empty when the pattern covers the whole host.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }
}

/// Whether a URL's text asks for HTTPS. Of such a connection a device sees the host and nothing below it.
#[must_use]
pub fn is_https(url: &str) -> bool {
    // What parsing ignores does not make it another scheme.
    let letters = url.chars().filter(|c| !c.is_whitespace());
    letters.map(|c| c.to_ascii_lowercase()).take(8).eq("https://".chars())
}

impl fmt::Display for UrlPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}{}",
            host_key(&self.host),
            if self.path.is_empty() { "/" } else { &self.path }
        )
    }
}

fn without_scheme(text: &str) -> Result<&str, InvalidUrl> {
    match text.split_once("://") {
        Some((scheme, rest)) if !scheme.contains(['/', '?', '.']) => {
            let known = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
            if known { Ok(rest) } else { Err(InvalidUrl::Scheme) }
        }
        // A mail address, or `mailto:`: its host is not what was meant.
        _ if text
            .split(['/', '?', '\\'])
            .next()
            .is_some_and(|authority| authority.contains('@')) =>
        {
            Err(InvalidUrl::Scheme)
        }
        _ => Ok(text),
    }
}

fn canonical_host(authority: &str) -> Result<String, InvalidUrl> {
    let host = authority.rsplit('@').next().unwrap_or(authority);
    if let Some(v6) = host.strip_prefix('[') {
        let (address, _) = v6.split_once(']').ok_or(InvalidUrl::Host(InvalidDomain::Character))?;
        let address: Ipv6Addr = address
            .parse()
            .map_err(|_| InvalidUrl::Host(InvalidDomain::Character))?;
        return Ok(address.to_canonical().to_string());
    }
    let host = match host.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        Some(_) => return Err(InvalidUrl::Host(InvalidDomain::Character)),
        None => host,
    };
    let unescaped = unescape_all(host.as_bytes());
    let host = String::from_utf8(unescaped).map_err(|_| InvalidUrl::Host(InvalidDomain::Character))?;
    let labels: Vec<&str> = host.split('.').filter(|label| !label.is_empty()).collect();
    if host.contains('*') {
        return Err(InvalidUrl::Wildcard);
    }
    // Digits of other scripts become plain ones, and so may be an address too.
    let host = to_ascii(&labels.join(".")).map_err(InvalidUrl::Host)?;
    Ok(legacy_ipv4(&host).map_or(host, |ip| ip.to_string()))
}

/// IPv4 in the forms that `inet_aton` knows: decimal, octal, hexadecimal, fewer than four parts.
pub(crate) fn legacy_ipv4(host: &str) -> Option<Ipv4Addr> {
    let parts: Vec<&str> = host.split('.').collect();
    if parts.is_empty() || parts.len() > 4 {
        return None;
    }
    let number = |part: &str| match part.strip_prefix("0x").or_else(|| part.strip_prefix("0X")) {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None if part.len() > 1 && part.starts_with('0') => u64::from_str_radix(part, 8).ok(),
        None if part.bytes().all(|b| b.is_ascii_digit()) => part.parse().ok(),
        None => None,
    };
    let (last, leading) = parts.split_last()?;
    let mut value: u64 = 0;
    for part in leading {
        value = value << 8 | number(part).filter(|n| *n <= 255)?;
    }
    let last_bits = 8 * (4 - leading.len() as u32);
    let last = number(last)? & ((1u64 << last_bits) - 1);
    u32::try_from(value << last_bits | last).ok().map(Ipv4Addr::from)
}

/// Canonical path with query of a request, comparable with [`UrlPattern::path`].
pub(crate) fn canonical_request(target: &str) -> String {
    trim_path(canonical_target(target))
}

/// Canonical path with query; always starts with a slash.
fn canonical_target(target: &str) -> String {
    let target = target.split('#').next().unwrap_or_default();
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let mut out = String::with_capacity(target.len() + 1);
    for segment in segments(&unescape_all(path.as_bytes())) {
        out.push('/');
        escape(segment, b"?", &mut out);
    }
    if path.ends_with('/') || out.is_empty() {
        out.push('/');
    }
    if let Some(query) = query {
        out.push('?');
        escape(&unescape_all(query.as_bytes()), b"", &mut out);
    }
    out
}

/// Path segments with empty ones and `.` dropped and `..` resolved.
fn segments(path: &[u8]) -> Vec<&[u8]> {
    let mut kept = Vec::new();
    for segment in path.split(|b| *b == b'/' || *b == b'\\') {
        match segment {
            b"" | b"." => {}
            b".." => {
                kept.pop();
            }
            segment => kept.push(segment),
        }
    }
    kept
}

/// Drops the trailing slash of the path, before its query, and an empty query.
fn trim_path(target: String) -> String {
    match target.split_once('?') {
        Some((path, "")) => path.trim_end_matches('/').to_string(),
        Some((path, query)) => format!("{}?{query}", path.trim_end_matches('/')),
        None => target.trim_end_matches('/').to_string(),
    }
}

/// Undoes percent-escapes until none is left, in one pass: an escape that appears when another is undone ends where that one
/// ended, so looking at the end of what was kept is enough. Escapes cannot overlap, so the order does not matter.
fn unescape_all(text: &[u8]) -> Vec<u8> {
    let digit = |b: u8| char::from(b).to_digit(16);
    let mut kept: Vec<u8> = Vec::with_capacity(text.len());
    for b in text {
        kept.push(*b);
        while let [.., b'%', high, low] = *kept.as_slice() {
            let (Some(high), Some(low)) = (digit(high), digit(low)) else {
                break;
            };
            kept.truncate(kept.len() - 3);
            kept.push((high << 4 | low) as u8);
        }
    }
    kept
}

fn escape(bytes: &[u8], also: &[u8], out: &mut String) {
    use fmt::Write as _;
    for b in bytes {
        match b {
            0..=32 | 127..=255 | b'#' | b'%' => {
                let _ = write!(out, "%{b:02X}");
            }
            b if also.contains(b) => {
                let _ = write!(out, "%{b:02X}");
            }
            b => out.push(char::from(*b)),
        }
    }
}

/// A host as it stands in a URL: IPv6 addresses in brackets.
pub(crate) fn host_key(host: &str) -> Cow<'_, str> {
    match host.contains(':') {
        true => Cow::Owned(format!("[{host}]")),
        false => Cow::Borrowed(host),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> String {
        UrlPattern::parse(text)
            .map(|u| u.to_string())
            .unwrap_or_else(|e| format!("{e:?}"))
    }

    #[test]
    fn canonical_form() {
        for (text, expected) in [
            ("http://Evil.Example/Login", "evil.example/Login"),
            ("https://evil.example", "evil.example/"),
            ("evil.example/", "evil.example/"),
            ("evil.example/login/", "evil.example/login"),
            ("https://user:pw@evil.example:8443/a?b=c#d", "evil.example/a?b=c"),
            ("http://host.example/%25%32%35", "host.example/%25"),
            ("http://host.example/%2525252525252525", "host.example/%25"),
            ("http://host.example/a/b/../c/./d", "host.example/a/c/d"),
            (
                "http://host.example//twoslashes?more//slashes",
                "host.example/twoslashes?more//slashes",
            ),
            ("http://3279880203/blah", "195.127.0.11/blah"),
            ("http://0x7f.1/x", "127.0.0.1/x"),
            ("http://１２７.1/x", "127.0.0.1/x"),
            ("http://..evil...example../x", "evil.example/x"),
            ("http://[2001:DB8:0::1]:8080/x", "[2001:db8::1]/x"),
            ("http://[::ffff:192.0.2.1]/x", "192.0.2.1/x"),
            ("evil.example/login?", "evil.example/login"),
            ("evil.example?", "evil.example/"),
            ("evil.example?a", "evil.example?a"),
            ("evil.example/a/%3Fb", "evil.example/a/%3Fb"),
            ("evil.example/%%%32%35x", "evil.example/%25%25x"),
            ("https://-odd-.evil.example/", "-odd-.evil.example/"),
            ("http://bücher.example/ü", "xn--bcher-kva.example/%C3%BC"),
            ("evil.example/a b", "evil.example/a%20b"),
        ] {
            assert_eq!(canonical(text), expected, "{text}");
            assert_eq!(canonical(expected), expected, "{text} again");
        }
    }

    #[test]
    fn what_is_no_url_is_refused_with_the_reason() {
        assert_eq!(UrlPattern::parse(" "), Err(InvalidUrl::Empty));
        assert_eq!(UrlPattern::parse("ftp://evil.example/"), Err(InvalidUrl::Scheme));
        assert_eq!(
            UrlPattern::parse("mailto:someone@evil.example"),
            Err(InvalidUrl::Scheme)
        );
        assert_eq!(UrlPattern::parse("someone@evil.example"), Err(InvalidUrl::Scheme));
        assert_eq!(
            UrlPattern::parse("javascript:alert(1)"),
            Err(InvalidUrl::Host(InvalidDomain::Character))
        );
        assert_eq!(UrlPattern::parse("https://*.evil.example/"), Err(InvalidUrl::Wildcard));
        assert!(matches!(UrlPattern::parse("https:///path"), Err(InvalidUrl::Host(_))));
        assert!(matches!(
            UrlPattern::parse("https://evil example/"),
            Err(InvalidUrl::Host(_))
        ));
        assert_eq!(UrlPattern::parse(&"a".repeat(3000)), Err(InvalidUrl::TooLong));
        let grows = format!("evil.example/{}", "ü".repeat(600));
        assert_eq!(
            UrlPattern::parse(&grows),
            Err(InvalidUrl::TooLong),
            "escaped it is too long"
        );
    }
}
