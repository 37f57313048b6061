//! A device, its partners and its policies, owned, to be bent by tests.

use moat_model::{
    Connector, ConnectorId, JailbreakLevel, PartnerState, PolicyId, Severity, ThreatLevel, Timestamp,
    compliance::{ComplianceTenantSettings, IosComplianceSettings, NoncomplianceAction, NoncomplianceActionType},
};

use crate::{
    compliance::{
        AgentState, AssignedPolicy, ComplianceDecision, DeviceFacts, Inputs, InstalledApp, Partner, PasscodeFacts,
        Previous, SettingDecision, ThreatReport, evaluate,
    },
    risk::ActiveAlert,
};

pub const DAY: i64 = 24;
/// Hour 0 is 40 days ago.
pub const NOW: i64 = 40 * DAY;

pub const fn at(hour: i64) -> Timestamp {
    Timestamp::from_micros(hour * 3_600_000_000)
}

#[derive(Debug, Clone)]
pub struct World {
    pub device: DeviceFacts,
    pub partners: Vec<WorldPartner>,
    pub policies: Vec<WorldPolicy>,
    pub tenant: ComplianceTenantSettings,
    pub now: Timestamp,
}

#[derive(Debug, Clone)]
pub struct WorldPartner {
    pub name: String,
    pub own: bool,
    pub connector: Connector,
    pub minimum_os_version: Option<String>,
    pub agent: AgentState,
    pub report: Option<ThreatReport>,
    pub alerts: Vec<ActiveAlert>,
}

#[derive(Debug, Clone)]
pub struct WorldPolicy {
    pub id: PolicyId,
    pub name: String,
    pub settings: IosComplianceSettings,
    pub actions: Vec<NoncomplianceAction>,
    pub previous: Previous,
}

impl World {
    /// A healthy iPhone with Moat's agent and one policy of these settings, without grace.
    pub fn new(settings: IosComplianceSettings) -> Self {
        Self {
            device: healthy(),
            partners: vec![partner(1)],
            policies: vec![policy(1, settings)],
            tenant: ComplianceTenantSettings::default(),
            now: at(NOW),
        }
    }

    pub fn decide(&self) -> ComplianceDecision {
        let partners: Vec<Partner<'_>> = self.partners.iter().map(WorldPartner::lend).collect();
        let policies: Vec<AssignedPolicy<'_>> = self.policies.iter().map(WorldPolicy::lend).collect();
        evaluate(&Inputs {
            device: &self.device,
            partners: &partners,
            policies: &policies,
            tenant: &self.tenant,
            now: self.now,
        })
    }

    /// The one setting of the first policy.
    pub fn setting(&self) -> SettingDecision {
        let mut decision = self.decide();
        let settings = decision.policies.remove(0).settings;
        assert_eq!(settings.len(), 1, "{settings:?}");
        settings.into_iter().next().unwrap()
    }

    /// The same world later, knowing what was decided.
    pub fn later(&self, decision: &ComplianceDecision, now: Timestamp) -> Self {
        let mut world = self.clone();
        world.now = now;
        for policy in &mut world.policies {
            let decided = decision
                .policies
                .iter()
                .find(|decided| decided.id == policy.id)
                .unwrap();
            policy.previous = Previous {
                noncompliant_since: decided.noncompliant_since,
                error_since: decided.error_since,
            };
        }
        world
    }
}

impl WorldPartner {
    fn lend(&self) -> Partner<'_> {
        Partner {
            name: &self.name,
            own: self.own,
            connector: &self.connector,
            minimum_os_version: self.minimum_os_version.as_deref(),
            agent: self.agent,
            report: self.report,
            alerts: &self.alerts,
        }
    }
}

impl WorldPolicy {
    fn lend(&self) -> AssignedPolicy<'_> {
        AssignedPolicy {
            id: self.id,
            name: &self.name,
            settings: &self.settings,
            actions: &self.actions,
            previous: self.previous,
        }
    }
}

pub fn healthy() -> DeviceFacts {
    DeviceFacts {
        platform: "iOS".into(),
        os_version: Some("18.7.2".into()),
        os_build: Some("22H124".into()),
        jailbreak: Some(JailbreakLevel::None),
        jailbreak_alert: None,
        passcode: Some(PasscodeFacts {
            is_set: true,
            allows_simple: Some(false),
            length: Some(8),
            is_alphanumeric: Some(true),
            complex_characters: Some(2),
            changed_at: Some(at(NOW - 10 * DAY)),
            history: Some(5),
            minutes_before_lock: Some(1),
            minutes_before_screen_timeout: Some(2),
        }),
        managed_email_profile: Some(true),
        apps: Some(vec![InstalledApp {
            bundle_id: "com.example.notes".into(),
            managed: true,
        }]),
        last_check_in: Some(at(NOW)),
        enrolled_user_exists: true,
    }
}

/// Partner 1 is Moat, others are not; on for compliance, heard of now, content with the device.
pub fn partner(n: u8) -> WorldPartner {
    WorldPartner {
        name: if n == 1 { "Moat".into() } else { format!("Partner {n}") },
        own: n == 1,
        connector: Connector {
            id: ConnectorId(id(n).parse().unwrap()),
            partner_state: PartnerState::Available,
            last_heartbeat_date_time: Some(at(NOW)),
            ios_enabled: true,
            ..Connector::default()
        },
        minimum_os_version: None,
        agent: AgentState::Active,
        report: Some(ThreatReport {
            level: ThreatLevel::Secured,
            at: at(NOW),
        }),
        alerts: Vec::new(),
    }
}

pub fn policy(n: u8, settings: IosComplianceSettings) -> WorldPolicy {
    WorldPolicy {
        id: id(n).parse().unwrap(),
        name: format!("Policy {n}"),
        settings,
        actions: vec![block(0)],
        previous: Previous::default(),
    }
}

pub fn block(hours: i32) -> NoncomplianceAction {
    NoncomplianceAction {
        id: "block".into(),
        grace_period_hours: hours,
        action_type: NoncomplianceActionType::Block,
        notification_template_id: String::new(),
        notification_message_cc_list: Vec::new(),
    }
}

pub fn alert(title: &str, severity: Severity) -> ActiveAlert {
    ActiveAlert {
        id: title.to_lowercase(),
        title: title.into(),
        severity,
    }
}

fn id(n: u8) -> String {
    format!("00000000-0000-0000-0000-0000000000{n:02x}")
}
