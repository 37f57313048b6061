//! `/admin/audit`: the log and its check.

use std::collections::HashMap;

use axum::{
    Json,
    extract::{Query, State},
};
use serde_json::{Value, json};

use super::{AuditRow, Filter, Verdict};
use crate::{
    App, Caller,
    error::{Error, Result},
    json::{ApiResult, time},
};

pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<HashMap<String, String>>,
) -> ApiResult<Json<Value>> {
    let number = |name: &str, default: i64| match query.get(name) {
        None => Ok(default),
        Some(text) => text
            .parse()
            .ok()
            .filter(|n| (0..=10_000_000).contains(n))
            .ok_or_else(|| Error::invalid("InvalidInput", format!("{name} must be a number"))),
    };
    let (top, skip) = (number("top", 100)?.min(10_000), number("skip", 0)?);
    let rows = super::list(&app, &caller, &Filter::default(), top, skip).await?;
    Ok(Json(json!({"value": rows.iter().map(render).collect::<Vec<_>>()})))
}

/// Whether every row is as it was written. `known=NUMBER:HASH` is a row as it was noted before.
pub async fn verify(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<HashMap<String, String>>,
) -> ApiResult<Json<Value>> {
    let known = query.get("known").map(|text| parse_known(text)).transpose()?;
    Ok(Json(match super::verify(&app, &caller, known.as_ref()).await? {
        Verdict::Intact { rows, last, hash } => json!({"intact": true, "rows": rows, "last": last, "hash": hash}),
        Verdict::Broken { seq, id, fault } => {
            json!({"intact": false, "firstBroken": {"seq": seq, "id": id, "problem": fault.as_str()}})
        }
    }))
}

fn parse_known(text: &str) -> Result<(i64, String)> {
    let (seq, hash) = text.split_once(':').unwrap_or_default();
    match seq.parse() {
        Ok(seq) if hash.len() == 64 => Ok((seq, hash.to_string())),
        _ => Err(Error::invalid_field(
            "InvalidInput",
            "known",
            " must be NUMBER:HASH, as a check prints it",
        )),
    }
}

fn render(row: &AuditRow) -> Value {
    let json_of = |text: &Option<String>| text.as_ref().and_then(|text| serde_json::from_str::<Value>(text).ok());
    json!({
        "id": row.id,
        "at": time(row.at),
        "actor": row.actor,
        "action": row.action,
        "noun": row.noun,
        "nounId": row.noun_id,
        "before": json_of(&row.before),
        "after": json_of(&row.after),
        "seq": row.seq,
        "hash": row.hash,
    })
}
