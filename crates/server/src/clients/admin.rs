use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{ClientRow, IssuedClient};
use crate::{
    App,
    caller::Caller,
    json::{ApiError, Body, time, time_or_null},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewClient {
    name: String,
    roles: Vec<String>,
}

pub async fn create(
    State(app): State<App>,
    caller: Caller,
    Body(new): Body<NewClient>,
) -> Result<Json<IssuedClient>, ApiError> {
    Ok(Json(super::create(&app, &caller, &new.name, &new.roles).await?))
}

pub async fn list(State(app): State<App>, caller: Caller) -> Result<Json<Value>, ApiError> {
    let render = |client: ClientRow| {
        json!({
            "client_id": client.id,
            "name": client.name,
            "roles": client.roles.split(' ').collect::<Vec<_>>(),
            "createdAt": time(client.created_at),
            "createdBy": client.created_by,
            "disabledAt": time_or_null(client.disabled_at),
        })
    };
    let clients: Vec<Value> = super::list(&app, &caller).await?.into_iter().map(render).collect();
    Ok(Json(json!({"value": clients})))
}

pub async fn disable(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<StatusCode, ApiError> {
    super::disable(&app, &caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
