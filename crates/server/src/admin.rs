//! Administration that belongs to no noun: status, settings.

use axum::{Json, extract::State};
use moat_model::Settings;
use serde_json::{Value, json};

use crate::{
    App,
    caller::{Caller, Role},
    devices, feeds,
    json::{ApiError, Body},
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
        "failingFeeds": feeds::store::failing(&app.db).await?.len(),
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
