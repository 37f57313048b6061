use std::collections::BTreeMap;

use futures_util::TryStreamExt as _;
use serde::Deserialize;
use sqlx::FromRow;

use crate::{
    db::Db,
    error::{Error, Result},
    odata::{Clause, Kind, Page, Property, Query, Table},
};

/// What one policy says of one device, with the names of both.
#[derive(Debug, Clone, FromRow)]
pub struct StatusRow {
    pub device_id: String,
    pub device_name: String,
    pub model: String,
    pub user_name: Option<String>,
    pub user_principal_name: Option<String>,
    pub status: String,
    pub settings: String,
    pub grace_until: Option<i64>,
    pub noncompliant_since: Option<i64>,
    pub updated_at: i64,
}

const STATUSES: &[&str] = &[
    "unknown",
    "notApplicable",
    "compliant",
    "remediated",
    "nonCompliant",
    "error",
    "conflict",
    "notAssigned",
];

const TABLE: Table = Table(&[
    Property {
        name: "status",
        kind: Kind::Word("s.status", STATUSES),
    },
    Property {
        name: "deviceDisplayName",
        kind: Kind::Text("d.name"),
    },
    Property {
        name: "userPrincipalName",
        kind: Kind::Text("u.user_principal_name"),
    },
    Property {
        name: "lastReportedDateTime",
        kind: Kind::Time("s.updated_at"),
    },
]);

const COLUMNS: &str = "s.device_id, d.name AS device_name, d.model, u.display_name AS user_name, u.user_principal_name, \
                       s.status, s.settings, d.compliance_grace_until AS grace_until, s.noncompliant_since, s.updated_at";

pub async fn statuses(db: &Db, policy: &str, query: &Query) -> Result<Page<StatusRow>> {
    TABLE.page(db, COLUMNS, &of_policy(policy), query, "d.name, d.id").await
}

fn of_policy(policy: &str) -> Clause {
    let mut from = Clause::new(
        "FROM device_policy_states s JOIN devices d ON d.id = s.device_id LEFT JOIN users u ON u.id = d.user_id \
         WHERE d.revoked_at IS NULL AND s.policy_id = ",
    );
    from.bind_text(policy);
    from
}

/// The same in an order that SQLite keeps to.
fn by_name(policy: &str) -> Clause {
    let mut from = Clause::new(
        "FROM devices d CROSS JOIN device_policy_states s LEFT JOIN users u ON u.id = d.user_id \
         WHERE s.device_id = d.id AND d.revoked_at IS NULL AND s.policy_id = ",
    );
    from.bind_text(policy);
    from
}

/// Devices that a list shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    All,
    Compliant,
    InGrace,
    NotCompliant,
    NotApplicable,
    Error,
}

/// How many devices are in which state of a policy, with those in grace apart.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub compliant: i64,
    pub in_grace: i64,
    pub not_compliant: i64,
    pub not_applicable: i64,
    pub error: i64,
}

impl Counts {
    pub fn of(&self, shown: Shown) -> i64 {
        match shown {
            Shown::All => self.compliant + self.in_grace + self.not_compliant + self.not_applicable + self.error,
            Shown::Compliant => self.compliant,
            Shown::InGrace => self.in_grace,
            Shown::NotCompliant => self.not_compliant,
            Shown::NotApplicable => self.not_applicable,
            Shown::Error => self.error,
        }
    }
}

