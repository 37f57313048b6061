//! Orders to devices: kept until the device says what came of them.

pub mod admin;
pub mod graph;
pub mod store;

use moat_model::{
    DeviceId, OrderAction, OrderId, OrderOutcome,
    sync::{Command, MAX_ORDERS},
};
use serde::Serialize;

use super::managed;
use crate::{
    App,
    app_protection::registrations,
    audit,
    caller::{Actor, Caller, Role},
    db::Transaction,
    error::{Error, Result},
};

pub use store::CommandRow;

/// Who may lock, retire and wipe.
pub const ORDER: &[Role] = &[Role::ManagedDevicesPrivilegedAll];

/// Orders that wait for one device, at most. Of those only messages can be many, so an old message makes room.
const MAX_PENDING: usize = 20;

/// Orders something at once: by a push when the device is connected, else with its next check-in.
pub async fn request(app: &App, caller: &Caller, device: DeviceId, action: OrderAction) -> Result<()> {
    caller.require_any(match action {
        OrderAction::Notify { .. } => managed::ACT,
        _ => ORDER,
    })?;
    let mut tx = app.db.begin().await?;
    order(&mut tx, device, action, &caller.actor.to_string()).await?;
    tx.commit().await?;
    app.deliver(device);
    Ok(())
}

/// Orders something as part of a change; [`App::deliver`] after the commit brings it to the device at once. What waits already is not
/// ordered twice, unless it is a message.
pub async fn order(tx: &mut Transaction, device: DeviceId, action: OrderAction, by: &str) -> Result<()> {
    check(&action)?;
    let known = super::store::find(tx, device).await?;
    if known.is_none_or(|known| known.revoked_at.is_some()) {
        return Err(Error::not_found("device in use", device));
    }
    let waiting = store::pending(tx, device).await?;
    let is_message = matches!(action, OrderAction::Notify { .. });
    if !is_message && waiting.iter().any(|row| row.action == action.word()) {
        return Ok(());
    }
    if waiting.len() >= MAX_PENDING
        && let Some(oldest) = waiting.iter().find(|row| row.action == "notify")
    {
        store::cancel(tx, &oldest.id, "newer messages took its place").await?;
    }
    store::insert(tx, device, &action, by).await?;
    let change = audit::Change {
        action: "order",
        noun: "device",
        id: &device.to_string(),
        before: None,
        after: Some(&action),
    };
    audit::record(tx, by, change).await?;
    if action.leaves() {
        registrations::order_all(tx, device, by).await?;
    }
    Ok(())
}

/// The orders that go with the answer to a check-in.
pub async fn open(tx: &mut Transaction, device: DeviceId) -> Result<Vec<moat_model::Order>> {
    let mut rows = store::pending(tx, device).await?;
    rows.truncate(MAX_ORDERS);
    rows.iter().map(CommandRow::order).collect()
}

/// Takes the device's word for what came of an order; tells whether the device has left by it. A second word changes nothing.
pub async fn settle(
    tx: &mut Transaction,
    device: DeviceId,
    id: OrderId,
    outcome: OrderOutcome,
    detail: &str,
) -> Result<bool> {
    let Some(order) = store::settle(tx, device, id, outcome, detail).await? else {
        return Ok(false);
    };
    let actor = Actor::Device(device);
    let change = audit::Change {
        action: "answer order",
        noun: "device",
        id: &device.to_string(),
        before: None,
        after: Some(&Answer {
            order: &order.action,
            outcome,
            detail,
        }),
    };
    audit::record(tx, &actor, change).await?;
    if outcome != OrderOutcome::Done || !order.order()?.action.leaves() {
        return Ok(false);
    }
    // An app that wiped and started anew before the device was gone has to wipe again.
    registrations::order_all(tx, device, &order.ordered_by).await?;
    let row = super::store::find(tx, device).await?;
    let row = row.ok_or_else(|| Error::not_found("device", device))?;
    super::take_out(tx, &row, &actor, &order.ordered_by).await
}

/// What the audit log says of a device's answer.
#[derive(Serialize)]
struct Answer<'a> {
    order: &'a str,
    outcome: OrderOutcome,
    detail: &'a str,
}

impl App {
    /// Brings what was ordered to a connected device at once: it checks in.
    pub fn deliver(&self, device: DeviceId) {
        self.hub.command(device, Command::CheckIn);
        self.hub.changed();
    }
}

fn check(action: &OrderAction) -> Result<()> {
    let (title, body) = match action {
        OrderAction::Notify { title, body } => (title, body),
        OrderAction::Unknown => return Err(Error::invalid("InvalidInput", "there is no such order")),
        _ => return Ok(()),
    };
    bounded("title", title, OrderAction::MAX_TITLE)?;
    bounded("body", body, OrderAction::MAX_BODY)
}

fn bounded(field: &'static str, text: &str, most: usize) -> Result<()> {
    let broken = |c: char| c.is_control() && c != '\n';
    if text.trim().is_empty() || text.chars().count() > most || text.chars().any(broken) {
        let rule = format!(" must have 1 to {most} characters, none of them a control character");
        return Err(Error::invalid_field("InvalidInput", field, rule));
    }
    Ok(())
}

/// Graph's `managementState`: what is to become of the device, by the newest order that would take it out.
pub fn management_state(orders: &[CommandRow]) -> &'static str {
    let leaving = orders
        .iter()
        .filter(|row| matches!(row.action.as_str(), "retire" | "wipe"));
    let Some(newest) = leaving.max_by_key(|row| (row.state == "pending", row.id.as_str())) else {
        return "managed";
    };
    match (newest.action.as_str(), newest.state.as_str()) {
        ("retire", "pending") => "retirePending",
        ("retire", "failed" | "notSupported") => "retireFailed",
        ("wipe", "pending") => "wipePending",
        ("wipe", "failed" | "notSupported") => "wipeFailed",
        _ => "managed",
    }
}
