use moat_model::{Management, Timestamp};
use sqlx::{Any, Executor, FromRow};

use super::NewToken;
use crate::{
    app::now,
    db::{Db, Transaction},
    error::{Error, Result},
};

/// A token without its secret.
#[derive(Debug, Clone, FromRow)]
pub struct TokenRow {
    pub id: String,
    pub management: String,
    pub device_group: String,
    pub max_uses: i64,
    pub uses: i64,
    pub created_at: i64,
    pub created_by: String,
    pub expires_at: i64,
    pub revoked_at: Option<i64>,
    pub user_id: Option<String>,
}

/// What a device that uses a token becomes.
pub struct Terms {
    pub management: Management,
    pub device_group: String,
    pub user_id: Option<String>,
}

pub async fn insert(
    tx: &mut Transaction,
    id: &str,
    hash: &str,
    new: &NewToken,
    user: Option<&str>,
    by: &str,
    expires_at: Timestamp,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO enrollment_tokens (id, token_hash, management, device_group, max_uses, uses, created_at, created_by, expires_at, \
         user_id) VALUES ($1, $2, $3, $4, $5, 0, $6, $7, $8, $9)",
    )
    .bind(id.to_string())
    .bind(hash.to_string())
    .bind(new.management.as_str())
    .bind(new.device_group.clone())
    .bind(i64::from(new.max_uses))
    .bind(now().as_micros())
    .bind(by.to_string())
    .bind(expires_at.as_micros())
    .bind(user.map(String::from))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

pub async fn list(db: &Db) -> Result<Vec<TokenRow>> {
    let query = "SELECT id, management, device_group, max_uses, uses, created_at, created_by, expires_at, revoked_at, user_id \
                 FROM enrollment_tokens ORDER BY created_at DESC LIMIT 1000";
    Ok(sqlx::query_as(query).fetch_all(db.read()).await?)
}

pub async fn get(tx: &mut Transaction, id: &str) -> Result<Option<TokenRow>> {
    let query = "SELECT id, management, device_group, max_uses, uses, created_at, created_by, expires_at, revoked_at, user_id \
                 FROM enrollment_tokens WHERE id = $1";
    let query = sqlx::query_as(query).bind(id.to_string());
    Ok(query.fetch_optional(&mut **tx).await?)
}

pub async fn revoke(tx: &mut Transaction, id: &str) -> Result<()> {
    let query = "UPDATE enrollment_tokens SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL";
    let query = sqlx::query(query).bind(now().as_micros()).bind(id.to_string());
    query.execute(&mut **tx).await?;
    Ok(())
}

/// Uses a token once. The writing transaction is exclusive, so it cannot be used more often than it says.
pub async fn use_token(tx: &mut Transaction, hash: &str) -> Result<Terms> {
    let token = usable(&mut **tx, hash).await?;
    sqlx::query("UPDATE enrollment_tokens SET uses = uses + 1 WHERE id = $1")
        .bind(token.id)
        .execute(&mut **tx)
        .await?;
    Ok(Terms {
        management: token.management.parse().map_err(Error::internal)?,
        device_group: token.device_group,
        user_id: token.user_id,
    })
}

/// The token with this hash, while it can be used.
pub async fn usable(executor: impl Executor<'_, Database = Any>, hash: &str) -> Result<TokenRow> {
    let query = "SELECT id, management, device_group, max_uses, uses, created_at, created_by, expires_at, revoked_at, user_id \
                 FROM enrollment_tokens WHERE token_hash = $1";
    let token: Option<TokenRow> = sqlx::query_as(query)
        .bind(hash.to_string())
        .fetch_optional(executor)
        .await?;
    let Some(token) = token.filter(|token| token.revoked_at.is_none()) else {
        return Err(Error::invalid(
            "tokenUnknown",
            "this enrolment token is not known; ask your administrator for a new link",
        ));
    };
    if token.expires_at <= now().as_micros() {
        return Err(Error::invalid(
            "tokenExpired",
            "this enrolment token has expired; ask your administrator for a new link",
        ));
    }
    if token.uses >= token.max_uses {
        return Err(Error::invalid(
            "tokenUsedUp",
            "this enrolment token has been used; ask your administrator for a new link",
        ));
    }
    Ok(token)
}
