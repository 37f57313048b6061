//! Gateways: reverse proxies that ask whether a device may come in, each with a key of its own.

pub mod console;
pub mod nginx;

use std::sync::{Arc, atomic::Ordering};

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use moat_model::conditional_access::{ApplicationId, OnUnreachable};
use moat_policy::say;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::FromRow;

use crate::{
    App,
    access::Gateway,
    app::now,
    audit,
    caller::{Caller, Role},
    db::{Db, Transaction},
    edition::{self, Expected},
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
    pub on_unreachable: String,
    pub asserts_mfa: i64,
    pub asserts_country: i64,
    pub updated_at: i64,
}

/// What may be said of a gateway besides its name and application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Moat cannot enforce it: it is what the proxy is configured to do, kept where everybody sees it.
    pub on_unreachable: OnUnreachable,
    /// The proxy signs users in: its word counts that one showed a second factor.
    pub asserts_mfa: bool,
    /// The proxy knows where requests come from: its word counts for the country.
    pub asserts_country: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            on_unreachable: OnUnreachable::Closed,
            asserts_mfa: false,
            asserts_country: false,
        }
    }
}

/// A gateway's key, shown once.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IssuedGateway {
    pub id: String,
    pub name: String,
    pub key: String,
    pub application_id: String,
    /// What the proxy asks.
    pub check_url: String,
    /// A name in the certificate of this server, for proxies that verify it by name.
    pub server_name: String,
    #[serde(flatten)]
    options: OptionsRecord,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct OptionsRecord {
    on_unreachable: OnUnreachable,
    asserts_mfa: bool,
    asserts_country: bool,
}

impl From<Options> for OptionsRecord {
    fn from(options: Options) -> Self {
        Self {
            on_unreachable: options.on_unreachable,
            asserts_mfa: options.asserts_mfa,
            asserts_country: options.asserts_country,
        }
    }
}

impl GatewayRow {
    pub fn options(&self) -> Result<Options> {
        Ok(Options {
            on_unreachable: self.on_unreachable.parse().map_err(Error::internal)?,
            asserts_mfa: self.asserts_mfa != 0,
            asserts_country: self.asserts_country != 0,
        })
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GatewayRecord<'a> {
    name: &'a str,
    application_id: &'a str,
    disabled: bool,
    #[serde(flatten)]
    options: OptionsRecord,
}

impl<'a> GatewayRecord<'a> {
    fn of(row: &'a GatewayRow) -> Result<Self> {
        Ok(Self {
            name: &row.name,
            application_id: &row.application_id,
            disabled: row.disabled_at.is_some(),
            options: row.options()?.into(),
        })
    }
}

const COLUMNS: &str = "id, name, created_at, created_by, last_used_at, disabled_at, COALESCE(application_id, id) AS application_id, \
                       on_unreachable, asserts_mfa, asserts_country, updated_at";

/// Makes a gateway for an application; without an id the gateway's own is the application's.
pub async fn create(
    app: &App,
    caller: &Caller,
    name: &str,
    application: Option<ApplicationId>,
    options: Options,
) -> Result<IssuedGateway> {
    caller.require_any(&[Role::MoatAdministrate])?;
    let name = name.trim();
    if name.is_empty() || name.len() > 100 || name.chars().any(char::is_control) {
        return Err(Error::rule("InvalidInput", "name", say("rule-bytes").with("most", 100)));
    }
    let (id, key) = (uuid::Uuid::now_v7().to_string(), secret::generate());
    let application_id = application.map_or_else(|| id.clone(), |id| id.to_string());
    let mut tx = app.db.begin().await?;
    let taken = sqlx::query_scalar::<_, i64>("SELECT COUNT(*) FROM gateways WHERE name = $1").bind(name.to_string());
    if taken.fetch_one(&mut *tx).await? > 0 {
        return Err(Error::conflict(say("conflict-gateway").with("name", name)));
    }
    let query = "INSERT INTO gateways (id, name, key_hash, created_at, created_by, application_id, on_unreachable, asserts_mfa, \
                 asserts_country) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    sqlx::query(query)
        .bind(id.clone())
        .bind(name.to_string())
        .bind(secret::hash(&key))
        .bind(now().as_micros())
        .bind(caller.actor.to_string())
        .bind(application_id.clone())
        .bind(options.on_unreachable.as_str())
        .bind(i64::from(options.asserts_mfa))
        .bind(i64::from(options.asserts_country))
        .execute(&mut *tx)
        .await?;
    let record = GatewayRecord {
        name,
        application_id: &application_id,
        disabled: false,
        options: options.into(),
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
        check_url: check_url(app),
        server_name: server_name(app),
        options: options.into(),
    })
}

