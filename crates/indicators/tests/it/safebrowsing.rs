//! Safe Browsing's own vectors. `tests/data/README.md` says where they are from.

use std::collections::HashMap;

use moat_indicators::UrlPattern;
use serde::Deserialize;

#[derive(Deserialize)]
struct Row {
    #[serde(rename = "in")]
    input: Input,
    #[serde(default)]
    out: String,
    #[serde(default)]
    fails: bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Input {
    Text(String),
    Bytes {
        #[serde(rename = "latin1")]
        _latin1: String,
    },
}

fn table(name: &str) -> Vec<Row> {
    let mut tables: HashMap<String, Vec<Row>> =
        serde_json::from_str(include_str!("../data/safebrowsing.json")).unwrap();
    tables.remove(name).unwrap()
}

/// Rows that Moat refuses on purpose: such hosts cannot be looked up, and other schemes are not the web.
const REFUSED: [&str; 9] = [
    "http://host%23.com/%257Ea%2521b%2540c%2523d%2524e%25f%255E00%252611%252A22%252833%252944_55%252B",
    "http:// leadingspace.com/",
    "http://%20leadingspace.com/",
    "%20leadingspace.com/",
    "ftp://ftp.myfiles.com/",
    "http://some%1bhost.com/%1b",
    "http%3A%2F%2Fwackyurl.com:80/",
    "http://W!eird<>Ho$^.com/",
    "mailto:bryner@google.com",
];

#[test]
fn canonical_urls() {
    let mut compared = 0;
    for row in table("CanonicalURL") {
        let Input::Text(input) = row.input else { continue };
        let parsed = UrlPattern::parse(&input);
        if row.fails || REFUSED.contains(&input.as_str()) {
            assert!(parsed.is_err(), "{input} gives {parsed:?}");
            continue;
        }
        // Moat drops the scheme and the trailing slash, and keeps the query.
        let url = parsed.unwrap().to_string();
        let without_query = url.split('?').next().unwrap().trim_end_matches('/');
        let expected = row.out.split_once("://").unwrap().1.trim_end_matches('/');
        assert_eq!(without_query, expected, "{input}");
        compared += 1;
    }
    assert!(compared >= 25, "{compared}");
}

#[test]
fn canonical_paths() {
    for row in table("CanonicalPath") {
        let Input::Text(input) = row.input else { continue };
        if row.fails {
            assert!(UrlPattern::parse(&input).is_err(), "{input}");
            continue;
        }
        // The path alone: one row's host cannot be looked up.
        let url = UrlPattern::parse(&input.replace("host%23.com", "host.com")).unwrap();
        let path = url.path().split('?').next().unwrap();
        assert_eq!(path, row.out.trim_end_matches('/'), "{input}");
    }
}

#[test]
fn canonical_hosts() {
    for row in table("CanonicalHost") {
        let Input::Text(input) = row.input else { continue };
        let host = UrlPattern::parse(&input).map(|url| url.host().to_string());
        match row.fails {
            true => assert!(host.is_err(), "{input}"),
            false => {
                let expected = row.out.trim_start_matches('[').trim_end_matches(']');
                let same_address = |a: &str, b: &str| {
                    a.parse::<std::net::IpAddr>()
                        .is_ok_and(|a| Ok(a) == b.parse::<std::net::IpAddr>())
                };
                let host = host.unwrap();
                assert!(
                    host == expected || same_address(&host, expected),
                    "{input} gives {host}"
                );
            }
        }
    }
}

#[test]
fn addresses_in_old_forms() {
    for row in table("ParseIPAddress") {
        let Input::Text(input) = row.input else { continue };
        let host = UrlPattern::parse(&format!("http://{input}/")).map(|url| url.host().to_string());
        match row.out.as_str() {
            "" => assert!(
                host.is_err() || host.as_deref() == Ok(&input),
                "{input} is no address: {host:?}"
            ),
            // Text behind a blank is no part of a host, and browsers refuse a part above 255 (WHATWG URL, IPv4 parser).
            _ if input.contains(' ') => assert!(host.is_err(), "{input}"),
            _ if input.starts_with("276.") => assert_eq!(host.as_deref(), Ok(&*input)),
            address => assert_eq!(host.as_deref(), Ok(address), "{input}"),
        }
    }
}
