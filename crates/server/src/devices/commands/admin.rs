use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use moat_model::OrderAction;
use serde::Deserialize;
use serde_json::{Value, json};

use super::store;
use crate::{
    App,
    caller::Caller,
    devices::{admin::parse_id, managed},
    json::{ApiError, Body, time},
};

pub async fn lock(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<StatusCode, ApiError> {
    order(&app, &caller, &id, OrderAction::RemoteLock).await
}

pub async fn retire(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<StatusCode, ApiError> {
    order(&app, &caller, &id, OrderAction::Retire).await
}

pub async fn wipe(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<StatusCode, ApiError> {
    order(&app, &caller, &id, OrderAction::Wipe).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    title: String,
    body: String,
}

pub async fn notify(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Body(Message { title, body }): Body<Message>,
) -> Result<StatusCode, ApiError> {
    order(&app, &caller, &id, OrderAction::Notify { title, body }).await
}

async fn order(app: &App, caller: &Caller, id: &str, action: OrderAction) -> Result<StatusCode, ApiError> {
    super::request(app, caller, parse_id(id)?, action).await?;
    Ok(StatusCode::ACCEPTED)
}

/// The orders to a device and what came of them, newest first; of a device that was removed too.
pub async fn list(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    caller.require_any(managed::READ)?;
    let device = crate::devices::get(&app, parse_id(&id)?).await?;
    let rows = store::list(&app.db, device.device_id()?).await?;
    let shown = |row: store::CommandRow| {
        json!({
            "id": row.id,
            "action": row.action,
            "state": row.state,
            "detail": row.detail,
            "orderedBy": row.ordered_by,
            "orderedAt": time(row.ordered_at),
            "updatedAt": time(row.updated_at),
        })
    };
    Ok(Json(json!({"value": rows.into_iter().map(shown).collect::<Vec<_>>()})))
}