/// The same of each device. Those that stopped being compliant after `grace_since` are in grace. Where they are `many`, they are
/// looked up by the names of devices, which is over after a page, else by their status.
pub async fn statuses_of(
    db: &Db,
    policy: &str,
    shown: Shown,
    grace_since: i64,
    many: bool,
    query: &Query,
) -> Result<Page<StatusRow>> {
    let mut from = if many { by_name(policy) } else { of_policy(policy) };
    match shown {
        Shown::All => {}
        Shown::Compliant => drop(from.push(" AND s.status IN ('compliant', 'remediated')")),
        Shown::InGrace => {
            from.push(" AND s.status = 'nonCompliant' AND s.noncompliant_since > ")
                .bind_number(grace_since);
        }
        Shown::NotCompliant => {
            from.push(" AND s.status = 'nonCompliant' AND (s.noncompliant_since IS NULL OR s.noncompliant_since <= ")
                .bind_number(grace_since)
                .push(")");
        }
        Shown::NotApplicable => drop(from.push(" AND s.status IN ('unknown', 'notApplicable', 'notAssigned')")),
        Shown::Error => drop(from.push(" AND s.status IN ('error', 'conflict')")),
    }
    TABLE.page(db, COLUMNS, &from, query, "d.name, d.id").await
}

/// How many devices are in which state, as [`statuses_of`] has them.
pub async fn counts(db: &Db, policy: &str, grace_since: i64) -> Result<Counts> {
    // All without those of removed devices: these are few, and to look each device up takes long.
    let query = "SELECT status, recent, CAST(SUM(devices) AS BIGINT) FROM ( \
                 SELECT s.status, CASE WHEN s.noncompliant_since > $2 THEN 1 ELSE 0 END AS recent, COUNT(*) AS devices \
                 FROM device_policy_states s WHERE s.policy_id = $1 GROUP BY 1, 2 UNION ALL \
                 SELECT s.status, CASE WHEN s.noncompliant_since > $2 THEN 1 ELSE 0 END, -COUNT(*) \
                 FROM devices d CROSS JOIN device_policy_states s \
                 WHERE s.device_id = d.id AND d.revoked_at IS NOT NULL AND s.policy_id = $1 GROUP BY 1, 2) x GROUP BY 1, 2";
    let query = sqlx::query_as(query).bind(policy.to_string()).bind(grace_since);
    let rows: Vec<(String, i64, i64)> = query.fetch_all(db.read()).await?;
    let mut counts = Counts::default();
    for (status, recent, devices) in rows {
        let place = match (status.as_str(), recent) {
            ("compliant" | "remediated", _) => &mut counts.compliant,
            ("nonCompliant", 1) => &mut counts.in_grace,
            ("nonCompliant", _) => &mut counts.not_compliant,
            ("error" | "conflict", _) => &mut counts.error,
            _ => &mut counts.not_applicable,
        };
        *place += devices;
    }
    Ok(counts)
}

/// How many devices are in which state of a policy.
pub async fn overview(db: &Db, policy: &str) -> Result<Vec<(String, i64)>> {
    let query = "SELECT s.status, COUNT(*) FROM device_policy_states s JOIN devices d ON d.id = s.device_id \
                 WHERE d.revoked_at IS NULL AND s.policy_id = $1 GROUP BY s.status";
    Ok(sqlx::query_as(query)
        .bind(policy.to_string())
        .fetch_all(db.read())
        .await?)
}

/// The worst that one policy says of the devices of one user.
#[derive(Debug, Clone, FromRow)]
pub struct UserStatusRow {
    pub user_id: String,
    pub display_name: String,
    pub user_principal_name: String,
    pub devices: i64,
    pub status: String,
    pub updated_at: i64,
}

const USER_TABLE: Table = Table(&[
    Property {
        name: "status",
        kind: Kind::Word("s.status", STATUSES),
    },
    Property {
        name: "userDisplayName",
        kind: Kind::Text("s.display_name"),
    },
    Property {
        name: "userPrincipalName",
        kind: Kind::Text("s.user_principal_name"),
    },
    Property {
        name: "devicesCount",
        kind: Kind::Number("s.devices"),
    },
    Property {
        name: "lastReportedDateTime",
        kind: Kind::Time("s.updated_at"),
    },
]);

/// Statuses by their severity, as Intune orders them.
const BY_SEVERITY: [&str; 8] = [
    "unknown",
    "notApplicable",
    "notAssigned",
    "compliant",
    "remediated",
    "nonCompliant",
    "error",
    "conflict",
];

