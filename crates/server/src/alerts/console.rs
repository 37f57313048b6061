//! The pages of alerts.

use std::collections::HashMap;

use askama::Template;
use axum::{
    extract::{Path, Query, State},
    response::{IntoResponse as _, Redirect, Response},
};
use moat_model::{AlertStatus, Classification, Determination, Evidence};

use super::triage::{self, AlertRow, Change, HistoryRow};
use crate::{
    App,
    accounts::{Session, session::Form},
    console::{ConsoleError, Frame, Html, escape, words},
    error::{Error, Result},
    odata,
};

const PAGE: u64 = 100;

#[derive(Template)]
#[template(path = "alerts.html")]
struct ListPage {
    frame: Frame,
    rows: Vec<AlertRow>,
    status: String,
    severity: String,
    next: Option<String>,
}

impl ListPage {
    const STATUSES: [(&'static str, &'static str); 3] = [("open", "Open"), ("resolved", "Resolved"), ("all", "All")];
    const SEVERITIES: [&'static str; 4] = ["High", "Medium", "Low", "Informational"];
}

pub async fn list(
    State(app): State<App>,
    session: Session,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Response, ConsoleError> {
    let text = |name: &str| {
        query
            .get(name)
            .map(|value| value.trim().to_string())
            .unwrap_or_default()
    };
    let (status, severity) = (text("status"), text("severity"));
    let skip: u64 = text("skip").parse().unwrap_or(0);
    let mut conditions = Vec::new();
    match status.as_str() {
        "resolved" => conditions.push("status eq 'Resolved'".to_string()),
        "all" => {}
        _ => conditions.push("status ne 'Resolved'".to_string()),
    }
    if ListPage::SEVERITIES.contains(&severity.as_str()) {
        conditions.push(format!("severity eq '{severity}'"));
    }
    let mut odata = format!("$top={PAGE}&$skip={skip}");
    if !conditions.is_empty() {
        odata += &format!("&$filter={}", escape(&conditions.join(" and ")));
    }
    let page = triage::list(&app, &session.caller(), &odata::Query::parse(Some(&odata))?, None).await?;
    let next = page.has_more.then(|| {
        format!(
            "/alerts?status={}&severity={}&skip={}",
            escape(&status),
            escape(&severity),
            skip + PAGE
        )
    });
    let status = if status.is_empty() { "open".into() } else { status };
    Html(ListPage {
        frame: Frame::new(&session, "alerts"),
        rows: page.rows,
        status,
        severity,
        next,
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
    error: Option<String>,
    /// A comment that was not saved.
    comment: String,
}

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
    render(&app, &session, &id, None, String::new()).await
}

pub async fn update(State(app): State<App>, Path(id): Path<String>, form: Form) -> Result<Response, ConsoleError> {
    let changed = match change_of(&form) {
        Ok(change) => triage::update(&app, &form.session.caller(), std::slice::from_ref(&id), &change).await,
        Err(error) => Err(error),
    };
    match changed {
        Ok(()) => Ok(Redirect::to(&format!("/alerts/{id}")).into_response()),
        Err(error @ (Error::Invalid { .. } | Error::Conflict(_))) => {
            let comment = form.fields.get("comment").to_string();
            render(&app, &form.session, &id, Some(error.to_string()), comment).await
        }
        Err(error) => Err(error.into()),
    }
}

/// Resolves the ticked alerts.
pub async fn resolve_many(State(app): State<App>, form: Form) -> Result<Response, ConsoleError> {
    let ids = form.fields.all("id");
    let change = Change {
        status: Some(AlertStatus::Resolved),
        ..Change::default()
    };
    triage::update(&app, &form.session.caller(), &ids, &change).await?;
    Ok(Redirect::to("/alerts").into_response())
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
    error: Option<String>,
    comment: String,
) -> Result<Response, ConsoleError> {
    let alert = triage::get(app, &session.caller(), id).await?;
    let evidence = triage::evidence(&app.db, id).await?;
    let evidence = evidence
        .into_iter()
        .map(|row| (row.created_at, words_of(&row.body)))
        .collect();
    let history = triage::history(&app.db, id).await?;
    Html(AlertPage {
        frame: Frame::new(session, "alerts"),
        alert,
        evidence,
        history,
        error,
        comment,
    })
    .respond()
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
