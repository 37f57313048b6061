use std::{cmp::Ordering, fmt};

/// A version of an operating system: numbers with dots between them. `15` and `15.0` are equal.
#[derive(Debug, Clone)]
pub struct OsVersion {
    text: String,
    numbers: Vec<u64>,
}

impl OsVersion {
    /// Reads `17.4.1`; what follows the number (`17.4 (21E219)`, `17.0b3`) is left aside. None without a number to begin with.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let end = text
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(text.len());
        let text = text.get(..end)?.trim_end_matches('.');
        let mut numbers = Vec::new();
        for part in text.split('.').take(8) {
            numbers.push(part.parse().ok()?);
        }
        while numbers.last() == Some(&0) {
            numbers.pop();
        }
        Some(Self {
            text: text.to_string(),
            numbers,
        })
    }
}

impl PartialEq for OsVersion {
    fn eq(&self, other: &Self) -> bool {
        self.numbers == other.numbers
    }
}

impl Eq for OsVersion {}

impl PartialOrd for OsVersion {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for OsVersion {
    fn cmp(&self, other: &Self) -> Ordering {
        self.numbers.cmp(&other.numbers)
    }
}

impl fmt::Display for OsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> OsVersion {
        OsVersion::parse(text).unwrap()
    }

    #[test]
    fn versions_compare_as_numbers() {
        assert_eq!(version("15"), version("15.0"));
        assert!(version("9.3") < version("15.0"));
        assert!(version("17.10") > version("17.9.2"));
        assert_eq!(version("17.4 (21E219)"), version("17.4"));
        assert_eq!(version("18.0b3").to_string(), "18.0");
    }

    #[test]
    fn what_is_no_version_is_none() {
        for text in ["", "latest", "..", "v15", "1..2", "99999999999999999999999"] {
            assert_eq!(OsVersion::parse(text), None, "{text}");
        }
    }
}
