//! Devices that a compliance policy would retire or wipe. Nothing happens to them until an administrator says so.

pub mod admin;
pub mod console;
pub mod graph;
pub mod store;

use std::collections::BTreeMap;

use moat_model::{DeviceId, OrderAction};
use serde::Serialize;

use crate::{
    App, audit,
    caller::{Caller, Role},
    compliance,
    db::Transaction,
    devices::commands,
    error::{Error, Result},
    odata::{Page, Query},
};

pub use store::ScheduledRow;

pub const READ: &[Role] = compliance::READ;
pub const WRITE: &[Role] = compliance::WRITE;

/// Devices that are named at once, and that are decided about in one transaction.
const AT_ONCE: usize = 500;

/// An administrator's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Retire, or wipe where a policy says so.
    Confirm,
    /// Off the list; the next period of noncompliance may put it there again.
    Cancel,
}

/// Which devices it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    All,
    These(Vec<DeviceId>),
}

pub async fn list(app: &App, caller: &Caller, query: &Query) -> Result<Page<ScheduledRow>> {
    caller.require_any(READ)?;
    store::page(&app.db, query).await
}

/// Takes devices off the list; those that are confirmed get their order. Gives how many there were.
pub async fn decide(app: &App, caller: &Caller, decision: Decision, which: Which) -> Result<usize> {
    caller.require_any(WRITE)?;
    match which {
        Which::These(devices) => decide_these(app, caller, decision, &devices).await,
        Which::All => {
            let mut decided = 0;
            loop {
                let some = store::some_devices(&app.db, AT_ONCE).await?;
                if some.is_empty() {
                    return Ok(decided);
                }
                decided += decide_these(app, caller, decision, &some).await?;
            }
        }
    }
}

async fn decide_these(app: &App, caller: &Caller, decision: Decision, devices: &[DeviceId]) -> Result<usize> {
    if devices.len() > AT_ONCE {
        let text = format!("managedDeviceIds must hold at most {AT_ONCE} devices");
        return Err(Error::invalid("BadRequest", text));
    }
    let mut tx = app.db.begin().await?;
    let mut kinds = BTreeMap::new();
    for device in devices {
        let kind = store::kind_of(&mut tx, *device).await?.ok_or_else(|| {
            let text = format!("managedDeviceIds: the device {device} is not on the retire list");
            Error::invalid("BadRequest", text)
        })?;
        kinds.insert(*device, kind);
    }
    for (device, kind) in &kinds {
        store::remove(&mut tx, *device).await?;
        record(&mut tx, caller, decision, *device, kind).await?;
        if decision == Decision::Confirm {
            let action = match kind.as_str() {
                "wipe" => OrderAction::Wipe,
                _ => OrderAction::Retire,
            };
            commands::order(&mut tx, *device, action, &caller.actor.to_string()).await?;
        }
    }
    tx.commit().await?;
    if decision == Decision::Confirm {
        kinds.keys().for_each(|device| app.deliver(*device));
    }
    app.hub.changed();
    Ok(kinds.len())
}

/// What the audit log says of a decision.
#[derive(Serialize)]
struct Record<'a> {
    /// retire or wipe
    kind: &'a str,
}

async fn record(tx: &mut Transaction, caller: &Caller, decision: Decision, device: DeviceId, kind: &str) -> Result<()> {
    let change = audit::Change {
        action: match decision {
            Decision::Confirm => "confirm retirement",
            Decision::Cancel => "cancel retirement",
        },
        noun: "device",
        id: &device.to_string(),
        before: None,
        after: Some(&Record { kind }),
    };
    audit::record(tx, &caller.actor, change).await
}
