use std::collections::{BTreeSet, HashMap};

use moat_model::{DeviceId, GroupId};
use sqlx::{Any, Executor, FromRow};
use uuid::Uuid;

use crate::{
    app::now,
    db::{Db, Transaction},
    error::{Error, Result},
    odata::{Clause, Kind, Page, Property, Query, Table},
};

#[derive(Debug, Clone, FromRow)]
pub struct GroupRow {
    pub id: String,
    pub display_name: String,
    pub description: Option<String>,
    pub mail_nickname: String,
    pub created_at: i64,
    pub updated_at: i64,
}

impl GroupRow {
    pub fn new(id: GroupId) -> Self {
        let at = now().as_micros();
        Self {
            id: id.to_string(),
            display_name: String::new(),
            description: None,
            mail_nickname: String::new(),
            created_at: at,
            updated_at: at,
        }
    }
}

const TABLE: Table = Table(&[
    Property {
        name: "id",
        kind: Kind::Text("g.id"),
    },
    Property {
        name: "displayName",
        kind: Kind::Text("g.display_name"),
    },
    Property {
        name: "description",
        kind: Kind::Text("g.description"),
    },
    Property {
        name: "mailNickname",
        kind: Kind::Text("g.mail_nickname"),
    },
    Property {
        name: "createdDateTime",
        kind: Kind::Time("g.created_at"),
    },
    Property {
        name: "mailEnabled",
        kind: Kind::Flag("0"),
    },
    Property {
        name: "securityEnabled",
        kind: Kind::Flag("1"),
    },
]);

pub async fn page(db: &Db, query: &Query) -> Result<Page<GroupRow>> {
    let from = Clause::new("FROM directory_groups g WHERE 1 = 1");
    TABLE.page(db, "g.*", &from, query, "g.display_name, g.id").await
}

pub async fn get(executor: impl Executor<'_, Database = Any>, id: GroupId) -> Result<Option<GroupRow>> {
    let query = sqlx::query_as("SELECT * FROM directory_groups WHERE id = $1").bind(id.to_string());
    Ok(query.fetch_optional(executor).await?)
}

pub async fn insert(tx: &mut Transaction, group: &GroupRow) -> Result<()> {
    let query = sqlx::query(
        "INSERT INTO directory_groups (id, display_name, description, mail_nickname, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $5)",
    );
    let query = query
        .bind(group.id.clone())
        .bind(group.display_name.clone())
        .bind(group.description.clone())
        .bind(group.mail_nickname.clone())
        .bind(group.created_at);
    query.execute(&mut **tx).await?;
    Ok(())
}

pub async fn update(tx: &mut Transaction, group: &GroupRow) -> Result<()> {
    let query = sqlx::query(
        "UPDATE directory_groups SET display_name = $1, description = $2, mail_nickname = $3, updated_at = $4 WHERE id = $5",
    );
    let query = query
        .bind(group.display_name.clone())
        .bind(group.description.clone())
        .bind(group.mail_nickname.clone())
        .bind(group.updated_at)
        .bind(group.id.clone());
    query.execute(&mut **tx).await?;
    Ok(())
}

pub async fn delete(tx: &mut Transaction, id: GroupId) -> Result<()> {
    for sql in [
        "DELETE FROM group_members WHERE group_id = $1 OR member_id = $1",
        "DELETE FROM directory_groups WHERE id = $1",
    ] {
        sqlx::query(sql).bind(id.to_string()).execute(&mut **tx).await?;
    }
    Ok(())
}

/// Names of policies that a group is in or is kept from: by assignment, by a condition of conditional access, or as whom an action
/// for noncompliance writes to.
pub async fn policies_naming(tx: &mut Transaction, id: GroupId) -> Result<Vec<String>> {
    let query = "SELECT display_name FROM policies WHERE id IN (SELECT policy_id FROM policy_targets WHERE group_id = $1) \
                 OR (kind IN ('compliance', 'conditionalAccess') AND REPLACE(body, $1, '') <> body) ORDER BY 1";
    Ok(sqlx::query_scalar(query)
        .bind(id.to_string())
        .fetch_all(&mut **tx)
        .await?)
}

/// A policy that names a group.
#[derive(Debug, Clone, FromRow)]
pub struct NamingRow {
    pub id: String,
    pub kind: String,
    pub display_name: String,
    /// group, excludedGroup, or nothing where another part of the policy names it.
    pub target: String,
}

/// The policies of [`policies_naming`], with how they name the group.
pub async fn naming(executor: impl Executor<'_, Database = Any>, id: GroupId) -> Result<Vec<NamingRow>> {
    let query = "SELECT p.id, p.kind, p.display_name, COALESCE(t.kind, '') AS target FROM policies p \
                 LEFT JOIN policy_targets t ON t.policy_id = p.id AND t.group_id = $1 WHERE t.id IS NOT NULL \
                 OR (p.kind IN ('compliance', 'conditionalAccess') AND REPLACE(p.body, $1, '') <> p.body) \
                 ORDER BY p.display_name, p.id LIMIT 1000";
    Ok(sqlx::query_as(query).bind(id.to_string()).fetch_all(executor).await?)
}

