//! The pages of alerts.

use askama::Template;
use axum::{
    extract::{Path, State},
    http::Uri,
    response::{IntoResponse as _, Redirect, Response},
};
use moat_model::{AlertStatus, Classification, Determination, Evidence};

use super::triage::{self, AlertRow, Change, HistoryRow};
use crate::{
    App,
    accounts::{
        Session,
        session::{Fields, Form},
    },
    console::{Chip, ConsoleError, Frame, Html, Inputs, Pager, Wrong, address, back_to, escape, here, words},
    error::{Error, Result},
    odata,
};

const PAGE: u64 = 100;

const STATUSES: [(&str, &str, Option<&str>); 3] = [
    ("", "Open", Some("status ne 'Resolved'")),
    ("resolved", "Resolved", Some("status eq 'Resolved'")),
    ("all", "All", None),
];
const SEVERITIES: [&str; 4] = ["High", "Medium", "Low", "Informational"];

#[derive(Template)]
#[template(path = "alerts.html")]
struct ListPage {
    frame: Frame,
    rows: Vec<AlertRow>,
    statuses: Vec<Chip>,
    severities: Vec<Chip>,
    /// The address of this page, to come back to.
    here: String,
    pager: Pager,
    wrong: Wrong,
}

/// What the list shows, as its address says.
struct Filters {
    status: String,
    severity: String,
    skip: u64,
}

impl Filters {
    fn of(address: &str) -> Self {
        let query = Fields::of_address(address);
        let text = |name: &str| query.text(name).unwrap_or_default();
        Self {
            // The first is what one sees when the address says nothing.
            status: Some(text("status"))
                .filter(|status| status != "open")
                .unwrap_or_default(),
            severity: text("severity"),
            skip: text("skip").parse().unwrap_or(0),
        }
    }

    fn parameters<'a>(&'a self, status: &'a str, severity: &'a str) -> [(&'static str, &'a str); 2] {
        [("status", status), ("severity", severity)]
    }

    fn statuses(&self) -> Vec<Chip> {
        let link = |status: &str| address("/alerts", &self.parameters(status, &self.severity));
        let mut chips: Vec<Chip> = STATUSES
            .iter()
            .map(|(name, label, _)| Chip {
                label: (*label).into(),
                link: link(name),
                on: self.status == *name,
                removable: false,
            })
            .collect();
        if !chips.iter().any(|chip| chip.on) {
            chips.push(Chip::unknown(&self.status, link("")));
        }
        chips
    }

    fn severities(&self) -> Vec<Chip> {
        let link = |severity: &str| address("/alerts", &self.parameters(&self.status, severity));
        let mut chips: Vec<Chip> = SEVERITIES
            .iter()
            .map(|name| {
                let on = self.severity == *name;
                Chip {
                    label: format!("{} {name}", words::shape(name)),
                    link: link(if on { "" } else { name }),
                    on,
                    removable: true,
                }
            })
            .collect();
        if !self.severity.is_empty() && !chips.iter().any(|chip| chip.on) {
            chips.push(Chip::unknown(&self.severity, link("")));
        }
        chips
    }

    fn odata(&self) -> String {
        let status = STATUSES.iter().find(|(name, ..)| *name == self.status);
        let status = status.and_then(|(.., condition)| condition.map(String::from));
        let severity = SEVERITIES.iter().find(|name| **name == self.severity);
        let severity = severity.map(|name| format!("severity eq '{name}'"));
        let conditions: Vec<_> = status.into_iter().chain(severity).collect();
        let odata = format!("$top={PAGE}&$skip={}", self.skip);
        match conditions.as_slice() {
            [] => odata,
            conditions => format!("{odata}&$filter={}", escape(&conditions.join(" and "))),
        }
    }
}

pub async fn list(State(app): State<App>, session: Session, uri: Uri) -> Result<Response, ConsoleError> {
    render_list(&app, &session, &here(&uri), Wrong::default()).await
}

async fn render_list(app: &App, session: &Session, here: &str, wrong: Wrong) -> Result<Response, ConsoleError> {
    let filters = Filters::of(here);
    let query = odata::Query::parse(Some(&filters.odata()))?;
    let page = triage::list(app, &session.caller(), &query, None).await?;
    let parameters = filters.parameters(&filters.status, &filters.severity);
    Html(ListPage {
        frame: Frame::new(session, "/alerts"),
        rows: page.rows,
        statuses: filters.statuses(),
        severities: filters.severities(),
        here: back_to("/alerts", here),
        pager: Pager::new("/alerts", &parameters, filters.skip, PAGE, page.has_more),
        wrong,
    })
    .respond()
}

