use sqlx::FromRow;

use crate::{
    app::now,
    db::{Db, Transaction},
    error::Result,
};

#[derive(Debug, Clone, FromRow)]
pub struct ClientRow {
    pub id: String,
    pub name: String,
    pub secret_hash: String,
    pub roles: String,
    pub created_at: i64,
    pub created_by: String,
    pub disabled_at: Option<i64>,
}

pub async fn name_is_taken(tx: &mut Transaction, name: &str) -> Result<bool> {
    let query = sqlx::query_scalar::<_, i64>("SELECT COUNT(*) FROM clients WHERE name = $1").bind(name.to_string());
    Ok(query.fetch_one(&mut **tx).await? > 0)
}

pub async fn insert(tx: &mut Transaction, id: &str, name: &str, hash: &str, roles: &str, by: &str) -> Result<()> {
    sqlx::query(
        "INSERT INTO clients (id, name, secret_hash, roles, created_at, created_by) VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(id.to_string())
    .bind(name.to_string())
    .bind(hash.to_string())
    .bind(roles.to_string())
    .bind(now().as_micros())
    .bind(by.to_string())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

pub async fn list(db: &Db) -> Result<Vec<ClientRow>> {
    Ok(sqlx::query_as("SELECT * FROM clients ORDER BY name LIMIT 1000")
        .fetch_all(db.read())
        .await?)
}

pub async fn get(db: &Db, id: &str) -> Result<Option<ClientRow>> {
    Ok(sqlx::query_as("SELECT * FROM clients WHERE id = $1")
        .bind(id.to_string())
        .fetch_optional(db.read())
        .await?)
}

pub async fn disable(tx: &mut Transaction, id: &str) -> Result<bool> {
    let query = sqlx::query("UPDATE clients SET disabled_at = $1 WHERE id = $2 AND disabled_at IS NULL");
    Ok(query
        .bind(now().as_micros())
        .bind(id.to_string())
        .execute(&mut **tx)
        .await?
        .rows_affected()
        == 1)
}
