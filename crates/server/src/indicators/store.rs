use std::collections::HashMap;

use moat_model::{IndicatorId, Timestamp};
use sqlx::{Any, AssertSqlSafe, Executor};

use super::{Draft, Indicator, Key, Scope, Source};
use crate::{
    db::{self, Db, Transaction},
    error::{Error, Result},
    odata::{Clause, Kind, Page, Property, Query, Table},
};

/// What the Defender API lets a list be filtered on, and the columns behind it.
const TABLE: Table = Table(&[
    property("id", Kind::Number("id")),
    property("indicatorValue", Kind::TextOr("value", "canonical")),
    property("indicatorType", Kind::Word("type", TYPES)),
    property("action", Kind::Word("action", ACTIONS)),
    property(
        "severity",
        Kind::Word("severity", &["Informational", "Low", "Medium", "High"]),
    ),
    property("title", Kind::Text("title")),
    property("description", Kind::Text("description")),
    property("application", Kind::Text("application")),
    property("category", Kind::Text("category")),
    property("generateAlert", Kind::Flag("generate_alert")),
    property("expirationTime", Kind::Time("expires_at")),
    property("creationTimeDateTimeUtc", Kind::Time("created_at")),
    property("lastUpdateTime", Kind::Time("updated_at")),
    property("createdBy", Kind::Text("created_by")),
    property("createdByDisplayName", Kind::Text("created_by_name")),
    property("lastUpdatedBy", Kind::Text("updated_by")),
    property("sourceType", Kind::Word("source_type", &["User", "AadApp"])),
    property("externalId", Kind::Text("external_id")),
    property("rbacGroupNames", Kind::JsonList("device_groups")),
    property("rbacGroupIds", Kind::JsonList("device_groups")),
]);

const TYPES: &[&str] = &[
    "FileSha1",
    "FileSha256",
    "FileMd5",
    "CertificateThumbprint",
    "IpAddress",
    "DomainName",
    "Url",
];
const ACTIONS: &[&str] = &[
    "Allowed",
    "Audit",
    "Warn",
    "Block",
    "Alert",
    "AlertAndBlock",
    "BlockAndRemediate",
];

const fn property(name: &'static str, kind: Kind) -> Property {
    Property { name, kind }
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    value: String,
    canonical: String,
    r#type: String,
    action: String,
    application: Option<String>,
    title: String,
    description: String,
    recommended_actions: Option<String>,
    severity: String,
    category: Option<String>,
    mitre_techniques: String,
    expires_at: Option<i64>,
    generate_alert: i64,
    educate_url: Option<String>,
    bypass_hours: Option<i64>,
    external_id: Option<String>,
    device_groups: String,
    source_type: String,
    created_at: i64,
    created_by: String,
    created_by_name: String,
    updated_at: i64,
    updated_by: String,
}

impl TryFrom<Row> for Indicator {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        Ok(Self {
            id: IndicatorId(u64::try_from(row.id).map_err(Error::internal)?),
            value: row.value,
            canonical: row.canonical,
            kind: row.r#type.parse().map_err(Error::internal)?,
            action: row.action.parse().map_err(Error::internal)?,
            application: row.application,
            title: row.title,
            description: row.description,
            recommended_actions: row.recommended_actions,
            severity: row.severity.parse().map_err(Error::internal)?,
            category: row.category,
            mitre_techniques: serde_json::from_str(&row.mitre_techniques).map_err(Error::internal)?,
            expires: row.expires_at.map(Timestamp::from_micros),
            generate_alert: row.generate_alert != 0,
            educate_url: row.educate_url,
            bypass_hours: row.bypass_hours.and_then(|hours| u32::try_from(hours).ok()),
            external_id: row.external_id,
            device_groups: serde_json::from_str(&row.device_groups).map_err(Error::internal)?,
            source: if row.source_type == "AadApp" {
                Source::AadApp
            } else {
                Source::User
            },
            created_at: Timestamp::from_micros(row.created_at),
            created_by: row.created_by,
            created_by_name: row.created_by_name,
            updated_at: Timestamp::from_micros(row.updated_at),
            updated_by: row.updated_by,
        })
    }
}

fn number(id: IndicatorId) -> i64 {
    // Ids are given from 1 upwards; one that does not fit names nothing.
    i64::try_from(id.0).unwrap_or(-1)
}

