//! Administrators, as whoever may open the data folder manages them: over the admin socket alone, so that no token and no
//! session of another can set a password. The console gives links instead, with which their owners choose one.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    App,
    caller::{AdministratorRole, Caller},
    error::Error,
    json::{ApiError, Body, time},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewAdministrator {
    name: String,
    password: String,
    #[serde(default = "global")]
    role: String,
}

fn global() -> String {
    AdministratorRole::Global.as_str().into()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewPassword {
    password: String,
}

pub async fn list(State(app): State<App>, caller: Caller) -> Result<Json<Value>, ApiError> {
    let rows = super::list(&app, &caller).await?.into_iter();
    let rows =
        rows.map(|row| json!({"id": row.id, "name": row.name, "role": row.role, "createdAt": time(row.created_at)}));
    Ok(Json(json!({"value": rows.collect::<Vec<_>>()})))
}

pub async fn add(
    State(app): State<App>,
    caller: Caller,
    Body(new): Body<NewAdministrator>,
) -> Result<StatusCode, ApiError> {
    check(&new.name, &new.password)?;
    super::add(&app, &caller, &new.name, new.role.parse()?, &new.password).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Answers how many sessions it ended.
pub async fn reset(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
    Body(new): Body<NewPassword>,
) -> Result<Json<Value>, ApiError> {
    check(&name, &new.password)?;
    let ended = super::reset_password(&app, &caller, &name, &new.password).await?;
    Ok(Json(json!({"endedSessions": ended})))
}

fn check(name: &str, password: &str) -> Result<(), Error> {
    match super::check_new(name, password, password).first() {
        None => Ok(()),
        Some(wrong) => Err(Error::invalid_field(
            "InvalidInput",
            wrong.field,
            format!(": {}", wrong.message.trim_end_matches('.')),
        )),
    }
}
