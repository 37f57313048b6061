//! One alert with its evidence and history, and its triage.

use askama::Template;
use axum::{
    extract::{Path, State},
    response::{IntoResponse as _, Redirect, Response},
};
use moat_model::{AlertStatus, Evidence};

use super::{
    super::{
        suppression::{self, RuleRow},
        triage::{self, AlertRow, Change, HistoryRow},
    },
    judgement,
};
use crate::{
    App,
    accounts::{
        Session,
        session::{Fields, Form},
    },
    caller::Role,
    console::{ConsoleError, Frame, Html, Inputs, Wrong, words},
    error::{Error, Result},
};

const INPUTS: Inputs = &[
    ("assignedTo", "assignedTo", "alert-assigned-to"),
    ("determination", "judgement", "alert-judgement"),
    ("comment", "comment", "alert-comment"),
];

#[derive(Template)]
#[template(path = "alert.html")]
struct AlertPage {
    frame: Frame,
    alert: AlertRow,
    evidence: Vec<(i64, String)>,
    history: Vec<HistoryRow>,
    /// The rule that resolved it, if it is still there.
    suppressed_by: Option<RuleRow>,
    judgements: Vec<judgement::Group>,
    wrong: Wrong,
    /// The form as it stands: as it was typed, or as the alert is.
    typed: Fields,
    /// The form as the alert is, against which a change is told.
    stored: Fields,
    may_triage: bool,
}

impl AlertPage {
    fn statuses(&self) -> &'static [AlertStatus] {
        AlertStatus::ALL
    }
}

/// The fields of the form that hold something of the alert.
const FIELDS: [&str; 3] = ["status", "assignedTo", "judgement"];

pub async fn show(State(app): State<App>, session: Session, Path(id): Path<String>) -> Result<Response, ConsoleError> {
    render(&app, &session, &id, None).await
}

/// Changes what was changed in the form. What somebody else changed meanwhile is shown, and nothing is saved.
pub async fn update(State(app): State<App>, Path(id): Path<String>, form: Form) -> Result<Response, ConsoleError> {
    let (caller, frame) = (form.session.caller(), Frame::new(&form.session, "/alerts"));
    let stored = stored(&triage::get(&app, &caller, &id).await?);
    let mut wrong = Wrong::new("triage");
    for name in FIELDS {
        let (was, now, typed) = (
            form.fields.get(&format!("was-{name}")),
            stored.get(name),
            form.fields.get(name),
        );
        if typed != was && now != was && now != typed {
            wrong.add(name, frame.with("alert-changed-meanwhile", [("value", now)]));
        }
    }
    if wrong.is_empty() {
        let changed = match change_of(&form) {
            Ok(change) => triage::update(&app, &caller, std::slice::from_ref(&id), &change).await,
            Err(error) => Err(error),
        };
        match changed {
            Ok(()) => return Ok(Redirect::to(&format!("/alerts/{id}")).into_response()),
            Err(error) => wrong = Wrong::said(&frame, "triage", error, INPUTS)?,
        }
    }
    render(&app, &form.session, &id, Some((form.fields, wrong))).await
}

fn change_of(form: &Form) -> Result<Change> {
    let changed = |name: &str| {
        let text = form.fields.get(name).trim();
        (text != form.fields.get(&format!("was-{name}"))).then(|| text.to_string())
    };
    let status = changed("status").map(|text| text.parse()).transpose();
    let (classification, determination) = judgement::parse(&changed("judgement").unwrap_or_default())?;
    Ok(Change {
        status: status.map_err(|e: moat_model::UnknownWord| Error::invalid("InvalidInput", e))?,
        // An emptied field takes the alert from whoever had it.
        assigned_to: match form.fields.get("quick") {
            "me" => Some(form.session.name.clone()),
            _ => changed("assignedTo"),
        },
        classification,
        determination,
        comment: form.fields.text("comment"),
    })
}

async fn render(
    app: &App,
    session: &Session,
    id: &str,
    refused: Option<(Fields, Wrong)>,
) -> Result<Response, ConsoleError> {
    let (caller, frame) = (session.caller(), Frame::new(session, "/alerts"));
    let alert = triage::get(app, &caller, id).await?;
    let evidence = triage::evidence(&app.db, id).await?;
    let evidence = evidence
        .into_iter()
        .map(|row| (row.created_at, words_of(&frame, &row.body)));
    let (typed, wrong) = refused.unwrap_or_else(|| (stored(&alert), Wrong::default()));
    let suppressed_by = match &alert.suppressed_by {
        Some(rule) => suppression::rule_of(app, &caller, rule).await?,
        None => None,
    };
    Html(AlertPage {
        suppressed_by,
        evidence: evidence.collect(),
        history: triage::history(&app.db, id).await?,
        judgements: judgement::groups(&frame),
        stored: stored(&alert),
        may_triage: caller.has(Role::AlertReadWriteAll),
        alert,
        wrong,
        typed,
        frame,
    })
    .respond()
}

/// The form as the alert is.
fn stored(alert: &AlertRow) -> Fields {
    Fields::from([
        ("status", alert.status.clone()),
        ("assignedTo", alert.assigned_to.clone().unwrap_or_default()),
        (
            "judgement",
            judgement::value(alert.classification.as_deref(), alert.determination.as_deref()),
        ),
    ])
}

/// A piece of evidence in words.
fn words_of(frame: &Frame, body: &str) -> String {
    match serde_json::from_str(body) {
        Ok(Evidence::Site {
            value,
            seen_in,
            remote_ip,
        }) => {
            let seen = frame.with("evidence-site", [("site", &value), ("where", &seen_in)]);
            match remote_ip {
                Some(ip) => frame.with("evidence-at", [("seen", &seen), ("address", &ip)]),
                None => seen,
            }
        }
        Ok(Evidence::Rule {
            rule,
            group,
            detail,
            weight,
        }) => {
            let weight = weight.to_string();
            let variables = [
                ("detail", detail.as_str()),
                ("rule", &rule),
                ("group", &group),
                ("weight", &weight),
            ];
            frame.with("evidence-rule", variables)
        }
        Ok(Evidence::Note { text }) => text,
        Err(_) => body.to_string(),
    }
}

impl AlertRow {
    /// The message that names how far it is.
    pub(super) fn status_name(&self) -> &'static str {
        match self.suppressed_by {
            Some(_) => "alert-suppressed",
            None => words::alert_status(&self.status),
        }
    }
}

impl HistoryRow {
    /// The message that names a line of the history.
    fn name(&self) -> &'static str {
        match self.kind.as_str() {
            "created" => "history-created",
            "comment" => "history-comment",
            "resolved" => "history-resolved",
            "repeated" => "history-repeated",
            "reopened" => "history-reopened",
            "suppressed" => "history-suppressed",
            _ => "history-changed",
        }
    }
}
