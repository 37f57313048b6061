use axum::{Json, body::Bytes, extract::State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{csv, defender, explain, import};
use crate::{
    App,
    caller::Caller,
    error::Result,
    json::{ApiError, Body},
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Question {
    value: String,
    #[serde(default)]
    device_group: String,
}

pub async fn explain_value(
    State(app): State<App>,
    caller: Caller,
    Body(question): Body<Question>,
) -> Result<Json<Value>, ApiError> {
    let explanation = explain(&app, &caller, &question.value, &question.device_group).await?;
    let candidates: Vec<Value> = explanation
        .candidates
        .iter()
        .enumerate()
        .map(|(at, candidate)| {
            let m = &candidate.indicator;
            json!({
                "id": m.id.to_string(),
                "type": m.kind,
                "value": m.value,
                "action": m.action,
                "severity": m.severity,
                "title": m.title,
                "specificity": candidate.because,
                "wins": at == 0,
            })
        })
        .collect();
    Ok(Json(
        json!({"decision": {"action": explanation.action, "reason": explanation.reason}, "candidates": candidates}),
    ))
}

pub async fn import_csv(State(app): State<App>, caller: Caller, body: Bytes) -> Result<Json<Value>, ApiError> {
    let rows = csv::parse(&body)?;
    let lines: Vec<u64> = rows.iter().map(|row| row.line).collect();
    let list = rows.into_iter().map(|row| (row.value, row.indicator)).collect();
    let results = import(&app, &caller, list).await?;
    let failed = results.iter().filter(|result| result.outcome.is_err()).count();
    let imported = results.len() - failed;
    let render = |(result, line): (super::Imported, u64)| {
        let mut value = defender::render_imported(result);
        value["line"] = line.into();
        value
    };
    let value: Vec<Value> = results.into_iter().zip(lines).map(render).collect();
    Ok(Json(json!({"imported": imported, "failed": failed, "value": value})))
}
