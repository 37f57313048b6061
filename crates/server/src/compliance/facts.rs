//! What the database knows that compliance is judged by: of one device, or of all of them in a few queries.

use std::collections::{HashMap, HashSet};

use futures_util::TryStreamExt as _;
use moat_model::{
    Connector, DeviceConfiguration, DeviceId, GroupId, JailbreakLevel, Passcode, Risk, Severity, Target, ThreatLevel,
    Timestamp, compliance::ComplianceTenantSettings,
};
use moat_policy::{
    assignment::{self, Subject},
    compliance::{AgentState, DeviceFacts, InstalledApp, Partner, PasscodeFacts, Previous, ThreatReport},
    risk::ActiveAlert,
};
use sqlx::{AnyConnection, FromRow};

use super::{Body, actions, tenant};
use crate::{
    connectors::{self, OWN},
    devices::store::Apps,
    error::{Error, Result},
    groups,
    policies::{self, Kind, targets},
};

/// A compliance policy, read and ready.
pub struct Policy {
    pub id: moat_model::PolicyId,
    pub name: String,
    pub body: Body,
    pub targets: Vec<Target>,
}

impl Policy {
    /// Whether it is assigned to a device or its user.
    pub fn reaches(&self, fleet: &Fleet, device: &DeviceColumns) -> bool {
        let subject = Subject {
            user_groups: device.user_id.as_ref().map(|user| fleet.groups_of(user)),
            device_groups: Some(fleet.groups_of(&device.id)),
        };
        assignment::evaluate(&self.targets, subject).applies()
    }
}

/// What holds for every device.
pub struct Organisation {
    pub tenant: ComplianceTenantSettings,
    pub connectors: Vec<(String, Connector)>,
    pub policies: Vec<Policy>,
    /// Policies with actions for noncompliance besides the mark.
    pub acting: HashSet<moat_model::PolicyId>,
}

/// A device's row, as far as compliance reads and writes it.
#[derive(Debug, Clone, FromRow)]
pub struct DeviceColumns {
    pub id: String,
    pub name: String,
    os_platform: String,
    os_version: String,
    os_build: String,
    configuration: Option<String>,
    jailbreak_level: String,
    has_posture: i64,
    last_seen_at: i64,
    silent_since: Option<i64>,
    web_protection: String,
    risk: String,
    pub user_id: Option<String>,
    pub user_exists: i64,
    pub compliance_state: String,
    pub compliance_reasons: String,
    pub compliance_grace_until: Option<i64>,
    pub compliance_next_at: Option<i64>,
}

/// What a third-party partner said.
struct Report {
    connector: String,
    level: ThreatLevel,
    agent_active: bool,
    reason: String,
    at: Timestamp,
}

/// What was stored of a device and a policy.
#[derive(Debug, Clone)]
pub struct Stored {
    pub policy: String,
    pub status: String,
    pub settings: String,
    pub previous: Previous,
}

/// The devices to judge, with everything about each.
pub struct Fleet {
    pub devices: Vec<DeviceColumns>,
    alerts: HashMap<String, Vec<(bool, ActiveAlert)>>,
    reports: HashMap<String, Vec<Report>>,
    pub stored: HashMap<String, Vec<Stored>>,
    groups: HashMap<String, Vec<GroupId>>,
    /// Of devices that told all of their apps: those that some policy forbids, or all when one device is judged.
    apps: HashMap<String, Vec<InstalledApp>>,
}

impl Organisation {
    pub async fn load(connection: &mut AnyConnection) -> Result<Self> {
        let mut by_policy: HashMap<String, Vec<Target>> = HashMap::new();
        for (policy, target) in targets::all(&mut *connection).await? {
            by_policy.entry(policy).or_default().push(target);
        }
        let mut read = Vec::new();
        for row in policies::store::all(&mut *connection, Kind::Compliance).await? {
            read.push(Policy {
                id: row.id.parse().map_err(Error::internal)?,
                body: Body::of(&row)?,
                targets: by_policy.remove(&row.id).unwrap_or_default(),
                name: row.display_name,
            });
        }
        Ok(Self {
            tenant: tenant::get(&mut *connection).await?,
            connectors: heard_connectors(connection).await?,
            acting: read
                .iter()
                .filter(|policy| actions::act(&policy.body.actions))
                .map(|policy| policy.id)
                .collect(),
            policies: read,
        })
    }
}

