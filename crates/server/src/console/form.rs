//! What was wrong with a form that was sent, for the page that shows it again.

use super::Frame;
use crate::{
    accounts::session::Fields,
    edition::Expected,
    error::{Error, Result},
    language::Language,
};

/// The inputs of a form: the field of the operation that each fills, its name in the form, and its label, which may be a
/// message.
pub type Inputs = &'static [(&'static str, &'static str, &'static str)];

/// Which form of the page was wrong, and why, by input; the input `""` is the form as a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wrong {
    form: &'static str,
    texts: Vec<(&'static str, String)>,
}

impl Wrong {
    pub fn new(form: &'static str) -> Self {
        Self {
            form,
            texts: Vec::new(),
        }
    }

    /// What an operation refused, in the words of the form. An error that no other input can mend comes back.
    pub fn said(frame: &Frame, form: &'static str, error: Error, inputs: Inputs) -> Result<Self> {
        match error {
            Error::Changed => {
                let mut wrong = Self::new(form);
                wrong.add("", frame.t("changed-meanwhile"));
                Ok(wrong)
            }
            error => Self::labelled(form, error, inputs, &frame.language),
        }
    }

    fn labelled(form: &'static str, error: Error, inputs: Inputs, language: &Language) -> Result<Self> {
        let (mut wrong, speaker) = (Self::new(form), language);
        let said = |label: &&'static str| language.t(label);
        match error {
            Error::Invalid { broken, .. } if !broken.is_empty() => {
                for one in broken {
                    match inputs.iter().find(|(name, ..)| *name == one.property) {
                        Some((_, input, label)) => wrong.add(input, one.with(&said(label), speaker)),
                        None => wrong.add("", sentence(&one.with(&one.property, speaker))),
                    }
                }
            }
            Error::Invalid {
                field: Some(field),
                message,
                ..
            } => match inputs.iter().find(|(name, ..)| *name == field) {
                Some((_, input, label)) => {
                    let rule = message.strip_prefix(field).unwrap_or(&message);
                    wrong.add(input, format!("{}{rule}", said(label)));
                }
                None => wrong.add("", sentence(&message)),
            },
            Error::Invalid { message, .. } => wrong.add("", sentence(&message)),
            Error::Conflict(why) => wrong.add("", sentence(&why.in_language(speaker))),
            error => return Err(error),
        }
        Ok(wrong)
    }

    pub fn add(&mut self, input: &'static str, text: impl Into<String>) {
        self.texts.push((input, text.into()));
    }

    /// What else was wrong with the same form.
    pub fn add_all(&mut self, other: Self) {
        self.texts.extend(other.texts);
    }

    /// A number that was typed; what is none, or out of range, is noted.
    pub fn number(
        &mut self,
        frame: &Frame,
        input: &'static str,
        label: &str,
        text: &str,
        range: std::ops::RangeInclusive<u32>,
    ) -> u32 {
        match text.trim().parse() {
            Ok(number) if range.contains(&number) => number,
            _ => {
                let (least, most) = (range.start(), range.end());
                let variables = [
                    ("label", frame.t(label)),
                    ("least", least.to_string()),
                    ("most", most.to_string()),
                ];
                let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
                self.add(input, frame.with("wrong-number", variables));
                *least
            }
        }
    }

    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// Whether this form was refused.
    pub fn is_on(&self, form: &str) -> bool {
        self.form == form && !self.texts.is_empty()
    }

    pub fn at(&self, form: &str, input: &str) -> Option<&str> {
        let mut texts = self.texts.iter().filter(|_| self.form == form);
        texts.find(|(name, _)| *name == input).map(|(_, text)| text.as_str())
    }

    /// Whether the input is where a person goes on: the first that is wrong.
    pub fn is_first(&self, form: &str, input: &str) -> bool {
        self.form == form && self.texts.first().is_some_and(|(name, _)| *name == input)
    }
}

/// The edition of a thing that a form was filled from.
pub fn version(fields: &Fields) -> Expected {
    Expected::OneOf(fields.get("version").parse().into_iter().collect())
}

/// An input that two people changed at once.
pub struct Clash {
    pub label: String,
    /// As somebody else saved it meanwhile.
    pub stored: String,
    pub typed: String,
}

impl Clash {
    /// Where what was typed is not what is stored.
    pub fn between(frame: &Frame, inputs: Inputs, stored: &Fields, typed: &Fields) -> Vec<Self> {
        let clash = |(_, input, label): &(&str, &str, &str)| {
            let (stored, typed) = (stored.get(input).to_string(), typed.get(input).trim().to_string());
            (stored != typed).then(|| Self {
                label: frame.t(label),
                stored,
                typed,
            })
        };
        inputs.iter().filter_map(clash).collect()
    }
}

fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map(|first| first.to_uppercase().chain(chars).collect())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use moat_policy::say;

    use super::*;
    use crate::language::Languages;

    const INPUTS: Inputs = &[("expirationTime", "expires", "indicator-ends")];

    fn labelled(error: Error, tag: &str) -> Result<Wrong> {
        let languages = Languages::open(std::path::Path::new("/nowhere")).unwrap();
        let mut headers = http::HeaderMap::new();
        headers.insert("accept-language", tag.parse().unwrap());
        Wrong::labelled("add", error, INPUTS, &languages.choose(&headers))
    }

    #[test]
    fn errors_speak_the_words_of_the_form() {
        let error = Error::invalid_field("InvalidInput", "expirationTime", ": no time");
        let wrong = labelled(error, "en").unwrap();
        assert_eq!(wrong.at("add", "expires"), Some("Ends: no time"));
        assert!(wrong.is_first("add", "expires") && wrong.at("add", "value").is_none());
        assert!(wrong.at("other", "expires").is_none() && !wrong.is_on("other"));
        let whole = labelled(Error::conflict("there is one".to_string()), "en").unwrap();
        assert_eq!(whole.at("add", ""), Some("There is one"));
        assert!(labelled(Error::StorageFull, "en").is_err());
    }

    #[test]
    fn rules_speak_the_language_of_the_reader() {
        let error = || Error::rule("InvalidInput", "expirationTime", say("rule-missing"));
        assert_eq!(error().to_string(), "expirationTime is missing");
        for (tag, text) in [("en", "Ends is missing"), ("de", "Endet fehlt")] {
            assert_eq!(labelled(error(), tag).unwrap().at("add", "expires"), Some(text));
        }
    }
}
