use moat_model::Timestamp;
use sqlx::{AnyConnection, FromRow};

use super::SetupLink;
use crate::{
    app::now,
    caller::AdministratorRole,
    db::{Db, Transaction},
    error::Result,
};

#[derive(Debug, FromRow)]
pub struct AdministratorRow {
    pub id: String,
    pub name: String,
    pub password_hash: String,
    pub role: String,
    pub created_at: i64,
}

#[derive(Debug, FromRow)]
pub struct SessionRow {
    pub administrator_id: String,
    pub name: String,
    pub role: String,
    pub csrf_token: String,
}

pub async fn count(tx: &mut Transaction) -> Result<i64> {
    Ok(sqlx::query_scalar("SELECT COUNT(*) FROM administrators")
        .fetch_one(&mut **tx)
        .await?)
}

pub async fn find(db: &Db, name: &str) -> Result<Option<AdministratorRow>> {
    let query =
        "SELECT id, name, password_hash, role, created_at FROM administrators WHERE name = $1 AND disabled_at IS NULL";
    Ok(sqlx::query_as(query)
        .bind(name.to_string())
        .fetch_optional(db.read())
        .await?)
}

pub async fn list(db: &Db) -> Result<Vec<AdministratorRow>> {
    let query = "SELECT id, name, password_hash, role, created_at FROM administrators WHERE disabled_at IS NULL ORDER BY name LIMIT 1000";
    Ok(sqlx::query_as(query).fetch_all(db.read()).await?)
}

pub async fn names_and_roles(connection: &mut AnyConnection) -> Result<Vec<(String, String)>> {
    let query = "SELECT name, role FROM administrators WHERE disabled_at IS NULL ORDER BY id";
    Ok(sqlx::query_as(query).fetch_all(connection).await?)
}

pub async fn is_taken(tx: &mut Transaction, name: &str) -> Result<bool> {
    let query = sqlx::query_scalar::<_, i64>("SELECT COUNT(*) FROM administrators WHERE name = $1");
    Ok(query.bind(name.to_string()).fetch_one(&mut **tx).await? > 0)
}