/// Every connector by its partner's name, as it stands after what was heard of the partner.
pub async fn heard_connectors(connection: &mut AnyConnection) -> Result<Vec<(String, Connector)>> {
    let all = connectors::store::all(&mut *connection).await?;
    let heard = |named: connectors::Named| (named.display_name, connectors::heard(named.connector));
    Ok(all.into_iter().map(heard).collect())
}

impl Fleet {
    /// One device, or every device in use when `only` is none.
    pub async fn load(connection: &mut AnyConnection, only: Option<DeviceId>) -> Result<Self> {
        let forbidden = match only {
            None => Some(forbidden_apps(connection).await?),
            Some(_) => None,
        };
        let only = only.map(|id| id.to_string()).unwrap_or_default();
        Self::with_apps(connection, &only, forbidden).await
    }

    /// Every device in use, with those apps that a draft forbids too.
    pub async fn for_draft(connection: &mut AnyConnection, draft: &Body) -> Result<Self> {
        let mut forbidden = forbidden_apps(connection).await?;
        forbidden.extend(forbidden_by(draft));
        Self::with_apps(connection, "", Some(forbidden)).await
    }

    async fn with_apps(connection: &mut AnyConnection, only: &str, forbidden: Option<HashSet<String>>) -> Result<Self> {
        let stored = stored(connection, only).await?;
        let apps = apps(connection, only, forbidden).await?;
        Ok(Self {
            stored,
            apps,
            ..Self::threatened(connection, only).await?
        })
    }

    /// The same without what policies said before and without apps; all devices when `only` is empty.
    pub async fn threatened(connection: &mut AnyConnection, only: &str) -> Result<Self> {
        let only = only.to_string();
        let devices = devices(connection, &only).await?;
        let groups = match (only.is_empty(), devices.first()) {
            (true, _) => groups::store::closure(&mut *connection).await?,
            (false, Some(device)) => groups_of(connection, device).await?,
            (false, None) => HashMap::new(),
        };
        Ok(Self {
            alerts: alerts(connection, &only).await?,
            reports: reports(connection, &only).await?,
            stored: HashMap::new(),
            apps: HashMap::new(),
            groups,
            devices,
        })
    }

    pub fn groups_of(&self, member: &str) -> &[GroupId] {
        self.groups.get(member).map_or(&[], Vec::as_slice)
    }

    pub fn facts(&self, device: &DeviceColumns) -> Result<DeviceFacts> {
        let alerts = self.alerts.get(&device.id).map_or(&[][..], Vec::as_slice);
        let configuration: DeviceConfiguration = match &device.configuration {
            Some(json) => serde_json::from_str(json).map_err(Error::internal)?,
            None => DeviceConfiguration::default(),
        };
        let level: JailbreakLevel = device.jailbreak_level.parse().map_err(Error::internal)?;
        Ok(DeviceFacts {
            platform: device.os_platform.clone(),
            os_version: Some(device.os_version.clone()).filter(|version| !version.is_empty()),
            os_build: Some(device.os_build.clone()).filter(|build| !build.is_empty()),
            passcode: configuration.passcode.map(passcode),
            managed_email_profile: configuration.managed_email_profile,
            apps: self.apps.get(&device.id).cloned(),
            jailbreak: (device.has_posture != 0).then_some(level),
            jailbreak_alert: alerts
                .iter()
                .find(|(jailbreak, _)| *jailbreak)
                .map(|(_, alert)| alert.clone()),
            last_check_in: Some(Timestamp::from_micros(device.last_seen_at)),
            // A device that was never anybody's needs no user; one whose user is gone does.
            enrolled_user_exists: device.user_id.is_none() || device.user_exists != 0,
        })
    }

    /// Everything that open alerts and partners say of a device.
    pub fn threats(&self, device: &DeviceColumns) -> Result<Threats> {
        let alerts = self.alerts.get(&device.id).map_or(&[][..], Vec::as_slice);
        let risk: Risk = device.risk.parse().map_err(Error::internal)?;
        let known = device.has_posture != 0;
        let active = device.silent_since.is_none() && device.web_protection == "on";
        let mut threats = vec![Threat {
            connector: OWN.to_string(),
            agent: match (known, active) {
                (false, _) => AgentState::Missing,
                (true, false) => AgentState::Inactive,
                (true, true) => AgentState::Active,
            },
            report: known.then(|| ThreatReport {
                level: risk.into(),
                at: Timestamp::from_micros(device.last_seen_at),
            }),
            alerts: alerts.iter().map(|(_, alert)| alert.clone()).collect(),
        }];
        let reports = self.reports.get(&device.id).map_or(&[][..], Vec::as_slice);
        threats.extend(reports.iter().map(Threat::of));
        Ok(Threats(threats))
    }
}

