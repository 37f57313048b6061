//! Languages of people and messages.

use std::fmt;

/// A language tag of BCP 47: the language, and the script and region where they matter, such as `de`, `pt-BR`, `zh-Hant-TW`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Locale(String);

impl Locale {
    /// Reads a tag in any letter case; none when it is not one.
    pub fn parse(tag: &str) -> Option<Self> {
        let mut parts = tag.trim().split('-').peekable();
        let language = parts.next().filter(|part| is(part, 2..=3, u8::is_ascii_alphabetic))?;
        let mut canonical = language.to_ascii_lowercase();
        if let Some(script) = parts.next_if(|part| is(part, 4..=4, u8::is_ascii_alphabetic)) {
            let (first, rest) = script.split_at(1);
            canonical.push_str(&format!("-{}{}", first.to_ascii_uppercase(), rest.to_ascii_lowercase()));
        }
        let region = |part: &&str| is(part, 2..=2, u8::is_ascii_alphabetic) || is(part, 3..=3, u8::is_ascii_digit);
        if let Some(region) = parts.next_if(region) {
            canonical.push_str(&format!("-{}", region.to_ascii_uppercase()));
        }
        parts.next().is_none().then_some(Self(canonical))
    }

    #[cfg(test)]
    fn as_str(&self) -> &str {
        &self.0
    }

    /// The language alone.
    pub fn language(&self) -> &str {
        self.0.split('-').next().unwrap_or_default()
    }
}

impl fmt::Display for Locale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is(part: &str, length: std::ops::RangeInclusive<usize>, each: fn(&u8) -> bool) -> bool {
    length.contains(&part.len()) && part.as_bytes().iter().all(each)
}

/// Which of `messages` to write to somebody with: that in the wanted locale, else one in the same language, else the default.
pub fn choose<'a, T>(
    messages: &'a [T],
    wanted: Option<&Locale>,
    locale_of: impl Fn(&T) -> Option<Locale>,
    is_default: impl Fn(&T) -> bool,
) -> Option<&'a T> {
    let exact = |wanted: &Locale| messages.iter().find(|m| locale_of(m).as_ref() == Some(wanted));
    let related = |wanted: &Locale| {
        let same = |m: &&T| locale_of(m).is_some_and(|locale| locale.language() == wanted.language());
        // Of several, the default comes first.
        messages.iter().filter(same).min_by_key(|m| !is_default(m))
    };
    wanted
        .and_then(|wanted| exact(wanted).or_else(|| related(wanted)))
        .or_else(|| messages.iter().find(|m| is_default(m)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_have_one_spelling() {
        for (text, canonical) in [
            ("de", "de"),
            ("DE-de", "de-DE"),
            ("en-us", "en-US"),
            ("zh-hant-tw", "zh-Hant-TW"),
            ("es-419", "es-419"),
            (" fil ", "fil"),
        ] {
            assert_eq!(Locale::parse(text).unwrap().as_str(), canonical, "{text}");
        }
        for wrong in [
            "", "d", "german", "de_DE", "de-", "de-DEU", "de-DE-DE", "12-DE", "-de", "de DE", "dé",
        ] {
            assert_eq!(Locale::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_nearest_message_is_chosen() {
        let messages = [("en-US", true), ("de-AT", false), ("de-DE", false), ("en-GB", false)];
        let chosen = |wanted: Option<&str>| {
            let wanted = wanted.and_then(Locale::parse);
            choose(&messages, wanted.as_ref(), |m| Locale::parse(m.0), |m| m.1).map(|m| m.0)
        };
        assert_eq!(chosen(Some("de-DE")), Some("de-DE"));
        assert_eq!(chosen(Some("de-CH")), Some("de-AT"));
        assert_eq!(chosen(Some("en-AU")), Some("en-US"));
        assert_eq!(chosen(Some("fr-FR")), Some("en-US"));
        assert_eq!(chosen(None), Some("en-US"));
    }
}
