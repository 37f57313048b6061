use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use moat_model::DeviceId;
use serde_json::{Value, json};

use crate::{
    App,
    caller::Caller,
    error::{Error, Result},
    json::ApiError,
};

pub async fn revoke(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<StatusCode, ApiError> {
    super::revoke(&app, &caller, parse_id(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn request_posture(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let delivered = super::request_posture(&app, &caller, parse_id(&id)?).await?;
    Ok(Json(json!({"delivered": delivered})))
}

/// What is no id cannot be a device's.
pub fn parse_id(id: &str) -> Result<DeviceId> {
    id.parse()
        .map_err(|_| Error::not_found("device", id.chars().take(80).collect::<String>()))
}
