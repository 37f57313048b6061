//! Apps that registered, and orders to wipe their work data.

use std::collections::BTreeSet;

use moat_model::{
    DeviceId,
    app_protection::{AppCheckIn, RegistrationId},
};
use sqlx::FromRow;

use super::{READ, WRITE};
use crate::{
    App,
    app::now,
    audit,
    caller::Caller,
    db::{Db, Transaction},
    devices::DeviceRow,
    error::{Error, Result},
    odata::{Clause, Kind, Page, Property, Query, Table},
    users,
};

/// Apps of a user on one device, at most, that one order reaches.
const MOST_APPS: usize = 1_000;

#[derive(Debug, Clone, FromRow)]
pub struct RegistrationRow {
    pub id: String,
    pub device_id: String,
    pub device_name: String,
    pub management: String,
    pub bundle_id: String,
    pub user_id: Option<String>,
    pub app_version: String,
    pub sdk_version: String,
    pub os_version: String,
    pub device_model: String,
    pub device_tag: String,
    pub flagged: i64,
    pub created_at: i64,
    pub last_sync_at: i64,
    pub wiped_at: Option<i64>,
    pub wipe_reason: Option<String>,
}

const TABLE: Table = Table(&[
    Property {
        name: "id",
        kind: Kind::Text("r.id"),
    },
    Property {
        name: "userId",
        kind: Kind::Text("r.user_id"),
    },
    Property {
        name: "deviceName",
        kind: Kind::Text("d.name"),
    },
    Property {
        name: "deviceTag",
        kind: Kind::Text("r.device_tag"),
    },
    Property {
        name: "applicationVersion",
        kind: Kind::Text("r.app_version"),
    },
    Property {
        name: "managedDeviceId",
        kind: Kind::Text("r.device_id"),
    },
    Property {
        name: "createdDateTime",
        kind: Kind::Time("r.created_at"),
    },
    Property {
        name: "lastSyncDateTime",
        kind: Kind::Time("r.last_sync_at"),
    },
]);

const COLUMNS: &str = "r.id, r.device_id, d.name AS device_name, d.management, r.bundle_id, r.user_id, r.app_version, \
                       r.sdk_version, r.os_version, r.device_model, r.device_tag, r.flagged, r.created_at, r.last_sync_at, \
                       r.wiped_at, r.wipe_reason";
const FROM: &str = "FROM app_registrations r JOIN devices d ON d.id = r.device_id WHERE d.revoked_at IS NULL";

pub async fn page(db: &Db, query: &Query) -> Result<Page<RegistrationRow>> {
    TABLE
        .page(db, COLUMNS, &Clause::new(FROM), query, "d.name, r.bundle_id, r.id")
        .await
}

pub async fn get(app: &App, caller: &Caller, id: &str) -> Result<RegistrationRow> {
    caller.require_any(READ)?;
    let query = format!("SELECT {COLUMNS} {FROM} AND r.id = $1");
    let query = sqlx::query_as(sqlx::AssertSqlSafe(query)).bind(id.to_string());
    let row = query.fetch_optional(app.db.read()).await?;
    row.ok_or_else(|| Error::not_found("app registration", id.chars().take(80).collect::<String>()))
}

/// Users with an app that sees a jailbreak.
pub async fn flagged_users(app: &App, caller: &Caller) -> Result<Vec<String>> {
    caller.require_any(READ)?;
    let query = "SELECT DISTINCT r.user_id FROM app_registrations r JOIN devices d ON d.id = r.device_id \
                 WHERE r.flagged = 1 AND r.user_id IS NOT NULL AND d.revoked_at IS NULL ORDER BY 1";
    Ok(sqlx::query_scalar(query).fetch_all(app.db.read()).await?)
}

/// Apps of a user that were ordered to wipe their work data and did not say yet that they did.
pub async fn wiping(app: &App, caller: &Caller, user: &str) -> Result<BTreeSet<String>> {
    caller.require_any(READ)?;
    let query = "SELECT r.id FROM app_registrations r JOIN app_wipe_orders o ON o.registration_id = r.id \
                 WHERE r.user_id = $1 AND o.done_at IS NULL";
    let ids: Vec<String> = sqlx::query_scalar(query)
        .bind(user.to_string())
        .fetch_all(app.db.read())
        .await?;
    Ok(ids.into_iter().collect())
}

