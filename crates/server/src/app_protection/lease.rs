//! What one app on one device may do, signed, so that it also knows without the server.

use std::{collections::HashMap, time::Duration};

use ed25519_dalek::Signer as _;
use moat_model::{
    DeviceId, GroupId, PolicyId, Target, UserId,
    app_protection::{
        AlertRef, IosAppProtectionSettings, LEASE_VERSION, Lease, RegistrationId, SignedLease, ThreatReports,
        ThreatSource, WipeOrderId,
    },
};
use moat_policy::{
    app_protection::{AppliedPolicy, EffectiveSettings, merge},
    assignment::{self, Subject},
    compliance::Partner,
};
use sqlx::AnyConnection;

use super::Body;
use crate::{
    App,
    app::now,
    compliance::facts::{Fleet, Organisation},
    devices::DeviceRow,
    error::{Error, Result},
    policies::{self, Kind, targets},
};

/// How long a lease answers without asking again.
const LIFETIME: Duration = Duration::from_secs(15 * 60);

/// A policy, ready to be applied.
#[derive(Debug)]
pub struct Applying {
    pub id: PolicyId,
    pub name: String,
    pub body: Body,
    targets: Vec<Target>,
}

impl Applying {
    pub fn new(id: PolicyId, name: String, body: Body, targets: Vec<Target>) -> Self {
        Self {
            id,
            name,
            body,
            targets,
        }
    }

    /// Whether it is for this app of a user in these groups: assigned to one of them, naming the app, for such devices.
    pub fn is_for(&self, user_groups: &[GroupId], bundle_id: &str, managed: bool) -> bool {
        let subject = Subject {
            user_groups: Some(user_groups),
            device_groups: None,
        };
        assignment::evaluate(&self.targets, subject).applies()
            && self.body.app_group_type.covers(&self.body.apps, bundle_id)
            && self.body.targeted_app_management_levels.cover(managed)
    }
}

/// Every app protection policy.
pub async fn policies(connection: &mut AnyConnection) -> Result<Vec<Applying>> {
    let mut by_policy: HashMap<String, Vec<Target>> = HashMap::new();
    for (policy, target) in targets::all(&mut *connection).await? {
        by_policy.entry(policy).or_default().push(target);
    }
    let read = |row: policies::PolicyRow| {
        Ok(Applying {
            id: row.id.parse().map_err(Error::internal)?,
            body: Body::of(&row)?,
            targets: by_policy.remove(&row.id).unwrap_or_default(),
            name: row.display_name,
        })
    };
    let rows = policies::store::all(&mut *connection, Kind::AppProtection).await?;
    rows.into_iter().map(read).collect()
}

/// The policies that are for this app of this user.
pub async fn applying(
    connection: &mut AnyConnection,
    user_groups: &[GroupId],
    bundle_id: &str,
    managed: bool,
) -> Result<Vec<Applying>> {
    let mut found = policies(connection).await?;
    found.retain(|policy| policy.is_for(user_groups, bundle_id, managed));
    Ok(found)
}

/// The settings of several policies in one; none without a policy.
pub fn effective<'a>(applying: impl IntoIterator<Item = &'a Applying>) -> Option<EffectiveSettings> {
    let policies: Vec<_> = applying
        .into_iter()
        .map(|policy| AppliedPolicy {
            id: policy.id,
            name: &policy.name,
            settings: &policy.body.settings,
        })
        .collect();
    merge(&policies)
}

