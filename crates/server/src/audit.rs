//! The audit log: one row per change, in the transaction of the change.

use std::fmt;

use serde::Serialize;
use sqlx::AssertSqlSafe;

use crate::{
    app::now,
    db::{self, Transaction},
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

/// `actor` is a [`crate::Actor`], or one in its text form.
pub async fn record<T: Serialize>(
    tx: &mut Transaction,
    actor: &(impl fmt::Display + Sync + ?Sized),
    change: Change<'_, T>,
) -> Result<()> {
    record_all(tx, actor, &[change]).await
}

/// Records changes that are made together, many to a statement.
pub async fn record_all<T: Serialize>(
    tx: &mut Transaction,
    actor: &(impl fmt::Display + Sync + ?Sized),
    changes: &[Change<'_, T>],
) -> Result<()> {
    let json = |value: Option<&T>| value.map(serde_json::to_string).transpose().map_err(Error::internal);
    let (at, actor) = (now().as_micros(), actor.to_string());
    for rows in changes.chunks(db::ROWS) {
        let sql = format!(
            "INSERT INTO audit (id, at, actor, action, noun, noun_id, before, after) VALUES {}",
            db::placeholders(rows.len(), 8)
        );
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for change in rows {
            query = query
                .bind(uuid::Uuid::now_v7().to_string())
                .bind(at)
                .bind(actor.clone())
                .bind(change.action.to_string())
                .bind(change.noun.to_string())
                .bind(change.id.to_string())
                .bind(json(change.before)?)
                .bind(json(change.after)?);
        }
        query.execute(&mut **tx).await?;
    }
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

/// What happened to one thing, newest first.
pub async fn of(db: &db::Db, noun: &str, id: &str, top: i64, skip: i64) -> Result<Vec<AuditRow>> {
    let query = "SELECT id, at, actor, action, noun, noun_id, before, after FROM audit WHERE noun = $1 AND noun_id = $2 \
                 ORDER BY at DESC, id DESC LIMIT $3 OFFSET $4";
    let query = sqlx::query_as(query).bind(noun.to_string()).bind(id.to_string());
    Ok(query.bind(top).bind(skip).fetch_all(db.read()).await?)
}

/// A page of the audit log, newest first.
pub async fn list(db: &db::Db, top: i64, skip: i64) -> Result<Vec<AuditRow>> {
    let query = "SELECT id, at, actor, action, noun, noun_id, before, after FROM audit ORDER BY at DESC, id DESC LIMIT $1 OFFSET $2";
    Ok(sqlx::query_as(query).bind(top).bind(skip).fetch_all(db.read()).await?)
}
