//! Gateways: reverse proxies that ask whether a device may come in, each with a key of its own.

use std::sync::{Arc, atomic::Ordering};

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use moat_model::conditional_access::ApplicationId;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::FromRow;

use crate::{
    App,
    access::Gateway,
    app::now,
    audit,
    caller::{Caller, Role},
    db::Db,
    error::{Error, Result},
    json::{ApiError, Body, time, time_or_null},
    secret,
};

/// `last_used_at` is written at most this often, in microseconds.
const USE_RESOLUTION: i64 = 60_000_000;

#[derive(Debug, Clone, FromRow)]
pub struct GatewayRow {
    pub id: String,
    pub name: String,
    pub created_at: i64,
    pub created_by: String,
    pub last_used_at: Option<i64>,
    pub disabled_at: Option<i64>,
    /// The id by which conditional access policies name what the gateway protects.
    pub application_id: String,
}

/// A gateway's key, shown once.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IssuedGateway {
    pub id: String,
    pub name: String,
    pub key: String,
    pub application_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GatewayRecord<'a> {
    name: &'a str,
    application_id: &'a str,
    disabled: bool,
}

/// Makes a gateway for an application; without an id the gateway's own is the application's.
pub async fn create(
    app: &App,
    caller: &Caller,
    name: &str,
    application: Option<ApplicationId>,
) -> Result<IssuedGateway> {
    caller.require_any(&[Role::MoatAdministrate])?;
    let name = name.trim();
    if name.is_empty() || name.len() > 100 || name.chars().any(char::is_control) {
        return Err(Error::invalid_field(
            "InvalidInput",
            "name",
            " must have 1 to 100 bytes and no control characters",
        ));
    }
    let (id, key) = (uuid::Uuid::now_v7().to_string(), secret::generate());
    let application_id = application.map_or_else(|| id.clone(), |id| id.to_string());
    let mut tx = app.db.begin().await?;
    let taken = sqlx::query_scalar::<_, i64>("SELECT COUNT(*) FROM gateways WHERE name = $1").bind(name.to_string());
    if taken.fetch_one(&mut *tx).await? > 0 {
        return Err(Error::Conflict(format!("there is a gateway named {name} already")));
    }
    sqlx::query("INSERT INTO gateways (id, name, key_hash, created_at, created_by, application_id) VALUES ($1, $2, $3, $4, $5, $6)")
        .bind(id.clone())
        .bind(name.to_string())
        .bind(secret::hash(&key))
        .bind(now().as_micros())
        .bind(caller.actor.to_string())
        .bind(application_id.clone())
        .execute(&mut *tx)
        .await?;
    let record = GatewayRecord {
        name,
        application_id: &application_id,
        disabled: false,
    };
    let change = audit::Change {
        action: "create",
        noun: "gateway",
        id: &id,
        before: None,
        after: Some(&record),
    };
    audit::record(&mut tx, &caller.actor, change).await?;
    tx.commit().await?;
    app.access.refresh_gateways(&app.db).await?;
    Ok(IssuedGateway {
        id,
        name: name.to_string(),
        key,
        application_id,
    })
}

pub async fn list(app: &App, caller: &Caller) -> Result<Vec<GatewayRow>> {
    caller.require_any(&[Role::MoatAdministrate])?;
    let query = "SELECT id, name, created_at, created_by, last_used_at, disabled_at, COALESCE(application_id, id) AS application_id \
         FROM gateways ORDER BY name LIMIT 1000";
    Ok(sqlx::query_as(query).fetch_all(app.db.read()).await?)
}

/// Switches a gateway off, by id or name.
pub async fn disable(app: &App, caller: &Caller, id: &str) -> Result<()> {
    caller.require_any(&[Role::MoatAdministrate])?;
    let mut tx = app.db.begin().await?;
    let query = "SELECT id, name, COALESCE(application_id, id) FROM gateways WHERE (id = $1 OR name = $1) AND disabled_at IS NULL";
    let query = sqlx::query_as(query).bind(id.to_string());
    let found: Option<(String, String, String)> = query.fetch_optional(&mut *tx).await?;
    let (id, name, application_id) = found.ok_or_else(|| Error::not_found("gateway in use", id))?;
    let query = sqlx::query("UPDATE gateways SET disabled_at = $1 WHERE id = $2");
    query.bind(now().as_micros()).bind(id.clone()).execute(&mut *tx).await?;
    let state = |disabled| GatewayRecord {
        name: &name,
        application_id: &application_id,
        disabled,
    };
    let change = audit::Change {
        action: "disable",
        noun: "gateway",
        id: &id,
        before: Some(&state(false)),
        after: Some(&state(true)),
    };
    audit::record(&mut tx, &caller.actor, change).await?;
    tx.commit().await?;
    app.access.refresh_gateways(&app.db).await
}

/// The gateway that a key belongs to. The key is looked up by its hash, so timing tells nothing about it.
pub fn authenticate(app: &App, key: &str) -> Result<Arc<Gateway>> {
    let gateway = app.access.gateway(&secret::hash(key));
    let gateway = gateway
        .ok_or_else(|| Error::Unauthorized("this gateway key is not known; make one with `moat gateway add`".into()))?;
    let (at, noted) = (now().as_micros(), gateway.noted_at.load(Ordering::Relaxed));
    let due = at - noted > USE_RESOLUTION;
    if due
        && gateway
            .noted_at
            .compare_exchange(noted, at, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
    {
        tokio::spawn(note_use(app.db.clone(), gateway.id.clone(), at));
    }
    Ok(gateway)
}

async fn note_use(db: Db, id: String, at: i64) {
    let Ok(mut tx) = db.begin().await else { return };
    let query = sqlx::query("UPDATE gateways SET last_used_at = $1 WHERE id = $2")
        .bind(at)
        .bind(id);
    if query.execute(&mut *tx).await.is_ok() {
        let _ = tx.commit().await;
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NewGateway {
    name: String,
    #[serde(default)]
    application_id: Option<ApplicationId>,
}

pub async fn admin_create(
    State(app): State<App>,
    caller: Caller,
    Body(new): Body<NewGateway>,
) -> Result<Json<IssuedGateway>, ApiError> {
    Ok(Json(create(&app, &caller, &new.name, new.application_id).await?))
}

pub async fn admin_list(State(app): State<App>, caller: Caller) -> Result<Json<Value>, ApiError> {
    let render = |gateway: GatewayRow| {
        json!({
            "id": gateway.id,
            "name": gateway.name,
            "applicationId": gateway.application_id,
            "createdAt": time(gateway.created_at),
            "createdBy": gateway.created_by,
            "lastUsedAt": time_or_null(gateway.last_used_at),
            "disabledAt": time_or_null(gateway.disabled_at),
        })
    };
    let gateways: Vec<Value> = list(&app, &caller).await?.into_iter().map(render).collect();
    Ok(Json(json!({"value": gateways})))
}

pub async fn admin_disable(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    disable(&app, &caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
