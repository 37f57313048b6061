//! ETags: editions as Graph writes them, `W/"64dd2f0a1b2c3"`.

use http::{HeaderMap, HeaderName};

use crate::edition::Expected;

pub fn etag(edition: i64) -> String {
    format!("W/\"{edition:x}\"")
}

/// The editions that a request names in `If-Match` or `If-None-Match`; `*` is any. Weak and strong tags are alike, and a
/// tag that Moat never wrote is the edition of nothing.
pub fn named(headers: &HeaderMap, name: &HeaderName) -> Option<Expected> {
    let mut editions = Vec::new();
    for value in headers.get_all(name) {
        for tag in value.to_str().unwrap_or_default().split(',').map(str::trim) {
            if tag == "*" {
                return Some(Expected::Any);
            }
            editions.extend(edition(tag));
        }
    }
    headers.contains_key(name).then_some(Expected::OneOf(editions))
}

/// The edition that a tag stands for.
pub fn edition(tag: &str) -> Option<i64> {
    let tag = tag.strip_prefix("W/").unwrap_or(tag);
    let digits = tag.strip_prefix('"')?.strip_suffix('"')?;
    i64::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use http::header::IF_MATCH;

    use super::*;

    #[test]
    fn tags_are_read_as_they_were_written() {
        let read = |text: &str| named(&HeaderMap::from_iter([(IF_MATCH, text.parse().unwrap())]), &IF_MATCH).unwrap();
        assert_eq!(
            read(&etag(1_764_000_000_000_000)),
            Expected::OneOf(vec![1_764_000_000_000_000])
        );
        assert_eq!(read("\"a\", W/\"b\""), Expected::OneOf(vec![10, 11]));
        assert_eq!(read("*"), Expected::Any);
        for never in ["", "a", "\"\"", "W/\"z\"", "\""] {
            assert_eq!(read(never), Expected::OneOf(Vec::new()), "{never}");
        }
        assert_eq!(named(&HeaderMap::new(), &IF_MATCH), None);
    }
}
