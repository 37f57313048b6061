use moat_model::Timestamp;
use sqlx::{AnyConnection, FromRow};

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

pub async fn replace_setup_link(tx: &mut Transaction, hash: &str, expires: Timestamp) -> Result<()> {
    sqlx::query("DELETE FROM setup_links").execute(&mut **tx).await?;
    sqlx::query("INSERT INTO setup_links (token_hash, created_at, expires_at) VALUES ($1, $2, $3)")
        .bind(hash.to_string())
        .bind(now().as_micros())
        .bind(expires.as_micros())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

pub async fn setup_link_is_valid(db: &Db, hash: &str) -> Result<bool> {
    let query =
        sqlx::query_scalar::<_, i64>("SELECT COUNT(*) FROM setup_links WHERE token_hash = $1 AND expires_at > $2");
    Ok(query
        .bind(hash.to_string())
        .bind(now().as_micros())
        .fetch_one(db.read())
        .await?
        == 1)
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
