//! `/admin/retire-list`: the same for the console and the command line.

use axum::{Json, extract::State};
use serde_json::{Value, json};

use super::{ScheduledRow, graph::read};
use crate::{
    App, Caller,
    graph::object,
    json::{ApiResult, Body, time},
    odata::Query,
};

/// Rows that are listed at once.
const PAGE: u32 = 1_000;

pub async fn list(State(app): State<App>, caller: Caller) -> ApiResult<Json<Value>> {
    let mut query = Query::default().with_page(PAGE);
    query.count = true;
    let page = super::list(&app, &caller, &query).await?;
    let value: Vec<Value> = page.rows.iter().map(render).collect();
    Ok(Json(json!({"count": page.count, "value": value})))
}

/// Takes the body of Graph's `setScheduledRetireState`.
pub async fn decide(State(app): State<App>, caller: Caller, Body(body): Body<Value>) -> ApiResult<Json<Value>> {
    let (decision, which) = read(&object(body)?)?;
    let decided = super::decide(&app, &caller, decision, which).await?;
    Ok(Json(json!({"devices": decided})))
}

fn render(row: &ScheduledRow) -> Value {
    json!({
        "deviceId": row.device_id,
        "deviceName": row.device_name,
        "policyId": row.policy_id,
        "policyName": row.policy_name,
        "action": row.kind,
        "dueAt": time(row.due_at),
    })
}
