use moat_model::UserId;
use sqlx::{Any, Executor, FromRow};

use crate::{
    app::now,
    db::{Db, Transaction},
    error::Result,
    odata::{Clause, Kind, Page, Property, Query, Table},
};

#[derive(Debug, Clone, FromRow)]
pub struct UserRow {
    pub id: String,
    pub user_principal_name: String,
    pub display_name: String,
    pub mail: Option<String>,
    /// In which language to write to them: a tag such as de-DE.
    pub preferred_language: Option<String>,
    pub account_enabled: i64,
    pub break_glass: i64,
    pub created_at: i64,
    pub updated_at: i64,
}

impl UserRow {
    pub fn new(id: UserId) -> Self {
        let at = now().as_micros();
        Self {
            id: id.to_string(),
            user_principal_name: String::new(),
            display_name: String::new(),
            mail: None,
            preferred_language: None,
            account_enabled: 1,
            break_glass: 0,
            created_at: at,
            updated_at: at,
        }
    }
}

const TABLE: Table = Table(&[
    Property {
        name: "id",
        kind: Kind::Text("u.id"),
    },
    // Principal names compare without regard to case.
    Property {
        name: "userPrincipalName",
        kind: Kind::TextOr("u.user_principal_name", "u.principal_key"),
    },
    Property {
        name: "displayName",
        kind: Kind::Text("u.display_name"),
    },
    Property {
        name: "mail",
        kind: Kind::Text("u.mail"),
    },
    Property {
        name: "preferredLanguage",
        kind: Kind::Text("u.preferred_language"),
    },
    Property {
        name: "accountEnabled",
        kind: Kind::Flag("u.account_enabled"),
    },
    Property {
        name: "createdDateTime",
        kind: Kind::Time("u.created_at"),
    },
    Property {
        name: "moatBreakGlass",
        kind: Kind::Flag("u.break_glass"),
    },
]);

pub async fn page(db: &Db, query: &Query) -> Result<Page<UserRow>> {
    let from = Clause::new("FROM users u WHERE 1 = 1");
    TABLE.page(db, "u.*", &from, query, "u.display_name, u.id").await
}

/// By id or principal name.
pub async fn find(executor: impl Executor<'_, Database = Any>, key: &str) -> Result<Option<UserRow>> {
    let query = sqlx::query_as("SELECT * FROM users WHERE id = $1 OR principal_key = $1");
    Ok(query.bind(key.to_lowercase()).fetch_optional(executor).await?)
}

pub async fn insert(tx: &mut Transaction, user: &UserRow) -> Result<()> {
    let query = sqlx::query(
        "INSERT INTO users (id, principal_key, user_principal_name, display_name, mail, account_enabled, break_glass, \
         created_at, updated_at, preferred_language) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9)",
    );
    let query = query
        .bind(user.id.clone())
        .bind(user.user_principal_name.to_lowercase())
        .bind(user.user_principal_name.clone())
        .bind(user.display_name.clone())
        .bind(user.mail.clone())
        .bind(user.account_enabled)
        .bind(user.break_glass)
        .bind(user.created_at)
        .bind(user.preferred_language.clone());
    query.execute(&mut **tx).await?;
    Ok(())
}

pub async fn update(tx: &mut Transaction, user: &UserRow) -> Result<()> {
    let query = sqlx::query(
        "UPDATE users SET principal_key = $1, user_principal_name = $2, display_name = $3, mail = $4, account_enabled = $5, \
         break_glass = $6, updated_at = $7, preferred_language = $8 WHERE id = $9",
    );
    let query = query
        .bind(user.user_principal_name.to_lowercase())
        .bind(user.user_principal_name.clone())
        .bind(user.display_name.clone())
        .bind(user.mail.clone())
        .bind(user.account_enabled)
        .bind(user.break_glass)
        .bind(user.updated_at)
        .bind(user.preferred_language.clone())
        .bind(user.id.clone());
    query.execute(&mut **tx).await?;
    Ok(())
}

pub async fn delete(tx: &mut Transaction, id: &str) -> Result<()> {
    for sql in [
        "DELETE FROM group_members WHERE member_id = $1",
        "DELETE FROM users WHERE id = $1",
    ] {
        sqlx::query(sql).bind(id.to_string()).execute(&mut **tx).await?;
    }
    Ok(())
}
