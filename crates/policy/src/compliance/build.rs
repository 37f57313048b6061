/// A build number of Apple's: `22H123`, `20E772520a`. Ordered by its first number, its letters, its second number, and what follows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OsBuild {
    major: u64,
    /// Upper case.
    train: String,
    number: u64,
    /// Lower case; set on betas and on rapid security responses.
    suffix: String,
}

impl OsBuild {
    /// None where the text is no build number.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (major, rest) = split(text.trim(), |c| c.is_ascii_digit());
        let (train, rest) = split(rest, |c| c.is_ascii_alphabetic());
        let (number, suffix) = split(rest, |c| c.is_ascii_digit());
        if train.is_empty() || !suffix.chars().all(|c| c.is_ascii_alphabetic()) {
            return None;
        }
        Some(Self {
            major: major.parse().ok()?,
            train: train.to_ascii_uppercase(),
            number: number.parse().ok()?,
            suffix: suffix.to_ascii_lowercase(),
        })
    }
}

fn split(text: &str, within: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !within(c)).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builds_are_ordered_as_they_were_made() {
        let ordered = [
            "19H12",
            "20E246",
            "20E252",
            "20E772520a",
            "20E772520b",
            "20F66",
            "21A5248v",
            "22H123",
        ];
        for pair in ordered.windows(2) {
            assert!(
                OsBuild::parse(pair[0]).unwrap() < OsBuild::parse(pair[1]).unwrap(),
                "{pair:?}"
            );
        }
        assert_eq!(OsBuild::parse(" 20e772520A "), OsBuild::parse("20E772520a"));
        assert!(OsBuild::parse("9A334").unwrap() < OsBuild::parse("10A403").unwrap());
    }

    #[test]
    fn what_is_no_build_is_none() {
        for text in [
            "",
            "20",
            "E252",
            "20E",
            "17.4.1",
            "20E252-1",
            "20É252",
            "20E99999999999999999999999",
        ] {
            assert_eq!(OsBuild::parse(text), None, "{text}");
        }
    }
}