fn check_url(app: &App) -> String {
    format!("{}/access/check", app.base_url())
}

/// The name that others call this server by; `localhost` where it has none.
fn server_name(app: &App) -> String {
    let host = app.base_url().parse::<http::Uri>().ok();
    let host = host.and_then(|url| url.host().map(|host| host.trim_matches(['[', ']']).to_string()));
    let named = host.into_iter().chain(app.config.names.iter().cloned());
    let mut named = named.filter(|name| name.parse::<std::net::IpAddr>().is_err());
    named.next().unwrap_or_else(|| "localhost".into())
}

pub async fn list(app: &App, caller: &Caller) -> Result<Vec<GatewayRow>> {
    caller.require_any(&[Role::MoatAdministrate])?;
    let query = format!("SELECT {COLUMNS} FROM gateways ORDER BY name LIMIT 1000");
    let query = sqlx::query_as(sqlx::AssertSqlSafe(query));
    Ok(query.fetch_all(app.db.read()).await?)
}

/// What gateways in use protect, as policies name it: application, name. Several may protect the same.
pub async fn applications(app: &App, caller: &Caller) -> Result<Vec<(String, String)>> {
    caller.require_any(&[Role::PolicyReadAll, Role::MoatAdministrate])?;
    let query =
        "SELECT COALESCE(application_id, id), name FROM gateways WHERE disabled_at IS NULL ORDER BY name LIMIT 1000";
    Ok(sqlx::query_as(query).fetch_all(app.db.read()).await?)
}

/// The gateway with this id or name that is in use.
async fn find(tx: &mut Transaction, id: &str) -> Result<GatewayRow> {
    let query = format!("SELECT {COLUMNS} FROM gateways WHERE (id = $1 OR name = $1) AND disabled_at IS NULL");
    let query = sqlx::query_as(sqlx::AssertSqlSafe(query)).bind(id.to_string());
    let found: Option<GatewayRow> = query.fetch_optional(&mut **tx).await?;
    found.ok_or_else(|| Error::not_found("gateway in use", id))
}

/// Changes a gateway's options, by id or name.
pub async fn update(
    app: &App,
    caller: &Caller,
    id: &str,
    expected: &Expected,
    change: impl FnOnce(Options) -> Options + Send,
) -> Result<GatewayRow> {
    caller.require_any(&[Role::MoatAdministrate])?;
    let mut tx = app.db.begin().await?;
    let before = find(&mut tx, id).await?;
    expected.check(before.updated_at)?;
    let options = change(before.options()?);
    let after = GatewayRow {
        updated_at: edition::next(before.updated_at),
        on_unreachable: options.on_unreachable.to_string(),
        asserts_mfa: options.asserts_mfa.into(),
        asserts_country: options.asserts_country.into(),
        ..before.clone()
    };
    let query = "UPDATE gateways SET on_unreachable = $1, asserts_mfa = $2, asserts_country = $3, updated_at = $4 WHERE id = $5";
    let query = sqlx::query(query)
        .bind(after.on_unreachable.clone())
        .bind(after.asserts_mfa)
        .bind(after.asserts_country)
        .bind(after.updated_at)
        .bind(after.id.clone());
    query.execute(&mut *tx).await?;
    record(&mut tx, caller, "update", &before, &after).await?;
    tx.commit().await?;
    app.access.refresh_gateways(&app.db).await?;
    Ok(after)
}