pub async fn get(executor: impl Executor<'_, Database = Any>, id: IndicatorId) -> Result<Option<Indicator>> {
    let row: Option<Row> = sqlx::query_as("SELECT * FROM indicators WHERE id = $1")
        .bind(number(id))
        .fetch_optional(executor)
        .await?;
    row.map(Indicator::try_from).transpose()
}

/// The indicator that a submission updates: same type, canonical value and action; the oldest when there are several.
pub async fn find(tx: &mut Transaction, draft: &Draft, scope: &Scope) -> Result<Option<Indicator>> {
    let mut clause = Clause::new("SELECT * FROM indicators WHERE type = ");
    clause
        .bind_text(draft.kind.as_str())
        .push(" AND canonical = ")
        .bind_text(&draft.canonical);
    clause.push(" AND action = ").bind_text(draft.action.as_str());
    restrict(&mut clause, scope);
    clause.push(" ORDER BY id LIMIT 1");
    let arguments = clause.arguments()?;
    let row: Option<Row> = sqlx::query_as_with(AssertSqlSafe(clause.sql), arguments)
        .fetch_optional(&mut **tx)
        .await?;
    row.map(Indicator::try_from).transpose()
}

/// Those of `drafts` that are there already, by type, canonical value and action.
pub async fn find_all(tx: &mut Transaction, drafts: &[&Draft], scope: &Scope) -> Result<HashMap<Key, Indicator>> {
    let mut found = HashMap::new();
    let mut drafts = drafts.to_vec();
    drafts.sort_by_key(|draft| draft.kind.as_str());
    for same_type in drafts.chunk_by(|a, b| a.kind == b.kind) {
        for some in same_type.chunks(VALUES) {
            let values: Vec<&str> = some.iter().map(|draft| draft.canonical.as_str()).collect();
            let kind = some.first().map_or("", |draft| draft.kind.as_str());
            let mut clause = Clause::new("SELECT * FROM indicators WHERE type = ");
            clause.bind_text(kind).push(" AND canonical IN ").bind_list(&values);
            restrict(&mut clause, scope);
            clause.push(" ORDER BY id DESC");
            let arguments = clause.arguments()?;
            let rows: Vec<Row> = sqlx::query_as_with(AssertSqlSafe(clause.sql), arguments)
                .fetch_all(&mut **tx)
                .await?;
            for row in rows {
                let indicator = Indicator::try_from(row)?;
                found.insert(indicator.key(), indicator);
            }
        }
    }
    Ok(found)
}

fn restrict(clause: &mut Clause, scope: &Scope) {
    if let Scope::MadeBy(id) = scope {
        clause.push(" AND created_by = ").bind_text(id);
    }
}

pub async fn list(db: &Db, scope: &Scope, query: &Query, now: Timestamp) -> Result<Page<Indicator>> {
    let mut from = Clause::new("FROM indicators WHERE (expires_at IS NULL OR expires_at > ");
    from.bind_number(now.as_micros()).push(")");
    restrict(&mut from, scope);
    let page: Page<Row> = TABLE.page(db, "*", &from, query, "id").await?;
    page.try_map(Indicator::try_from)
}

/// Those that keep devices from something: id, type and canonical value.
pub async fn forbidding(tx: &mut Transaction) -> Result<Vec<(i64, String, String)>> {
    let query = "SELECT id, type, canonical FROM indicators WHERE type IN ('DomainName', 'Url', 'IpAddress') \
                 AND action NOT IN ('Allowed', 'Audit', 'Alert') ORDER BY id";
    Ok(sqlx::query_as(query).fetch_all(&mut **tx).await?)
}

/// Type, canonical value and action of all that devices enforce now.
pub async fn enforced_values(db: &Db, now: Timestamp) -> Result<Vec<(String, String, String)>> {
    let query = "SELECT type, canonical, action FROM indicators WHERE type IN ('DomainName', 'Url', 'IpAddress') \
                 AND (expires_at IS NULL OR expires_at > $1) ORDER BY id";
    let query = sqlx::query_as(query).bind(now.as_micros());
    Ok(query.fetch_all(db.read()).await?)
}

