use moat_model::GroupId;
use sqlx::{Any, Executor, FromRow};

use super::{Queued, State, mail::Because};
use crate::{
    app::now,
    db::{Db, Transaction},
    error::Result,
};

/// A row of the outbox without its body.
#[derive(Debug, Clone, FromRow)]
pub struct OutboxRow {
    pub id: String,
    pub kind: String,
    pub title: String,
    pub state: String,
    pub created_at: i64,
    pub due_at: i64,
    pub attempts: i64,
    pub last_error: Option<String>,
    pub done_at: Option<i64>,
}

pub async fn insert(tx: &mut Transaction, id: &str, kind: &str, title: &str, body: &str) -> Result<()> {
    let query = sqlx::query(
        "INSERT INTO outbox (id, kind, title, body, state, created_at, due_at, attempts) \
         VALUES ($1, $2, $3, $4, 'waiting', $5, $5, 0)",
    );
    let query = query
        .bind(id.to_string())
        .bind(kind.to_string())
        .bind(title.to_string())
        .bind(body.to_string())
        .bind(now().as_micros());
    query.execute(&mut **tx).await?;
    Ok(())
}

/// Up to `most` that are due, the longest due first.
pub async fn due(db: &Db, most: i64) -> Result<Vec<Queued>> {
    let query = "SELECT id, body, created_at, attempts FROM outbox WHERE state = 'waiting' AND due_at <= $1 \
                 ORDER BY due_at, id LIMIT $2";
    let query = sqlx::query_as(query).bind(now().as_micros()).bind(most);
    Ok(query.fetch_all(db.read()).await?)
}

/// When the next one is due.
pub async fn next_due(db: &Db) -> Result<Option<i64>> {
    let query = "SELECT MIN(due_at) FROM outbox WHERE state = 'waiting'";
    Ok(sqlx::query_scalar(query).fetch_one(db.read()).await?)
}

/// What became of it. The body is not needed any more.
pub async fn finish(tx: &mut Transaction, id: &str, state: State, note: Option<&str>) -> Result<()> {
    let query = sqlx::query(
        "UPDATE outbox SET state = $1, last_error = $2, done_at = $3, attempts = attempts + 1, \
         body = CASE WHEN $1 = 'failed' THEN body ELSE '' END WHERE id = $4",
    );
    let query = query
        .bind(state.as_str())
        .bind(note.map(String::from))
        .bind(now().as_micros())
        .bind(id.to_string());
    query.execute(&mut **tx).await?;
    Ok(())
}

pub async fn put_off(tx: &mut Transaction, id: &str, error: &str, until: i64) -> Result<()> {
    let query = "UPDATE outbox SET last_error = $1, due_at = $2, attempts = attempts + 1 WHERE id = $3";
    let query = sqlx::query(query)
        .bind(error.to_string())
        .bind(until)
        .bind(id.to_string());
    query.execute(&mut **tx).await?;
    Ok(())
}

/// Takes one that failed up again; false when there is none.
pub async fn retry(tx: &mut Transaction, id: &str) -> Result<bool> {
    let query = "UPDATE outbox SET state = 'waiting', attempts = 0, due_at = $1, done_at = NULL \
                 WHERE id = $2 AND state = 'failed'";
    let query = sqlx::query(query).bind(now().as_micros()).bind(id.to_string());
    Ok(query.execute(&mut **tx).await?.rows_affected() == 1)
}

/// The newest first; of one state, or of all.
pub async fn list(db: &Db, state: Option<State>, top: i64, skip: i64) -> Result<Vec<OutboxRow>> {
    let query = "SELECT id, kind, title, state, created_at, due_at, attempts, last_error, done_at FROM outbox \
                 WHERE ($1 = '' OR state = $1) ORDER BY created_at DESC, id DESC LIMIT $2 OFFSET $3";
    let query = sqlx::query_as(query)
        .bind(state.map_or("", State::as_str))
        .bind(top)
        .bind(skip);
    Ok(query.fetch_all(db.read()).await?)
}

/// How many there are of each state.
pub async fn counts(executor: impl Executor<'_, Database = Any>) -> Result<Vec<(String, i64)>> {
    let query = "SELECT state, COUNT(*) FROM outbox GROUP BY state";
    Ok(sqlx::query_as(query).fetch_all(executor).await?)
}

/// The last thing that went wrong with what waits.
pub async fn last_error(db: &Db) -> Result<Option<String>> {
    let query = "SELECT last_error FROM outbox WHERE state = 'waiting' AND last_error IS NOT NULL \
                 ORDER BY due_at DESC LIMIT 1";
    Ok(sqlx::query_scalar(query).fetch_optional(db.read()).await?)
}

/// Whether the action that a mail carries out still belongs to the present period of noncompliance.
pub async fn still_holds(db: &Db, because: &Because) -> Result<bool> {
    let query = "SELECT COUNT(*) FROM noncompliance_actions a JOIN devices d ON d.id = a.device_id \
                 WHERE a.device_id = $1 AND a.policy_id = $2 AND a.action_id = $3 AND d.revoked_at IS NULL";
    let query = sqlx::query_scalar::<_, i64>(query)
        .bind(because.device.to_string())
        .bind(because.policy.clone())
        .bind(because.action.clone());
    Ok(query.fetch_one(db.read()).await? > 0)
}

/// Mail address and principal name of up to `most` people in a group, also through other groups, whose accounts are on.
pub async fn people_in(db: &Db, group: GroupId, most: i64) -> Result<Vec<(Option<String>, String)>> {
    let query = "WITH RECURSIVE m AS (SELECT member_id AS id FROM group_members WHERE group_id = $1 \
                 UNION SELECT x.member_id FROM group_members x JOIN m ON x.group_id = m.id) \
                 SELECT u.mail, u.user_principal_name FROM users u WHERE u.id IN (SELECT id FROM m) \
                 AND u.account_enabled = 1 ORDER BY u.principal_key LIMIT $2";
    let query = sqlx::query_as(query).bind(group.to_string()).bind(most);
    Ok(query.fetch_all(db.read()).await?)
}