/// Switches a gateway off, by id or name.
pub async fn disable(app: &App, caller: &Caller, id: &str) -> Result<()> {
    caller.require_any(&[Role::MoatAdministrate])?;
    let mut tx = app.db.begin().await?;
    let before = find(&mut tx, id).await?;
    let after = GatewayRow {
        disabled_at: Some(now().as_micros()),
        ..before.clone()
    };
    let query = sqlx::query("UPDATE gateways SET disabled_at = $1 WHERE id = $2");
    let query = query.bind(after.disabled_at).bind(after.id.clone());
    query.execute(&mut *tx).await?;
    record(&mut tx, caller, "disable", &before, &after).await?;
    tx.commit().await?;
    app.access.refresh_gateways(&app.db).await
}

async fn record(
    tx: &mut Transaction,
    caller: &Caller,
    action: &'static str,
    before: &GatewayRow,
    after: &GatewayRow,
) -> Result<()> {
    let (was, is) = (GatewayRecord::of(before)?, GatewayRecord::of(after)?);
    let change = audit::Change {
        action,
        noun: "gateway",
        id: &after.id,
        before: Some(&was),
        after: Some(&is),
    };
    audit::record(tx, &caller.actor, change).await
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
    // Not flattened: unknown fields must be refused.
    #[serde(default)]
    on_unreachable: Option<OnUnreachable>,
    #[serde(default)]
    asserts_mfa: Option<bool>,
    #[serde(default)]
    asserts_country: Option<bool>,
}

/// What is not given stays.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct GatewayChange {
    #[serde(default)]
    on_unreachable: Option<OnUnreachable>,
    #[serde(default)]
    asserts_mfa: Option<bool>,
    #[serde(default)]
    asserts_country: Option<bool>,
}

impl GatewayChange {
    fn apply(self, options: Options) -> Options {
        Options {
            on_unreachable: self.on_unreachable.unwrap_or(options.on_unreachable),
            asserts_mfa: self.asserts_mfa.unwrap_or(options.asserts_mfa),
            asserts_country: self.asserts_country.unwrap_or(options.asserts_country),
        }
    }
}

pub async fn admin_create(
    State(app): State<App>,
    caller: Caller,
    Body(new): Body<NewGateway>,
) -> Result<Json<IssuedGateway>, ApiError> {
    let options = GatewayChange {
        on_unreachable: new.on_unreachable,
        asserts_mfa: new.asserts_mfa,
        asserts_country: new.asserts_country,
    };
    let options = options.apply(Options::default());
    Ok(Json(
        create(&app, &caller, &new.name, new.application_id, options).await?,
    ))
}

pub async fn admin_list(State(app): State<App>, caller: Caller) -> Result<Json<Value>, ApiError> {
    let gateways = list(&app, &caller).await?;
    let gateways: Vec<Value> = gateways.iter().map(|gateway| render(&app, gateway)).collect();
    Ok(Json(json!({"value": gateways})))
}

pub async fn admin_update(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Body(change): Body<GatewayChange>,
) -> Result<Json<Value>, ApiError> {
    let gateway = update(&app, &caller, &id, &Expected::Any, |options| change.apply(options)).await?;
    Ok(Json(render(&app, &gateway)))
}

fn render(app: &App, gateway: &GatewayRow) -> Value {
    json!({
        "id": gateway.id,
        "name": gateway.name,
        "applicationId": gateway.application_id,
        "onUnreachable": gateway.on_unreachable,
        "assertsMfa": gateway.asserts_mfa != 0,
        "assertsCountry": gateway.asserts_country != 0,
        "checkUrl": check_url(app),
        "serverName": server_name(app),
        "createdAt": time(gateway.created_at),
        "createdBy": gateway.created_by,
        "lastUsedAt": time_or_null(gateway.last_used_at),
        "disabledAt": time_or_null(gateway.disabled_at),
    })
}

pub async fn admin_disable(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    disable(&app, &caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
