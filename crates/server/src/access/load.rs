//! SQL of what access decisions need.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use moat_model::{
    DeviceId, GroupId, JailbreakLevel, Risk, Timestamp,
    app_protection::WipeOrderId,
    compliance::ComplianceState,
    conditional_access::{ApplicationId, LocationId, NamedLocation, RoleId},
};
use moat_policy::{
    conditional_access::Device,
    risk::{self, ActiveAlert},
};
use sqlx::{AnyConnection, FromRow};

use super::{
    apps::{Apps, Protection, Registered},
    memory::{Devices, Fingerprint, Gateway, Known, Member, attributes, compliance, platform},
};
use crate::{
    accounts,
    app_protection::lease,
    compliance::facts::{self, Fleet},
    conditional_access::locations::location_of,
    error::{Error, Result},
    groups,
    policies::{self, Kind},
};

#[derive(FromRow)]
struct DeviceColumns {
    id: String,
    name: String,
    os_platform: String,
    os_version: String,
    model: String,
    management: String,
    risk: String,
    revoked_at: Option<i64>,
    user_id: Option<String>,
    compliance_state: String,
    compliance_reasons: String,
}

/// Every device and certificate, or those of one device.
pub async fn devices(connection: &mut AnyConnection, only: Option<DeviceId>) -> Result<Devices> {
    let only = only.map(|id| id.to_string()).unwrap_or_default();
    let query = "SELECT id, name, os_platform, os_version, model, management, risk, revoked_at, user_id, compliance_state, \
                 compliance_reasons FROM devices WHERE id BETWEEN $1 AND $2";
    let (first, last) = ids(&only);
    let rows: Vec<DeviceColumns> = sqlx::query_as(query)
        .bind(first)
        .bind(last)
        .fetch_all(&mut *connection)
        .await?;
    let groups = groups_of_users(connection, &only, &rows).await?;
    let roles = accounts::roles_of_users(connection).await?;
    let mut alerts = alerts(connection, &only).await?;
    let mut apps = apps(connection, &only).await?;
    let mut known = HashMap::with_capacity(rows.len());
    for row in rows {
        let because = alerts.remove(&row.id).unwrap_or_default();
        let apps = apps.remove(&row.id);
        let device = device(row, because, &groups, &roles)?;
        known.insert(device.id, Arc::new(Known { apps, ..device }));
    }
    Ok(Devices {
        certificates: certificates(connection, &only).await?,
        known,
    })
}

/// The first and the last device to read: one, or with an empty text all of them. As a range the database finds them by its
/// index either way.
fn ids(only: &str) -> (String, String) {
    match only {
        // Ids are hexadecimal digits and hyphens.
        "" => (String::new(), "g".into()),
        only => (only.to_string(), only.to_string()),
    }
}

fn device(
    row: DeviceColumns,
    alerts: Vec<ActiveAlert>,
    groups: &HashMap<String, Vec<GroupId>>,
    roles: &HashMap<String, Vec<RoleId>>,
) -> Result<Known> {
    let risk: Risk = row.risk.parse().map_err(Error::internal)?;
    let state: ComplianceState = row.compliance_state.parse().map_err(Error::internal)?;
    let managed = row.management == "managed";
    let user = match &row.user_id {
        Some(id) => Some(Member {
            id: id.parse().map_err(Error::internal)?,
            groups: groups.get(id).cloned().unwrap_or_default(),
            roles: roles.get(id).cloned().unwrap_or_default(),
        }),
        None => None,
    };
    Ok(Known {
        id: row.id.parse().map_err(Error::internal)?,
        revoked: row.revoked_at.is_some(),
        risk,
        because: match risk {
            Risk::High => risk::evaluate(&alerts).because,
            _ => Vec::new(),
        },
        user,
        platform: platform(&row.os_platform),
        apps: None,
        device: Device {
            compliance: compliance(state),
            because: serde_json::from_str(&row.compliance_reasons).map_err(Error::internal)?,
            enrolled: managed,
            attributes: attributes(
                &row.id,
                &row.name,
                &row.os_platform,
                &row.os_version,
                &row.model,
                managed,
            ),
        },
    })
}

