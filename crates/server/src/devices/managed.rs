//! Devices with their user and compliance: what Graph calls managed devices.

use sqlx::FromRow;

use super::DeviceRow;
use crate::{
    caller::Role,
    db::Db,
    error::Result,
    odata::{Clause, Kind, Page, Property, Query, Table},
};

pub const READ: &[Role] = &[
    Role::ManagedDevicesReadAll,
    Role::ManagedDevicesReadWriteAll,
    Role::ManagedDevicesPrivilegedAll,
];
pub const WRITE: &[Role] = &[Role::ManagedDevicesReadWriteAll];
pub const ACT: &[Role] = &[Role::ManagedDevicesReadWriteAll, Role::ManagedDevicesPrivilegedAll];

#[derive(Debug, Clone, FromRow)]
pub struct ManagedDeviceRow {
    #[sqlx(flatten)]
    pub device: DeviceRow,
    pub user_principal_name: Option<String>,
    pub user_display_name: Option<String>,
    pub user_mail: Option<String>,
}

/// `jailBroken` is a text in Graph.
const JAIL_BROKEN: &str = "CASE WHEN d.posture IS NULL THEN 'Unknown' WHEN d.jailbreak_level = 'confirmed' THEN 'True' \
                           ELSE 'False' END";

/// [`threat_state`] as SQL.
const THREAT_STATE: &str = "CASE WHEN d.revoked_at IS NOT NULL THEN 'deactivated' WHEN d.silent_since IS NOT NULL THEN 'unresponsive' \
                            WHEN d.posture IS NULL THEN 'unknown' WHEN d.jailbreak_level = 'confirmed' THEN 'compromised' \
                            WHEN d.risk = 'High' THEN 'highSeverity' WHEN d.risk = 'Medium' THEN 'mediumSeverity' \
                            WHEN d.risk = 'Low' THEN 'lowSeverity' ELSE 'secured' END";

/// [`super::commands::management_state`] as SQL.
const MANAGEMENT_STATE: &str = "COALESCE((SELECT CASE WHEN c.state = 'pending' THEN c.action || 'Pending' \
                                WHEN c.state IN ('failed', 'notSupported') THEN c.action || 'Failed' ELSE 'managed' END \
                                FROM device_commands c WHERE c.device_id = d.id AND c.action IN ('retire', 'wipe') \
                                ORDER BY CASE c.state WHEN 'pending' THEN 0 ELSE 1 END, c.id DESC LIMIT 1), 'managed')";

const STATES: &[&str] = &[
    "unknown",
    "compliant",
    "noncompliant",
    "conflict",
    "error",
    "inGracePeriod",
    "configManager",
];

const TABLE: Table = Table(&[
    property("id", Kind::Text("d.id")),
    property("deviceName", Kind::Text("d.name")),
    property("operatingSystem", Kind::Text("d.os_platform")),
    property("osVersion", Kind::Text("d.os_version")),
    property("model", Kind::Text("d.model")),
    property("userId", Kind::Text("d.user_id")),
    property(
        "userPrincipalName",
        Kind::TextOr("u.user_principal_name", "u.principal_key"),
    ),
    property("userDisplayName", Kind::Text("u.display_name")),
    property("emailAddress", Kind::Text("u.mail")),
    property("complianceState", Kind::Word("d.compliance_state", STATES)),
    property(
        "complianceGracePeriodExpirationDateTime",
        Kind::Time("d.compliance_grace_until"),
    ),
    property("jailBroken", Kind::Word(JAIL_BROKEN, &["Unknown", "False", "True"])),
    property(
        "managementState",
        Kind::Word(
            MANAGEMENT_STATE,
            &[
                "managed",
                "retirePending",
                "retireFailed",
                "wipePending",
                "wipeFailed",
                "unhealthy",
                "deletePending",
                "retireIssued",
                "wipeIssued",
                "wipeCanceled",
                "retireCanceled",
                "discovered",
            ],
        ),
    ),
    property(
        "managementAgent",
        Kind::Word(
            "CASE d.management WHEN 'managed' THEN 'mdm' ELSE 'unknown' END",
            &["mdm", "unknown"],
        ),
    ),
    property(
        "managedDeviceOwnerType",
        Kind::Word(
            "CASE d.management WHEN 'managed' THEN 'company' ELSE 'personal' END",
            &["company", "personal"],
        ),
    ),
    property("deviceCategoryDisplayName", Kind::Text("d.device_group")),
    property("enrolledDateTime", Kind::Time("d.enrolled_at")),
    property("lastSyncDateTime", Kind::Time("d.last_seen_at")),
    property(
        "partnerReportedThreatState",
        Kind::Word(
            THREAT_STATE,
            &[
                "unknown",
                "activated",
                "deactivated",
                "secured",
                "lowSeverity",
                "mediumSeverity",
                "highSeverity",
                "unresponsive",
                "compromised",
                "misconfigured",
            ],
        ),
    ),
]);

const fn property(name: &'static str, kind: Kind) -> Property {
    Property { name, kind }
}

const COLUMNS: &str = "d.*, u.user_principal_name, u.display_name AS user_display_name, u.mail AS user_mail";
const FROM: &str = "FROM devices d LEFT JOIN users u ON u.id = d.user_id WHERE d.revoked_at IS NULL";

/// A page of devices in use, by name unless the query says otherwise; of one user when `user` is given.
pub async fn page(db: &Db, query: &Query, user: Option<&str>) -> Result<Page<ManagedDeviceRow>> {
    let mut from = Clause::new(FROM);
    if let Some(user) = user {
        from.push(" AND d.user_id = ").bind_text(user);
    }
    TABLE.page(db, COLUMNS, &from, query, "d.name, d.id").await
}

pub async fn get(db: &Db, id: &str) -> Result<Option<ManagedDeviceRow>> {
    let query = format!("SELECT {COLUMNS} {FROM} AND d.id = $1");
    let query = sqlx::query_as(sqlx::AssertSqlSafe(query)).bind(id.to_string());
    Ok(query.fetch_optional(db.read()).await?)
}

/// Devices in use of one system and kind of management.
#[derive(Debug, Clone, FromRow)]
pub struct SystemCount {
    /// In small letters.
    pub system: String,
    pub management: String,
    pub devices: i64,
}

pub async fn overview(db: &Db) -> Result<Vec<SystemCount>> {
    let query = "SELECT LOWER(os_platform) AS system, management, COUNT(*) AS devices FROM devices \
                 WHERE revoked_at IS NULL GROUP BY LOWER(os_platform), management";
    Ok(sqlx::query_as(query).fetch_all(db.read()).await?)
}

/// What the threat-defence partner says of a device, in Graph's words.
pub fn threat_state(device: &DeviceRow) -> &'static str {
    if device.revoked_at.is_some() {
        return "deactivated";
    }
    match (
        device.silent_since,
        &device.posture,
        device.jailbreak_level.as_str(),
        device.risk.as_str(),
    ) {
        (Some(_), ..) => "unresponsive",
        (_, None, ..) => "unknown",
        (_, _, "confirmed", _) => "compromised",
        (.., "High") => "highSeverity",
        (.., "Medium") => "mediumSeverity",
        (.., "Low") => "lowSeverity",
        _ => "secured",
    }
}

/// Graph's `jailBroken`.
pub fn jail_broken(device: &DeviceRow) -> &'static str {
    match (&device.posture, device.jailbreak_level.as_str()) {
        (None, _) => "Unknown",
        (_, "confirmed") => "True",
        _ => "False",
    }
}
