//! What the database knows that compliance is judged by: of one device, or of all of them in a few queries.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

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
use sqlx::AnyConnection;

use super::{Body, actions, tenant};
use crate::{
    connectors::{self, OWN},
    db::joined::{BETWEEN, Columns, join},
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
#[derive(Debug, Clone)]
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

/// Devices to judge, with everything about each.
pub struct Fleet {
    pub devices: Vec<DeviceColumns>,
    pub stored: HashMap<String, Vec<Stored>>,
    about: Arc<About>,
}

/// What most devices have little of; a large fleet's parts share it.
#[derive(Default)]
pub struct About {
    alerts: HashMap<String, Vec<(bool, ActiveAlert)>>,
    reports: HashMap<String, Vec<Report>>,
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

impl About {
    /// About every device, with the apps that policies forbid.
    pub async fn all(connection: &mut AnyConnection) -> Result<Self> {
        let forbidden = forbidden_apps(connection).await?;
        Self::of_all(connection, forbidden).await
    }

    async fn of_all(connection: &mut AnyConnection, forbidden: HashSet<String>) -> Result<Self> {
        Ok(Self {
            alerts: alerts(connection, "").await?,
            reports: reports(connection, "").await?,
            groups: groups::store::closure(&mut *connection).await?,
            apps: apps(connection, "", Some(forbidden)).await?,
        })
    }
}

impl Fleet {
    /// One device, if it is in use.
    pub async fn of_one(connection: &mut AnyConnection, id: DeviceId) -> Result<Self> {
        let only = id.to_string();
        let stored = stored(connection, &only, &only).await?;
        let mut fleet = Self::threatened(connection, &only).await?;
        let apps = apps(connection, &only, None).await?;
        if let Some(about) = Arc::get_mut(&mut fleet.about) {
            about.apps = apps;
        }
        Ok(Self { stored, ..fleet })
    }

    /// Every device in use, with those apps that a draft forbids too.
    pub async fn for_draft(connection: &mut AnyConnection, draft: &Body) -> Result<Self> {
        let mut forbidden = forbidden_apps(connection).await?;
        forbidden.extend(forbidden_by(draft));
        let about = Arc::new(About::of_all(connection, forbidden).await?);
        Self::after(connection, &about, "", i64::MAX).await
    }

    /// At most so many devices in use, by their ids: those after one.
    pub async fn after(connection: &mut AnyConnection, about: &Arc<About>, id: &str, most: i64) -> Result<Self> {
        let devices = devices_after(connection, id, most).await?;
        let stored = match (devices.first(), devices.last()) {
            (Some(first), Some(last)) => stored(connection, &first.id, &last.id).await?,
            _ => HashMap::new(),
        };
        Ok(Self {
            devices,
            stored,
            about: about.clone(),
        })
    }

    /// Without what policies said before and without apps; all devices when `only` is empty.
    pub async fn threatened(connection: &mut AnyConnection, only: &str) -> Result<Self> {
        let (devices, groups) = if only.is_empty() {
            let devices = devices_after(connection, "", i64::MAX).await?;
            (devices, groups::store::closure(&mut *connection).await?)
        } else {
            let device = device(connection, only).await?;
            let groups = match &device {
                Some(device) => groups_of(connection, device).await?,
                None => HashMap::new(),
            };
            (device.into_iter().collect(), groups)
        };
        let about = Arc::new(About {
            alerts: alerts(connection, only).await?,
            reports: reports(connection, only).await?,
            groups,
            apps: HashMap::new(),
        });
        Ok(Self {
            devices,
            stored: HashMap::new(),
            about,
        })
    }

    pub fn groups_of(&self, member: &str) -> &[GroupId] {
        self.about.groups.get(member).map_or(&[], Vec::as_slice)
    }

    pub fn facts(&self, device: &DeviceColumns) -> Result<DeviceFacts> {
        let alerts = self.about.alerts.get(&device.id).map_or(&[][..], Vec::as_slice);
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
            apps: self.about.apps.get(&device.id).cloned(),
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
        let alerts = self.about.alerts.get(&device.id).map_or(&[][..], Vec::as_slice);
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
        let reports = self.about.reports.get(&device.id).map_or(&[][..], Vec::as_slice);
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

/// The query for devices in use, with what stands after it.
macro_rules! devices {
    ($rest:literal) => {
        concat!(
            "SELECT ",
            join!(
                "d.id",
                "REPLACE(d.name, $1, ' ')",
                "REPLACE(d.os_platform, $1, ' ')",
                "REPLACE(d.os_version, $1, ' ')",
                "REPLACE(d.os_build, $1, ' ')",
                "COALESCE(d.configuration, '')",
                "d.jailbreak_level",
                "CASE WHEN d.posture IS NULL THEN '0' ELSE '1' END",
                "CAST(d.last_seen_at AS TEXT)",
                "COALESCE(CAST(d.silent_since AS TEXT), '')",
                "REPLACE(d.web_protection, $1, ' ')",
                "d.risk",
                "COALESCE(d.user_id, '')",
                "CAST(COALESCE(u.account_enabled, 0) AS TEXT)",
                "d.compliance_state",
                "d.compliance_reasons",
                "COALESCE(CAST(d.compliance_grace_until AS TEXT), '')",
                "COALESCE(CAST(d.compliance_next_at AS TEXT), '')",
            ),
            " FROM devices d LEFT JOIN users u ON u.id = d.user_id WHERE d.revoked_at IS NULL AND ",
            $rest
        )
    };
}

async fn device(connection: &mut AnyConnection, id: &str) -> Result<Option<DeviceColumns>> {
    let query = sqlx::query_scalar::<_, String>(devices!("d.id = $2"));
    let row = query
        .bind(BETWEEN)
        .bind(id.to_string())
        .fetch_optional(connection)
        .await?;
    row.map(|row| DeviceColumns::of(&row)).transpose()
}

async fn devices_after(connection: &mut AnyConnection, id: &str, most: i64) -> Result<Vec<DeviceColumns>> {
    let query = sqlx::query_scalar::<_, String>(devices!("d.id > $2 ORDER BY d.id LIMIT $3"));
    let query = query.bind(BETWEEN).bind(id.to_string()).bind(most);
    let mut rows = query.fetch(connection);
    let mut found = Vec::new();
    while let Some(row) = rows.try_next().await? {
        found.push(DeviceColumns::of(&row)?);
    }
    Ok(found)
}

impl DeviceColumns {
    fn of(row: &str) -> Result<Self> {
        let mut columns = Columns::of(row);
        Ok(Self {
            id: columns.text()?,
            name: columns.text()?,
            os_platform: columns.text()?,
            os_version: columns.text()?,
            os_build: columns.text()?,
            configuration: columns.text_or_null()?,
            jailbreak_level: columns.text()?,
            has_posture: columns.number()?,
            last_seen_at: columns.number()?,
            silent_since: columns.number_or_null()?,
            web_protection: columns.text()?,
            risk: columns.text()?,
            user_id: columns.text_or_null()?,
            user_exists: columns.number()?,
            compliance_state: columns.text()?,
            compliance_reasons: columns.text()?,
            compliance_grace_until: columns.number_or_null()?,
            compliance_next_at: columns.number_or_null()?,
        })
    }
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

pub fn forbidden_by(body: &Body) -> impl Iterator<Item = String> + '_ {
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

/// What policies said before of the devices from the first id to the last.
async fn stored(connection: &mut AnyConnection, first: &str, last: &str) -> Result<HashMap<String, Vec<Stored>>> {
    const QUERY: &str = concat!(
        "SELECT ",
        join!(
            "device_id",
            "policy_id",
            "status",
            "settings",
            "COALESCE(CAST(noncompliant_since AS TEXT), '')",
            "COALESCE(CAST(error_since AS TEXT), '')",
        ),
        " FROM device_policy_states WHERE device_id BETWEEN $2 AND $3"
    );
    let query = sqlx::query_scalar::<_, String>(QUERY).bind(BETWEEN);
    let mut rows = query.bind(first.to_string()).bind(last.to_string()).fetch(connection);
    let mut found: HashMap<String, Vec<Stored>> = HashMap::new();
    while let Some(row) = rows.try_next().await? {
        let mut columns = Columns::of(&row);
        let stored = found.entry(columns.text()?).or_default();
        stored.push(Stored {
            policy: columns.text()?,
            status: columns.text()?,
            settings: columns.text()?,
            previous: Previous {
                noncompliant_since: columns.number_or_null()?.map(Timestamp::from_micros),
                error_since: columns.number_or_null()?.map(Timestamp::from_micros),
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