/// The open alerts of devices at High risk: the others need no reason.
async fn alerts(connection: &mut AnyConnection, only: &str) -> Result<HashMap<String, Vec<ActiveAlert>>> {
    let query = "SELECT a.device_id, a.id, a.title, a.severity FROM alerts a JOIN devices d ON d.id = a.device_id \
                 WHERE a.resolved_at IS NULL AND d.risk = 'High' AND d.id BETWEEN $1 AND $2 ORDER BY a.created_at, a.id";
    let (first, last) = ids(only);
    let rows: Vec<(String, String, String, String)> = sqlx::query_as(query)
        .bind(first)
        .bind(last)
        .fetch_all(connection)
        .await?;
    let mut found: HashMap<String, Vec<ActiveAlert>> = HashMap::new();
    for (device, id, title, severity) in rows {
        let severity = severity.parse().map_err(Error::internal)?;
        found
            .entry(device)
            .or_default()
            .push(ActiveAlert { id, title, severity });
    }
    Ok(found)
}

async fn certificates(
    connection: &mut AnyConnection,
    only: &str,
) -> Result<HashMap<Fingerprint, (Timestamp, DeviceId)>> {
    let query = "SELECT fingerprint, not_after, device_id FROM device_certificates WHERE device_id BETWEEN $1 AND $2";
    let (first, last) = ids(only);
    let rows: Vec<(String, i64, String)> = sqlx::query_as(query)
        .bind(first)
        .bind(last)
        .fetch_all(connection)
        .await?;
    let mut found = HashMap::with_capacity(rows.len());
    for (fingerprint, not_after, device) in rows {
        let mut bytes = Fingerprint::default();
        hex::decode_to_slice(&fingerprint, &mut bytes).map_err(Error::internal)?;
        let device = device.parse().map_err(Error::internal)?;
        found.insert(bytes, (Timestamp::from_micros(not_after), device));
    }
    Ok(found)
}

async fn groups_of_users(
    connection: &mut AnyConnection,
    only: &str,
    rows: &[DeviceColumns],
) -> Result<HashMap<String, Vec<GroupId>>> {
    if only.is_empty() {
        return groups::store::closure(connection).await;
    }
    let mut found = HashMap::new();
    for user in rows.iter().filter_map(|row| row.user_id.as_ref()) {
        let ids = groups::store::ids_of(&mut *connection, user).await?;
        let ids = ids.iter().map(|id| id.parse()).collect::<Result<Vec<_>, _>>();
        found.insert(user.clone(), ids.map_err(Error::internal)?);
    }
    Ok(found)
}

#[derive(FromRow)]
struct AppColumns {
    id: String,
    device_id: String,
    bundle_id: String,
    user_id: Option<String>,
    app_version: String,
    sdk_version: String,
    os_version: String,
    device_model: String,
    flagged: i64,
    last_sync_at: i64,
    wipe_noted_at: Option<i64>,
    wipe_order: Option<String>,
}

