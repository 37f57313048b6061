use moat_model::{
    DeviceConfiguration, DeviceId, DeviceInfo, HealthStatus, InstalledApp, JailbreakLevel, Management, Risk, Timestamp,
    WebProtection,
    sync::{DeviceState, OutboxEntry},
};
use serde::{Deserialize, Serialize};
use sqlx::FromRow;

use crate::{
    app::now,
    db::{Db, Transaction},
    error::{Error, Result},
    pki::DeviceCertificate,
};

/// A device as the database has it.
#[derive(Debug, Clone, FromRow)]
pub struct DeviceRow {
    pub id: String,
    pub name: String,
    pub os_platform: String,
    pub os_version: String,
    pub model: String,
    pub agent_version: String,
    pub management: String,
    pub device_group: String,
    pub enrolled_at: i64,
    pub last_seen_at: i64,
    pub last_ip: String,
    pub last_external_ip: String,
    pub web_protection: String,
    pub other_vpn: Option<String>,
    pub bundle_version: i64,
    pub jailbreak_level: String,
    pub posture: Option<String>,
    pub posture_at: Option<i64>,
    pub risk: String,
    pub risk_alert_id: Option<String>,
    pub acknowledged_seq: i64,
    pub dropped_events: i64,
    pub silent_since: Option<i64>,
    pub revoked_at: Option<i64>,
    pub revoked_by: Option<String>,
    pub user_id: Option<String>,
    /// What the device says is wrong with its own protection: a JSON list of sentences.
    pub problems: String,
    pub compliance_state: String,
    /// Reasons as JSON.
    pub compliance_reasons: String,
    pub compliance_grace_until: Option<i64>,
    pub os_build: String,
    /// A configuration without its apps, as JSON.
    pub configuration: Option<String>,
    /// [`Apps`] as JSON.
    pub apps: Option<String>,
}

/// The apps that a device told.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Apps {
    /// None is left out.
    pub complete: bool,
    pub apps: Vec<InstalledApp>,
}

/// The columns of a configuration: itself, and its apps.
pub fn columns(configuration: Option<&DeviceConfiguration>) -> Result<(Option<String>, Option<String>)> {
    let Some(configuration) = configuration else {
        return Ok((None, None));
    };
    let apps = configuration.apps.as_ref().map(|apps| Apps {
        complete: !configuration.only_managed_apps,
        apps: apps.clone(),
    });
    let apps = apps.as_ref().map(serde_json::to_string).transpose();
    let rest = DeviceConfiguration {
        apps: None,
        ..configuration.clone()
    };
    let rest = serde_json::to_string(&rest).map_err(Error::internal)?;
    Ok((Some(rest), apps.map_err(Error::internal)?))
}

impl DeviceRow {
    /// What its management knows of the device, without its apps.
    pub fn configuration(&self) -> Option<DeviceConfiguration> {
        serde_json::from_str(self.configuration.as_deref()?).ok()
    }

    /// The apps that it told.
    pub fn apps(&self) -> Option<Apps> {
        serde_json::from_str(self.apps.as_deref()?).ok()
    }

    pub fn device_id(&self) -> Result<DeviceId> {
        self.id.parse().map_err(Error::internal)
    }

    /// What the device says is wrong with its own protection.
    pub fn problems(&self) -> Vec<String> {
        serde_json::from_str(&self.problems).unwrap_or_default()
    }

    /// Health in the Defender API's words.
    pub fn health(&self) -> HealthStatus {
        match (self.revoked_at, self.silent_since, self.web_protection.as_str()) {
            (Some(_), _, _) | (_, Some(_), _) => HealthStatus::Inactive,
            (_, _, "on") => HealthStatus::Active,
            _ => HealthStatus::ImpairedCommunication,
        }
    }
}

/// How many devices are enrolled.
pub async fn count(db: &Db) -> Result<i64> {
    let query = "SELECT COUNT(*) FROM devices WHERE revoked_at IS NULL";
    Ok(sqlx::query_scalar(query).fetch_one(db.read()).await?)
}

pub async fn insert(
    tx: &mut Transaction,
    device: DeviceId,
    info: &DeviceInfo,
    management: Management,
    group: &str,
    user: Option<&str>,
    peer: &str,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO devices (id, name, os_platform, os_version, model, agent_version, management, device_group, enrolled_at, \
         last_seen_at, last_ip, last_external_ip, web_protection, bundle_version, jailbreak_level, risk, acknowledged_seq, \
         dropped_events, user_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, '', $10, $11, 0, $12, $13, 0, 0, $14)",
    )
    .bind(device.to_string())
    .bind(info.name.clone())
    .bind(info.os_platform.clone())
    .bind(info.os_version.clone())
    .bind(info.model.clone())
    .bind(info.agent_version.clone())
    .bind(management.as_str())
    .bind(group.to_string())
    .bind(now().as_micros())
    .bind(peer.to_string())
    .bind(WebProtection::Stopped.as_str())
    .bind(JailbreakLevel::None.as_str())
    .bind(Risk::None.as_str())
    .bind(user.map(String::from))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

