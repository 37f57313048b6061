//! Devices: what they report, what is known of them, and taking them out.

pub mod admin;
mod bounds;
mod check_in;
pub mod commands;
pub mod console;
pub mod defender;
pub mod device;
pub mod graph;
pub mod group;
mod incidents;
pub mod list;
pub mod managed;
pub mod search;
pub mod store;

use moat_model::{DeviceId, sync::Command};
use moat_policy::risk::RiskDecision;
use serde::Serialize;

use crate::{
    App, alerts, audit,
    caller::{Actor, Caller, Role},
    compliance,
    db::Transaction,
    error::{Error, Result},
    retire_list,
};

pub use check_in::check_in;
pub use store::DeviceRow;

/// Who may see devices.
pub const READ: &[Role] = &[Role::MachineReadAll, Role::MachineReadWriteAll];

pub async fn get(app: &App, id: DeviceId) -> Result<DeviceRow> {
    store::get(&app.db, id)
        .await?
        .ok_or_else(|| Error::not_found("device", id))
}

/// Judges a device anew after something about it changed: alerts make its risk, risk and posture its compliance.
pub async fn reassess(tx: &mut Transaction, id: DeviceId) -> Result<Standing> {
    Ok(Standing {
        risk: alerts::recompute_risk(tx, id).await?,
        compliance_changed: compliance::assess::device(tx, id).await?,
    })
}

/// What came out when a device was judged anew.
pub struct Standing {
    pub risk: RiskDecision,
    pub compliance_changed: bool,
}

/// Takes a device's certificates away. It is locked out from this moment; what it holds on itself stays in force. Its open
/// alerts are resolved: nobody can act on them any more.
pub async fn revoke(app: &App, caller: &Caller, id: DeviceId) -> Result<()> {
    caller.require_any(&[Role::MoatAdministrate])?;
    let device = get(app, id).await?;
    let mut tx = app.db.begin().await?;
    if !take_out(&mut tx, &device, &caller.actor, &caller.actor.to_string()).await? {
        return Err(Error::not_found("device in use", id));
    }
    tx.commit().await?;
    app.hub.disconnect(id);
    app.device_changed(id).await
}

/// Takes a device out as `by` wanted; false when it was out already. `actor` is who does it now.
async fn take_out(tx: &mut Transaction, device: &DeviceRow, actor: &Actor, by: &str) -> Result<bool> {
    let id = device.device_id()?;
    if !store::revoke(tx, id, by).await? {
        return Ok(false);
    }
    let state = |revoked| Revocation {
        name: &device.name,
        device_group: &device.device_group,
        revoked,
    };
    let change = audit::Change {
        action: "revoke",
        noun: "device",
        id: &id.to_string(),
        before: Some(&state(false)),
        after: Some(&state(true)),
    };
    audit::record(tx, actor, change).await?;
    let why = "the device was removed";
    commands::store::cancel_all(tx, id, why).await?;
    retire_list::store::remove(tx, id).await?;
    alerts::resolve_all(tx, id, actor, why).await?;
    alerts::recompute_risk(tx, id).await?;
    Ok(true)
}

/// What the audit log says of a device that is taken out.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Revocation<'a> {
    name: &'a str,
    device_group: &'a str,
    revoked: bool,
}

/// Asks a device to run its posture rules: at once when it is connected (true), else when it comes back.
pub async fn request_posture(app: &App, caller: &Caller, id: DeviceId) -> Result<bool> {
    caller.require_any(&[Role::MoatAdministrate, Role::MachineReadWriteAll])?;
    get(app, id).await?;
    let delivered = app.hub.command(id, Command::RunPosture);
    let mut tx = app.db.begin().await?;
    if !delivered {
        store::request_posture(&mut tx, id).await?;
    }
    let change = audit::Change {
        action: "request posture",
        noun: "device",
        id: &id.to_string(),
        before: None,
        after: Some(&PostureRequest { delivered }),
    };
    audit::record(&mut tx, &caller.actor, change).await?;
    tx.commit().await?;
    Ok(delivered)
}

#[derive(Serialize)]
struct PostureRequest {
    /// Whether it reached the device at once.
    delivered: bool,
}

/// Asks a connected device to check in now; others do so when they come back.
pub async fn request_sync(app: &App, caller: &Caller, id: DeviceId) -> Result<()> {
    caller.require_any(managed::ACT)?;
    get(app, id).await?;
    app.hub.command(id, Command::CheckIn);
    Ok(())
}

/// Says whose device it is, or that it is nobody's.
pub async fn set_user(app: &App, caller: &Caller, id: DeviceId, user: Option<&str>) -> Result<()> {
    caller.require_any(managed::WRITE)?;
    let user = match user {
        Some(key) => Some(crate::users::find(app, key).await?),
        None => None,
    };
    let mut tx = app.db.begin().await?;
    if !store::set_user(&mut tx, id, user.as_ref().map(|user| user.id.as_str())).await? {
        return Err(Error::not_found("device", id));
    }
    let after = user.map(|user| user.user_principal_name);
    let change = audit::Change {
        action: "set user",
        noun: "device",
        id: &id.to_string(),
        before: None,
        after: Some(&after),
    };
    audit::record(&mut tx, &caller.actor, change).await?;
    app.commit_directory(tx, &[id]).await
}

/// Longest tag, in bytes.
const MAX_TAG: usize = 200;

/// What the audit log says of a device's tags.
#[derive(Serialize)]
struct Tags {
    tags: Vec<String>,
}

/// Adds a tag to devices, or takes it away. All of them, or none when one is unknown.
pub async fn tag(app: &App, caller: &Caller, ids: &[DeviceId], tag: &str, add: bool) -> Result<()> {
    caller.require_any(&[Role::MachineReadWriteAll])?;
    let tag = tag.trim();
    if tag.is_empty() || tag.len() > MAX_TAG || tag.chars().any(char::is_control) {
        return Err(Error::invalid(
            "InvalidInput",
            "Value must be a tag of 1 to 200 bytes without control characters",
        ));
    }
    let mut tx = app.db.begin().await?;
    for id in ids {
        if !store::exists(&mut tx, *id).await? {
            return Err(Error::not_found("machine", id));
        }
        let before = store::tags(&mut tx, *id).await?;
        store::set_tag(&mut tx, *id, tag, add).await?;
        let after = store::tags(&mut tx, *id).await?;
        let action = if add { "tag" } else { "untag" };
        let change = audit::Change {
            action,
            noun: "device",
            id: &id.to_string(),
            before: Some(&Tags { tags: before }),
            after: Some(&Tags { tags: after }),
        };
        audit::record(&mut tx, &caller.actor, change).await?;
    }
    tx.commit().await?;
    app.hub.changed();
    Ok(())
}
