//! The audit log: one row per change, in the transaction of the change.

use serde::Serialize;

use crate::{
    app::now,
    caller::Actor,
    db::Transaction,
    error::{Error, Result},
};

/// One change. `before` and `after` are the thing's public shape; secrets and their hashes never go in.
pub struct Change<'a, T: Serialize> {
    /// A verb: create, update, delete, revoke, sign-in.
    pub action: &'a str,
    /// The noun's name in the singular, such as `indicator`.
    pub noun: &'a str,
    pub id: &'a str,
    pub before: Option<&'a T>,
    pub after: Option<&'a T>,
}

pub async fn record<T: Serialize>(tx: &mut Transaction, actor: &Actor, change: Change<'_, T>) -> Result<()> {
    let json = |value: Option<&T>| value.map(serde_json::to_string).transpose().map_err(Error::internal);
    sqlx::query("INSERT INTO audit (id, at, actor, action, noun, noun_id, before, after) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)")
        .bind(uuid::Uuid::now_v7().to_string())
        .bind(now().as_micros())
        .bind(actor.to_string())
        .bind(change.action)
        .bind(change.noun)
        .bind(change.id)
        .bind(json(change.before)?)
        .bind(json(change.after)?)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// A row of the audit log.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct AuditRow {
    pub id: String,
    pub at: i64,
    pub actor: String,
    pub action: String,
    pub noun: String,
    pub noun_id: String,
    pub before: Option<String>,
    pub after: Option<String>,
}

/// A page of the audit log, newest first.
pub async fn list(db: &crate::db::Db, top: i64, skip: i64) -> Result<Vec<AuditRow>> {
    let query = "SELECT id, at, actor, action, noun, noun_id, before, after FROM audit ORDER BY at DESC, id DESC LIMIT $1 OFFSET $2";
    Ok(sqlx::query_as(query).bind(top).bind(skip).fetch_all(db.read()).await?)
}
