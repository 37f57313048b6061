//! Administration that belongs to no noun: status, settings, the audit log.

use std::collections::HashMap;

use axum::{
    Json,
    extract::{Query, State},
};
use moat_model::Settings;
use serde_json::{Value, json};

use crate::{
    App, audit,
    caller::{Caller, Role},
    devices,
    error::{Error, Result},
    json::{ApiError, Body, time},
    outbox, settings,
};

pub async fn status(State(app): State<App>, caller: Caller) -> Result<Json<Value>, ApiError> {
    caller.require_any(&[Role::MoatAdministrate])?;
    Ok(Json(json!({
        "tenant": app.tenant,
        "version": env!("CARGO_PKG_VERSION"),
        "url": app.base_url(),
        "devicePort": app.device_port(),
        "devices": devices::store::count(&app.db).await?,
        "unusableIndicators": app.bundles.unusable(),
        "connected": app.hub.connected(),
        "revision": *app.hub.revision().borrow(),
        "outbox": outbox::admin::render_summary(&outbox::summary(&app, &caller).await?),
    })))
}

pub async fn get_settings(State(app): State<App>, caller: Caller) -> Result<Json<Settings>, ApiError> {
    caller.require_any(&[Role::MoatAdministrate])?;
    Ok(Json(settings::get(&app.db).await?))
}

pub async fn put_settings(
    State(app): State<App>,
    caller: Caller,
    Body(new): Body<Settings>,
) -> Result<Json<Settings>, ApiError> {
    settings::update(&app, &caller, new.clone()).await?;
    Ok(Json(new))
}

pub async fn audit_log(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Json<Value>, ApiError> {
    caller.require_any(&[Role::MoatAdministrate])?;
    let number = |name: &str, default: i64| match query.get(name) {
        None => Ok(default),
        Some(text) => text
            .parse()
            .ok()
            .filter(|n| (0..=10_000_000).contains(n))
            .ok_or_else(|| Error::invalid("InvalidInput", format!("{name} must be a number"))),
    };
    let rows = audit::list(&app.db, number("top", 100)?.min(10_000), number("skip", 0)?).await?;
    let json_of = |text: &Option<String>| text.as_ref().and_then(|text| serde_json::from_str::<Value>(text).ok());
    let render = |row: &audit::AuditRow| {
        json!({
            "id": row.id,
            "at": time(row.at),
            "actor": row.actor,
            "action": row.action,
            "noun": row.noun,
            "nounId": row.noun_id,
            "before": json_of(&row.before),
            "after": json_of(&row.after),
        })
    };
    Ok(Json(json!({"value": rows.iter().map(render).collect::<Vec<_>>()})))
}
