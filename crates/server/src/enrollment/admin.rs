use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use serde_json::{Value, json};

use super::{IssuedToken, NewToken, create_token, list_tokens, revoke_token};
use crate::{
    App,
    caller::Caller,
    json::{ApiError, Body, time, time_or_null},
};

pub async fn create(
    State(app): State<App>,
    caller: Caller,
    Body(new): Body<NewToken>,
) -> Result<Json<Value>, ApiError> {
    let IssuedToken {
        id,
        token,
        link,
        expires_at,
    } = create_token(&app, &caller, new).await?;
    Ok(Json(
        json!({"id": id, "token": token, "link": link, "expiresAt": expires_at.to_string()}),
    ))
}

pub async fn list(State(app): State<App>, caller: Caller) -> Result<Json<Value>, ApiError> {
    let tokens = list_tokens(&app, &caller).await?;
    let render = |token: super::TokenRow| {
        json!({
            "id": token.id,
            "management": token.management,
            "deviceGroup": token.device_group,
            "maxUses": token.max_uses,
            "uses": token.uses,
            "createdAt": time(token.created_at),
            "createdBy": token.created_by,
            "expiresAt": time(token.expires_at),
            "revokedAt": time_or_null(token.revoked_at),
        })
    };
    Ok(Json(
        json!({"value": tokens.into_iter().map(render).collect::<Vec<_>>()}),
    ))
}

pub async fn revoke(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<StatusCode, ApiError> {
    revoke_token(&app, &caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
