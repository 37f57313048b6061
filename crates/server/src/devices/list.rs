//! SQL of the console's list of devices. It goes by names, and a page begins where another ended: the thousandth costs what the first does.

use sqlx::{AssertSqlSafe, FromRow};

use crate::{
    db::{self, Db},
    error::Result,
    odata::Clause,
};

/// What the list shows of a device.
#[derive(Debug, Clone, FromRow)]
pub struct ListedRow {
    pub id: String,
    pub name: String,
    pub os_platform: String,
    pub os_version: String,
    pub device_group: String,
    pub risk: String,
    pub jailbreak_level: String,
    pub web_protection: String,
    pub last_seen_at: i64,
    pub revoked_at: Option<i64>,
    pub compliance_state: String,
    pub user_principal_name: Option<String>,
}

/// Filters by the names that addresses have.
const FILTERS: &[(&str, &str)] = &[
    ("high", "d.risk = 'High'"),
    ("medium", "d.risk = 'Medium'"),
    ("low", "d.risk = 'Low'"),
    ("secured", "d.risk IN ('None', 'Informational')"),
    (
        "noncompliant",
        "d.compliance_state NOT IN ('compliant', 'inGracePeriod', 'unknown')",
    ),
    ("grace", "d.compliance_state = 'inGracePeriod'"),
    ("compliant", "d.compliance_state = 'compliant'"),
    ("unjudged", "d.compliance_state = 'unknown'"),
    (
        "nopolicy",
        "NOT EXISTS (SELECT 1 FROM device_policy_states s WHERE s.device_id = d.id)",
    ),
    ("jailbroken", "d.jailbreak_level <> 'none'"),
    ("impaired", "d.silent_since IS NULL AND d.web_protection <> 'on'"),
    ("silent", "d.silent_since IS NOT NULL"),
    (
        "healthy",
        "d.silent_since IS NULL AND d.web_protection = 'on' AND d.risk IN ('None', 'Informational')",
    ),
    ("retire", "d.id IN (SELECT r.device_id FROM retire_list r)"),
    (
        "failed",
        "d.id IN (SELECT c.device_id FROM device_commands c WHERE c.state IN ('failed', 'notSupported') AND NOT EXISTS \
         (SELECT 1 FROM device_commands n WHERE n.device_id = c.device_id AND n.id > c.id))",
    ),
    ("removed", "d.revoked_at IS NOT NULL"),
];

/// Whether there is a filter of this name.
pub fn is_filter(name: &str) -> bool {
    FILTERS.iter().any(|(known, _)| *known == name)
}

/// What narrows the list; empty texts do not.
#[derive(Debug, Clone, Default)]
pub struct Narrowed {
    /// In the name of the device or of its user.
    pub search: String,
    pub filter: String,
    pub platform: String,
}

/// Which page of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    First,
    /// Behind the device with this id.
    After(String),
    /// Before it.
    Before(String),
}

pub struct Listed {
    pub rows: Vec<ListedRow>,
    pub has_previous: bool,
    pub has_next: bool,
}

const COLUMNS: &str = "d.id, d.name, d.os_platform, d.os_version, d.device_group, d.risk, d.jailbreak_level, d.web_protection, \
                       d.last_seen_at, d.revoked_at, d.compliance_state, u.user_principal_name";

/// A page of devices by name. Removed ones stand in a list of their own.
pub async fn page(db: &Db, narrowed: &Narrowed, place: &Place, length: usize) -> Result<Listed> {
    let anchor = match place {
        Place::First => None,
        Place::After(id) | Place::Before(id) => name_of(db, id).await?.map(|name| (name, id)),
    };
    let backwards = matches!(place, Place::Before(_)) && anchor.is_some();
    let mut clause = Clause::new(&format!(
        "SELECT {COLUMNS} FROM devices d LEFT JOIN users u ON u.id = d.user_id WHERE "
    ));
    narrow(&mut clause, narrowed);
    if let Some((name, id)) = &anchor {
        let side = if backwards { "<" } else { ">" };
        clause.push(&format!(" AND (d.name, d.id) {side} ("));
        clause
            .bind_text(name.clone())
            .push(", ")
            .bind_text(id.as_str())
            .push(")");
    }
    let direction = if backwards { "DESC" } else { "ASC" };
    clause.push(&format!(" ORDER BY d.name {direction}, d.id {direction} LIMIT "));
    clause.bind_number(i64::try_from(length).unwrap_or(i64::MAX) + 1);
    let arguments = clause.arguments()?;
    let mut rows: Vec<ListedRow> = sqlx::query_as_with(AssertSqlSafe(clause.sql), arguments)
        .fetch_all(db.read())
        .await?;
    let has_more = rows.len() > length;
    rows.truncate(length);
    if backwards {
        rows.reverse();
    }
    Ok(Listed {
        rows,
        has_previous: if backwards { has_more } else { anchor.is_some() },
        has_next: backwards || has_more,
    })
}

fn narrow(clause: &mut Clause, narrowed: &Narrowed) {
    let condition = FILTERS.iter().find(|(name, _)| *name == narrowed.filter);
    match condition {
        Some(("removed", condition)) => clause.push(condition),
        Some((_, condition)) => clause.push("d.revoked_at IS NULL AND ").push(condition),
        None => clause.push("d.revoked_at IS NULL"),
    };
    if !narrowed.platform.is_empty() {
        clause
            .push(" AND d.os_platform = ")
            .bind_text(narrowed.platform.as_str());
    }
    if !narrowed.search.is_empty() {
        let pattern = db::pattern(&narrowed.search);
        clause
            .push(" AND (LOWER(d.name) LIKE LOWER(")
            .bind_text(pattern.clone());
        // The users are looked through once, not one for each device.
        clause.push(") ESCAPE '!' OR d.user_id IN (SELECT id FROM users WHERE LOWER(user_principal_name) LIKE LOWER(");
        clause.bind_text(pattern).push(") ESCAPE '!'))");
    }
}

