//! Guided forms: what stands in them, told once, read both ways. The inputs have Graph's names, so that what an operation refuses
//! finds its input.

use moat_model::Period;
use serde_json::{Map, Value, json};

use crate::{accounts::session::Fields, console::Wrong, error::Error, error::Result, language::Language};

/// The form of every policy, as [`Wrong`] names it.
pub const FORM: &str = "policy";

/// A value and the message that says it.
pub type Word = (&'static str, &'static str);

/// A setting of a policy.
pub struct Field {
    /// As Graph spells it.
    pub name: &'static str,
    /// The message of its label.
    pub label: &'static str,
    /// The message that stands below; empty for none.
    pub hint: &'static str,
    pub kind: Kind,
}

/// How a setting is typed.
pub enum Kind {
    /// Off and on, each in words.
    Switch(&'static str, &'static str),
    /// One of these; an empty value is null.
    Words(&'static [Word]),
    /// Any of these.
    Set(&'static [Word]),
    /// Empty is null.
    Number(i64, i64),
    /// A period of time in these seconds; empty is null.
    Time(u64),
    Text,
    /// One to a line.
    Lines,
    /// `name=value`, one to a line.
    Pairs,
    /// A bundle id and a name, one to a line.
    Apps,
}

/// The settings of one step.
pub struct Part {
    pub title: &'static str,
    /// The message below the title; empty for none.
    pub text: &'static str,
    pub fields: &'static [Field],
}

pub const fn field(name: &'static str, label: &'static str, hint: &'static str, kind: Kind) -> Field {
    Field {
        name,
        label,
        hint,
        kind,
    }
}

/// A step as it is shown.
#[derive(Default)]
pub struct Step {
    pub title: String,
    pub text: String,
    /// What one must know before one relies on this step.
    pub notice: String,
    pub inputs: Vec<Input>,
}

pub struct Input {
    pub name: &'static str,
    pub label: String,
    pub hint: String,
    pub shape: Shape,
}

pub enum Shape {
    Text {
        value: String,
        numeric: bool,
    },
    Area {
        value: String,
    },
    Select(Vec<Choice>),
    Boxes(Vec<Choice>),
    /// Rows of inputs, such as actions with their time.
    Rows(Vec<Row>),
}

pub struct Choice {
    pub value: String,
    pub label: String,
    pub on: bool,
}

/// A row of a list that is typed: its parts, each with the name of its input.
pub struct Row {
    pub label: String,
    pub cells: Vec<Cell>,
}

pub struct Cell {
    pub name: String,
    pub label: String,
    /// Empty: it is typed.
    pub choices: Vec<Choice>,
    pub value: String,
    pub hidden: bool,
}

impl Input {
    pub fn is_wide(&self) -> bool {
        matches!(self.shape, Shape::Area { .. } | Shape::Rows(_))
    }
}

/// What is typed in the fields of a form, as Graph has it. What cannot be is noted.
pub fn read(parts: &[Part], typed: &Fields, wrong: &mut Wrong, language: &Language) -> Map<String, Value> {
    let fields = parts.iter().flat_map(|part| part.fields);
    fields
        .map(|field| (field.name.to_string(), field.read(typed, wrong, language)))
        .collect()
}

/// The same the other way round.
pub fn show(parts: &[Part], settings: &Value) -> Vec<(String, String)> {
    let fields = parts.iter().flat_map(|part| part.fields);
    let mut shown = Vec::new();
    for field in fields {
        field.show(&settings[field.name], &mut shown);
    }
    shown
}

/// A part as it is shown.
pub fn step(part: &Part, typed: &Fields, language: &Language) -> Step {
    Step {
        title: language.t(part.title),
        text: said(part.text, language),
        notice: String::new(),
        inputs: part.fields.iter().map(|field| field.input(typed, language)).collect(),
    }
}

/// A message, or nothing for no message.
pub fn said(message: &str, language: &Language) -> String {
    match message {
        "" => String::new(),
        message => language.t(message),
    }
}

/// The choices of a list with what was chosen.
pub fn choices(words: &[Word], chosen: &[String], language: &Language) -> Vec<Choice> {
    let choice = |(value, label): &Word| Choice {
        value: (*value).to_string(),
        label: language.t(label),
        on: chosen.iter().any(|chosen| chosen == value),
    };
    words.iter().map(choice).collect()
}

/// Choices that have names of their own, such as groups. What is chosen and has no name any more stays chosen.
pub fn named(all: &[(String, String)], chosen: &[String]) -> Vec<Choice> {
    let known = all.iter().map(|(value, label)| Choice {
        value: value.clone(),
        label: label.clone(),
        on: chosen.contains(value),
    });
    let unknown = chosen
        .iter()
        .filter(|chosen| !all.iter().any(|(value, _)| value == *chosen));
    let unknown = unknown.map(|value| Choice {
        value: value.clone(),
        label: value.clone(),
        on: true,
    });
    known.chain(unknown).collect()
}

impl Field {
    fn read(&self, typed: &Fields, wrong: &mut Wrong, language: &Language) -> Value {
        let text = typed.text(self.name);
        match &self.kind {
            Kind::Switch(..) => (typed.get(self.name) == "true").into(),
            Kind::Words(_) | Kind::Text => text.map_or(Value::Null, Value::from),
            Kind::Set(_) => typed.all(self.name).into(),
            Kind::Number(least, most) => match text {
                None => Value::Null,
                Some(text) => self.number(&text, *least, *most, wrong, language).into(),
            },
            Kind::Time(unit) => match text {
                None => Value::Null,
                Some(text) => self.time(&text, *unit, wrong, language),
            },
            Kind::Lines => lines(typed.get(self.name)).map(Value::from).collect(),
            Kind::Pairs => lines(typed.get(self.name))
                .map(|line| {
                    let (name, value) = line.split_once('=').unwrap_or((line, ""));
                    json!({"name": name.trim(), "value": value.trim()})
                })
                .collect(),
            Kind::Apps => lines(typed.get(self.name))
                .map(|line| {
                    let (id, name) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
                    json!({"appId": id, "name": name.trim()})
                })
                .collect(),
        }
    }

    fn number(&self, text: &str, least: i64, most: i64, wrong: &mut Wrong, language: &Language) -> i64 {
        match text.parse() {
            Ok(number) if (least..=most).contains(&number) => number,
            _ => {
                let (least_text, most) = (least.to_string(), most.to_string());
                let label = language.t(self.label);
                let variables = [("label", label.as_str()), ("least", &least_text), ("most", &most)];
                wrong.add(self.name, language.with("policy-wrong-number", variables));
                least
            }
        }
    }

    fn time(&self, text: &str, unit: u64, wrong: &mut Wrong, language: &Language) -> Value {
        let most = Period::MAX.as_seconds() / unit;
        let number = self.number(text, 0, i64::try_from(most).unwrap_or(i64::MAX), wrong, language);
        let seconds = u64::try_from(number).unwrap_or(0).saturating_mul(unit);
        json!(Period::from_seconds(seconds))
    }

    fn show(&self, value: &Value, shown: &mut Vec<(String, String)>) {
        let mut add = |text: String| shown.push((self.name.to_string(), text));
        let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
        let items = || value.as_array().map_or(&[][..], Vec::as_slice).iter();
        match &self.kind {
            Kind::Switch(..) => add(value.as_bool().unwrap_or_default().to_string()),
            Kind::Words(_) | Kind::Text => add(text(value)),
            Kind::Set(_) => items().for_each(|item| add(text(item))),
            Kind::Number(..) => add(value.as_i64().map(|number| number.to_string()).unwrap_or_default()),
            Kind::Time(unit) => {
                let period = value.as_str().and_then(|text| text.parse::<Period>().ok());
                add(period
                    .map(|period| (period.as_seconds() / unit).to_string())
                    .unwrap_or_default());
            }
            Kind::Lines => add(items().map(text).collect::<Vec<_>>().join("\n")),
            Kind::Pairs => {
                let line = |item: &Value| match text(&item["value"]) {
                    value if value.is_empty() => text(&item["name"]),
                    value => format!("{}={value}", text(&item["name"])),
                };
                add(items().map(line).collect::<Vec<_>>().join("\n"));
            }
            Kind::Apps => {
                let line = |item: &Value| format!("{} {}", text(&item["appId"]), text(&item["name"]));
                let lines: Vec<_> = items().map(|item| line(item).trim_end().to_string()).collect();
                add(lines.join("\n"));
            }
        }
    }

    fn input(&self, typed: &Fields, language: &Language) -> Input {
        let value = typed.get(self.name).to_string();
        let shape = match &self.kind {
            Kind::Switch(off, on) => Shape::Select(choices(&[("false", *off), ("true", *on)], &[value], language)),
            Kind::Words(words) => Shape::Select(choices(words, &[value], language)),
            Kind::Set(words) => Shape::Boxes(choices(words, &typed.all(self.name), language)),
            Kind::Number(..) | Kind::Time(_) => Shape::Text { value, numeric: true },
            Kind::Text => Shape::Text { value, numeric: false },
            Kind::Lines | Kind::Pairs | Kind::Apps => Shape::Area { value },
        };
        let mut hint = said(self.hint, language);
        if let Kind::Number(least, most) = &self.kind {
            hint = format!("{least}–{most}{}{hint}", if hint.is_empty() { "" } else { ". " });
        }
        Input {
            name: self.name,
            label: language.t(self.label),
            hint,
            shape,
        }
    }
}

/// What stands on lines, without those that are empty.
pub fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty())
}

