//! Connectors to threat-defence partners. Moat's own detection is one of them, always there and always responsive.

pub mod console;
pub mod graph;
pub mod partner;
pub mod store;

use moat_model::{AppInventory, Connector, ConnectorId, PartnerState, Timestamp};
use moat_policy::{connector as rules, say};

use crate::{
    App,
    app::now,
    audit,
    caller::{Caller, Role},
    devices,
    edition::{self, Expected},
    error::{Error, Result},
};

pub const READ: &[Role] = &[Role::ServiceConfigReadAll, Role::ServiceConfigReadWriteAll];
pub const WRITE: &[Role] = &[Role::ServiceConfigReadWriteAll];

/// Moat's own connector has the number that Defender's has in Graph, so that scripts find it.
pub const OWN: ConnectorId = ConnectorId(uuid::Uuid::from_u128(0xfc78_0465_2017_40d4_a0c5_3070_2247_1b92));

/// A connector with the name that people know it by.
#[derive(Debug, Clone)]
pub struct Named {
    pub display_name: String,
    pub connector: Connector,
    /// When somebody last changed it; what the partner says of itself does not count.
    pub updated_at: i64,
}

/// Every connector, Moat's own first.
pub async fn list(app: &App, caller: &Caller) -> Result<Vec<Named>> {
    caller.require_any(READ)?;
    store::all(app.db.read()).await
}

pub async fn get(app: &App, caller: &Caller, id: ConnectorId) -> Result<Named> {
    caller.require_any(READ)?;
    let found = store::get(app.db.read(), id).await?;
    found.ok_or_else(|| Error::not_found("connector", id))
}

/// Sets a partner's connector up; the partner's first heartbeat finishes that.
pub async fn create(app: &App, caller: &Caller, name: &str, mut connector: Connector) -> Result<Named> {
    caller.require_any(WRITE)?;
    let display_name = crate::users::checked("displayName", name, 100)?;
    connector.id = ConnectorId(uuid::Uuid::now_v7());
    (connector.partner_state, connector.last_heartbeat_date_time) = (PartnerState::NotSetUp, None);
    let after = Named {
        display_name,
        connector,
        updated_at: now().as_micros(),
    };
    let mut tx = app.db.begin().await?;
    check(&mut tx, &after.connector).await?;
    store::insert(&mut tx, &after).await?;
    record(&mut tx, caller, "create", None, Some(&after)).await?;
    app.commit_policy(tx).await?;
    Ok(after)
}

/// Changes a connector's switches. What the partner itself says (state, heartbeat) cannot be changed this way.
pub async fn update(
    app: &App,
    caller: &Caller,
    id: ConnectorId,
    expected: &Expected,
    change: impl FnOnce(&Connector) -> Result<Connector> + Send,
) -> Result<Named> {
    caller.require_any(WRITE)?;
    let mut tx = app.db.begin().await?;
    let before = store::get(&mut *tx, id)
        .await?
        .ok_or_else(|| Error::not_found("connector", id))?;
    expected.check(before.updated_at)?;
    let mut after = before.clone();
    after.updated_at = edition::next(before.updated_at);
    after.connector = change(&before.connector)?;
    after.connector.id = id;
    after.connector.partner_state = before.connector.partner_state;
    after.connector.last_heartbeat_date_time = before.connector.last_heartbeat_date_time;
    check(&mut tx, &after.connector).await?;
    store::update(&mut tx, &after).await?;
    if id == OWN {
        forget_apps(&mut tx, &before.connector, &after.connector).await?;
    }
    record(&mut tx, caller, "update", Some(&before), Some(&after)).await?;
    app.commit_policy(tx).await?;
    Ok(after)
}

/// Deletes a partner's connector with what the partner reported. Moat's own stays.
pub async fn delete(app: &App, caller: &Caller, id: ConnectorId, expected: &Expected) -> Result<()> {
    caller.require_any(WRITE)?;
    if id == OWN {
        return Err(Error::conflict(say("conflict-own-connector")));
    }
    let mut tx = app.db.begin().await?;
    let before = store::get(&mut *tx, id)
        .await?
        .ok_or_else(|| Error::not_found("connector", id))?;
    expected.check(before.updated_at)?;
    store::delete(&mut tx, id).await?;
    record(&mut tx, caller, "delete", Some(&before), None).await?;
    app.commit_policy(tx).await
}

/// Ranges, and one partner for app protection.
async fn check(tx: &mut crate::db::Transaction, connector: &Connector) -> Result<()> {
    rules::validate(connector).map_err(Error::from)?;
    if !connector.ios_mobile_application_management_enabled {
        return Ok(());
    }
    let others = store::all(&mut **tx).await?;
    let other = others
        .iter()
        .find(|other| other.connector.id != connector.id && other.connector.ios_mobile_application_management_enabled);
    match other {
        None => Ok(()),
        Some(other) => Err(Error::invalid(
            "BadRequest",
            format!(
                "iosMobileApplicationManagementEnabled: {} has it on; only one partner of a platform can",
                other.display_name
            ),
        )),
    }
}

/// What the switches do not allow any more is forgotten; the next check-ins bring back what they do.
async fn forget_apps(tx: &mut crate::db::Transaction, before: &Connector, after: &Connector) -> Result<()> {
    let switches = |connector: &Connector| {
        (
            connector.allow_partner_to_collect_ios_application_metadata,
            connector.allow_partner_to_collect_ios_personal_application_metadata,
        )
    };
    let ((any_before, personal_before), (any, personal)) = (switches(before), switches(after));
    if any_before && !any {
        devices::store::forget_apps(tx, false).await
    } else if personal_before && !personal {
        devices::store::forget_apps(tx, true).await
    } else {
        Ok(())
    }
}

/// Which of its apps a device may tell: Moat's own switches of App Sync. Of a personal device the apps that the organisation
/// did not install are its user's affair, unless the second switch says otherwise.
pub async fn app_inventory(tx: &mut crate::db::Transaction, management: &str) -> Result<AppInventory> {
    let own = store::get(&mut **tx, OWN).await?.map(|named| named.connector);
    let own = own.unwrap_or_default();
    let personal = management != "managed";
    Ok(
        match (
            own.allow_partner_to_collect_ios_application_metadata,
            own.allow_partner_to_collect_ios_personal_application_metadata,
        ) {
            (false, _) => AppInventory::None,
            (true, false) if personal => AppInventory::Managed,
            (true, _) => AppInventory::All,
        },
    )
}

/// The connector as decisions take it: Moat's own never falls silent while this server decides.
pub fn heard(mut connector: Connector) -> Connector {
    if connector.id == OWN {
        connector.last_heartbeat_date_time = Some(Timestamp::from_micros(i64::MAX));
    }
    connector
}

/// The connector as it is shown now.
pub fn current(connector: &Connector) -> Connector {
    let mut connector = connector.clone();
    if connector.id == OWN {
        connector.last_heartbeat_date_time = Some(now());
    }
    connector.partner_state = rules::evaluate(&connector, now()).state;
    connector
}

async fn record(
    tx: &mut crate::db::Transaction,
    caller: &Caller,
    action: &str,
    before: Option<&Named>,
    after: Option<&Named>,
) -> Result<()> {
    let id = before
        .or(after)
        .map(|named| named.connector.id.to_string())
        .unwrap_or_default();
    let change = audit::Change {
        action,
        noun: "connector",
        id: &id,
        before: before.map(|named| &named.connector),
        after: after.map(|named| &named.connector),
    };
    audit::record(tx, &caller.actor, change).await
}
