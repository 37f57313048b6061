//! Addresses of pages. Filters stand in them, so that what one sees can be linked, and loading again shows the same.

use super::Frame;

/// The address of a page with those of its parameters that are set.
pub fn address(path: &str, parameters: &[(&str, &str)]) -> String {
    let set = parameters.iter().filter(|(_, value)| !value.is_empty());
    let query: Vec<_> = set.map(|(name, value)| format!("{name}={}", escape(value))).collect();
    match query.as_slice() {
        [] => path.to_string(),
        query => format!("{path}?{}", query.join("&")),
    }
}

/// Path and query of a request; over HTTP/2 its address begins with the host.
pub fn here(uri: &http::Uri) -> String {
    uri.path_and_query().map(ToString::to_string).unwrap_or_default()
}

/// Percent-escapes text for a query value.
pub fn escape(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~/".contains(&b);
    text.bytes()
        .map(|b| match plain(b) {
            true => char::from(b).to_string(),
            false => format!("%{b:02X}"),
        })
        .collect()
}

/// Where to go back to: only a path of this site is such a place.
pub fn local(next: &str) -> String {
    let fits =
        next.starts_with('/') && !next.starts_with("//") && !next.contains('\\') && !next.chars().any(char::is_control);
    if fits { next.to_string() } else { "/".into() }
}

/// The list that a form was sent from, with its filters.
pub fn back_to(list: &str, back: &str) -> String {
    let rest = back
        .strip_prefix(list)
        .filter(|rest| rest.is_empty() || rest.starts_with('?'));
    match rest {
        Some(_) if !back.chars().any(char::is_control) => back.to_string(),
        _ => list.to_string(),
    }
}

/// A filter that is a link: it switches itself on, or off again.
pub struct Chip {
    pub label: String,
    pub link: String,
    pub on: bool,
    /// Whether a second click takes it away, rather than another of its row replacing it.
    pub removable: bool,
}

impl Chip {
    /// A filter that the address names and the page does not know, said rather than passed over.
    pub fn unknown(filter: &str, without: String) -> Self {
        Self {
            label: format!("Unknown filter “{filter}”, not applied"),
            link: without,
            on: true,
            removable: true,
        }
    }
}

/// The same in the reader's language.
pub fn unknown_filter(frame: &Frame, filter: &str, without: String) -> Chip {
    Chip {
        label: frame.with("unknown-filter", [("filter", filter)]),
        ..Chip::unknown(filter, without)
    }
}

/// The ways to the pages before and after one of a list.
#[derive(Default)]
pub struct Pager {
    pub previous: Option<String>,
    pub next: Option<String>,
}

impl Pager {
    /// `parameters` are the list's, without its `skip`.
    pub fn new(path: &str, parameters: &[(&str, &str)], skip: u64, page: u64, has_more: bool) -> Self {
        let at = |skip: u64| {
            let skip = if skip == 0 { String::new() } else { skip.to_string() };
            address(path, &[parameters, &[("skip", &skip)]].concat())
        };
        Self {
            previous: (skip > 0).then(|| at(skip.saturating_sub(page))),
            next: has_more.then(|| at(skip.saturating_add(page))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_hold_what_is_set() {
        assert_eq!(address("/a", &[("q", ""), ("f", "")]), "/a");
        assert_eq!(address("/a", &[("q", "x & y"), ("f", "1")]), "/a?q=x%20%26%20y&f=1");
        let pager = Pager::new("/a", &[("q", "x")], 100, 100, true);
        assert_eq!(
            (pager.previous.unwrap(), pager.next.unwrap()),
            ("/a?q=x".into(), "/a?q=x&skip=200".into())
        );
        assert!(Pager::new("/a", &[], 0, 100, false).previous.is_none());
    }

    #[test]
    fn the_way_back_stays_here() {
        assert_eq!(back_to("/alerts", "/alerts?severity=High"), "/alerts?severity=High");
        for elsewhere in [
            "",
            "//evil.example",
            "/alertsx",
            "https://evil.example/alerts",
            "/alerts?\r\nx",
        ] {
            assert_eq!(back_to("/alerts", elsewhere), "/alerts");
        }
        assert_eq!(local("/devices?q=a"), "/devices?q=a");
        for elsewhere in ["", "evil", "//evil.example", "/\\evil.example", "/a\n"] {
            assert_eq!(local(elsewhere), "/");
        }
    }
}
