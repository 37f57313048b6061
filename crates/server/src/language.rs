//! The languages of the console: messages in Project Fluent's files, chosen by what the browser asks for.
//!
//! English and German are part of the program. A file `languages/fr.ftl` in the data folder adds French without code; what
//! it leaves out is shown in English.

use std::{fs, path::Path, sync::Arc};

use anyhow::{Context as _, Result};
use axum::extract::FromRequestParts;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue, concurrent::FluentBundle};
use http::{HeaderMap, header::ACCEPT_LANGUAGE, request::Parts};
use moat_policy::{Message, Speak};
use unic_langid::LanguageIdentifier;

use crate::App;

/// The files of a built-in language, as one text.
macro_rules! built_in {
    ($folder:literal) => {
        built_in!($folder, "frame", "overview", "devices", "alerts", "web_protection", "policies", "people", "settings", "strangers", "letters")
    };
    ($folder:literal, $($file:literal),+) => {
        concat!(
            $(include_str!(concat!("../languages/", $folder, "/", $file, ".ftl")), "\n",)+
            include_str!(concat!("../../policy/languages/", $folder, ".ftl"))
        )
    };
}

const ENGLISH: &str = built_in!("en");
const GERMAN: &str = built_in!("de");
/// What stands around letters in languages that the console does not speak.
const LETTERS: &[(&str, &str)] = &[
    ("fr", include_str!("../languages/fr/letters.ftl")),
    ("es", include_str!("../languages/es/letters.ftl")),
];
/// Files that are read of the data folder, and the largest of them.
const MOST: usize = 50;
const MAX_BYTES: u64 = 1 << 20;

/// One language, with English for what it does not say.
pub struct Language {
    pub tag: String,
    bundle: FluentBundle<FluentResource>,
    english: Option<Arc<Language>>,
}

/// The languages of this server, the first is English; and those in which only letters are written.
pub struct Languages(Vec<Arc<Language>>, Vec<Arc<Language>>);

impl Languages {
    /// The built-in languages, and those in a folder, if there is one.
    pub fn open(folder: &Path) -> Result<Self> {
        let english = Arc::new(Language::parse("en", ENGLISH, None)?);
        let german = Language::parse("de", GERMAN, Some(Arc::clone(&english)))?;
        let letters = LETTERS.iter().map(|(tag, text)| {
            let language = Language::parse(tag, text, Some(Arc::clone(&english)))?;
            Ok(Arc::new(language))
        });
        let letters = letters.collect::<Result<_>>()?;
        let mut all = Self(vec![english, Arc::new(german)], letters);
        let Ok(entries) = fs::read_dir(folder) else {
            return Ok(all);
        };
        for entry in entries.take(MOST) {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "ftl") {
                all.read(&path)
                    .with_context(|| format!("cannot read the language {}", path.display()))?;
            }
        }
        Ok(all)
    }

    fn read(&mut self, path: &Path) -> Result<()> {
        anyhow::ensure!(
            fs::metadata(path)?.len() <= MAX_BYTES,
            "it has more than {MAX_BYTES} bytes"
        );
        let tag = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let language = Language::parse(tag, &fs::read_to_string(path)?, self.0.first().cloned())?;
        // A file for a built-in language takes its place; English stays behind all of them.
        self.0.retain(|other| other.tag == "en" || other.tag != language.tag);
        self.0.push(Arc::new(language));
        Ok(())
    }

    pub fn english(&self) -> Arc<Language> {
        Arc::clone(&self.0[0])
    }

    /// The language that a browser likes best, by `Accept-Language` (RFC 9110, §12.5.4).
    pub fn choose(&self, headers: &HeaderMap) -> Arc<Language> {
        let wanted = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        let mut wanted: Vec<(f32, &str)> = wanted.unwrap_or_default().split(',').map(quality).collect();
        wanted.sort_by(|a, b| b.0.total_cmp(&a.0));
        let wanted = wanted.iter().filter(|(quality, _)| *quality > 0.0);
        let found = wanted.flat_map(|(_, tag)| self.find(tag)).next();
        Arc::clone(found.unwrap_or(&self.0[0]))
    }

    /// The language in which to write to somebody who prefers this tag.
    pub fn of(&self, tag: Option<&str>) -> Arc<Language> {
        Arc::clone(tag.and_then(|tag| self.find(tag)).unwrap_or(&self.0[0]))
    }

    /// The language that stands around letters in a locale such as `de-AT`: one of the console's, else one of those in which
    /// only letters are written, else English.
    pub fn of_letters(&self, locale: &str) -> Arc<Language> {
        let first = locale.split('-').next().unwrap_or_default();
        let letters = self.1.iter().find(|language| language.tag.eq_ignore_ascii_case(first));
        Arc::clone(self.find(locale).or(letters).unwrap_or(&self.0[0]))
    }

    /// The language with this tag, else the one that its first part names: `de-AT` is answered in `de`.
    fn find(&self, tag: &str) -> Option<&Arc<Language>> {
        let named = |tag: &str| self.0.iter().find(|language| language.tag.eq_ignore_ascii_case(tag));
        named(tag).or_else(|| named(tag.split('-').next()?))
    }
}

