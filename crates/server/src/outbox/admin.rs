//! `/admin/outbox`: what waits to leave the server, and what became of the rest.

use std::collections::HashMap;

use axum::{
    Json,
    extract::{Path, Query, State as Extracted},
};
use http::StatusCode;
use serde_json::{Map, Value, json};

use super::{OutboxRow, State, Summary};
use crate::{
    App, Caller,
    error::{Error, Result},
    json::{ApiResult, time, time_or_null},
};

pub async fn list(
    Extracted(app): Extracted<App>,
    caller: Caller,
    Query(query): Query<HashMap<String, String>>,
) -> ApiResult<Json<Value>> {
    let number = |name: &'static str, default: i64| match query.get(name) {
        None => Ok(default),
        Some(text) => text
            .parse()
            .ok()
            .filter(|n| (0..=10_000_000).contains(n))
            .ok_or_else(|| Error::invalid_field("InvalidInput", name, " must be a number")),
    };
    let state = query.get("state").map(|text| state(text)).transpose()?;
    let rows = super::list(&app, &caller, state, number("top", 100)?, number("skip", 0)?).await?;
    let mut answer = render_summary(&super::summary(&app, &caller).await?);
    answer["value"] = rows.iter().map(render).collect();
    Ok(Json(answer))
}

pub async fn retry(Extracted(app): Extracted<App>, caller: Caller, Path(id): Path<String>) -> ApiResult<StatusCode> {
    super::retry(&app, &caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `{"counts": {"waiting": 1, …}, "lastError": …}`
pub fn render_summary(summary: &Summary) -> Value {
    let counts = summary.counts.iter();
    let counts: Map<String, Value> = counts
        .map(|(state, count)| (state.as_str().to_string(), (*count).into()))
        .collect();
    json!({"counts": counts, "lastError": summary.last_error})
}

fn render(row: &OutboxRow) -> Value {
    json!({
        "id": row.id,
        "kind": row.kind,
        "title": row.title,
        "state": row.state,
        "createdAt": time(row.created_at),
        "dueAt": time(row.due_at),
        "attempts": row.attempts,
        "lastError": row.last_error,
        "doneAt": time_or_null(row.done_at),
    })
}

fn state(text: &str) -> Result<State> {
    let found = State::ALL.into_iter().find(|state| state.as_str() == text);
    found.ok_or_else(|| {
        let words = State::ALL.map(State::as_str).join(", ");
        Error::invalid_field("InvalidInput", "state", format!(" must be one of {words}"))
    })
}