pub async fn set_password(tx: &mut Transaction, id: &str, hash: &str) -> Result<()> {
    sqlx::query("UPDATE administrators SET password_hash = $1 WHERE id = $2")
        .bind(hash.to_string())
        .bind(id.to_string())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

pub async fn delete_sessions_of(tx: &mut Transaction, administrator: &str) -> Result<u64> {
    let query = sqlx::query("DELETE FROM sessions WHERE administrator_id = $1");
    Ok(query
        .bind(administrator.to_string())
        .execute(&mut **tx)
        .await?
        .rows_affected())
}

pub async fn insert(tx: &mut Transaction, id: &str, name: &str, role: AdministratorRole, hash: &str) -> Result<()> {
    sqlx::query("INSERT INTO administrators (id, name, password_hash, role, created_at) VALUES ($1, $2, $3, $4, $5)")
        .bind(id.to_string())
        .bind(name.to_string())
        .bind(hash.to_string())
        .bind(role.as_str())
        .bind(now().as_micros())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

pub async fn get(tx: &mut Transaction, id: &str) -> Result<Option<AdministratorRow>> {
    let query =
        "SELECT id, name, password_hash, role, created_at FROM administrators WHERE id = $1 AND disabled_at IS NULL";
    Ok(sqlx::query_as(query)
        .bind(id.to_string())
        .fetch_optional(&mut **tx)
        .await?)
}

pub async fn set_role(tx: &mut Transaction, id: &str, role: AdministratorRole) -> Result<()> {
    let query = sqlx::query("UPDATE administrators SET role = $1 WHERE id = $2");
    query
        .bind(role.as_str())
        .bind(id.to_string())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

pub async fn delete(tx: &mut Transaction, id: &str) -> Result<()> {
    let query = sqlx::query("DELETE FROM administrators WHERE id = $1");
    query.bind(id.to_string()).execute(&mut **tx).await?;
    Ok(())
}

/// How many besides one have this role and a password.
pub async fn count_with_role(tx: &mut Transaction, role: AdministratorRole, besides: &str) -> Result<i64> {
    let query = "SELECT COUNT(*) FROM administrators WHERE role = $1 AND id <> $2 AND disabled_at IS NULL AND password_hash <> ''";
    let query = sqlx::query_scalar(query).bind(role.as_str()).bind(besides.to_string());
    Ok(query.fetch_one(&mut **tx).await?)
}

/// Links for the first administrator stop working.
pub async fn delete_open_links(tx: &mut Transaction) -> Result<()> {
    let query = sqlx::query("DELETE FROM setup_links WHERE administrator_id IS NULL");
    query.execute(&mut **tx).await?;
    Ok(())
}

pub async fn delete_links_of(tx: &mut Transaction, administrator: &str) -> Result<()> {
    let query = sqlx::query("DELETE FROM setup_links WHERE administrator_id = $1");
    query.bind(administrator.to_string()).execute(&mut **tx).await?;
    Ok(())
}

pub async fn insert_link(
    tx: &mut Transaction,
    hash: &str,
    administrator: Option<&str>,
    expires: Timestamp,
) -> Result<()> {
    let query =
        "INSERT INTO setup_links (token_hash, administrator_id, created_at, expires_at) VALUES ($1, $2, $3, $4)";
    sqlx::query(query)
        .bind(hash.to_string())
        .bind(administrator.map(String::from))
        .bind(now().as_micros())
        .bind(expires.as_micros())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Whom a link that still works is for.
pub async fn setup_link(db: &Db, hash: &str) -> Result<Option<SetupLink>> {
    let query = "SELECT a.id, a.name, a.role FROM setup_links l LEFT JOIN administrators a ON a.id = l.administrator_id \
                 WHERE l.token_hash = $1 AND l.expires_at > $2";
    let query = sqlx::query_as(query).bind(hash.to_string()).bind(now().as_micros());
    let row: Option<(Option<String>, Option<String>, Option<String>)> = query.fetch_optional(db.read()).await?;
    row.map(|row| match row {
        (Some(id), Some(name), Some(role)) => Ok(SetupLink::Of {
            id,
            name,
            role: role.parse()?,
        }),
        _ => Ok(SetupLink::First),
    })
    .transpose()
}

pub async fn use_setup_link(tx: &mut Transaction, hash: &str) -> Result<bool> {
    let query = sqlx::query("DELETE FROM setup_links WHERE token_hash = $1 AND expires_at > $2");
    Ok(query
        .bind(hash.to_string())
        .bind(now().as_micros())
        .execute(&mut **tx)
        .await?
        .rows_affected()
        == 1)
}

pub async fn insert_session(
    tx: &mut Transaction,
    hash: &str,
    administrator: &str,
    csrf: &str,
    expires: Timestamp,
) -> Result<()> {
    sqlx::query("INSERT INTO sessions (token_hash, administrator_id, csrf_token, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)")
        .bind(hash.to_string())
        .bind(administrator.to_string())
        .bind(csrf.to_string())
        .bind(now().as_micros())
        .bind(expires.as_micros())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

pub async fn find_session(db: &Db, hash: &str) -> Result<Option<SessionRow>> {
    let query = "SELECT s.administrator_id, a.name, a.role, s.csrf_token FROM sessions s JOIN administrators a ON a.id = s.administrator_id \
                 WHERE s.token_hash = $1 AND s.expires_at > $2 AND a.disabled_at IS NULL";
    Ok(sqlx::query_as(query)
        .bind(hash.to_string())
        .bind(now().as_micros())
        .fetch_optional(db.read())
        .await?)
}

pub async fn delete_session(tx: &mut Transaction, hash: &str) -> Result<()> {
    sqlx::query("DELETE FROM sessions WHERE token_hash = $1")
        .bind(hash.to_string())
        .execute(&mut **tx)
        .await?;
    Ok(())
}
