//! The step of actions for noncompliance.

use moat_model::compliance::{NoncomplianceAction, NoncomplianceActionType as Type};

use crate::{
    accounts::session::Fields,
    console::Wrong,
    language::Language,
    policies::console::form::{Cell, Choice, Input, Row, Shape, Step},
};

/// As [`Wrong`] names them.
pub const NAME: &str = "scheduledActionConfigurations";
/// Empty rows below those that are there.
const SPARE: usize = 2;
const MOST: usize = 100;

/// Actions that can be chosen, in Intune's words. The mark is always there.
const TYPES: [(Type, &str); 5] = [
    (Type::Notification, "noncompliance-mail"),
    (Type::PushNotification, "noncompliance-push"),
    (Type::RemoteLock, "noncompliance-lock"),
    (Type::Retire, "noncompliance-retire"),
    (Type::Wipe, "noncompliance-wipe"),
];

/// The rows as they stand in a form: the mark first.
pub fn show(actions: &[NoncomplianceAction], with_ids: bool) -> Vec<(String, String)> {
    let mark = actions.iter().filter(|action| action.action_type == Type::Block);
    let others = actions.iter().filter(|action| action.action_type != Type::Block);
    let mut shown = Vec::new();
    for (n, action) in mark.chain(others).enumerate() {
        let mut add = |name: &str, text: String| shown.push((format!("action-{n}-{name}"), text));
        add("type", action.action_type.to_string());
        add("days", (action.grace_period_hours / 24).to_string());
        add("hours", (action.grace_period_hours % 24).to_string());
        add("template", action.notification_template_id.clone());
        if with_ids {
            add("id", action.id.clone());
        }
    }
    shown
}

/// What is typed, on top of the actions that the policy has: what the form does not show of them stays.
pub fn read(
    typed: &Fields,
    before: &[NoncomplianceAction],
    wrong: &mut Wrong,
    language: &Language,
) -> Vec<NoncomplianceAction> {
    let mut actions = Vec::new();
    for n in 0..count(typed) {
        let get = |name: &str| typed.get(&format!("action-{n}-{name}")).trim().to_string();
        let kind = match n {
            0 => Some(Type::Block),
            _ => get("type").parse().ok(),
        };
        let Some(action_type) = kind else { continue };
        let id = get("id");
        let known = before.iter().find(|action| !id.is_empty() && action.id == id);
        let time = |name: &str, most: i32| match get(name).as_str() {
            "" => Some(0),
            text => text.parse().ok().filter(|number| (0..=most).contains(number)),
        };
        let hours = match (time("days", 365), time("hours", 8_760)) {
            (Some(days), Some(hours)) => days * 24 + hours,
            _ => {
                let row = (n + 1).to_string();
                wrong.add(NAME, language.with("noncompliance-wrong-time", [("row", &row)]));
                0
            }
        };
        actions.push(NoncomplianceAction {
            id: known.map(|action| action.id.clone()).unwrap_or_default(),
            grace_period_hours: hours,
            action_type,
            notification_template_id: get("template"),
            notification_message_cc_list: known
                .map(|action| action.notification_message_cc_list.clone())
                .unwrap_or_default(),
        });
    }
    actions
}

/// How many rows were typed.
fn count(typed: &Fields) -> usize {
    let there = |n: &usize| !typed.all(&format!("action-{n}-days")).is_empty();
    (0..MOST).take_while(there).count().max(1)
}

pub fn step(typed: &Fields, templates: &[(String, String)], language: &Language) -> Step {
    let used = (0..count(typed)).filter(|n| *n == 0 || !typed.get(&format!("action-{n}-type")).is_empty());
    let used: Vec<usize> = used.collect();
    let mut rows: Vec<Row> = used
        .iter()
        .enumerate()
        .map(|(n, at)| row(n, Some(*at), typed, templates, language))
        .collect();
    for _ in 0..SPARE {
        rows.push(row(rows.len(), None, typed, templates, language));
    }
    Step {
        title: language.t("noncompliance-title"),
        text: language.t("noncompliance-text"),
        notice: match templates {
            [] => language.t("noncompliance-no-templates"),
            _ => String::new(),
        },
        inputs: vec![Input {
            name: NAME,
            label: language.t("noncompliance-list"),
            hint: language.t("noncompliance-hint"),
            shape: Shape::Rows(rows),
        }],
    }
}

/// The row `n`, with what was typed in the row `at`.
fn row(n: usize, at: Option<usize>, typed: &Fields, templates: &[(String, String)], language: &Language) -> Row {
    let value = |name: &str| {
        let typed = at.map(|at| typed.get(&format!("action-{at}-{name}")).to_string());
        typed.unwrap_or_default()
    };
    let cell = |name: &str, label: &str, choices: Vec<Choice>| Cell {
        name: format!("action-{n}-{name}"),
        label: language.t(label),
        value: value(name),
        choices,
        hidden: false,
    };
    let days = cell("days", "noncompliance-days", Vec::new());
    let hours = cell("hours", "noncompliance-hours", Vec::new());
    let id = Cell {
        hidden: true,
        ..cell("id", "noncompliance-kind", Vec::new())
    };
    if n == 0 {
        return Row {
            label: language.t("noncompliance-mark"),
            cells: vec![days, hours, id],
        };
    }
    let mut kinds = vec![choice("", language.t("noncompliance-none"), &value("type"))];
    let known = TYPES.iter().map(|(kind, label)| (kind.as_str(), *label));
    // What the form does not offer stays when it is there.
    kinds.extend(known.map(|(kind, label)| choice(kind, language.t(label), &value("type"))));
    if !kinds.iter().any(|kind| kind.on) {
        kinds.push(choice(&value("type"), value("type"), &value("type")));
    }
    let mut mails = vec![choice("", language.t("noncompliance-no-template"), &value("template"))];
    mails.extend(
        templates
            .iter()
            .map(|(id, name)| choice(id, name.clone(), &value("template"))),
    );
    Row {
        label: language.t("noncompliance-kind"),
        cells: vec![
            cell("type", "noncompliance-kind", kinds),
            days,
            hours,
            cell("template", "noncompliance-template", mails),
            id,
        ],
    }
}

fn choice(value: &str, label: String, chosen: &str) -> Choice {
    Choice {
        value: value.to_string(),
        label,
        on: value == chosen,
    }
}
