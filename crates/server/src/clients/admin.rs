//! `/admin/clients`.

use axum::{
    Json,
    extract::{Path, State},
};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::IssuedClient;
use crate::{
    App, Caller,
    error::Error,
    json::{ApiResult, Body},
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
) -> ApiResult<Json<IssuedClient>> {
    let roles = new.roles.iter().map(|r| r.parse()).collect::<Result<_, Error>>()?;
    let issued = super::create(&app, &caller, &new.name, roles).await?;
    Ok(Json(issued))
}

pub async fn list(State(app): State<App>, caller: Caller) -> ApiResult<Json<Value>> {
    let clients: Vec<Value> = super::list(&app, &caller)
        .await?
        .iter()
        .map(|client| {
            json!({
                "client_id": client.id,
                "name": client.name,
                "roles": client.roles.iter().map(|r| r.as_str()).collect::<Vec<_>>(),
                "createdAt": client.created_at.to_string(),
                "createdBy": client.created_by,
                "disabledAt": client.disabled_at.map(|t| t.to_string()),
            })
        })
        .collect();
    Ok(Json(json!({"value": clients})))
}

pub async fn disable(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> ApiResult<StatusCode> {
    super::disable(&app, &caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
