use std::collections::HashMap;

use sqlx::{AssertSqlSafe, FromRow};

use super::{Kind, Of};
use crate::{
    db::{self, Db},
    error::Result,
    odata::{self, Clause, Page, Property, Query, Table},
};

/// A user, group or device with what any of them has; `kind` says which it is.
#[derive(Debug, Clone, FromRow)]
pub struct ObjectRow {
    pub id: String,
    /// user, group or device
    pub kind: String,
    pub display_name: String,
    pub user_principal_name: Option<String>,
    pub mail: Option<String>,
    pub account_enabled: Option<i64>,
    pub break_glass: Option<i64>,
    pub preferred_language: Option<String>,
    pub description: Option<String>,
    pub mail_nickname: Option<String>,
    pub os_platform: Option<String>,
    pub os_version: Option<String>,
    pub model: Option<String>,
    pub management: Option<String>,
    pub compliance_state: Option<String>,
    pub last_seen_at: Option<i64>,
    pub created_at: i64,
    pub updated_at: i64,
}

const COLUMNS: &str = "COALESCE(u.id, g.id, d.id) AS id, \
    CASE WHEN u.id IS NOT NULL THEN 'user' WHEN g.id IS NOT NULL THEN 'group' ELSE 'device' END AS kind, \
    COALESCE(u.display_name, g.display_name, d.name) AS display_name, u.user_principal_name, u.mail, u.account_enabled, \
    u.break_glass, u.preferred_language, g.description, g.mail_nickname, d.os_platform, d.os_version, d.model, d.management, d.compliance_state, \
    d.last_seen_at, COALESCE(u.created_at, g.created_at, d.enrolled_at) AS created_at, \
    COALESCE(u.updated_at, g.updated_at, 0) AS updated_at";

/// What the ids in `m` name.
const JOINS: &str = "m LEFT JOIN users u ON u.id = m.id LEFT JOIN directory_groups g ON g.id = m.id \
                     LEFT JOIN devices d ON d.id = m.id WHERE COALESCE(u.id, g.id, d.id) IS NOT NULL";

const ORDER: &str = "COALESCE(u.display_name, g.display_name, d.name), COALESCE(u.id, g.id, d.id)";

const TABLE: Table = Table(&[
    property("id", odata::Kind::Text("COALESCE(u.id, g.id, d.id)")),
    property(
        "displayName",
        odata::Kind::Text("COALESCE(u.display_name, g.display_name, d.name)"),
    ),
    property(
        "userPrincipalName",
        odata::Kind::TextOr("u.user_principal_name", "u.principal_key"),
    ),
    property("mail", odata::Kind::Text("u.mail")),
    property("accountEnabled", odata::Kind::Flag("u.account_enabled")),
    property("description", odata::Kind::Text("g.description")),
    property("mailNickname", odata::Kind::Text("g.mail_nickname")),
    property("operatingSystem", odata::Kind::Text("d.os_platform")),
    property("operatingSystemVersion", odata::Kind::Text("d.os_version")),
]);

const fn property(name: &'static str, kind: odata::Kind) -> Property {
    Property { name, kind }
}

/// A page of objects by their relation to another one, by name unless the query says otherwise.
pub async fn page(db: &Db, of: &Of, kind: Option<Kind>, query: &Query) -> Result<Page<ObjectRow>> {
    let mut from = Clause::new("FROM (");
    ids(&mut from, of);
    from.push(") ").push(JOINS).push(match kind {
        None => "",
        Some(Kind::User) => " AND u.id IS NOT NULL",
        Some(Kind::Group) => " AND g.id IS NOT NULL",
        Some(Kind::Device) => " AND d.id IS NOT NULL",
    });
    TABLE.page(db, COLUMNS, &from, query, ORDER).await
}