/// The groups that contain a member, directly or through others.
const UP: &str = "WITH RECURSIVE up AS (SELECT group_id AS id FROM group_members WHERE member_id = $1 \
                  UNION SELECT x.group_id FROM group_members x JOIN up ON x.member_id = up.id)";

/// Ids of the groups that contain a member, directly or through others.
pub async fn ids_of(executor: impl Executor<'_, Database = Any>, member: &str) -> Result<Vec<String>> {
    let query = format!("{UP} SELECT id FROM up");
    let query = sqlx::query_scalar(sqlx::AssertSqlSafe(query)).bind(member.to_string());
    Ok(query.fetch_all(executor).await?)
}

/// For every member of any group: the groups that contain it, directly or through others.
pub async fn closure(executor: impl Executor<'_, Database = Any>) -> Result<HashMap<String, Vec<GroupId>>> {
    let rows: Vec<(String, String)> = sqlx::query_as("SELECT member_id, group_id FROM group_members")
        .fetch_all(executor)
        .await?;
    let mut up: HashMap<&str, Vec<&str>> = HashMap::new();
    for (member, group) in &rows {
        up.entry(member).or_default().push(group);
    }
    let mut closure = HashMap::with_capacity(up.len());
    for member in up.keys() {
        let mut found: BTreeSet<&str> = BTreeSet::new();
        let mut next: Vec<&str> = vec![member];
        while let Some(at) = next.pop() {
            let above = up.get(at).into_iter().flatten();
            next.extend(above.filter(|group| found.insert(group)));
        }
        let ids = found.iter().map(|id| id.parse()).collect::<Result<Vec<GroupId>, _>>();
        closure.insert((*member).to_string(), ids.map_err(Error::internal)?);
    }
    Ok(closure)
}

/// Whether `group` contains `member`, directly or through others.
pub async fn contains(tx: &mut Transaction, group: GroupId, member: Uuid) -> Result<bool> {
    let up = ids_of(&mut **tx, &member.to_string()).await?;
    Ok(up.contains(&group.to_string()))
}

/// Devices in use that a user, device or group stands for: a user's, itself, or those of its members.
pub async fn devices_below(tx: &mut Transaction, member: Uuid) -> Result<Vec<DeviceId>> {
    let query = "WITH RECURSIVE m AS (SELECT CAST($1 AS TEXT) AS id \
                 UNION SELECT x.member_id FROM group_members x JOIN m ON x.group_id = m.id) \
                 SELECT d.id FROM devices d JOIN m ON d.id = m.id WHERE d.revoked_at IS NULL \
                 UNION SELECT d.id FROM devices d JOIN m ON d.user_id = m.id WHERE d.revoked_at IS NULL";
    let ids: Vec<String> = sqlx::query_scalar(query)
        .bind(member.to_string())
        .fetch_all(&mut **tx)
        .await?;
    let ids = ids.iter().map(|id| id.parse()).collect::<Result<_, _>>();
    ids.map_err(Error::internal)
}

/// Which of these ids are direct members.
pub async fn direct(
    executor: impl Executor<'_, Database = Any>,
    group: GroupId,
    ids: &[String],
) -> Result<BTreeSet<String>> {
    if ids.is_empty() {
        return Ok(BTreeSet::new());
    }
    let mut clause = Clause::new("SELECT member_id FROM group_members WHERE group_id = ");
    clause.bind_text(group.to_string());
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    clause.push(" AND member_id IN ").bind_list(&ids);
    let arguments = clause.arguments()?;
    let found: Vec<String> = sqlx::query_scalar_with(sqlx::AssertSqlSafe(clause.sql), arguments)
        .fetch_all(executor)
        .await?;
    Ok(found.into_iter().collect())
}

/// What an id names.
pub async fn kind_of(tx: &mut Transaction, id: Uuid) -> Result<Option<&'static str>> {
    for (kind, sql) in [
        ("user", "SELECT COUNT(*) FROM users WHERE id = $1"),
        ("group", "SELECT COUNT(*) FROM directory_groups WHERE id = $1"),
        ("device", "SELECT COUNT(*) FROM devices WHERE id = $1"),
    ] {
        let count: i64 = sqlx::query_scalar(sql)
            .bind(id.to_string())
            .fetch_one(&mut **tx)
            .await?;
        if count > 0 {
            return Ok(Some(kind));
        }
    }
    Ok(None)
}

/// Adds a member; false when it was one already.
pub async fn add_member(tx: &mut Transaction, group: GroupId, member: Uuid, kind: &str) -> Result<bool> {
    let query = "INSERT INTO group_members (group_id, member_id, kind) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    let query = sqlx::query(query)
        .bind(group.to_string())
        .bind(member.to_string())
        .bind(kind.to_string());
    Ok(query.execute(&mut **tx).await?.rows_affected() == 1)
}

pub async fn remove_member(tx: &mut Transaction, group: GroupId, member: Uuid) -> Result<bool> {
    let query = sqlx::query("DELETE FROM group_members WHERE group_id = $1 AND member_id = $2");
    let query = query.bind(group.to_string()).bind(member.to_string());
    Ok(query.execute(&mut **tx).await?.rows_affected() == 1)
}
