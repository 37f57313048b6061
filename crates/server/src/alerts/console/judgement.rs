//! Classification and determination as one choice: only pairs that go together can be chosen.

use moat_model::{Classification, Determination};

use super::super::triage::determinations;
use crate::{
    console::Frame,
    error::{Error, Result},
};

/// A classification with the determinations that go with it.
pub struct Group {
    pub classification: Classification,
    pub label: String,
    pub choices: Vec<Choice>,
}

pub struct Choice {
    /// What the form sends: both words.
    pub value: String,
    pub label: String,
}

pub fn groups(frame: &Frame) -> Vec<Group> {
    let group = |classification: &Classification| Group {
        classification: *classification,
        label: frame.t(classification_name(*classification)),
        choices: determinations(*classification)
            .iter()
            // The same under another name.
            .filter(|determination| {
                !matches!(
                    determination,
                    Determination::ConfirmedUserActivity | Determination::Clean
                )
            })
            .map(|determination| Choice {
                value: format!("{classification}:{determination}"),
                label: frame.t(determination_name(*determination)),
            })
            .collect(),
    };
    Classification::ALL.iter().map(group).collect()
}

/// What was chosen; empty is nothing.
pub fn parse(text: &str) -> Result<(Option<Classification>, Option<Determination>)> {
    if text.is_empty() {
        return Ok((None, None));
    }
    let (classification, determination) = text.split_once(':').unwrap_or((text, ""));
    let classification = classification.parse().map_err(|e| Error::invalid("InvalidInput", e))?;
    let determination = match determination {
        "" => None,
        word => Some(word.parse().map_err(|e| Error::invalid("InvalidInput", e))?),
    };
    Ok((Some(classification), determination))
}

/// How the form writes what is stored.
pub fn value(classification: Option<&str>, determination: Option<&str>) -> String {
    match (classification, determination) {
        (None, _) => String::new(),
        (Some(classification), None) => classification.to_string(),
        (Some(classification), Some("Clean")) => format!("{classification}:NotMalicious"),
        (Some(classification), Some("ConfirmedUserActivity")) => format!("{classification}:ConfirmedActivity"),
        (Some(classification), Some(determination)) => format!("{classification}:{determination}"),
    }
}

const fn classification_name(classification: Classification) -> &'static str {
    match classification {
        Classification::TruePositive => "classification-true-positive",
        Classification::InformationalExpectedActivity => "classification-expected",
        Classification::FalsePositive => "classification-false-positive",
    }
}

const fn determination_name(determination: Determination) -> &'static str {
    use Determination as D;
    match determination {
        D::MultiStagedAttack => "determination-multi-staged",
        D::MaliciousUserActivity => "determination-malicious-user",
        D::CompromisedUser => "determination-compromised",
        D::Malware => "determination-malware",
        D::Phishing => "determination-phishing",
        D::UnwantedSoftware => "determination-unwanted",
        D::SecurityTesting => "determination-testing",
        D::LineOfBusinessApplication => "determination-business",
        D::ConfirmedActivity | D::ConfirmedUserActivity => "determination-confirmed",
        D::NotMalicious | D::Clean => "determination-not-malicious",
        D::InsufficientData => "determination-insufficient",
        D::Other => "determination-other",
    }
}