pub async fn insert_certificate(tx: &mut Transaction, device: DeviceId, certificate: &DeviceCertificate) -> Result<()> {
    sqlx::query("INSERT INTO device_certificates (fingerprint, device_id, serial, created_at, not_after) VALUES ($1, $2, $3, $4, $5)")
        .bind(certificate.fingerprint.clone())
        .bind(device.to_string())
        .bind(certificate.serial.clone())
        .bind(now().as_micros())
        .bind(certificate.not_after.as_micros())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

pub async fn get(db: &Db, id: DeviceId) -> Result<Option<DeviceRow>> {
    Ok(sqlx::query_as("SELECT * FROM devices WHERE id = $1")
        .bind(id.to_string())
        .fetch_optional(db.read())
        .await?)
}

pub async fn find(tx: &mut Transaction, id: DeviceId) -> Result<Option<DeviceRow>> {
    let query = sqlx::query_as("SELECT * FROM devices WHERE id = $1").bind(id.to_string());
    Ok(query.fetch_optional(&mut **tx).await?)
}

/// The device that a certificate was issued to; revoked ones too.
pub async fn find_by_certificate(db: &Db, fingerprint: &str) -> Result<Option<DeviceRow>> {
    let query = "SELECT devices.* FROM device_certificates JOIN devices ON devices.id = device_certificates.device_id \
                 WHERE device_certificates.fingerprint = $1";
    Ok(sqlx::query_as(query)
        .bind(fingerprint.to_string())
        .fetch_optional(db.read())
        .await?)
}

pub async fn exists(tx: &mut Transaction, id: DeviceId) -> Result<bool> {
    let query = sqlx::query_scalar::<_, i64>("SELECT COUNT(*) FROM devices WHERE id = $1").bind(id.to_string());
    Ok(query.fetch_one(&mut **tx).await? == 1)
}

pub async fn revoke(tx: &mut Transaction, id: DeviceId, by: &str) -> Result<bool> {
    let at = now().as_micros();
    let query = sqlx::query("UPDATE devices SET revoked_at = $1, revoked_by = $2 WHERE id = $3 AND revoked_at IS NULL");
    let done = query
        .bind(at)
        .bind(by.to_string())
        .bind(id.to_string())
        .execute(&mut **tx)
        .await?
        .rows_affected()
        == 1;
    let query =
        sqlx::query("UPDATE device_certificates SET revoked_at = $1 WHERE device_id = $2 AND revoked_at IS NULL");
    query.bind(at).bind(id.to_string()).execute(&mut **tx).await?;
    Ok(done)
}

/// Says whose device it is; false when there is no such device.
pub async fn set_user(tx: &mut Transaction, id: DeviceId, user: Option<&str>) -> Result<bool> {
    let query = sqlx::query("UPDATE devices SET user_id = $1 WHERE id = $2");
    let query = query.bind(user.map(String::from)).bind(id.to_string());
    Ok(query.execute(&mut **tx).await?.rows_affected() == 1)
}

pub async fn request_posture(tx: &mut Transaction, id: DeviceId) -> Result<()> {
    let query = sqlx::query("UPDATE devices SET posture_requested_at = $1 WHERE id = $2");
    query
        .bind(now().as_micros())
        .bind(id.to_string())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

pub async fn tags(tx: &mut Transaction, id: DeviceId) -> Result<Vec<String>> {
    let query = sqlx::query_scalar("SELECT tag FROM device_tags WHERE device_id = $1 ORDER BY tag");
    Ok(query.bind(id.to_string()).fetch_all(&mut **tx).await?)
}

pub async fn set_tag(tx: &mut Transaction, id: DeviceId, tag: &str, present: bool) -> Result<()> {
    let query = match present {
        true => sqlx::query("INSERT INTO device_tags (device_id, tag) VALUES ($1, $2) ON CONFLICT DO NOTHING"),
        false => sqlx::query("DELETE FROM device_tags WHERE device_id = $1 AND tag = $2"),
    };
    query
        .bind(id.to_string())
        .bind(tag.to_string())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Stores what the device is now.
pub async fn update_state(
    tx: &mut Transaction,
    id: DeviceId,
    info: &DeviceInfo,
    state: &DeviceState,
    peer: &str,
) -> Result<()> {
    let posture = state
        .posture
        .as_ref()
        .map(serde_json::to_string)
        .transpose()
        .map_err(Error::internal)?;
    let level = state
        .posture
        .as_ref()
        .map_or(JailbreakLevel::None, |posture| posture.level);
    let (configuration, apps) = columns(state.configuration.as_ref())?;
    let address = state.addresses.first().map(ToString::to_string).unwrap_or_default();
    sqlx::query(
        "UPDATE devices SET name = $1, os_platform = $2, os_version = $3, model = $4, agent_version = $5, last_seen_at = $6, \
         last_ip = $7, last_external_ip = $8, web_protection = $9, other_vpn = $10, bundle_version = $11, jailbreak_level = $12, \
         posture = $13, posture_at = $14, silent_since = NULL, posture_requested_at = NULL, problems = $15, os_build = $16, \
         configuration = $17, apps = $18 WHERE id = $19",
    )
    .bind(info.name.clone())
    .bind(info.os_platform.clone())
    .bind(info.os_version.clone())
    .bind(info.model.clone())
    .bind(info.agent_version.clone())
    .bind(now().as_micros())
    .bind(address)
    .bind(peer.to_string())
    .bind(state.web_protection.as_str())
    .bind(state.other_vpn.clone())
    .bind(state.bundle_version.cast_signed())
    .bind(level.as_str())
    .bind(posture)
    .bind(state.posture.as_ref().map(|_| state.time.as_micros()))
    .bind(serde_json::to_string(&state.problems).map_err(Error::internal)?)
    .bind(info.os_build.clone().unwrap_or_default())
    .bind(configuration)
    .bind(apps)
    .bind(id.to_string())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Forgets the apps of all devices, or of personal ones.
pub async fn forget_apps(tx: &mut Transaction, personal_only: bool) -> Result<()> {
    let query = match personal_only {
        true => "UPDATE devices SET apps = NULL WHERE apps IS NOT NULL AND management <> 'managed'",
        false => "UPDATE devices SET apps = NULL WHERE apps IS NOT NULL",
    };
    sqlx::query(query).execute(&mut **tx).await?;
    Ok(())
}

/// Stores an event; false when its number was stored before.
pub async fn insert_event(tx: &mut Transaction, id: DeviceId, entry: &OutboxEntry) -> Result<bool> {
    let body = serde_json::to_value(&entry.event).map_err(Error::internal)?;
    let kind = body["kind"].as_str().unwrap_or_default().to_string();
    let query = sqlx::query(
        "INSERT INTO device_events (device_id, seq, time, received_at, kind, body) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (device_id, seq) DO NOTHING",
    );
    let query = query
        .bind(id.to_string())
        .bind(entry.seq.cast_signed())
        .bind(entry.time.as_micros());
    let query = query.bind(now().as_micros()).bind(kind).bind(body.to_string());
    Ok(query.execute(&mut **tx).await?.rows_affected() == 1)
}

pub async fn set_acknowledged(tx: &mut Transaction, id: DeviceId, seq: u64, dropped: u64) -> Result<()> {
    let query = sqlx::query("UPDATE devices SET acknowledged_seq = $1, dropped_events = $2 WHERE id = $3");
    query
        .bind(seq.cast_signed())
        .bind(dropped.cast_signed())
        .bind(id.to_string())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Devices not seen since `before` that are not yet marked silent.
pub async fn not_seen_since(db: &Db, before: Timestamp) -> Result<Vec<DeviceRow>> {
    let query = "SELECT * FROM devices WHERE last_seen_at < $1 AND silent_since IS NULL AND revoked_at IS NULL \
                 ORDER BY last_seen_at LIMIT 1000";
    Ok(sqlx::query_as(query)
        .bind(before.as_micros())
        .fetch_all(db.read())
        .await?)
}

/// Marks a device silent; false when it reported meanwhile.
pub async fn mark_silent(tx: &mut Transaction, device: &DeviceRow, since: Timestamp) -> Result<bool> {
    let query = "UPDATE devices SET silent_since = $1 WHERE id = $2 AND last_seen_at = $3 AND silent_since IS NULL";
    let query = sqlx::query(query)
        .bind(since.as_micros())
        .bind(device.id.clone())
        .bind(device.last_seen_at);
    Ok(query.execute(&mut **tx).await?.rows_affected() == 1)
}
