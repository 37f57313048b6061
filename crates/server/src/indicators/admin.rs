//! `/admin/indicators`: what Defender's API has no call for.

use axum::{
    Json,
    extract::{Request, State},
    response::IntoResponse as _,
};
use moat_indicators::Tier;
use serde::{Deserialize, Serialize};
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
                "tier": match i.tier {
                    Tier::Own => "custom",
                    Tier::Feed => "feed",
                },
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

pub async fn import_csv(State(app): State<App>, caller: Caller, request: Request) -> ApiResult {
    let bytes = read_body(request, MAX_BODY).await?;
    let result = csv::import(&app, &caller, &bytes).await?;
    let value: Vec<_> = result.rows.iter().map(ImportedRow::from).collect();
    let failed = value.iter().filter(|row| row.is_failed).count();
    let answer = ImportedFile {
        imported: value.len() - failed,
        failed,
        value,
    };
    Ok(Json(answer).into_response())
}

/// What became of a file. Typed, because a tree of values would take many times the memory of the file itself.
#[derive(Serialize)]
struct ImportedFile<'a> {
    imported: usize,
    failed: usize,
    value: Vec<ImportedRow<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ImportedRow<'a> {
    line: u64,
    id: Option<String>,
    indicator: &'a str,
    is_failed: bool,
    failure_reason: Option<String>,
}

impl<'a> From<&'a csv::CsvRow> for ImportedRow<'a> {
    fn from(row: &'a csv::CsvRow) -> Self {
        Self {
            line: row.line,
            id: row.result.as_ref().ok().map(ToString::to_string),
            indicator: &row.value,
            is_failed: row.result.is_err(),
            failure_reason: row.result.as_ref().err().map(defender::reason),
        }
    }
}
