//! `/informationProtection/threatAssessmentRequests` in Graph's shape: reports of unsafe sites, and of sites blocked by mistake.

use axum::extract::{Path, State};
use moat_model::sync::ReportKind;
use serde_json::{Value, json};

use super::{ReportRow, from_api, search};
use crate::{
    App,
    caller::{Caller, Role},
    error::{Error, Result},
    graph::{self, Graph, object, required},
    json::{ApiResult, Body, time, time_or_null},
};

pub const READ: &[Role] = &[Role::ThreatAssessmentReadAll, Role::ThreatAssessmentReadWriteAll];
pub const WRITE: &[Role] = &[Role::ThreatAssessmentReadWriteAll];

const SET: &str = "informationProtection/threatAssessmentRequests";
const TYPE: &str = "#microsoft.graph.urlAssessmentRequest";

pub async fn list(State(app): State<App>, caller: Caller, graph: Graph) -> ApiResult {
    caller.require_any(READ)?;
    let query = graph.query()?;
    query.check_expand(&["results"])?;
    let page = search::page(&app.db, &query).await?;
    let results = !query.expand.is_empty();
    let value = page.rows.iter().map(|row| render(row, results)).collect();
    Ok(graph.page(SET, SET, &page, value, &query))
}

pub async fn count(State(app): State<App>, caller: Caller, graph: Graph) -> ApiResult {
    caller.require_any(READ)?;
    let page = search::page(&app.db, &graph.query()?.counting()).await?;
    Ok(graph::count(page.count.unwrap_or_default()))
}

pub async fn get(State(app): State<App>, caller: Caller, graph: Graph, Path(id): Path<String>) -> ApiResult {
    caller.require_any(READ)?;
    let query = graph.query()?;
    query.check_expand(&["results"])?;
    let report = super::get(&app.db, &id).await?;
    Ok(graph.entity(SET, render(&report, !query.expand.is_empty())))
}

pub async fn create(State(app): State<App>, caller: Caller, graph: Graph, Body(body): Body<Value>) -> ApiResult {
    caller.require_any(WRITE)?;
    let fields = object(body)?;
    if required(&fields, "@odata.type")? != TYPE {
        return Err(Error::invalid(
            "BadRequest",
            format!("@odata.type must be {TYPE}: other kinds are not supported"),
        )
        .into());
    }
    let kind = one_of(
        &required(&fields, "expectedAssessment")?,
        "expectedAssessment",
        &["block", "unblock"],
    )?;
    let category = one_of(
        &required(&fields, "category")?,
        "category",
        &["spam", "phishing", "malware"],
    )?;
    let kind = if kind == "block" {
        ReportKind::Unsafe
    } else {
        ReportKind::Mistake
    };
    let report = from_api(&app, &caller, &required(&fields, "url")?, kind, category).await?;
    Ok(graph.created(SET, render(&report, false)))
}

fn one_of(word: &str, name: &str, words: &[&'static str]) -> Result<&'static str> {
    let known = words.iter().find(|known| **known == word).copied();
    known.ok_or_else(|| {
        let shown: String = word.chars().take(80).collect();
        Error::invalid(
            "BadRequest",
            format!("{name}: {shown:?} is not one of {}", words.join(", ")),
        )
    })
}

fn render(report: &ReportRow, with_results: bool) -> Value {
    let completed = report.status != "open";
    let mut value = json!({
        "@odata.type": TYPE,
        "id": report.id,
        "createdDateTime": time(report.reported_at),
        "contentType": "url",
        "expectedAssessment": if report.kind == "unsafe" { "block" } else { "unblock" },
        "category": if report.category.is_empty() { "phishing" } else { report.category.as_str() },
        "status": if completed { "completed" } else { "pending" },
        "requestSource": if report.device_id.is_empty() { "administrator" } else { "user" },
        "url": report.url,
        "createdBy": {"user": {"id": report.device_id, "displayName": report.device_name}},
    });
    if with_results {
        let message = match report.status.as_str() {
            "blocked" => "The site is blocked.",
            "allowed" => "The site is allowed.",
            _ => "The report was looked at and nothing was changed.",
        };
        let message = format!("{message} {}", report.answer);
        let result = json!({
            "id": report.id,
            "createdDateTime": time_or_null(report.closed_at),
            "resultType": "checkPolicy",
            "message": message.trim_end(),
        });
        value["results"] = if completed { json!([result]) } else { json!([]) };
    }
    value
}