/// `SELECT … AS id` of what stands in a relation.
fn ids(out: &mut Clause, of: &Of) {
    match of {
        Of::Members(group) => {
            out.push("SELECT member_id AS id FROM group_members WHERE group_id = ");
            out.bind_text(group.to_string());
        }
        Of::TransitiveMembers(group) => {
            out.push("WITH RECURSIVE x AS (SELECT member_id AS id FROM group_members WHERE group_id = ");
            out.bind_text(group.to_string());
            out.push(" UNION SELECT y.member_id FROM group_members y JOIN x ON y.group_id = x.id) SELECT id FROM x");
        }
        Of::Memberships(member) => {
            out.push("SELECT group_id AS id FROM group_members WHERE member_id = ");
            out.bind_text(member.as_str());
        }
        Of::AllMemberships(member) => {
            out.push("WITH RECURSIVE x AS (SELECT group_id AS id FROM group_members WHERE member_id = ");
            out.bind_text(member.as_str());
            out.push(" UNION SELECT y.group_id FROM group_members y JOIN x ON y.member_id = x.id) SELECT id FROM x");
        }
    }
}

/// The objects that these ids name.
pub async fn by_ids(db: &Db, ids: &[String]) -> Result<Vec<ObjectRow>> {
    let mut found = Vec::with_capacity(ids.len());
    for ids in ids.chunks(100) {
        let places: Vec<_> = (1..=ids.len()).map(|n| format!("(${n})")).collect();
        let query = format!(
            "SELECT {COLUMNS} FROM (WITH x (id) AS (VALUES {}) SELECT DISTINCT id FROM x) {JOINS} ORDER BY {ORDER}",
            places.join(", ")
        );
        let mut query = sqlx::query_as(AssertSqlSafe(query));
        for id in ids {
            query = query.bind(id.clone());
        }
        found.extend(query.fetch_all(db.read()).await?);
    }
    Ok(found)
}

/// Objects whose names have a text.
pub async fn named(db: &Db, text: &str, most: u32) -> Result<Vec<ObjectRow>> {
    let query = format!(
        "SELECT {COLUMNS} FROM (SELECT id FROM users WHERE LOWER(display_name) LIKE $1 ESCAPE '!' OR principal_key LIKE $1 ESCAPE '!' \
         UNION SELECT id FROM directory_groups WHERE LOWER(display_name) LIKE $1 ESCAPE '!' \
         UNION SELECT id FROM devices WHERE revoked_at IS NULL AND LOWER(name) LIKE $1 ESCAPE '!') {JOINS} ORDER BY {ORDER} LIMIT $2"
    );
    let query = sqlx::query_as(AssertSqlSafe(query))
        .bind(db::containing(text))
        .bind(i64::from(most));
    Ok(query.fetch_all(db.read()).await?)
}

#[derive(FromRow)]
struct RelatedRow {
    owner: String,
    #[sqlx(flatten)]
    object: ObjectRow,
}

/// The first members of each of these groups, or the first groups that each of these objects is in.
pub async fn first(db: &Db, members: bool, of: &[&str], most: usize) -> Result<HashMap<String, Vec<ObjectRow>>> {
    let (owner, id) = match members {
        true => ("group_id", "member_id"),
        false => ("member_id", "group_id"),
    };
    let mut found: HashMap<String, Vec<ObjectRow>> = HashMap::new();
    for of in of.chunks(100) {
        let mut clause = Clause::new(&format!(
            "SELECT * FROM (SELECT {COLUMNS}, m.owner, ROW_NUMBER() OVER (PARTITION BY m.owner ORDER BY {ORDER}) AS place \
             FROM (SELECT {owner} AS owner, {id} AS id FROM group_members WHERE {owner} IN "
        ));
        clause
            .bind_list(of)
            .push(") ")
            .push(JOINS)
            .push(") o WHERE o.place <= ");
        clause.bind_number(i64::try_from(most).unwrap_or(i64::MAX));
        clause.push(" ORDER BY o.owner, o.place");
        let arguments = clause.arguments()?;
        let rows: Vec<RelatedRow> = sqlx::query_as_with(AssertSqlSafe(clause.sql), arguments)
            .fetch_all(db.read())
            .await?;
        for row in rows {
            found.entry(row.owner).or_default().push(row.object);
        }
    }
    Ok(found)
}