/// Users of a policy's devices, each with the worst status.
fn users_of(policy: &str) -> Clause {
    let rank: String = BY_SEVERITY
        .iter()
        .enumerate()
        .map(|(n, status)| format!(" WHEN '{status}' THEN {n}"))
        .collect();
    let word: String = BY_SEVERITY
        .iter()
        .enumerate()
        .map(|(n, status)| format!(" WHEN {n} THEN '{status}'"))
        .collect();
    let mut from = Clause::new(&format!(
        "FROM (SELECT u.id AS user_id, u.display_name, u.user_principal_name, COUNT(*) AS devices, \
         CASE MAX(CASE s.status{rank} END){word} END AS status, MAX(s.updated_at) AS updated_at \
         FROM device_policy_states s JOIN devices d ON d.id = s.device_id JOIN users u ON u.id = d.user_id \
         WHERE d.revoked_at IS NULL AND s.policy_id = "
    ));
    from.bind_text(policy);
    from.push(" GROUP BY u.id, u.display_name, u.user_principal_name) s WHERE 1 = 1");
    from
}

pub async fn user_statuses(db: &Db, policy: &str, query: &Query) -> Result<Page<UserStatusRow>> {
    let order = "s.display_name, s.user_id";
    USER_TABLE.page(db, "s.*", &users_of(policy), query, order).await
}

/// How many users are in which state of a policy.
pub async fn user_overview(db: &Db, policy: &str) -> Result<Vec<(String, i64)>> {
    let from = users_of(policy);
    let arguments = from.arguments()?;
    let query = format!("SELECT s.status, COUNT(*) {} GROUP BY s.status", from.sql);
    let query = sqlx::query_as_with(sqlx::AssertSqlSafe(query), arguments);
    Ok(query.fetch_all(db.read()).await?)
}

#[derive(Deserialize)]
struct Setting {
    setting: String,
    status: String,
}

/// How many devices are in which state of each setting of a policy. The database counts devices of which the same is said,
/// and one after the other of those groups is added up: memory holds the settings alone.
pub async fn setting_counts(db: &Db, policy: &str) -> Result<BTreeMap<String, Vec<(String, i64)>>> {
    let query = "SELECT s.settings, COUNT(*) FROM device_policy_states s JOIN devices d ON d.id = s.device_id \
                 WHERE d.revoked_at IS NULL AND s.policy_id = $1 GROUP BY s.settings";
    let mut groups = sqlx::query_as::<_, (String, i64)>(query)
        .bind(policy.to_string())
        .fetch(db.read());
    let mut settings: BTreeMap<String, Vec<(String, i64)>> = BTreeMap::new();
    while let Some((text, devices)) = groups.try_next().await? {
        for Setting { setting, status } in serde_json::from_str::<Vec<Setting>>(&text).map_err(Error::internal)? {
            let counts = settings.entry(setting).or_default();
            match counts.iter_mut().find(|(of, _)| *of == status) {
                Some((_, count)) => *count += devices,
                None => counts.push((status, devices)),
            }
        }
    }
    Ok(settings)
}

/// How many devices in use are in which state.
pub async fn device_states(db: &Db) -> Result<Vec<(String, i64)>> {
    let query = "SELECT compliance_state, COUNT(*) FROM devices WHERE revoked_at IS NULL GROUP BY compliance_state";
    Ok(sqlx::query_as(query).fetch_all(db.read()).await?)
}

/// What one policy says of a device, with the policy's name.
#[derive(Debug, Clone, FromRow)]
pub struct DeviceStateRow {
    pub policy_id: String,
    pub display_name: String,
    pub version: i64,
    pub status: String,
    pub settings: String,
}

pub async fn of_device(db: &Db, device: &str) -> Result<Vec<DeviceStateRow>> {
    let query = "SELECT s.policy_id, p.display_name, p.version, s.status, s.settings FROM device_policy_states s \
                 JOIN policies p ON p.id = s.policy_id WHERE s.device_id = $1 ORDER BY p.display_name, p.id";
    let query = sqlx::query_as(query).bind(device.to_string());
    Ok(query.fetch_all(db.read()).await?)
}
