//! Jailbreak rules: the built-in ones, or those that an administrator set.

use axum::{Json, extract::State};
use moat_policy::jailbreak::{BUILT_IN, Rules};
use serde::Serialize;
use serde_json::{Value, value::RawValue};
use sqlx::{Any, Executor};

use crate::{
    App,
    app::now,
    audit,
    caller::{Caller, Role},
    db::Db,
    error::{Error, Result},
    json::{ApiError, Body},
    settings,
};

#[derive(Serialize)]
struct Version<'a> {
    version: &'a str,
}

/// The rules in force, as JSON text.
pub async fn current(db: &Db) -> Result<String> {
    read(db.read()).await
}

/// The same, within a transaction.
pub async fn read(executor: impl Executor<'_, Database = Any>) -> Result<String> {
    let query = sqlx::query_scalar("SELECT body FROM jailbreak_rules ORDER BY created_at DESC, id DESC LIMIT 1");
    let stored: Option<String> = query.fetch_optional(executor).await?;
    Ok(stored.unwrap_or_else(|| String::from_utf8_lossy(BUILT_IN).into_owned()))
}

/// Replaces the rules; devices get them with their next bundle, at once when connected.
pub async fn set(app: &App, caller: &Caller, body: &str) -> Result<()> {
    caller.require_any(&[Role::MoatAdministrate])?;
    let parse = |body: &str| Rules::parse(body.as_bytes()).map_err(|e| Error::invalid("InvalidInput", e));
    let (before, after) = (parse(&current(&app.db).await?)?, parse(body)?);
    let mut tx = app.db.begin().await?;
    sqlx::query("INSERT INTO jailbreak_rules (id, version, body, created_at, created_by) VALUES ($1, $2, $3, $4, $5)")
        .bind(uuid::Uuid::now_v7().to_string())
        .bind(after.version().to_string())
        .bind(body.to_string())
        .bind(now().as_micros())
        .bind(caller.actor.to_string())
        .execute(&mut *tx)
        .await?;
    let (before, after) = (
        Version {
            version: before.version(),
        },
        Version {
            version: after.version(),
        },
    );
    let change = audit::Change {
        action: "update",
        noun: "jailbreak rules",
        id: "devices",
        before: Some(&before),
        after: Some(&after),
    };
    audit::record(&mut tx, &caller.actor, change).await?;
    let revision = settings::raise_revision(&mut tx).await?;
    tx.commit().await?;
    app.hub.set_revision(revision);
    Ok(())
}

pub async fn get(State(app): State<App>, caller: Caller) -> Result<Json<Box<RawValue>>, ApiError> {
    caller.require_any(&[Role::MoatAdministrate])?;
    let body = current(&app.db).await?;
    Ok(Json(RawValue::from_string(body).map_err(Error::internal)?))
}

pub async fn put(State(app): State<App>, caller: Caller, Body(rules): Body<Value>) -> Result<Json<Value>, ApiError> {
    set(&app, &caller, &rules.to_string()).await?;
    Ok(Json(rules))
}
