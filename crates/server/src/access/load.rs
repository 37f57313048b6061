//! SQL of what access decisions need.

use std::{collections::HashMap, sync::Arc};

use moat_model::{DeviceId, GroupId, Risk, Timestamp, compliance::ComplianceState, conditional_access::ApplicationId};
use moat_policy::{
    conditional_access::Device,
    risk::{self, ActiveAlert},
};
use sqlx::{AnyConnection, FromRow};

use super::memory::{Devices, Fingerprint, Gateway, Known, attributes, compliance, platform};
use crate::{
    error::{Error, Result},
    groups,
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
                 compliance_reasons FROM devices WHERE ($1 = '' OR id = $1)";
    let rows: Vec<DeviceColumns> = sqlx::query_as(query)
        .bind(only.clone())
        .fetch_all(&mut *connection)
        .await?;
    let groups = groups_of_users(connection, &only, &rows).await?;
    let mut alerts = alerts(connection, &only).await?;
    let mut known = HashMap::with_capacity(rows.len());
    for row in rows {
        let because = alerts.remove(&row.id).unwrap_or_default();
        let device = device(row, because, &groups)?;
        known.insert(device.id, Arc::new(device));
    }
    Ok(Devices {
        certificates: certificates(connection, &only).await?,
        known,
    })
}

fn device(row: DeviceColumns, alerts: Vec<ActiveAlert>, groups: &HashMap<String, Vec<GroupId>>) -> Result<Known> {
    let risk: Risk = row.risk.parse().map_err(Error::internal)?;
    let state: ComplianceState = row.compliance_state.parse().map_err(Error::internal)?;
    let managed = row.management == "managed";
    let user = match &row.user_id {
        Some(id) => Some((
            id.parse().map_err(Error::internal)?,
            groups.get(id).cloned().unwrap_or_default(),
        )),
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
                 WHERE a.resolved_at IS NULL AND d.risk = 'High' AND ($1 = '' OR d.id = $1) ORDER BY a.created_at, a.id";
    let rows: Vec<(String, String, String, String)> = sqlx::query_as(query)
        .bind(only.to_string())
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
    let query = "SELECT fingerprint, not_after, device_id FROM device_certificates WHERE ($1 = '' OR device_id = $1)";
    let rows: Vec<(String, i64, String)> = sqlx::query_as(query)
        .bind(only.to_string())
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

/// Gateways in use, by the hash of their key.
pub async fn gateways(connection: &mut AnyConnection) -> Result<HashMap<String, Arc<Gateway>>> {
    let query = "SELECT key_hash, id, COALESCE(application_id, id), COALESCE(last_used_at, 0) FROM gateways WHERE disabled_at IS NULL";
    let rows: Vec<(String, String, String, i64)> = sqlx::query_as(query).fetch_all(connection).await?;
    let mut found = HashMap::with_capacity(rows.len());
    for (hash, id, application, used_at) in rows {
        let gateway = Gateway {
            id,
            application: application.parse::<ApplicationId>().map_err(Error::internal)?,
            noted_at: used_at.into(),
        };
        found.insert(hash, Arc::new(gateway));
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