/// Apps with app protection, by device.
async fn apps(connection: &mut AnyConnection, only: &str) -> Result<HashMap<String, Arc<Apps>>> {
    let query = "SELECT r.id, r.device_id, r.bundle_id, r.user_id, r.app_version, r.sdk_version, r.os_version, r.device_model, \
                 r.flagged, r.last_sync_at, r.wipe_noted_at, (SELECT MIN(o.id) FROM app_wipe_orders o \
                 WHERE o.registration_id = r.id AND o.done_at IS NULL) AS wipe_order FROM app_registrations r \
                 WHERE r.device_id BETWEEN $1 AND $2";
    let (first, last) = ids(only);
    let rows: Vec<AppColumns> = sqlx::query_as(query)
        .bind(first)
        .bind(last)
        .fetch_all(&mut *connection)
        .await?;
    if rows.is_empty() {
        return Ok(HashMap::new());
    }
    let mut registered: HashMap<String, HashMap<_, _>> = HashMap::new();
    for row in rows {
        let id = row.id.parse().map_err(Error::internal)?;
        let device = row.device_id.clone();
        registered.entry(device).or_default().insert(id, app(row)?);
    }
    let fleet = Fleet::threatened(connection, only).await?;
    let mut found = HashMap::with_capacity(registered.len());
    for device in &fleet.devices {
        let Some(registered) = registered.remove(&device.id) else {
            continue;
        };
        let apps = Apps {
            threats: fleet.threats(device)?,
            jailbroken: fleet.facts(device)?.jailbreak == Some(JailbreakLevel::Confirmed),
            account_disabled: device.user_exists == 0,
            registered,
        };
        found.insert(device.id.clone(), Arc::new(apps));
    }
    Ok(found)
}

fn app(row: AppColumns) -> Result<Registered> {
    let user = row.user_id.map(|id| id.parse()).transpose();
    let order = row.wipe_order.map(|id| id.parse().map(WipeOrderId)).transpose();
    Ok(Registered {
        bundle_id: row.bundle_id,
        user: user.map_err(Error::internal)?,
        app_version: row.app_version,
        sdk_version: row.sdk_version,
        os_version: row.os_version,
        device_model: row.device_model,
        flagged: row.flagged != 0,
        last_check_in: Timestamp::from_micros(row.last_sync_at),
        wipe_noted_at: row.wipe_noted_at.map(Timestamp::from_micros),
        wipe_order: order.map_err(Error::internal)?,
    })
}

/// App protection policies, and the connectors that tell of threats.
pub async fn protection(connection: &mut AnyConnection) -> Result<Protection> {
    Ok(Protection {
        policies: lease::policies(&mut *connection).await?,
        connectors: facts::heard_connectors(connection).await?,
    })
}

/// Gateways in use, by the hash of their key.
pub async fn gateways(connection: &mut AnyConnection) -> Result<HashMap<String, Arc<Gateway>>> {
    let query = "SELECT key_hash, id, COALESCE(application_id, id), asserts_mfa, asserts_country, COALESCE(last_used_at, 0) \
                 FROM gateways WHERE disabled_at IS NULL";
    let rows: Vec<(String, String, String, i64, i64, i64)> = sqlx::query_as(query).fetch_all(connection).await?;
    let mut found = HashMap::with_capacity(rows.len());
    for (hash, id, application, mfa, country, used_at) in rows {
        let gateway = Gateway {
            id,
            application: application.parse::<ApplicationId>().map_err(Error::internal)?,
            asserts_mfa: mfa != 0,
            asserts_country: country != 0,
            noted_at: used_at.into(),
        };
        found.insert(hash, Arc::new(gateway));
    }
    Ok(found)
}

/// Named locations that are countries.
pub async fn countries(connection: &mut AnyConnection) -> Result<HashSet<LocationId>> {
    let mut found = HashSet::new();
    for row in policies::store::all(connection, Kind::NamedLocation).await? {
        if matches!(location_of(&row)?, NamedLocation::Country(_)) {
            found.insert(row.id.parse().map_err(Error::internal)?);
        }
    }
    Ok(found)
}

/// How often policies came to which result.
pub async fn results(connection: &mut AnyConnection) -> Result<HashMap<(String, String), i64>> {
    let query = "SELECT policy_id, result, CAST(SUM(count) AS BIGINT) FROM policy_results GROUP BY policy_id, result";
    let rows: Vec<(String, String, i64)> = sqlx::query_as(query).fetch_all(connection).await?;
    Ok(rows
        .into_iter()
        .map(|(policy, result, count)| ((policy, result), count))
        .collect())
}
