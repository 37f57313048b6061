//! `/admin/indicators`: what Defender's API has no call for.

use axum::{
    Json,
    extract::{Request, State},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{csv, defender};
use crate::{
    App, Caller,
    json::{ApiResult, Body, MAX_BODY, read_body},
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Question {
    value: String,
    #[serde(default)]
    device_group: String,
}

pub async fn explain(State(app): State<App>, caller: Caller, Body(question): Body<Question>) -> ApiResult<Json<Value>> {
    let explained = super::explain(&app, &caller, &question.value, &question.device_group).await?;
    let candidates: Vec<Value> = explained
        .candidates
        .iter()
        .enumerate()
        .map(|(n, candidate)| {
            let i = &candidate.indicator;
            json!({
                "id": i.id.to_string(),
                "type": i.kind,
                "value": i.value,
                "action": i.action,
                "title": i.title,
                "specificity": candidate.because,
                "wins": n == 0,
            })
        })
        .collect();
    Ok(Json(json!({
        "decision": {"action": explained.action, "reason": explained.reason},
        "candidates": candidates,
    })))
}

pub async fn import_csv(State(app): State<App>, caller: Caller, request: Request) -> ApiResult<Json<Value>> {
    let bytes = read_body(request, MAX_BODY).await?;
    let result = csv::import(&app, &caller, &bytes).await?;
    let failed = result.rows.iter().filter(|row| row.result.is_err()).count();
    let rows: Vec<Value> = result
        .rows
        .into_iter()
        .map(|row| {
            let mut item = defender::result(&super::Imported {
                value: row.value,
                result: row.result,
            });
            item["line"] = row.line.into();
            item
        })
        .collect();
    Ok(Json(
        json!({"imported": rows.len() - failed, "failed": failed, "value": rows}),
    ))
}