pub async fn expired(executor: impl Executor<'_, Database = Any>, now: Timestamp) -> Result<Vec<Indicator>> {
    let rows: Vec<Row> = sqlx::query_as("SELECT * FROM indicators WHERE expires_at <= $1 ORDER BY id LIMIT 1000")
        .bind(now.as_micros())
        .fetch_all(executor)
        .await?;
    rows.into_iter().map(Indicator::try_from).collect()
}

pub async fn next_expiry(db: &Db) -> Result<Option<Timestamp>> {
    let query = sqlx::query_scalar::<_, Option<i64>>("SELECT MIN(expires_at) FROM indicators");
    Ok(query.fetch_one(db.read()).await?.map(Timestamp::from_micros))
}

/// The next `count` numbers; numbers of deleted indicators are not given again.
pub async fn reserve_ids(tx: &mut Transaction, count: usize) -> Result<std::ops::Range<u64>> {
    let next: u64 = db::meta(&mut **tx, "next_indicator_id")
        .await?
        .and_then(|t| t.parse().ok())
        .unwrap_or(1);
    let end = next + count as u64;
    if end > next {
        db::set_meta(tx, "next_indicator_id", &end.to_string()).await?;
    }
    Ok(next..end)
}

/// Writes new indicators, many to a statement: each statement costs a hand-over to the database's thread and back.
pub async fn insert(tx: &mut Transaction, indicators: &[Indicator]) -> Result<()> {
    for rows in indicators.chunks(db::ROWS) {
        let sql = format!(
            "INSERT INTO indicators (value, canonical, type, action, application, title, description, recommended_actions, severity, \
             category, mitre_techniques, expires_at, generate_alert, educate_url, bypass_hours, external_id, device_groups, \
             source_type, created_at, created_by, created_by_name, updated_at, updated_by, id) VALUES {}",
            db::placeholders(rows.len(), COLUMNS)
        );
        let query = rows.iter().try_fold(sqlx::query(AssertSqlSafe(sql)), bind)?;
        query.execute(&mut **tx).await?;
    }
    Ok(())
}

pub async fn update(tx: &mut Transaction, indicator: &Indicator) -> Result<()> {
    let sql = "UPDATE indicators SET value = $1, canonical = $2, type = $3, action = $4, application = $5, title = $6, \
               description = $7, recommended_actions = $8, severity = $9, category = $10, mitre_techniques = $11, expires_at = $12, \
               generate_alert = $13, educate_url = $14, bypass_hours = $15, external_id = $16, device_groups = $17, \
               source_type = $18, created_at = $19, created_by = $20, created_by_name = $21, updated_at = $22, updated_by = $23 \
               WHERE id = $24";
    bind(sqlx::query(sql), indicator)?.execute(&mut **tx).await?;
    Ok(())
}

const COLUMNS: usize = 24;
/// Values that one query looks for.
const VALUES: usize = 100;

type Statement<'q> = sqlx::query::Query<'q, Any, sqlx::any::AnyArguments>;

/// Binds the columns of an indicator, its id last.
fn bind<'q>(query: Statement<'q>, i: &Indicator) -> Result<Statement<'q>> {
    let json = |list: &Vec<String>| serde_json::to_string(list).map_err(Error::internal);
    Ok(query
        .bind(i.value.clone())
        .bind(i.canonical.clone())
        .bind(i.kind.as_str())
        .bind(i.action.as_str())
        .bind(i.application.clone())
        .bind(i.title.clone())
        .bind(i.description.clone())
        .bind(i.recommended_actions.clone())
        .bind(i.severity.as_str())
        .bind(i.category.clone())
        .bind(json(&i.mitre_techniques)?)
        .bind(i.expires.map(Timestamp::as_micros))
        .bind(i64::from(i.generate_alert))
        .bind(i.educate_url.clone())
        .bind(i.bypass_hours.map(i64::from))
        .bind(i.external_id.clone())
        .bind(json(&i.device_groups)?)
        .bind(i.source.as_str())
        .bind(i.created_at.as_micros())
        .bind(i.created_by.clone())
        .bind(i.created_by_name.clone())
        .bind(i.updated_at.as_micros())
        .bind(i.updated_by.clone())
        .bind(number(i.id)))
}

pub async fn delete(tx: &mut Transaction, id: IndicatorId) -> Result<()> {
    sqlx::query("DELETE FROM indicators WHERE id = $1")
        .bind(number(id))
        .execute(&mut **tx)
        .await?;
    Ok(())
}