/// The lease of an app, or why there is none.
pub async fn lease(
    connection: &mut AnyConnection,
    app: &App,
    device: DeviceId,
    registration: RegistrationId,
    bundle_id: &str,
    managed: bool,
) -> Result<std::result::Result<Lease, String>> {
    let organisation = Organisation::load(connection).await?;
    let fleet = Fleet::of_one(connection, device).await?;
    let Some(columns) = fleet.devices.first() else {
        return Ok(Err("The device was removed.".into()));
    };
    let Some(user) = &columns.user_id else {
        return Ok(Err(
            "Nobody is known as the user of this device; an administrator must say whose it is.".into(),
        ));
    };
    let applying = applying(connection, fleet.groups_of(user), bundle_id, managed).await?;
    let Some(effective) = effective(&applying) else {
        return Ok(Err("No app protection policy is for this user and app.".into()));
    };
    let threats = fleet.threats(columns)?;
    let facts = fleet.facts(columns)?;
    let at = now();
    Ok(Ok(Lease {
        version: LEASE_VERSION,
        tenant: app.tenant.clone(),
        registration_id: registration,
        device_id: device,
        user_id: user.parse().map_err(Error::internal)?,
        bundle_id: bundle_id.to_string(),
        issued_at: at,
        valid_until: at.saturating_add(LIFETIME),
        policies: applying.iter().map(|policy| policy.id).collect(),
        settings: effective.settings,
        threats: reports(&threats.partners(&organisation.connectors)),
        jailbroken: facts.jailbreak == Some(moat_model::JailbreakLevel::Confirmed),
        device_managed: managed,
        account_disabled: columns.user_exists == 0,
        clocked_out_since: None,
        wipe_order: open_order(connection, registration).await?,
    }))
}

/// The last lease of an app on a device that was removed: it says to wipe, and nothing else.
pub fn last(
    app: &App,
    device: &DeviceRow,
    registration: RegistrationId,
    bundle_id: &str,
    user: Option<&str>,
    order: WipeOrderId,
) -> Result<Lease> {
    let at = now();
    let user = user.map(str::parse).transpose().map_err(Error::internal)?;
    Ok(Lease {
        version: LEASE_VERSION,
        tenant: app.tenant.clone(),
        registration_id: registration,
        device_id: device.device_id()?,
        user_id: user.unwrap_or(UserId(uuid::Uuid::nil())),
        bundle_id: bundle_id.to_string(),
        issued_at: at,
        valid_until: at.saturating_add(LIFETIME),
        policies: Vec::new(),
        settings: IosAppProtectionSettings::default(),
        threats: reports(&[]),
        jailbroken: false,
        device_managed: device.management == "managed",
        account_disabled: false,
        clocked_out_since: None,
        wipe_order: Some(order),
    })
}

/// The bytes to send, with their signature.
pub fn sign(app: &App, lease: &Lease) -> Result<SignedLease> {
    let bytes = lease.encode().map_err(Error::internal)?;
    let signature = app.keys.bundle.sign(&bytes);
    Ok(SignedLease {
        lease: String::from_utf8(bytes).map_err(Error::internal)?,
        signature: hex::encode(signature.to_bytes()),
    })
}

/// Moat's own word, and that of the third party that is used for app protection.
pub fn reports(partners: &[Partner<'_>]) -> ThreatReports {
    let source = |partner: &Partner<'_>| ThreatSource {
        name: partner.name.to_string(),
        used_for_app_protection: partner.connector.ios_mobile_application_management_enabled,
        agent: partner.agent,
        level: partner.report.map(|report| report.level),
        alerts: partner
            .alerts
            .iter()
            .map(|alert| AlertRef {
                id: alert.id.clone(),
                title: alert.title.clone(),
                severity: alert.severity,
            })
            .collect(),
    };
    let missing = || ThreatSource {
        name: "Moat".into(),
        used_for_app_protection: false,
        agent: moat_model::app_protection::AgentState::Missing,
        level: None,
        alerts: Vec::new(),
    };
    ThreatReports {
        own: partners.iter().find(|partner| partner.own).map_or_else(missing, source),
        third_party: partners
            .iter()
            .find(|partner| !partner.own && partner.connector.ios_mobile_application_management_enabled)
            .map(source),
    }
}

pub async fn open_order(connection: &mut AnyConnection, registration: RegistrationId) -> Result<Option<WipeOrderId>> {
    let query = "SELECT id FROM app_wipe_orders WHERE registration_id = $1 AND done_at IS NULL ORDER BY id LIMIT 1";
    let id: Option<String> = sqlx::query_scalar(query)
        .bind(registration.to_string())
        .fetch_optional(connection)
        .await?;
    id.map(|id| id.parse().map(WipeOrderId).map_err(Error::internal))
        .transpose()
}
