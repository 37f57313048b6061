use moat_model::PolicyId;
use sqlx::{Any, Executor, FromRow};

use crate::{
    app::now,
    db::{Db, Transaction},
    edition,
    error::Result,
    odata::{self, Clause, Page, Property, Query, Table},
};

/// A kind of policy, as the database names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Compliance,
    AppProtection,
    ConditionalAccess,
    NamedLocation,
}

impl Kind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Compliance => "compliance",
            Self::AppProtection => "appProtection",
            Self::ConditionalAccess => "conditionalAccess",
            Self::NamedLocation => "namedLocation",
        }
    }

    /// For the audit log and for errors.
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Compliance => "compliance policy",
            Self::AppProtection => "app protection policy",
            Self::ConditionalAccess => "conditional access policy",
            Self::NamedLocation => "named location",
        }
    }
}

#[derive(Debug, Clone, FromRow)]
pub struct PolicyRow {
    pub id: String,
    pub kind: String,
    pub display_name: String,
    pub description: Option<String>,
    pub version: i64,
    pub body: String,
    pub created_at: i64,
    pub updated_at: i64,
}

impl PolicyRow {
    /// A first version.
    pub fn new(kind: Kind, id: PolicyId, display_name: String, description: Option<String>, body: String) -> Self {
        let at = now().as_micros();
        Self {
            id: id.to_string(),
            kind: kind.as_str().to_string(),
            display_name,
            description,
            version: 1,
            body,
            created_at: at,
            updated_at: at,
        }
    }

    /// Whether another edition of it has the same name, description and body.
    pub fn says_the_same(&self, other: &Self) -> bool {
        self.display_name == other.display_name && self.description == other.description && self.body == other.body
    }

    pub fn kind(&self) -> Kind {
        match self.kind.as_str() {
            "appProtection" => Kind::AppProtection,
            "conditionalAccess" => Kind::ConditionalAccess,
            "namedLocation" => Kind::NamedLocation,
            _ => Kind::Compliance,
        }
    }
}

const TABLE: Table = Table(&[
    Property {
        name: "id",
        kind: odata::Kind::Text("p.id"),
    },
    Property {
        name: "displayName",
        kind: odata::Kind::Text("p.display_name"),
    },
    Property {
        name: "description",
        kind: odata::Kind::Text("p.description"),
    },
    Property {
        name: "version",
        kind: odata::Kind::Number("p.version"),
    },
    Property {
        name: "createdDateTime",
        kind: odata::Kind::Time("p.created_at"),
    },
    Property {
        name: "lastModifiedDateTime",
        kind: odata::Kind::Time("p.updated_at"),
    },
    Property {
        name: "modifiedDateTime",
        kind: odata::Kind::Time("p.updated_at"),
    },
]);

pub async fn page(db: &Db, kind: Kind, query: &Query) -> Result<Page<PolicyRow>> {
    let mut from = Clause::new("FROM policies p WHERE p.kind = ");
    from.bind_text(kind.as_str());
    TABLE.page(db, "p.*", &from, query, "p.display_name, p.id").await
}

/// How many policies of a kind there are.
pub async fn count(db: &Db, kind: Kind) -> Result<i64> {
    let query = sqlx::query_scalar("SELECT COUNT(*) FROM policies WHERE kind = $1").bind(kind.as_str());
    Ok(query.fetch_one(db.read()).await?)
}

/// Every policy of a kind, by id.
pub async fn all(executor: impl Executor<'_, Database = Any>, kind: Kind) -> Result<Vec<PolicyRow>> {
    let query = sqlx::query_as("SELECT * FROM policies WHERE kind = $1 ORDER BY id");
    Ok(query.bind(kind.as_str()).fetch_all(executor).await?)
}

pub async fn get(executor: impl Executor<'_, Database = Any>, kind: Kind, id: PolicyId) -> Result<Option<PolicyRow>> {
    let query = sqlx::query_as("SELECT * FROM policies WHERE id = $1 AND kind = $2");
    Ok(query
        .bind(id.to_string())
        .bind(kind.as_str())
        .fetch_optional(executor)
        .await?)
}

pub async fn exists(tx: &mut Transaction, id: &str) -> Result<bool> {
    let query = sqlx::query_scalar::<_, i64>("SELECT COUNT(*) FROM policies WHERE id = $1").bind(id.to_string());
    Ok(query.fetch_one(&mut **tx).await? > 0)
}

/// Names of the conditional access policies whose conditions name this id.
pub async fn naming(tx: &mut Transaction, id: &str) -> Result<Vec<String>> {
    let query = "SELECT display_name FROM policies WHERE kind = 'conditionalAccess' AND REPLACE(body, $1, '') <> body ORDER BY 1";
    let query = sqlx::query_scalar(query).bind(id.to_string());
    Ok(query.fetch_all(&mut **tx).await?)
}

pub async fn insert(tx: &mut Transaction, policy: &PolicyRow) -> Result<()> {
    let query = sqlx::query(
        "INSERT INTO policies (id, kind, display_name, description, version, body, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    );
    let query = query
        .bind(policy.id.clone())
        .bind(policy.kind.clone())
        .bind(policy.display_name.clone())
        .bind(policy.description.clone())
        .bind(policy.version)
        .bind(policy.body.clone())
        .bind(policy.created_at)
        .bind(policy.updated_at);
    query.execute(&mut **tx).await?;
    Ok(())
}

pub async fn update(tx: &mut Transaction, policy: &PolicyRow) -> Result<()> {
    let query = sqlx::query(
        "UPDATE policies SET display_name = $1, description = $2, version = $3, body = $4, updated_at = $5 WHERE id = $6",
    );
    let query = query
        .bind(policy.display_name.clone())
        .bind(policy.description.clone())
        .bind(policy.version)
        .bind(policy.body.clone())
        .bind(policy.updated_at)
        .bind(policy.id.clone());
    query.execute(&mut **tx).await?;
    Ok(())
}

/// A new edition of a policy that itself stays the same.
pub async fn touch(tx: &mut Transaction, policy: &PolicyRow) -> Result<()> {
    let query = sqlx::query("UPDATE policies SET updated_at = $1 WHERE id = $2");
    let query = query.bind(edition::next(policy.updated_at)).bind(policy.id.clone());
    query.execute(&mut **tx).await?;
    Ok(())
}

pub async fn delete(tx: &mut Transaction, id: PolicyId) -> Result<()> {
    for sql in [
        "DELETE FROM policy_targets WHERE policy_id = $1",
        "DELETE FROM device_policy_states WHERE policy_id = $1",
        "DELETE FROM noncompliance_actions WHERE policy_id = $1",
        "DELETE FROM retire_list WHERE policy_id = $1",
        "DELETE FROM policies WHERE id = $1",
    ] {
        sqlx::query(sql).bind(id.to_string()).execute(&mut **tx).await?;
    }
    Ok(())
}
