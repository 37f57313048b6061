//! `/admin/feeds`

use axum::{
    Json,
    extract::{Path, Request, State},
};
use http::StatusCode;
use moat_model::{Action, Severity};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Draft, FeedRow, take::report_of};
use crate::{
    App, Caller,
    edition::Expected,
    error::{Error, Result},
    json::{ApiResult, Body, MAX_BODY, read_body, time, time_or_null},
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct New {
    name: String,
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    action: Option<Action>,
    #[serde(default)]
    severity: Option<Severity>,
    #[serde(default)]
    generate_alert: Option<bool>,
    #[serde(default)]
    interval_hours: Option<u32>,
}

impl New {
    fn draft(self) -> Draft {
        Draft {
            name: self.name.trim().to_string(),
            url: self.url,
            action: self.action.unwrap_or(Action::Block),
            severity: self.severity.unwrap_or(Severity::Medium),
            generate_alert: self.generate_alert.unwrap_or(true),
            interval_hours: self.interval_hours.unwrap_or(24),
        }
    }
}

pub async fn list(State(app): State<App>, caller: Caller) -> ApiResult<Json<Value>> {
    let rows = super::list(&app, &caller).await?;
    let hits = super::hits(&app, &caller, &rows).await?;
    let value: Vec<Value> = rows
        .iter()
        .map(|row| render(row, hits.get(&row.id()).copied().unwrap_or(0)))
        .collect();
    Ok(Json(json!({"value": value})))
}

pub async fn get(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> ApiResult<Json<Value>> {
    let row = super::get(&app, &caller, number(&id)?).await?;
    answer(&app, &caller, row).await
}

pub async fn create(
    State(app): State<App>,
    caller: Caller,
    Body(new): Body<New>,
) -> ApiResult<(StatusCode, Json<Value>)> {
    let row = super::create(&app, &caller, new.draft()).await?;
    Ok((StatusCode::CREATED, answer(&app, &caller, row).await?))
}

pub async fn update(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Body(new): Body<New>,
) -> ApiResult<Json<Value>> {
    let row = super::update(&app, &caller, number(&id)?, &Expected::Any, new.draft()).await?;
    answer(&app, &caller, row).await
}

/// The entries of a feed without address, as the body.
pub async fn upload(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    request: Request,
) -> ApiResult<Json<Value>> {
    caller.require_any(super::WRITE)?;
    let bytes = read_body(request, MAX_BODY).await?;
    let row = super::upload(&app, &caller, number(&id)?, bytes.to_vec()).await?;
    answer(&app, &caller, row).await
}

pub async fn enable(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> ApiResult<Json<Value>> {
    let row = super::enable(&app, &caller, number(&id)?, true).await?;
    answer(&app, &caller, row).await
}

pub async fn disable(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> ApiResult<Json<Value>> {
    let row = super::enable(&app, &caller, number(&id)?, false).await?;
    answer(&app, &caller, row).await
}

pub async fn refresh(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> ApiResult<StatusCode> {
    super::refresh(&app, &caller, number(&id)?).await?;
    Ok(StatusCode::ACCEPTED)
}

pub async fn delete(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> ApiResult<StatusCode> {
    super::delete(&app, &caller, number(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn number(text: &str) -> Result<u16> {
    let shown = || text.chars().take(40).collect::<String>();
    text.parse().map_err(|_| Error::not_found("feed", shown()))
}

async fn answer(app: &App, caller: &Caller, row: FeedRow) -> ApiResult<Json<Value>> {
    let rows = [row];
    let hits = super::hits(app, caller, &rows).await?;
    let [row] = &rows;
    let mut answer = render(row, hits.get(&row.id()).copied().unwrap_or(0));
    if row.content.is_some() {
        answer["report"] = serde_json::to_value(report_of(row)).map_err(Error::internal)?;
    }
    Ok(Json(answer))
}

fn render(row: &FeedRow, hits: i64) -> Value {
    json!({
        "id": row.number.to_string(),
        "name": row.name,
        "url": row.url,
        "action": row.action,
        "severity": row.severity,
        "generateAlert": row.raises_alerts(),
        "enabled": row.is_enabled(),
        "intervalHours": row.interval_hours,
        "state": row.state(),
        "format": row.format,
        "bytes": row.bytes,
        "entries": row.entries,
        "hits": hits,
        "error": row.error,
        "failedSince": time_or_null(row.failed_since),
        "checkedAt": time_or_null(row.checked_at),
        "fetchedAt": time_or_null(row.fetched_at),
        "createdAt": time(row.created_at),
        "updatedAt": time(row.updated_at),
    })
}