/// Orders the apps of a user that carry this device tag to wipe their work data. Each order stands until the app's receipt.
pub async fn wipe(app: &App, caller: &Caller, user: &str, device_tag: &str) -> Result<usize> {
    caller.require_any(WRITE)?;
    let user = users::find(app, user).await?;
    let mut tx = app.db.begin().await?;
    let query = "SELECT id, device_id FROM app_registrations WHERE user_id = $1 AND device_tag = $2 ORDER BY id";
    let found: Vec<(String, String)> = sqlx::query_as(query)
        .bind(user.id.clone())
        .bind(device_tag.to_string())
        .fetch_all(&mut *tx)
        .await?;
    if found.is_empty() || found.len() > MOST_APPS {
        return Err(Error::not_found(
            "app registration with that deviceTag of user",
            user.user_principal_name,
        ));
    }
    for (registration, _) in &found {
        order(&mut tx, &caller.actor.to_string(), registration).await?;
    }
    tx.commit().await?;
    let devices: BTreeSet<&String> = found.iter().map(|(_, device)| device).collect();
    for device in devices {
        app.device_changed(device.parse().map_err(Error::internal)?).await?;
    }
    Ok(found.len())
}

/// Orders every app on a device to wipe its work data, as when the device is to leave.
pub async fn order_all(tx: &mut Transaction, device: DeviceId, by: &str) -> Result<()> {
    let query = "SELECT id FROM app_registrations WHERE device_id = $1 ORDER BY id";
    let query = sqlx::query_scalar::<_, String>(query).bind(device.to_string());
    for registration in query.fetch_all(&mut **tx).await? {
        order(tx, by, &registration).await?;
    }
    Ok(())
}

async fn order(tx: &mut Transaction, by: &str, registration: &str) -> Result<()> {
    let query = "INSERT INTO app_wipe_orders (id, registration_id, requested_at, requested_by) SELECT $1, $2, $3, $4 \
                 WHERE NOT EXISTS (SELECT 1 FROM app_wipe_orders WHERE registration_id = $2 AND done_at IS NULL)";
    let query = sqlx::query(query)
        .bind(uuid::Uuid::now_v7().to_string())
        .bind(registration.to_string())
        .bind(now().as_micros())
        .bind(by.to_string());
    query.execute(&mut **tx).await?;
    let change = audit::Change::<()> {
        action: "order wipe",
        noun: "app data",
        id: registration,
        before: None,
        after: None,
    };
    audit::record(tx, by, change).await
}

/// An app that registered on a device, also on one that was removed, with its user.
pub async fn find(
    tx: &mut Transaction,
    device: &DeviceRow,
    bundle_id: &str,
) -> Result<Option<(RegistrationId, Option<String>)>> {
    let query = "SELECT id, user_id FROM app_registrations WHERE device_id = $1 AND bundle_key = $2";
    let query = sqlx::query_as::<_, (String, Option<String>)>(query)
        .bind(device.id.clone())
        .bind(bundle_id.to_ascii_lowercase());
    let found = query.fetch_optional(&mut **tx).await?;
    found
        .map(|(id, user)| Ok((id.parse().map_err(Error::internal)?, user)))
        .transpose()
}

/// Registers an app of a device, or renews what is known of it.
pub async fn register(tx: &mut Transaction, device: &DeviceRow, body: &AppCheckIn) -> Result<RegistrationId> {
    let query = "INSERT INTO app_registrations (id, device_id, bundle_key, bundle_id, user_id, app_version, sdk_version, \
                 os_version, device_model, device_tag, flagged, created_at, last_sync_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12) ON CONFLICT (device_id, bundle_key) DO UPDATE SET \
                 user_id = excluded.user_id, app_version = excluded.app_version, sdk_version = excluded.sdk_version, \
                 os_version = excluded.os_version, device_model = excluded.device_model, device_tag = excluded.device_tag, \
                 flagged = excluded.flagged, last_sync_at = excluded.last_sync_at";
    let query = sqlx::query(query)
        .bind(uuid::Uuid::now_v7().to_string())
        .bind(device.id.clone())
        .bind(body.bundle_id.to_ascii_lowercase())
        .bind(body.bundle_id.clone())
        .bind(device.user_id.clone())
        .bind(body.app_version.clone())
        .bind(body.sdk_version.clone())
        .bind(body.os_version.clone())
        .bind(body.device_model.clone())
        .bind(body.device_tag.clone())
        .bind(i64::from(body.jailbroken))
        .bind(now().as_micros());
    query.execute(&mut **tx).await?;
    let query = sqlx::query_scalar("SELECT id FROM app_registrations WHERE device_id = $1 AND bundle_key = $2");
    let query = query.bind(device.id.clone()).bind(body.bundle_id.to_ascii_lowercase());
    let id: String = query.fetch_one(&mut **tx).await?;
    id.parse().map_err(Error::internal)
}
