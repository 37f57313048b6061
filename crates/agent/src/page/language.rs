//! The languages of the page: messages in Project Fluent's files, chosen by what the browser asks for.

use std::sync::LazyLock;

use fluent_bundle::{FluentArgs, FluentResource, FluentValue, concurrent::FluentBundle};
use http::{HeaderMap, header::ACCEPT_LANGUAGE};
use unic_langid::LanguageIdentifier;

/// The files of a language, as one text.
macro_rules! files {
    ($folder:literal) => {
        files!($folder, "frame", "home", "sent", "report")
    };
    ($folder:literal, $($file:literal),+) => {
        concat!($(include_str!(concat!("../../languages/", $folder, "/", $file, ".ftl")), "\n"),+)
    };
}

const ENGLISH: &str = files!("en");
const GERMAN: &str = files!("de");

/// The first is for browsers that like none of them.
static LANGUAGES: LazyLock<[Language; 2]> =
    LazyLock::new(|| [Language::parse("en", ENGLISH), Language::parse("de", GERMAN)]);

pub struct Language {
    pub tag: &'static str,
    bundle: FluentBundle<FluentResource>,
}

/// The language that a browser likes best, by `Accept-Language` (RFC 9110, §12.5.4).
pub fn choose(headers: &HeaderMap) -> &'static Language {
    let wanted = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    let mut wanted: Vec<(f32, &str)> = wanted.unwrap_or_default().split(',').map(quality).collect();
    wanted.sort_by(|a, b| b.0.total_cmp(&a.0));
    let wanted = wanted.iter().filter(|(quality, _)| *quality > 0.0);
    let found = wanted.filter_map(|(_, tag)| {
        let first = tag.split('-').next().unwrap_or_default();
        LANGUAGES
            .iter()
            .find(|language| language.tag.eq_ignore_ascii_case(first))
    });
    found.into_iter().next().unwrap_or(&LANGUAGES[0])
}

/// `de;q=0.7` as its weight and tag.
fn quality(entry: &str) -> (f32, &str) {
    let (tag, parameters) = entry.split_once(';').unwrap_or((entry, ""));
    let weight = parameters.trim().strip_prefix("q=");
    (weight.map_or(1.0, |weight| weight.parse().unwrap_or(0.0)), tag.trim())
}

impl Language {
    /// Both texts are part of the program, and a test reads them: what cannot be read is left out.
    fn parse(tag: &'static str, text: &str) -> Self {
        let id: LanguageIdentifier = tag.parse().unwrap_or_default();
        let resource = FluentResource::try_new(text.to_string()).unwrap_or_else(|(rest, _)| rest);
        let mut bundle = FluentBundle::new_concurrent(vec![id]);
        bundle.set_use_isolating(false);
        bundle.add_resource_overriding(resource);
        Self { tag, bundle }
    }

    /// A message without variables.
    pub fn t(&self, message: &str) -> String {
        self.format(message, None)
    }

    /// A message with `$count`, which chooses its plural.
    pub fn n(&self, message: &str, count: i64) -> String {
        self.numbers(message, &[("count", count)])
    }

    pub fn numbers(&self, message: &str, numbers: &[(&str, i64)]) -> String {
        let numbers = numbers
            .iter()
            .map(|(name, number)| (name.to_string(), FluentValue::from(*number)));
        self.format(message, Some(&numbers.collect()))
    }

    /// A message with texts, each with its name.
    pub fn texts(&self, message: &str, texts: &[(&str, &str)]) -> String {
        let texts = texts
            .iter()
            .map(|(name, text)| (name.to_string(), FluentValue::from(text.to_string())));
        self.format(message, Some(&texts.collect()))
    }

    fn format(&self, message: &str, arguments: Option<&FluentArgs<'_>>) -> String {
        let Some(pattern) = self.bundle.get_message(message).and_then(|message| message.value()) else {
            return message.to_string();
        };
        let mut errors = Vec::new();
        self.bundle.format_pattern(pattern, arguments, &mut errors).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::{BTreeMap, BTreeSet},
        path::Path,
    };

    use super::*;

    /// Messages of a text with the variables of each.
    fn messages(text: &str) -> BTreeMap<String, BTreeSet<String>> {
        let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut last = String::new();
        for line in text.lines() {
            let starts = line.starts_with(|c: char| c.is_ascii_lowercase());
            if let Some((name, _)) = line.split_once(" =").filter(|_| starts) {
                assert!(
                    found.insert(name.to_string(), BTreeSet::new()).is_none(),
                    "{name} stands twice"
                );
                last = name.to_string();
            }
            let variables = line.split("{ $").skip(1).map(|rest| {
                let name = rest.chars().take_while(|c| c.is_ascii_alphanumeric());
                let name = name.collect::<String>();
                // Languages decline it differently.
                let forms = ["organisationFirst", "organisationAfter"];
                if forms.contains(&name.as_str()) {
                    "organisation".into()
                } else {
                    name
                }
            });
            found.entry(last.clone()).or_default().extend(variables);
        }
        found.remove("");
        found
    }

    fn texts(folder: &Path) -> String {
        let entries = std::fs::read_dir(folder).unwrap();
        let text = |path: &Path| std::fs::read_to_string(path).unwrap_or_default();
        entries.map(|entry| text(&entry.unwrap().path())).collect()
    }

    #[test]
    fn both_files_can_be_read_and_say_the_same_things() {
        for text in [ENGLISH, GERMAN] {
            assert!(FluentResource::try_new(text.to_string()).is_ok());
        }
        assert_eq!(messages(ENGLISH), messages(GERMAN));
    }

    #[test]
    fn every_message_is_used_and_every_message_that_is_used_is_there() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let used = texts(&root.join("templates")) + &texts(&root.join("src/page"));
        let english = messages(ENGLISH);
        for call in [".t(\"", ".n(\"", ".with(\"", ".by(\"", ".numbers(\""] {
            for rest in used.split(call).skip(1) {
                let name = rest.split('"').next().unwrap_or_default();
                assert!(english.contains_key(name), "no message {name}");
            }
        }
        for name in english.keys() {
            assert!(used.contains(&format!("\"{name}\"")), "nobody says {name}");
        }
    }

    #[test]
    fn browsers_get_the_language_they_like_best() {
        for (header, tag) in [
            ("", "en"),
            ("de", "de"),
            ("de-AT,de;q=0.9,en;q=0.8", "de"),
            ("fr-CH, fr;q=0.9, en;q=0.8, de;q=0.7, *;q=0.5", "en"),
            ("de;q=0", "en"),
            (";;;,=,\u{e4}", "en"),
        ] {
            let mut headers = HeaderMap::new();
            if let Ok(value) = header.parse() {
                headers.insert(ACCEPT_LANGUAGE, value);
            }
            assert_eq!(choose(&headers).tag, tag, "{header}");
        }
    }

    #[test]
    fn numbers_choose_their_plural() {
        let texts = |language: &Language| [1, 2].map(|count| language.n("times", count));
        assert_eq!(texts(&LANGUAGES[0]), ["once", "2 times"]);
        assert_eq!(texts(&LANGUAGES[1]), ["einmal", "2-mal"]);
    }
}
