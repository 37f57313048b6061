//! What was wrong with a form that was sent, for the page that shows it again.

use super::Frame;
use crate::{
    accounts::session::Fields,
    edition::Expected,
    error::{Error, Result},
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
    pub fn of(form: &'static str, error: Error, inputs: Inputs) -> Result<Self> {
        Self::labelled(form, error, inputs, str::to_string)
    }

    /// The same where labels are messages.
    pub fn said(frame: &Frame, form: &'static str, error: Error, inputs: Inputs) -> Result<Self> {
        match error {
            Error::Changed => {
                let mut wrong = Self::new(form);
                wrong.add("", frame.t("changed-meanwhile"));
                Ok(wrong)
            }
            error => Self::labelled(form, error, inputs, |label| frame.t(label)),
        }
    }

    fn labelled(
        form: &'static str,
        error: Error,
        inputs: Inputs,
        said: impl Fn(&'static str) -> String,
    ) -> Result<Self> {
        let mut wrong = Self::new(form);
        match error {
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
            Error::Invalid { message, .. } | Error::Conflict(message) => wrong.add("", sentence(&message)),
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
        input: &'static str,
        label: &str,
        text: &str,
        range: std::ops::RangeInclusive<u32>,
    ) -> u32 {
        match text.trim().parse() {
            Ok(number) if range.contains(&number) => number,
            _ => {
                let (least, most) = (range.start(), range.end());
                self.add(input, format!("{label} must be a whole number from {least} to {most}."));
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
    use super::*;

    const INPUTS: Inputs = &[("expirationTime", "expires", "Ends")];

    #[test]
    fn errors_speak_the_words_of_the_form() {
        let error = Error::invalid_field("InvalidInput", "expirationTime", ": no time");
        let wrong = Wrong::of("add", error, INPUTS).unwrap();
        assert_eq!(wrong.at("add", "expires"), Some("Ends: no time"));
        assert!(wrong.is_first("add", "expires") && wrong.at("add", "value").is_none());
        assert!(wrong.at("other", "expires").is_none() && !wrong.is_on("other"));
        let whole = Wrong::of("add", Error::Conflict("there is one".into()), INPUTS).unwrap();
        assert_eq!(whole.at("add", ""), Some("There is one"));
        assert!(Wrong::of("add", Error::StorageFull, INPUTS).is_err());
    }

    #[test]
    fn numbers_are_whole_and_in_range() {
        let mut wrong = Wrong::new("f");
        assert_eq!(wrong.number("n", "N", " 7 ", 1..=9), 7);
        assert!(wrong.is_empty());
        for text in ["", "0", "10", "-1", "1.5", "x"] {
            wrong.number("n", "N", text, 1..=9);
        }
        assert_eq!(wrong.texts.len(), 6);
        assert_eq!(wrong.at("f", "n"), Some("N must be a whole number from 1 to 9."));
    }
}
