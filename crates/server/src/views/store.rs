use sqlx::{AssertSqlSafe, FromRow};

use crate::{
    app::now,
    db::{Db, Transaction},
    error::Result,
};

#[derive(Debug, Clone, FromRow)]
pub struct ViewRow {
    pub id: String,
    pub administrator_id: String,
    /// Who saved it, by name.
    pub administrator: String,
    pub shared: i64,
    pub name: String,
    pub address: String,
}

const SELECT: &str = "SELECT v.id, v.administrator_id, a.name AS administrator, v.shared, v.name, v.address \
                      FROM saved_views v JOIN administrators a ON a.id = v.administrator_id";
/// Views that are shown over a list.
const SHOWN: i64 = 200;

/// Somebody's own views and those for everybody.
pub async fn list(db: &Db, list: &str, owner: &str) -> Result<Vec<ViewRow>> {
    let query = AssertSqlSafe(format!(
        "{SELECT} WHERE v.list = $1 AND (v.shared = 1 OR v.administrator_id = $2) ORDER BY v.name, v.id LIMIT {SHOWN}"
    ));
    let query = sqlx::query_as(query).bind(list.to_string()).bind(owner.to_string());
    Ok(query.fetch_all(db.read()).await?)
}

pub async fn get(tx: &mut Transaction, list: &str, id: &str) -> Result<Option<ViewRow>> {
    let query = AssertSqlSafe(format!("{SELECT} WHERE v.list = $1 AND v.id = $2"));
    let query = sqlx::query_as(query).bind(list.to_string()).bind(id.to_string());
    Ok(query.fetch_optional(&mut **tx).await?)
}

pub async fn find(tx: &mut Transaction, list: &str, owner: &str, name: &str) -> Result<Option<ViewRow>> {
    let query = AssertSqlSafe(format!(
        "{SELECT} WHERE v.list = $1 AND v.administrator_id = $2 AND v.name = $3"
    ));
    let query = sqlx::query_as(query)
        .bind(list.to_string())
        .bind(owner.to_string())
        .bind(name.to_string());
    Ok(query.fetch_optional(&mut **tx).await?)
}

pub async fn count(tx: &mut Transaction, owner: &str) -> Result<i64> {
    let query = sqlx::query_scalar("SELECT COUNT(*) FROM saved_views WHERE administrator_id = $1");
    Ok(query.bind(owner.to_string()).fetch_one(&mut **tx).await?)
}

/// Writes a view; one of the same id gets the new filters.
pub async fn save(tx: &mut Transaction, list: &str, view: &ViewRow) -> Result<()> {
    let query = sqlx::query(
        "INSERT INTO saved_views (id, list, administrator_id, shared, name, address, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7) \
         ON CONFLICT (id) DO UPDATE SET shared = excluded.shared, address = excluded.address",
    );
    let query = query
        .bind(view.id.clone())
        .bind(list.to_string())
        .bind(view.administrator_id.clone())
        .bind(view.shared)
        .bind(view.name.clone())
        .bind(view.address.clone())
        .bind(now().as_micros());
    query.execute(&mut **tx).await?;
    Ok(())
}

pub async fn delete(tx: &mut Transaction, id: &str) -> Result<()> {
    let query = sqlx::query("DELETE FROM saved_views WHERE id = $1").bind(id.to_string());
    query.execute(&mut **tx).await?;
    Ok(())
}
