use sqlx::FromRow;

use crate::{
    db::Db,
    error::Result,
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
                       s.status, s.settings, d.compliance_grace_until AS grace_until, s.updated_at";

pub async fn statuses(db: &Db, policy: &str, query: &Query) -> Result<Page<StatusRow>> {
    let mut from = Clause::new(
        "FROM device_policy_states s JOIN devices d ON d.id = s.device_id LEFT JOIN users u ON u.id = d.user_id \
         WHERE d.revoked_at IS NULL AND s.policy_id = ",
    );
    from.bind_text(policy);
    TABLE.page(db, COLUMNS, &from, query, "d.name, d.id").await
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