async fn name_of(db: &Db, id: &str) -> Result<Option<String>> {
    let query = sqlx::query_scalar("SELECT name FROM devices WHERE id = $1").bind(id.to_string());
    Ok(query.fetch_optional(db.read()).await?)
}

/// The systems that devices in use have.
pub async fn platforms(db: &Db) -> Result<Vec<String>> {
    let query = "SELECT DISTINCT os_platform FROM devices WHERE revoked_at IS NULL ORDER BY os_platform LIMIT 12";
    Ok(sqlx::query_scalar(query).fetch_all(db.read()).await?)
}

#[cfg(test)]
mod tests {
    use moat_model::{DeviceId, DeviceInfo, Management};

    use super::*;
    use crate::{App, Config, DataFolder, devices::store};

    async fn fleet(folder: &tempfile::TempDir, names: &[&str]) -> App {
        let data = DataFolder::open(folder.path()).unwrap();
        let app = App::open(data, Config::default()).await.unwrap();
        let mut tx = app.db.begin().await.unwrap();
        for name in names {
            let info = DeviceInfo {
                name: (*name).into(),
                ..DeviceInfo::default()
            };
            let id = DeviceId(uuid::Uuid::now_v7());
            store::insert(&mut tx, id, &info, Management::Managed, "", None, "")
                .await
                .unwrap();
        }
        tx.commit().await.unwrap();
        app
    }

    fn names(listed: &Listed) -> Vec<&str> {
        listed.rows.iter().map(|row| row.name.as_str()).collect()
    }

    #[tokio::test]
    async fn pages_lead_forth_and_back_also_among_equal_names() {
        let folder = tempfile::tempdir().unwrap();
        let app = fleet(&folder, &["b", "a", "c", "b", "b", "d"]).await;
        let all = Narrowed::default();
        let first = page(&app.db, &all, &Place::First, 2).await.unwrap();
        assert_eq!(
            (names(&first), first.has_previous, first.has_next),
            (vec!["a", "b"], false, true)
        );
        let last = |listed: &Listed| listed.rows.last().unwrap().id.clone();
        let second = page(&app.db, &all, &Place::After(last(&first)), 2).await.unwrap();
        assert_eq!(
            (names(&second), second.has_previous, second.has_next),
            (vec!["b", "b"], true, true)
        );
        let third = page(&app.db, &all, &Place::After(last(&second)), 2).await.unwrap();
        assert_eq!(
            (names(&third), third.has_previous, third.has_next),
            (vec!["c", "d"], true, false)
        );
        let back = page(&app.db, &all, &Place::Before(third.rows[0].id.clone()), 2)
            .await
            .unwrap();
        let ids = |listed: &Listed| listed.rows.iter().map(|row| row.id.clone()).collect::<Vec<_>>();
        assert_eq!(
            (ids(&back), back.has_previous, back.has_next),
            (ids(&second), true, true)
        );
        let start = page(&app.db, &all, &Place::Before(second.rows[0].id.clone()), 2)
            .await
            .unwrap();
        assert_eq!((names(&start), start.has_previous), (vec!["a", "b"], false));
        let unknown = page(&app.db, &all, &Place::After("gone".into()), 2).await.unwrap();
        assert_eq!(names(&unknown), ["a", "b"], "from the start");
    }

    #[tokio::test]
    async fn a_page_is_found_by_the_index_on_names() {
        let folder = tempfile::tempdir().unwrap();
        let app = fleet(&folder, &["a"]).await;
        let query = format!(
            "EXPLAIN QUERY PLAN SELECT {COLUMNS} FROM devices d LEFT JOIN users u ON u.id = d.user_id \
             WHERE d.revoked_at IS NULL AND (d.name, d.id) > ('a', 'x') ORDER BY d.name, d.id LIMIT 101"
        );
        let plan: Vec<(i64, i64, i64, String)> = sqlx::query_as(AssertSqlSafe(query))
            .fetch_all(app.db.read())
            .await
            .unwrap();
        let plan: Vec<_> = plan.into_iter().map(|(.., step)| step).collect();
        assert!(
            plan[0].contains("devices_by_name") && plan[0].contains("SEARCH"),
            "{plan:?}"
        );
        assert!(
            !plan.iter().any(|step| step.contains("USE TEMP B-TREE FOR ORDER BY")),
            "{plan:?}"
        );
    }

    #[tokio::test]
    async fn every_filter_is_a_condition_that_the_database_takes() {
        let folder = tempfile::tempdir().unwrap();
        let app = fleet(&folder, &["Élan's phone", "tablet"]).await;
        for (filter, _) in FILTERS {
            let narrowed = Narrowed {
                filter: (*filter).into(),
                ..Narrowed::default()
            };
            page(&app.db, &narrowed, &Place::First, 9).await.unwrap();
        }
        let search = |text: &str| Narrowed {
            search: text.into(),
            ..Narrowed::default()
        };
        for (text, found) in [("PHONE", 1), ("n's", 1), ("t", 1), ("%", 0), ("", 2)] {
            let listed = page(&app.db, &search(text), &Place::First, 9).await.unwrap();
            assert_eq!(listed.rows.len(), found, "{text}");
        }
    }
}
