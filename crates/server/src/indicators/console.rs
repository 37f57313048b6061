//! The page of indicators: list, add, import, explain.

use std::collections::HashMap;

use askama::Template;
use axum::{
    extract::{Path, Query, State},
    response::{IntoResponse as _, Redirect, Response},
};
use moat_indicators::Explanation;
use moat_model::IndicatorId;

use super::{Indicator, Submission, create_or_update, csv, explain};
use crate::{
    App,
    accounts::{
        Session,
        session::{Fields, Form},
    },
    console::{ConsoleError, Frame, Html, escape, words},
    error::{Error, Result},
    odata,
};

const PAGE: u64 = 100;

#[derive(Template)]
#[template(path = "indicators.html")]
struct ListPage {
    frame: Frame,
    rows: Vec<Indicator>,
    search: String,
    next: Option<String>,
    /// What was typed in the form that was refused.
    typed: Fields,
    error: Option<String>,
    asked: Asked,
    imported: Option<Imported>,
    /// What is wrong with the file as a whole.
    import_error: Option<String>,
}

impl ListPage {
    /// Whether the box is ticked: as it was typed, and in a new form.
    fn raises_alert(&self) -> bool {
        self.error.is_none() || self.typed.get("generateAlert") == "on"
    }
}

/// A question to the explain box, and its answer.
#[derive(Default)]
struct Asked {
    value: String,
    group: String,
    answer: Option<Explanation>,
    error: Option<String>,
}

/// Outcome of an import, row by row.
struct Imported {
    good: usize,
    bad: Vec<(u64, String, String)>,
}

pub async fn list(
    State(app): State<App>,
    session: Session,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Response, ConsoleError> {
    let text = |name: &str| query.get(name).map(|text| text.trim().to_string()).unwrap_or_default();
    let mut asked = Asked {
        value: text("explain"),
        group: text("group"),
        ..Asked::default()
    };
    if !asked.value.is_empty() {
        match explain(&app, &session.caller(), &asked.value, &asked.group).await {
            Ok(answer) => asked.answer = Some(answer),
            Err(Error::Invalid { message, .. }) => asked.error = Some(message),
            Err(error) => return Err(error.into()),
        }
    }
    let search = text("q");
    let skip = query.get("skip").and_then(|skip| skip.parse().ok()).unwrap_or(0);
    render(
        &app,
        &session,
        View {
            search,
            skip,
            asked,
            ..View::default()
        },
    )
    .await
}

pub async fn add(State(app): State<App>, form: Form) -> Result<Response, ConsoleError> {
    match create_or_update(&app, &form.session.caller(), submission(&form.fields)).await {
        Ok(_) => Ok(Redirect::to("/indicators").into_response()),
        Err(Error::Invalid { message, .. }) => {
            let view = View {
                typed: form.fields,
                error: Some(message),
                ..View::default()
            };
            render(&app, &form.session, view).await
        }
        Err(error) => Err(error.into()),
    }
}

pub async fn delete(State(app): State<App>, Path(id): Path<u64>, form: Form) -> Result<Response, ConsoleError> {
    super::delete(&app, &form.session.caller(), IndicatorId(id)).await?;
    Ok(Redirect::to("/indicators").into_response())
}

pub async fn import(State(app): State<App>, form: Form) -> Result<Response, ConsoleError> {
    let view = match csv::import(&app, &form.session.caller(), form.fields.get("csv").as_bytes()).await {
        Ok(result) => {
            let bad: Vec<_> = result
                .rows
                .iter()
                .filter_map(|row| {
                    row.result
                        .as_ref()
                        .err()
                        .map(|e| (row.line, row.value.clone(), e.to_string()))
                })
                .collect();
            View {
                imported: Some(Imported {
                    good: result.rows.len() - bad.len(),
                    bad,
                }),
                ..View::default()
            }
        }
        Err(Error::Invalid { message, .. }) => View {
            typed: form.fields,
            import_error: Some(message),
            ..View::default()
        },
        Err(error) => return Err(error.into()),
    };
    render(&app, &form.session, view).await
}

#[derive(Default)]
struct View {
    search: String,
    skip: u64,
    typed: Fields,
    error: Option<String>,
    asked: Asked,
    imported: Option<Imported>,
    import_error: Option<String>,
}

async fn render(app: &App, session: &Session, view: View) -> Result<Response, ConsoleError> {
    let mut odata = format!("$top={PAGE}&$skip={}&$orderby=lastUpdateTime%20desc", view.skip);
    if !view.search.is_empty() {
        let text = view.search.replace('\'', "''");
        odata += &format!(
            "&$filter={}",
            escape(&format!(
                "contains(indicatorValue,'{text}') or contains(title,'{text}')"
            ))
        );
    }
    let page = super::list(app, &session.caller(), &odata::Query::parse(Some(&odata))?).await?;
    let next = page
        .has_more
        .then(|| format!("/indicators?q={}&skip={}", escape(&view.search), view.skip + PAGE));
    Html(ListPage {
        frame: Frame::new(session, "indicators"),
        rows: page.rows,
        search: view.search,
        next,
        typed: view.typed,
        error: view.error,
        asked: view.asked,
        imported: view.imported,
        import_error: view.import_error,
    })
    .respond()
}

fn submission(fields: &Fields) -> Submission {
    let value = fields.text("value");
    let kind = fields
        .text("type")
        .or_else(|| value.as_deref().map(|value| guess_type(value).into()));
    let title = fields
        .text("title")
        .or_else(|| value.as_ref().map(|value| format!("{} {value}", fields.get("action"))));
    Submission {
        kind,
        title,
        action: fields.text("action"),
        description: Some(
            fields
                .text("description")
                .unwrap_or_else(|| "Added in the console".into()),
        ),
        severity: fields.text("severity"),
        expires: fields.text("expires"),
        generate_alert: Some(
            if fields.get("generateAlert") == "on" {
                "true"
            } else {
                "false"
            }
            .into(),
        ),
        bypass_hours: fields.text("bypassHours"),
        device_groups: fields
            .text("groups")
            .map(|g| g.split(',').map(|g| g.trim().to_string()).collect())
            .unwrap_or_default(),
        value,
        ..Submission::default()
    }
}

/// What a value looks like when the form does not say.
fn guess_type(value: &str) -> &'static str {
    let address = value.split('/').next().unwrap_or(value);
    if address.parse::<std::net::IpAddr>().is_ok() {
        "IpAddress"
    } else if value.contains('/') {
        "Url"
    } else {
        "DomainName"
    }
}
