use sqlx::{AssertSqlSafe, FromRow};

use crate::{
    db::{self, Db, Transaction},
    error::Result,
    odata::Clause,
};

/// Actors, nouns and actions that can be chosen.
const MOST_WORDS: i64 = 200;
const COLUMNS: &str = "id, at, actor, action, noun, noun_id, before, after, seq, hash";

/// A row of the audit log.
#[derive(Debug, Clone, Default, PartialEq, Eq, FromRow)]
pub struct AuditRow {
    pub id: String,
    pub at: i64,
    pub actor: String,
    pub action: String,
    pub noun: String,
    pub noun_id: String,
    /// JSON.
    pub before: Option<String>,
    pub after: Option<String>,
    /// Its place in the chain, from 1 on.
    pub seq: i64,
    /// SHA-256 of the hash before and of the row, hexadecimal.
    pub hash: String,
}

/// What narrows the log; what is empty does not.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub actor: String,
    pub noun: String,
    pub action: String,
    /// From this moment on.
    pub from: Option<i64>,
    /// Before this moment.
    pub to: Option<i64>,
    /// A text in the actor, the id, or what was before and after.
    pub text: String,
}

/// What the log has, each word once.
#[derive(Debug, Default)]
pub struct Words {
    pub actors: Vec<String>,
    pub nouns: Vec<String>,
    pub actions: Vec<String>,
}

/// The newest first; `below` is the number of the row after which a page goes on.
pub async fn list(db: &Db, filter: &Filter, below: Option<i64>, top: i64, skip: i64) -> Result<Vec<AuditRow>> {
    let mut clause = Clause::new(&format!("SELECT {COLUMNS} FROM audit WHERE 1 = 1"));
    for (column, value) in [
        ("actor", &filter.actor),
        ("noun", &filter.noun),
        ("action", &filter.action),
    ] {
        if !value.is_empty() {
            clause.push(&format!(" AND {column} = ")).bind_text(value.as_str());
        }
    }
    for (condition, number) in [
        (" AND at >= ", filter.from),
        (" AND at < ", filter.to),
        (" AND seq < ", below),
    ] {
        if let Some(number) = number {
            clause.push(condition).bind_number(number);
        }
    }
    if !filter.text.is_empty() {
        clause.push(
            " AND LOWER(actor || ' ' || noun_id || ' ' || COALESCE(before, '') || ' ' || COALESCE(after, '')) LIKE ",
        );
        clause.bind_text(db::containing(&filter.text)).push(" ESCAPE '!'");
    }
    clause
        .push(" ORDER BY seq DESC, at DESC, id DESC LIMIT ")
        .bind_number(top);
    clause.push(" OFFSET ").bind_number(skip);
    let arguments = clause.arguments()?;
    let rows = sqlx::query_as_with(AssertSqlSafe(clause.sql), arguments);
    Ok(rows.fetch_all(db.read()).await?)
}

/// What happened to one thing, newest first.
pub async fn of(db: &Db, noun: &str, id: &str, top: i64, skip: i64) -> Result<Vec<AuditRow>> {
    let query = format!(
        "SELECT {COLUMNS} FROM audit WHERE noun = $1 AND noun_id = $2 ORDER BY seq DESC, at DESC, id DESC LIMIT $3 OFFSET $4"
    );
    let query = sqlx::query_as(AssertSqlSafe(query))
        .bind(noun.to_string())
        .bind(id.to_string());
    Ok(query.bind(top).bind(skip).fetch_all(db.read()).await?)
}

pub async fn words(db: &Db) -> Result<Words> {
    let distinct = async |query: &'static str| -> Result<Vec<String>> {
        let query = sqlx::query_scalar(query).bind(MOST_WORDS);
        Ok(query.fetch_all(db.read()).await?)
    };
    Ok(Words {
        actors: distinct("SELECT DISTINCT actor FROM audit ORDER BY 1 LIMIT $1").await?,
        nouns: distinct("SELECT DISTINCT noun FROM audit ORDER BY 1 LIMIT $1").await?,
        actions: distinct("SELECT DISTINCT action FROM audit ORDER BY 1 LIMIT $1").await?,
    })
}

pub async fn insert(tx: &mut Transaction, rows: &[AuditRow]) -> Result<()> {
    for rows in rows.chunks(db::ROWS) {
        let sql = format!(
            "INSERT INTO audit ({COLUMNS}) VALUES {}",
            db::placeholders(rows.len(), 10)
        );
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for row in rows {
            query = query
                .bind(row.id.clone())
                .bind(row.at)
                .bind(row.actor.clone())
                .bind(row.action.clone())
                .bind(row.noun.clone())
                .bind(row.noun_id.clone())
                .bind(row.before.clone())
                .bind(row.after.clone())
                .bind(row.seq)
                .bind(row.hash.clone());
        }
        query.execute(&mut **tx).await?;
    }
    Ok(())
}

/// An end of the chain: `head` or `anchor`.
pub async fn end(tx: &mut Transaction, name: &'static str) -> Result<(i64, String)> {
    let query = "SELECT seq, hash FROM audit_chain WHERE name = $1";
    Ok(sqlx::query_as(query).bind(name).fetch_one(&mut **tx).await?)
}

/// The head for whoever adds to it: nobody else does before the transaction ends.
pub async fn lock_head(tx: &mut Transaction) -> Result<(i64, String)> {
    let query = "UPDATE audit_chain SET seq = seq WHERE name = 'head' RETURNING seq, hash";
    Ok(sqlx::query_as(query).fetch_one(&mut **tx).await?)
}

pub async fn set_end(tx: &mut Transaction, name: &'static str, seq: i64, hash: &str) -> Result<()> {
    let query = "UPDATE audit_chain SET seq = $1, hash = $2 WHERE name = $3";
    let query = sqlx::query(query).bind(seq).bind(hash.to_string()).bind(name);
    query.execute(&mut **tx).await?;
    Ok(())
}

/// Rows that are not in the chain, the oldest first.
pub async fn unchained(tx: &mut Transaction, most: i64) -> Result<Vec<AuditRow>> {
    let query = format!("SELECT {COLUMNS} FROM audit WHERE seq = 0 ORDER BY at, id LIMIT $1");
    let query = sqlx::query_as(AssertSqlSafe(query)).bind(most);
    Ok(query.fetch_all(&mut **tx).await?)
}

pub async fn set_place(tx: &mut Transaction, row: &AuditRow) -> Result<()> {
    let query = sqlx::query("UPDATE audit SET seq = $1, hash = $2 WHERE id = $3");
    let query = query.bind(row.seq).bind(row.hash.clone()).bind(row.id.clone());
    query.execute(&mut **tx).await?;
    Ok(())
}

/// The first rows of the chain after a number: number, hash, time.
pub async fn first(tx: &mut Transaction, after: i64, most: i64) -> Result<Vec<(i64, String, i64)>> {
    let query = "SELECT seq, hash, at FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2";
    Ok(sqlx::query_as(query)
        .bind(after)
        .bind(most)
        .fetch_all(&mut **tx)
        .await?)
}

/// Deletes the rows of the chain up to a number; gives how many.
pub async fn delete_up_to(tx: &mut Transaction, seq: i64) -> Result<u64> {
    let query = sqlx::query("DELETE FROM audit WHERE seq > 0 AND seq <= $1").bind(seq);
    Ok(query.execute(&mut **tx).await?.rows_affected())
}

/// Every row, in the order of the chain.
pub const IN_ORDER: &str =
    "SELECT id, at, actor, action, noun, noun_id, before, after, seq, hash FROM audit ORDER BY seq, at, id";
