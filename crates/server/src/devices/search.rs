//! SQL of lists of devices.

use std::collections::HashMap;

use sqlx::{AssertSqlSafe, FromRow};

use super::DeviceRow;
use crate::{
    db::Db,
    error::Result,
    odata::{Clause, Kind, Page, Property, Query, Table},
};

/// Ids in one IN list; databases bound the number of values of a statement.
pub const IDS_PER_QUERY: usize = 500;

/// [`DeviceRow::health`] as SQL.
const HEALTH: &str = "CASE WHEN d.revoked_at IS NOT NULL OR d.silent_since IS NOT NULL THEN 'Inactive' \
                      WHEN d.web_protection = 'on' THEN 'Active' ELSE 'ImpairedCommunication' END";

/// What `$filter` and `$orderby` know.
const TABLE: Table = Table(&[
    property("id", Kind::Text("d.id")),
    property("computerDnsName", Kind::Text("d.name")),
    property("osPlatform", Kind::Text("d.os_platform")),
    property("version", Kind::Text("d.os_version")),
    property("agentVersion", Kind::Text("d.agent_version")),
    property(
        "riskScore",
        Kind::Word("d.risk", &["None", "Informational", "Low", "Medium", "High"]),
    ),
    property(
        "healthStatus",
        Kind::Word(
            HEALTH,
            &[
                "Active",
                "Inactive",
                "ImpairedCommunication",
                "NoSensorData",
                "NoSensorDataImpairedCommunication",
                "Unknown",
            ],
        ),
    ),
    property(
        "onboardingStatus",
        Kind::Word(
            "CASE WHEN d.revoked_at IS NULL THEN 'onboarded' ELSE 'CanBeOnboarded' END",
            &["onboarded", "CanBeOnboarded", "Unsupported", "InsufficientInfo"],
        ),
    ),
    property("lastSeen", Kind::Time("d.last_seen_at")),
    property("firstSeen", Kind::Time("d.enrolled_at")),
    property("lastIpAddress", Kind::Text("d.last_ip")),
    property("lastExternalIpAddress", Kind::Text("d.last_external_ip")),
    property("rbacGroupName", Kind::Text("d.device_group")),
    property("rbacGroupId", Kind::Text("d.device_group")),
    property(
        "moatJailbreak",
        Kind::Word("d.jailbreak_level", &["none", "suspected", "confirmed"]),
    ),
    property("exposureLevel", Kind::AlwaysNull),
    property("deviceValue", Kind::Word("'Normal'", &["Normal", "Low", "High"])),
    property("aadDeviceId", Kind::AlwaysNull),
    property(
        "machineTags",
        Kind::Rows("SELECT 1 FROM device_tags t WHERE t.device_id = d.id", "t.tag"),
    ),
]);

const fn property(name: &'static str, kind: Kind) -> Property {
    Property { name, kind }
}

/// A page of devices in the order of ids: a device that checks in between two pages moves no other from one to the next.
pub async fn page_by_id(db: &Db, query: &Query) -> Result<Page<DeviceRow>> {
    let from = Clause::new("FROM devices d WHERE 1 = 1");
    TABLE.page(db, "d.*", &from, query, "d.id").await
}

/// What a device reported.
#[derive(Debug, FromRow)]
pub struct EventRow {
    pub time: i64,
    pub kind: String,
    pub body: String,
}

/// What the device reported last, newest first.
pub async fn timeline(db: &Db, device: &str) -> Result<Vec<EventRow>> {
    let query = "SELECT time, kind, body FROM device_events WHERE device_id = $1 ORDER BY time DESC, seq DESC LIMIT 50";
    Ok(sqlx::query_as(query)
        .bind(device.to_string())
        .fetch_all(db.read())
        .await?)
}

/// The device with this name; the one seen last when there are several.
pub async fn find_by_name(db: &Db, name: &str) -> Result<Option<DeviceRow>> {
    let query = sqlx::query_as("SELECT * FROM devices WHERE name = $1 ORDER BY last_seen_at DESC LIMIT 1");
    Ok(query.bind(name.to_string()).fetch_optional(db.read()).await?)
}

pub async fn tags(db: &Db, id: &str) -> Result<Vec<String>> {
    Ok(tags_of(db, &[id]).await?.remove(id).unwrap_or_default())
}

/// Tags of several devices, by device.
pub async fn tags_of(db: &Db, ids: &[&str]) -> Result<HashMap<String, Vec<String>>> {
    let mut found: HashMap<String, Vec<String>> = HashMap::new();
    for some in ids.chunks(IDS_PER_QUERY) {
        let mut clause = Clause::new("SELECT device_id, tag FROM device_tags WHERE device_id IN ");
        clause.bind_list(some).push(" ORDER BY tag");
        let arguments = clause.arguments()?;
        let rows: Vec<(String, String)> = sqlx::query_as_with(AssertSqlSafe(clause.sql), arguments)
            .fetch_all(db.read())
            .await?;
        for (device, tag) in rows {
            found.entry(device).or_default().push(tag);
        }
    }
    Ok(found)
}