/// What an operation refused, at the inputs of the form. An error that no input can mend comes back.
pub fn refused(steps: &[Step], error: Error, language: &Language) -> Result<Wrong> {
    let inputs: Vec<&Input> = steps.iter().flat_map(|step| &step.inputs).collect();
    let mut wrong = Wrong::new(FORM);
    let message = match error {
        Error::Invalid { broken, .. } if !broken.is_empty() => {
            for one in broken {
                match input_of(&inputs, &one.property) {
                    Some((input, name)) => wrong.add(input, one.with(&name, language)),
                    None => wrong.add("", capital(&one.with(&one.property, language))),
                }
            }
            return Ok(wrong);
        }
        Error::Invalid { message, .. } => message,
        Error::Conflict(why) => why.in_language(language),
        error => return Err(error),
    };
    let mut texts: Vec<(&'static str, String)> = Vec::new();
    for piece in message.split("; ") {
        match (at_input(&inputs, piece), texts.last_mut()) {
            (Some(found), _) => texts.push(found),
            (None, Some((_, text))) => text.push_str(&format!("; {piece}")),
            (None, None) => texts.push(("", capital(piece))),
        }
    }
    for (input, text) in texts {
        wrong.add(input, text);
    }
    Ok(wrong)
}

/// `conditions.users.includeUsers: name …` as the input of that name, and what is wrong with it.
fn at_input(inputs: &[&Input], piece: &str) -> Option<(&'static str, String)> {
    let end = piece.find([':', ' ']).unwrap_or(piece.len());
    let (path, rest) = piece.split_at(end);
    let (input, name) = input_of(inputs, path)?;
    Some((input, name + rest))
}

/// The input that a property stands in, and what people call the property.
fn input_of(inputs: &[&Input], path: &str) -> Option<(&'static str, String)> {
    let input = path.rsplit('.').find_map(|part| {
        let name = match part.split('[').next()? {
            "users" => "includeUsers",
            "applications" => "includeApplications",
            name => name,
        };
        inputs.iter().find(|input| input.name == name)
    })?;
    let place = path
        .split_once('[')
        .and_then(|(_, rest)| rest.split(']').next()?.parse::<usize>().ok());
    let place = place.map(|n| format!(" ({})", n + 1)).unwrap_or_default();
    Some((input.name, format!("{}{place}", input.label)))
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_uppercase().collect::<String>());
    first.unwrap_or_default() + chars.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::Languages;

    fn input(name: &'static str) -> Input {
        Input {
            name,
            label: format!("<{name}>"),
            hint: String::new(),
            shape: Shape::Area { value: String::new() },
        }
    }

    #[test]
    fn what_is_refused_stands_at_its_input() {
        let languages = Languages::open(std::path::Path::new("/nowhere")).unwrap();
        let english = languages.english();
        let steps = [Step {
            inputs: [
                "includeUsers",
                "passcodeMinimumLength",
                "restrictedApps",
                "displayName",
                "ipRanges",
            ]
            .map(input)
            .into(),
            ..Step::default()
        }];
        for (message, at, text) in [
            (
                "passcodeMinimumLength: must be 4 to 14",
                "passcodeMinimumLength",
                "<passcodeMinimumLength>: must be 4 to 14",
            ),
            (
                "conditions.users: say for whom",
                "includeUsers",
                "<includeUsers>: say for whom",
            ),
            (
                "restrictedApps[3].appId: must be",
                "restrictedApps",
                "<restrictedApps> (4): must be",
            ),
            (
                "displayName must have 1 byte",
                "displayName",
                "<displayName> must have 1 byte",
            ),
            ("ipRanges.cidrAddress: no", "ipRanges", "<ipRanges>: no"),
            ("there is a policy", "", "There is a policy"),
        ] {
            let wrong = refused(&steps, Error::invalid("BadRequest", message), &english).unwrap();
            assert_eq!(wrong.at(FORM, at), Some(text), "{message}");
        }
        let two = "displayName: a; b; includeUsers: c";
        let wrong = refused(&steps, Error::invalid("BadRequest", two), &english).unwrap();
        assert_eq!(wrong.at(FORM, "displayName"), Some("<displayName>: a; b"));
        assert_eq!(wrong.at(FORM, "includeUsers"), Some("<includeUsers>: c"));
        assert!(refused(&steps, Error::StorageFull, &english).is_err());
    }
}