fn passcode(told: Passcode) -> PasscodeFacts {
    PasscodeFacts {
        is_set: told.is_set,
        allows_simple: told.allows_simple,
        length: told.length,
        is_alphanumeric: told.is_alphanumeric,
        complex_characters: told.complex_characters,
        changed_at: told.changed_at,
        history: told.history,
        minutes_before_lock: told.minutes_before_lock,
        minutes_before_screen_timeout: told.minutes_before_screen_timeout,
    }
}

/// What partners know of one device.
#[derive(Debug)]
pub struct Threats(Vec<Threat>);

#[derive(Debug)]
struct Threat {
    connector: String,
    agent: AgentState,
    report: Option<ThreatReport>,
    alerts: Vec<ActiveAlert>,
}

impl Threat {
    fn of(report: &Report) -> Self {
        let severity = match report.level {
            ThreatLevel::Secured => None,
            ThreatLevel::Low => Some(Severity::Low),
            ThreatLevel::Medium => Some(Severity::Medium),
            ThreatLevel::High => Some(Severity::High),
        };
        let named = severity.filter(|_| !report.reason.is_empty());
        Self {
            connector: report.connector.clone(),
            agent: if report.agent_active {
                AgentState::Active
            } else {
                AgentState::Inactive
            },
            report: Some(ThreatReport {
                level: report.level,
                at: report.at,
            }),
            alerts: named
                .map(|severity| ActiveAlert {
                    id: String::new(),
                    title: report.reason.clone(),
                    severity,
                })
                .into_iter()
                .collect(),
        }
    }
}

impl Threats {
    /// Every connector with what its partner knows.
    pub fn partners<'a>(&'a self, connectors: &'a [(String, Connector)]) -> Vec<Partner<'a>> {
        let partner = |(name, connector): &'a (String, Connector)| {
            let id = connector.id.to_string();
            let threat = self.0.iter().find(|threat| threat.connector == id);
            Partner {
                name,
                own: connector.id == OWN,
                connector,
                minimum_os_version: None,
                agent: threat.map_or(AgentState::Missing, |threat| threat.agent),
                report: threat.and_then(|threat| threat.report),
                alerts: threat.map_or(&[], |threat| &threat.alerts),
            }
        };
        connectors.iter().map(partner).collect()
    }
}

async fn devices(connection: &mut AnyConnection, only: &str) -> Result<Vec<DeviceColumns>> {
    let query = "SELECT d.id, d.name, d.os_platform, d.os_version, d.os_build, d.configuration, d.jailbreak_level, \
                 CASE WHEN d.posture IS NULL THEN 0 ELSE 1 END AS has_posture, d.last_seen_at, d.silent_since, d.web_protection, \
                 d.risk, d.user_id, COALESCE(u.account_enabled, 0) AS user_exists, d.compliance_state, d.compliance_reasons, \
                 d.compliance_grace_until, d.compliance_next_at FROM devices d LEFT JOIN users u ON u.id = d.user_id \
                 WHERE d.revoked_at IS NULL AND ($1 = '' OR d.id = $1)";
    Ok(sqlx::query_as(query)
        .bind(only.to_string())
        .fetch_all(connection)
        .await?)
}

/// The apps of devices, read one device after the other: a fleet's lists are much longer than what of them matters.
/// None of `forbidden`: all of them matter.
async fn apps(
    connection: &mut AnyConnection,
    only: &str,
    forbidden: Option<HashSet<String>>,
) -> Result<HashMap<String, Vec<InstalledApp>>> {
    let mut found = HashMap::new();
    if forbidden.as_ref().is_some_and(HashSet::is_empty) {
        return Ok(found);
    }
    let query = "SELECT id, apps FROM devices WHERE apps IS NOT NULL AND revoked_at IS NULL AND ($1 = '' OR id = $1)";
    let query = sqlx::query_as::<_, (String, String)>(query).bind(only.to_string());
    let mut rows = query.fetch(connection);
    while let Some((id, json)) = rows.try_next().await? {
        let told: Apps = serde_json::from_str(&json).map_err(Error::internal)?;
        if !told.complete {
            continue;
        }
        let matters = |app: &moat_model::InstalledApp| {
            let forbidden = forbidden.as_ref();
            forbidden.is_none_or(|forbidden| forbidden.contains(&app.bundle_id.to_ascii_lowercase()))
        };
        let apps = told.apps.into_iter().filter(matters).map(|app| InstalledApp {
            bundle_id: app.bundle_id,
            managed: app.managed,
        });
        found.insert(id, apps.collect());
    }
    Ok(found)
}