#[derive(Template)]
#[template(path = "alert.html")]
struct AlertPage {
    frame: Frame,
    alert: AlertRow,
    evidence: Vec<(i64, String)>,
    history: Vec<HistoryRow>,
    wrong: Wrong,
    /// The form as it stands: as it was typed, or as the alert is.
    typed: Fields,
}

/// The inputs of the form.
const INPUTS: Inputs = &[
    ("assignedTo", "assignedTo", "Assigned to"),
    ("determination", "determination", "Determination"),
    ("comment", "comment", "Comment"),
];

impl AlertPage {
    fn statuses(&self) -> &'static [AlertStatus] {
        AlertStatus::ALL
    }

    fn classifications(&self) -> &'static [Classification] {
        Classification::ALL
    }

    fn determinations(&self) -> &'static [Determination] {
        Determination::ALL
    }
}

pub async fn show(State(app): State<App>, session: Session, Path(id): Path<String>) -> Result<Response, ConsoleError> {
    render(&app, &session, &id, None).await
}

pub async fn update(State(app): State<App>, Path(id): Path<String>, form: Form) -> Result<Response, ConsoleError> {
    let changed = match change_of(&form) {
        Ok(change) => triage::update(&app, &form.session.caller(), std::slice::from_ref(&id), &change).await,
        Err(error) => Err(error),
    };
    match changed {
        Ok(()) => Ok(Redirect::to(&format!("/alerts/{id}")).into_response()),
        Err(error) => {
            let wrong = Wrong::of("triage", error, INPUTS)?;
            render(&app, &form.session, &id, Some((form.fields, wrong))).await
        }
    }
}

/// Resolves the ticked alerts and goes back to the list that they were ticked in.
pub async fn resolve_many(State(app): State<App>, form: Form) -> Result<Response, ConsoleError> {
    let back = back_to("/alerts", form.fields.get("back"));
    let ids = form.fields.all("id");
    if ids.is_empty() {
        let mut wrong = Wrong::new("resolve");
        wrong.add("", "Tick the alerts that are to be resolved.");
        return render_list(&app, &form.session, &back, wrong).await;
    }
    let change = Change {
        status: Some(AlertStatus::Resolved),
        ..Change::default()
    };
    triage::update(&app, &form.session.caller(), &ids, &change).await?;
    Ok(Redirect::to(&back).into_response())
}

fn change_of(form: &Form) -> Result<Change> {
    fn word<T: std::str::FromStr<Err = moat_model::UnknownWord>>(text: Option<String>) -> Result<Option<T>> {
        text.map(|text| text.parse().map_err(|e| Error::invalid("InvalidInput", e)))
            .transpose()
    }
    Ok(Change {
        status: word(form.fields.text("status"))?,
        // An emptied field takes the alert from whoever had it.
        assigned_to: Some(form.fields.get("assignedTo").trim().to_string()),
        classification: word(form.fields.text("classification"))?,
        determination: word(form.fields.text("determination"))?,
        comment: form.fields.text("comment"),
    })
}

async fn render(
    app: &App,
    session: &Session,
    id: &str,
    refused: Option<(Fields, Wrong)>,
) -> Result<Response, ConsoleError> {
    let alert = triage::get(app, &session.caller(), id).await?;
    let evidence = triage::evidence(&app.db, id).await?;
    let evidence = evidence.into_iter().map(|row| (row.created_at, words_of(&row.body)));
    let history = triage::history(&app.db, id).await?;
    let (typed, wrong) = refused.unwrap_or_else(|| (stored(&alert), Wrong::default()));
    Html(AlertPage {
        frame: Frame::new(session, "/alerts"),
        alert,
        evidence: evidence.collect(),
        history,
        wrong,
        typed,
    })
    .respond()
}

/// The form as the alert is.
fn stored(alert: &AlertRow) -> Fields {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    Fields::from([
        ("status", alert.status.clone()),
        ("assignedTo", text(&alert.assigned_to)),
        ("classification", text(&alert.classification)),
        ("determination", text(&alert.determination)),
    ])
}

/// A piece of evidence in words.
fn words_of(body: &str) -> String {
    match serde_json::from_str(body) {
        Ok(Evidence::Site {
            value,
            seen_in,
            remote_ip,
        }) => match remote_ip {
            Some(ip) => format!("{value}, seen in {seen_in}, at {ip}"),
            None => format!("{value}, seen in {seen_in}"),
        },
        Ok(Evidence::Rule {
            rule,
            group,
            detail,
            weight,
        }) => format!("{detail} (rule {rule}, group {group}, weight {weight})"),
        Ok(Evidence::Note { text }) => text,
        Err(_) => body.to_string(),
    }
}
