use moat_model::{
    AlertKind, AppInventory, DeviceId, JailbreakLevel,
    sync::{Access, AccessReason, CheckIn, CheckInReply, Command, DeviceEvent, MAX_EVENTS},
};

use super::{DeviceRow, bounds, commands, incidents, store};
use crate::{
    App, alerts,
    app::now,
    connectors,
    db::Transaction,
    enforcement, enrollment,
    error::{Error, Result},
};

/// Stores a check-in in one transaction: events, alerts, state, risk. Only what was committed is acknowledged.
pub async fn check_in(app: &App, device: &DeviceRow, mut check_in: CheckIn, peer: &str) -> Result<CheckInReply> {
    check(&mut check_in)?;
    let id = device.device_id()?;
    let detected = enforcement::detected(&check_in.events, device.acknowledged_seq);
    let detected = detected.filter(|_| app.access.standing(id).allowed);
    let mut tx = app.db.begin().await?;
    let app_inventory = connectors::app_inventory(&mut tx, &device.management).await?;
    let told = check_in.state.configuration.take();
    check_in.state.configuration = told.map(|configuration| configuration.shared(app_inventory));
    let Stored {
        acknowledged,
        posture_requested,
        left,
    } = store_events(&mut tx, id, &check_in).await?;
    if left {
        tx.commit().await?;
        return farewell(app, id, acknowledged).await;
    }
    let spoke_again =
        alerts::resolve_by_itself(&mut tx, id, AlertKind::DeviceSilent, "", "the device reported again").await?;
    let judged_otherwise = incidents::follow_posture(&mut tx, id, &check_in.state).await?;
    store::update_state(&mut tx, id, &check_in.device, &check_in.state, peer).await?;
    let after = super::reassess(&mut tx, id).await?;
    let orders = commands::open(&mut tx, id).await?;
    tx.commit().await?;
    let reported = acknowledged > device.acknowledged_seq.cast_unsigned();
    let is_news = spoke_again || judged_otherwise || reported || after.compliance_changed;
    if is_news || shows_otherwise(device, &check_in) || after.risk.risk.as_str() != device.risk {
        app.device_changed(id).await?;
        if let Some(detected) = detected.filter(|_| !app.access.standing(id).allowed) {
            enforcement::closed(app, detected);
        }
    }
    Ok(CheckInReply {
        acknowledged,
        bundle_version: *app.hub.revision().borrow(),
        commands: posture_requested.then_some(Command::RunPosture).into_iter().collect(),
        orders,
        app_inventory,
        access: access_of(app, id),
    })
}

/// The last answer to a device: it has left, and this tells it that the server knows.
async fn farewell(app: &App, id: DeviceId, acknowledged: u64) -> Result<CheckInReply> {
    app.hub.disconnect(id);
    app.device_changed(id).await?;
    Ok(CheckInReply {
        acknowledged,
        bundle_version: 0,
        commands: Vec::new(),
        orders: Vec::new(),
        app_inventory: AppInventory::None,
        access: access_of(app, id),
    })
}

/// Whether the console shows the device otherwise than before, apart from when it was seen. Most check-ins bring nothing new,
/// and must not make every open page fetch itself again.
fn shows_otherwise(before: &DeviceRow, now: &CheckIn) -> bool {
    let (info, state) = (&now.device, &now.state);
    let level = state
        .posture
        .as_ref()
        .map_or(JailbreakLevel::None, |posture| posture.level);
    let none = String::new();
    let info = [
        &info.name,
        &info.os_platform,
        &info.os_version,
        &info.model,
        &info.agent_version,
        info.os_build.as_ref().unwrap_or(&none),
    ];
    let info_before = [
        &before.name,
        &before.os_platform,
        &before.os_version,
        &before.model,
        &before.agent_version,
        &before.os_build,
    ];
    let bundle = state.bundle_version.cast_signed();
    let configuration = store::columns(state.configuration.as_ref());
    let configuration_before = (before.configuration.clone(), before.apps.clone());
    info != info_before
        || configuration.is_ok_and(|configuration| configuration != configuration_before)
        || before.silent_since.is_some()
        || before.web_protection != state.web_protection.as_str()
        || before.other_vpn != state.other_vpn
        || before.bundle_version != bundle
        || before.jailbreak_level != level.as_str()
        || before.posture.is_some() != state.posture.is_some()
        || before.problems() != state.problems
}

struct Stored {
    /// Up to which number the server has the events.
    acknowledged: u64,
    posture_requested: bool,
    /// The device says that it has carried out the order to leave.
    left: bool,
}

async fn store_events(tx: &mut Transaction, id: DeviceId, check_in: &CheckIn) -> Result<Stored> {
    let query = sqlx::query_as(
        "SELECT acknowledged_seq, posture_requested_at FROM devices WHERE id = $1 AND revoked_at IS NULL",
    );
    // Removed since its certificate was looked up: its alerts were resolved, and it may open no new ones.
    let found: Option<(i64, Option<i64>)> = query.bind(id.to_string()).fetch_optional(&mut **tx).await?;
    let (acknowledged, requested) =
        found.ok_or_else(|| Error::Forbidden("this device is not enrolled any more".into()))?;
    let (mut acknowledged, mut left) = (acknowledged.cast_unsigned(), false);
    for entry in &check_in.events {
        if entry.seq <= acknowledged {
            continue;
        }
        // What happened after it left is kept, but nobody has to act on it.
        if store::insert_event(tx, id, entry).await? && !left {
            left = match &entry.event {
                DeviceEvent::OrderDone {
                    id: order,
                    outcome,
                    detail,
                } => commands::settle(tx, id, *order, *outcome, detail).await?,
                _ => incidents::apply(tx, id, entry).await.map(|()| false)?,
            };
        }
        acknowledged = entry.seq;
    }
    store::set_acknowledged(tx, id, acknowledged, check_in.dropped).await?;
    Ok(Stored {
        acknowledged,
        posture_requested: requested.is_some(),
        left,
    })
}

fn access_of(app: &App, id: DeviceId) -> Access {
    let decision = app.access.standing(id);
    let explained = decision.explained(&moat_policy::English).into_iter();
    let explained: Vec<_> = explained
        .map(|reason| AccessReason {
            text: reason.text,
            remedy: reason.remedy,
        })
        .collect();
    Access {
        allowed: decision.allowed,
        reasons: explained
            .iter()
            .map(|reason| format!("{} {}", reason.text, reason.remedy))
            .collect(),
        explained,
    }
}

fn check(check_in: &mut CheckIn) -> Result<()> {
    enrollment::check_info(&check_in.device)?;
    if check_in.events.len() > MAX_EVENTS {
        return Err(Error::invalid(
            "bodyInvalid",
            format!("events has more than {MAX_EVENTS} entries"),
        ));
    }
    if check_in.events.windows(2).any(|pair| pair[0].seq >= pair[1].seq) {
        return Err(Error::invalid(
            "bodyInvalid",
            "events must stand in the order of their seq, each number once",
        ));
    }
    if check_in
        .events
        .iter()
        .any(|entry| entry.seq == 0 || i64::try_from(entry.seq).is_err())
    {
        return Err(Error::invalid("bodyInvalid", "seq must be 1 to 9223372036854775807"));
    }
    bounds::apply(check_in, now());
    Ok(())
}