/// Bundle ids that compliance policies forbid, in lower case.
async fn forbidden_apps(connection: &mut AnyConnection) -> Result<HashSet<String>> {
    let mut forbidden = HashSet::new();
    for row in policies::store::all(connection, Kind::Compliance).await? {
        forbidden.extend(forbidden_by(&Body::of(&row)?));
    }
    Ok(forbidden)
}

fn forbidden_by(body: &Body) -> impl Iterator<Item = String> + '_ {
    let ids = body.settings.restricted_apps.iter();
    ids.filter_map(|app| Some(app.app_id.as_deref()?.trim().to_ascii_lowercase()))
}

async fn alerts(connection: &mut AnyConnection, only: &str) -> Result<HashMap<String, Vec<(bool, ActiveAlert)>>> {
    let query = "SELECT device_id, kind, id, title, severity FROM alerts WHERE resolved_at IS NULL \
                 AND ($1 = '' OR device_id = $1) ORDER BY created_at, id";
    type Columns = (String, String, String, String, String);
    let rows: Vec<Columns> = sqlx::query_as(query)
        .bind(only.to_string())
        .fetch_all(connection)
        .await?;
    let mut found: HashMap<String, Vec<(bool, ActiveAlert)>> = HashMap::new();
    for (device, kind, id, title, severity) in rows {
        let severity = severity.parse().map_err(Error::internal)?;
        let alert = ActiveAlert { id, title, severity };
        found.entry(device).or_default().push((kind == "Jailbreak", alert));
    }
    Ok(found)
}

async fn reports(connection: &mut AnyConnection, only: &str) -> Result<HashMap<String, Vec<Report>>> {
    let query = "SELECT device_id, connector_id, threat_level, agent_active, reason, reported_at FROM partner_reports \
                 WHERE ($1 = '' OR device_id = $1)";
    type Columns = (String, String, String, i64, String, i64);
    let rows: Vec<Columns> = sqlx::query_as(query)
        .bind(only.to_string())
        .fetch_all(connection)
        .await?;
    let mut found: HashMap<String, Vec<Report>> = HashMap::new();
    for (device, connector, level, active, reason, at) in rows {
        found.entry(device).or_default().push(Report {
            connector,
            level: level.parse().map_err(Error::internal)?,
            agent_active: active != 0,
            reason,
            at: Timestamp::from_micros(at),
        });
    }
    Ok(found)
}

async fn stored(connection: &mut AnyConnection, only: &str) -> Result<HashMap<String, Vec<Stored>>> {
    let query = "SELECT device_id, policy_id, status, settings, noncompliant_since, error_since FROM device_policy_states \
                 WHERE ($1 = '' OR device_id = $1)";
    type Columns = (String, String, String, String, Option<i64>, Option<i64>);
    let rows: Vec<Columns> = sqlx::query_as(query)
        .bind(only.to_string())
        .fetch_all(connection)
        .await?;
    let mut found: HashMap<String, Vec<Stored>> = HashMap::new();
    for (device, policy, status, settings, noncompliant, error) in rows {
        found.entry(device).or_default().push(Stored {
            policy,
            status,
            settings,
            previous: Previous {
                noncompliant_since: noncompliant.map(Timestamp::from_micros),
                error_since: error.map(Timestamp::from_micros),
            },
        });
    }
    Ok(found)
}

async fn groups_of(connection: &mut AnyConnection, device: &DeviceColumns) -> Result<HashMap<String, Vec<GroupId>>> {
    let mut found = HashMap::new();
    for member in [Some(&device.id), device.user_id.as_ref()].into_iter().flatten() {
        let ids = groups::store::ids_of(&mut *connection, member).await?;
        let ids = ids.iter().map(|id| id.parse()).collect::<Result<Vec<GroupId>, _>>();
        found.insert(member.clone(), ids.map_err(Error::internal)?);
    }
    Ok(found)
}
