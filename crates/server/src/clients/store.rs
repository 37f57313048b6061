use moat_model::Timestamp;

use super::Client;
use crate::{
    caller::Role,
    db::{Db, Transaction},
    error::Result,
};

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    name: String,
    secret_hash: String,
    roles: String,
    created_at: i64,
    created_by: String,
    disabled_at: Option<i64>,
}

impl Row {
    fn into_client(self) -> (Client, String) {
        let client = Client {
            id: self.id,
            name: self.name,
            // A role that this version does not know gives nothing.
            roles: self.roles.split(' ').filter_map(|r| r.parse::<Role>().ok()).collect(),
            created_at: Timestamp::from_micros(self.created_at),
            created_by: self.created_by,
            disabled_at: self.disabled_at.map(Timestamp::from_micros),
        };
        (client, self.secret_hash)
    }
}

/// The client and the hash of its secret.
pub async fn get(db: &Db, id: &str) -> Result<Option<(Client, String)>> {
    let row: Option<Row> = sqlx::query_as("SELECT * FROM clients WHERE id = $1")
        .bind(id)
        .fetch_optional(db.read())
        .await?;
    Ok(row.map(Row::into_client))
}

pub async fn list(db: &Db) -> Result<Vec<Client>> {
    let rows: Vec<Row> = sqlx::query_as("SELECT * FROM clients ORDER BY created_at, id")
        .fetch_all(db.read())
        .await?;
    Ok(rows.into_iter().map(|row| row.into_client().0).collect())
}

pub async fn name_is_taken(tx: &mut Transaction, name: &str) -> Result<bool> {
    let found: Option<String> = sqlx::query_scalar("SELECT id FROM clients WHERE name = $1")
        .bind(name)
        .fetch_optional(&mut **tx)
        .await?;
    Ok(found.is_some())
}

pub async fn insert(tx: &mut Transaction, client: &Client, secret_hash: &str) -> Result<()> {
    let roles: Vec<_> = client.roles.iter().map(|role| role.as_str()).collect();
    sqlx::query(
        "INSERT INTO clients (id, name, secret_hash, roles, created_at, created_by) VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(&client.id)
    .bind(&client.name)
    .bind(secret_hash)
    .bind(roles.join(" "))
    .bind(client.created_at.as_micros())
    .bind(&client.created_by)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

pub async fn disable(tx: &mut Transaction, id: &str, at: Timestamp) -> Result<()> {
    sqlx::query("UPDATE clients SET disabled_at = $1 WHERE id = $2 AND disabled_at IS NULL")
        .bind(at.as_micros())
        .bind(id)
        .execute(&mut **tx)
        .await?;
    Ok(())
}
