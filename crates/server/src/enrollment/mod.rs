//! Enrolment: tokens that administrators make, and devices that use them.

pub mod admin;
pub mod console;
pub mod device;
mod store;

use moat_model::{DeviceId, DeviceInfo, Management, Timestamp, sync::Enrolled};
use serde::{Deserialize, Serialize};

use crate::{
    App,
    app::now,
    audit,
    caller::{Actor, Caller, Role},
    devices::group,
    error::{Error, Result},
    secret,
};

pub use store::TokenRow;

/// What an administrator asks for.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct NewToken {
    pub lifetime_seconds: u64,
    pub max_uses: u32,
    pub management: Management,
    pub device_group: String,
    /// Id or principal name of the person whose devices these are.
    pub user: Option<String>,
}

impl Default for NewToken {
    fn default() -> Self {
        Self {
            lifetime_seconds: 86_400,
            max_uses: 1,
            management: Management::Managed,
            device_group: String::new(),
            user: None,
        }
    }
}

/// A token as it is shown, once.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IssuedToken {
    pub id: String,
    pub token: String,
    pub link: String,
    pub expires_at: Timestamp,
}

/// What the audit log keeps of a token.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TokenRecord<'a> {
    management: Management,
    device_group: &'a str,
    max_uses: u64,
    expires_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    revoked: bool,
}

pub async fn create_token(app: &App, caller: &Caller, mut new: NewToken) -> Result<IssuedToken> {
    caller.require_any(&[Role::MoatAdministrate])?;
    check(&new)?;
    let user = match &new.user {
        Some(key) => Some(crate::users::find(app, key).await?),
        None => None,
    };
    let name = group::name(&new.device_group);
    new.device_group =
        name.map_err(|error| Error::invalid_field("InvalidInput", "deviceGroup", format!(": {error}")))?;
    let token = secret::generate();
    let id = uuid::Uuid::now_v7().to_string();
    let expires_at = now().saturating_add(std::time::Duration::from_secs(new.lifetime_seconds));
    let mut tx = app.db.begin().await?;
    store::insert(
        &mut tx,
        &id,
        &secret::hash(&token),
        &new,
        user.as_ref().map(|user| user.id.as_str()),
        &caller.actor.to_string(),
        expires_at,
    )
    .await?;
    let record = TokenRecord {
        management: new.management,
        device_group: &new.device_group,
        max_uses: new.max_uses.into(),
        expires_at: expires_at.to_string(),
        user: user.as_ref().map(|user| user.id.as_str()),
        revoked: false,
    };
    let change = audit::Change {
        action: "create",
        noun: "enrollment token",
        id: &id,
        before: None,
        after: Some(&record),
    };
    audit::record(&mut tx, &caller.actor, change).await?;
    tx.commit().await?;
    let link = format!("{}/enroll#{token}", app.base_url());
    Ok(IssuedToken {
        id,
        token,
        link,
        expires_at,
    })
}

pub async fn list_tokens(app: &App, caller: &Caller) -> Result<Vec<TokenRow>> {
    caller.require_any(&[Role::MoatAdministrate])?;
    store::list(&app.db).await
}

pub async fn revoke_token(app: &App, caller: &Caller, id: &str) -> Result<()> {
    caller.require_any(&[Role::MoatAdministrate])?;
    let mut tx = app.db.begin().await?;
    let token = store::get(&mut tx, id)
        .await?
        .filter(|token| token.revoked_at.is_none());
    let token = token.ok_or_else(|| Error::not_found("enrolment token", id))?;
    store::revoke(&mut tx, id).await?;
    let record = |revoked| -> Result<_> {
        Ok(TokenRecord {
            management: token.management.parse().map_err(Error::internal)?,
            device_group: &token.device_group,
            max_uses: token.max_uses.unsigned_abs(),
            expires_at: Timestamp::from_micros(token.expires_at).to_string(),
            user: token.user_id.as_deref(),
            revoked,
        })
    };
    let change = audit::Change {
        action: "revoke",
        noun: "enrollment token",
        id,
        before: Some(&record(false)?),
        after: Some(&record(true)?),
    };
    audit::record(&mut tx, &caller.actor, change).await?;
    tx.commit().await?;
    Ok(())
}

/// Enrols a device: uses the token once, signs the device's key and makes its row, in one transaction.
pub async fn enroll(
    app: &App,
    token: &str,
    csr: &str,
    info: &DeviceInfo,
    device_url: String,
    peer: &str,
) -> Result<Enrolled> {
    check_info(info)?;
    // Before a key is signed and the database written: a guess must cost little.
    let hash = secret::hash(token);
    store::usable(app.db.read(), &hash).await?;
    let device = DeviceId(uuid::Uuid::now_v7());
    let certificate = app
        .authority
        .issue_device(device, csr, app.config.device_certificate_days)?;
    let mut tx = app.db.begin().await?;
    let terms = store::use_token(&mut tx, &hash).await?;
    let (group, user) = (terms.device_group.as_str(), terms.user_id.as_deref());
    crate::devices::store::insert(&mut tx, device, info, terms.management, group, user, peer).await?;
    crate::devices::store::insert_certificate(&mut tx, device, &certificate).await?;
    crate::devices::reassess(&mut tx, device).await?;
    let change = audit::Change {
        action: "enroll",
        noun: "device",
        id: &device.to_string(),
        before: None,
        after: Some(info),
    };
    audit::record(&mut tx, &Actor::Device(device), change).await?;
    tx.commit().await?;
    app.device_changed(device).await?;
    Ok(Enrolled {
        device_id: device,
        tenant: app.tenant.clone(),
        management: terms.management,
        certificate: certificate.pem,
        ca: app.authority.pem().to_string(),
        device_url,
        bundle_key: app.keys.bundle_public(),
    })
}

fn check(new: &NewToken) -> Result<()> {
    let wrong = |field, rule| Err(Error::invalid_field("InvalidInput", field, rule));
    if !(60..=366 * 86_400).contains(&new.lifetime_seconds) {
        return wrong("lifetimeSeconds", " must be 60 to 31622400 (a year)");
    }
    if !(1..=100_000).contains(&new.max_uses) {
        return wrong("maxUses", " must be 1 to 100000");
    }
    Ok(())
}

/// Checks what a device says of itself: shown to people later.
pub fn check_info(info: &DeviceInfo) -> Result<()> {
    let none = String::new();
    let fields = [
        ("name", &info.name),
        ("osPlatform", &info.os_platform),
        ("osVersion", &info.os_version),
        ("model", &info.model),
        ("agentVersion", &info.agent_version),
        ("osBuild", info.os_build.as_ref().unwrap_or(&none)),
    ];
    for (name, value) in fields {
        if value.len() > 200 || value.chars().any(char::is_control) {
            let rule = "must have at most 200 bytes and no control characters";
            return Err(Error::invalid("bodyInvalid", format!("device.{name} {rule}")));
        }
    }
    if info.name.trim().is_empty() {
        return Err(Error::invalid("bodyInvalid", "device.name is empty"));
    }
    Ok(())
}
