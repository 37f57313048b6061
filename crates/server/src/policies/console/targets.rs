//! The step of assignments.

use moat_model::Target;
use moat_policy::say;

use super::form::{Choice, Input, Shape, Step, named};
use crate::{accounts::session::Fields, error::Error, error::Result, language::Language};

/// The inputs of the step: users, devices where policies may be for them, groups in and out.
pub fn step(typed: &Fields, groups: &[(String, String)], for_devices: bool, language: &Language) -> Step {
    let everyone = |value: &str, label: &str| Choice {
        value: value.to_string(),
        label: language.t(label),
        on: typed.all("assignments").iter().any(|typed| typed == value),
    };
    let mut all = vec![everyone("allUsers", "policy-assign-all-users")];
    if for_devices {
        all.push(everyone("allDevices", "policy-assign-all-devices"));
    }
    let chosen = |name: &'static str, label: &str, hint: &str| Input {
        name,
        label: language.t(label),
        hint: language.t(hint),
        shape: Shape::Boxes(named(groups, &typed.all(name))),
    };
    Step {
        title: language.t("policy-assign-title"),
        text: language.t(if for_devices {
            "policy-assign-text"
        } else {
            "policy-assign-text-users"
        }),
        notice: match groups {
            [] => language.t("policy-assign-no-groups"),
            _ => String::new(),
        },
        inputs: vec![
            Input {
                name: "assignments",
                label: language.t("policy-assign-everyone"),
                hint: String::new(),
                shape: Shape::Boxes(all),
            },
            chosen(
                "includedGroups",
                "policy-assign-included",
                "policy-assign-included-hint",
            ),
            chosen(
                "excludedGroups",
                "policy-assign-excluded",
                "policy-assign-excluded-hint",
            ),
        ],
    }
}

/// The targets that a form says.
pub fn read(typed: &Fields) -> Result<Vec<Target>> {
    let mut targets = Vec::new();
    for everyone in typed.all("assignments") {
        match everyone.as_str() {
            "allUsers" => targets.push(Target::AllUsers),
            "allDevices" => targets.push(Target::AllDevices),
            _ => {
                return Err(Error::rule("BadRequest", "assignments", say("rule-choose-all")));
            }
        }
    }
    let group = |id: &String| {
        id.parse()
            .map_err(|_| Error::rule("BadRequest", "assignments", say("rule-no-such-group")))
    };
    for id in typed.all("includedGroups") {
        targets.push(Target::Group { group_id: group(&id)? });
    }
    for id in typed.all("excludedGroups") {
        targets.push(Target::ExcludedGroup { group_id: group(&id)? });
    }
    Ok(targets)
}

/// The same the other way round.
pub fn show(targets: &[Target]) -> Vec<(String, String)> {
    let pair = |target: &Target| {
        let (name, value) = match target {
            Target::AllUsers => ("assignments", "allUsers".to_string()),
            Target::AllDevices => ("assignments", "allDevices".to_string()),
            Target::Group { group_id } => ("includedGroups", group_id.to_string()),
            Target::ExcludedGroup { group_id } => ("excludedGroups", group_id.to_string()),
        };
        (name.to_string(), value)
    };
    targets.iter().map(pair).collect()
}