/// `de;q=0.7` as its weight and tag.
fn quality(entry: &str) -> (f32, &str) {
    let (tag, parameters) = entry.split_once(';').unwrap_or((entry, ""));
    let weight = parameters.trim().strip_prefix("q=");
    (weight.map_or(1.0, |weight| weight.parse().unwrap_or(0.0)), tag.trim())
}

impl Language {
    fn parse(tag: &str, text: &str, english: Option<Arc<Self>>) -> Result<Self> {
        let id: LanguageIdentifier = tag
            .parse()
            .context("its name is no language tag, such as fr or pt-BR")?;
        let resource = FluentResource::try_new(text.to_string());
        let resource = resource.map_err(|(_, errors)| anyhow::anyhow!("it is no Fluent file: {}", errors[0]))?;
        let mut bundle = FluentBundle::new_concurrent(vec![id]);
        bundle.set_use_isolating(false);
        bundle
            .add_resource(resource)
            .map_err(|errors| anyhow::anyhow!("{}", errors[0]))?;
        Ok(Self {
            tag: tag.to_string(),
            bundle,
            english,
        })
    }

    /// A message without variables.
    pub fn t(&self, message: &str) -> String {
        self.format(message, None)
    }

    /// A message with `$count`, which chooses its plural.
    pub fn n(&self, message: &str, count: impl std::borrow::Borrow<i64>) -> String {
        let mut arguments = FluentArgs::new();
        arguments.set("count", *count.borrow());
        self.format(message, Some(&arguments))
    }

    /// A message with variables, each with its name.
    pub fn with<const N: usize>(&self, message: &str, variables: [(&str, &str); N]) -> String {
        let arguments = variables
            .into_iter()
            .map(|(name, value)| (name.to_string(), FluentValue::from(value.to_string())));
        self.format(message, Some(&arguments.collect()))
    }

    fn format(&self, message: &str, arguments: Option<&FluentArgs<'_>>) -> String {
        let Some(pattern) = self.bundle.get_message(message).and_then(|message| message.value()) else {
            return match &self.english {
                Some(english) => english.format(message, arguments),
                None => message.to_string(),
            };
        };
        let mut errors = Vec::new();
        self.bundle.format_pattern(pattern, arguments, &mut errors).into_owned()
    }
}

impl Speak for Language {
    fn say(&self, message: &Message) -> String {
        self.format(message.key(), Some(&message.arguments(self)))
    }
}

/// The language of a request, for pages without a session.
pub struct Reader(pub Arc<Language>);

impl FromRequestParts<App> for Reader {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Self::Rejection> {
        Ok(Self(app.languages.choose(&parts.headers)))
    }
}

#[cfg(test)]
mod tests;
