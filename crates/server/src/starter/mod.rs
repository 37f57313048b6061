//! The first steps: what a new organisation still has to do, and a starter set of policies, each made with one click.

pub mod console;

use moat_model::{
    PolicyId, Settings, Target,
    compliance::{IosComplianceSettings, NoncomplianceAction, NoncomplianceActionType, RequiredSecurityLevel},
    conditional_access::{
        ApplicationRef, Applications, ClientAppType, ConditionalAccessPolicy, Conditions, GrantControl, GrantControls,
        PolicyState, UserRef, Users,
    },
};
use tokio::sync::Mutex;

use crate::{
    App,
    caller::{Caller, Role},
    compliance, conditional_access, connectors,
    edition::Expected,
    error::Result,
    policies::{self, Kind},
    settings,
};

/// A part of the starter set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Compliance,
    ConditionalAccess,
    Settings,
}

/// What is there of the starter set, whoever made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    pub compliance: bool,
    pub conditional_access: bool,
    pub settings: bool,
}

pub async fn standing(app: &App) -> Result<Standing> {
    Ok(Standing {
        compliance: has_any(app, Kind::Compliance).await?,
        conditional_access: has_any(app, Kind::ConditionalAccess).await?,
        settings: {
            let settings = settings::get(&app.db).await?;
            recommended(settings.clone()) == settings
        },
    })
}

async fn has_any(app: &App, kind: Kind) -> Result<bool> {
    Ok(policies::store::count(&app.db, kind).await? > 0)
}

/// Two clicks at once make one policy.
static ONE: Mutex<()> = Mutex::const_new(());

/// Makes a part of the starter set, under this name, unless there is something of its kind.
pub async fn make(app: &App, caller: &Caller, part: Part, name: &str) -> Result<()> {
    caller.require_any(match part {
        Part::Compliance => compliance::WRITE,
        Part::ConditionalAccess => conditional_access::WRITE,
        Part::Settings => &[Role::MoatAdministrate],
    })?;
    let _one = ONE.lock().await;
    match part {
        Part::Compliance if !has_any(app, Kind::Compliance).await? => make_compliance(app, caller, name).await,
        Part::ConditionalAccess if !has_any(app, Kind::ConditionalAccess).await? => {
            conditional_access::create(app, caller, policies::new_id(), access_policy(name))
                .await
                .map(drop)
        }
        Part::Settings => {
            let now = settings::get(&app.db).await?;
            settings::update(app, caller, recommended(now)).await
        }
        _ => Ok(()),
    }
}

/// No jailbroken device and no threat above medium, on every device. Moat's own word counts for it.
async fn make_compliance(app: &App, caller: &Caller, name: &str) -> Result<()> {
    if caller.require_any(connectors::WRITE).is_ok() {
        let switched_on = |connector: &moat_model::Connector| {
            Ok(moat_model::Connector {
                ios_enabled: true,
                ..connector.clone()
            })
        };
        connectors::update(app, caller, connectors::OWN, &Expected::Any, switched_on).await?;
    }
    let draft = compliance::Draft {
        display_name: name.to_string(),
        description: None,
        body: compliance::Body {
            settings: IosComplianceSettings {
                security_block_jailbroken_devices: true,
                device_threat_protection_enabled: true,
                device_threat_protection_required_security_level: RequiredSecurityLevel::Medium,
                ..IosComplianceSettings::default()
            },
            actions: vec![NoncomplianceAction {
                id: String::new(),
                grace_period_hours: 0,
                action_type: NoncomplianceActionType::Block,
                notification_template_id: String::new(),
                notification_message_cc_list: Vec::new(),
            }],
        },
        targets: Some(vec![Target::AllDevices]),
    };
    compliance::create(app, caller, policies::new_id(), draft)
        .await
        .map(drop)
}

/// Asks for a compliant device everywhere, and only reports what it would do.
fn access_policy(name: &str) -> ConditionalAccessPolicy {
    ConditionalAccessPolicy {
        display_name: name.to_string(),
        description: None,
        template_id: None,
        state: PolicyState::ReportOnly,
        conditions: Conditions {
            applications: Some(Applications {
                include_applications: vec![ApplicationRef::All],
                ..Applications::default()
            }),
            users: Some(Users {
                include_users: vec![UserRef::All],
                ..Users::default()
            }),
            client_app_types: vec![ClientAppType::All],
            ..Conditions::default()
        },
        grant_controls: Some(GrantControls {
            built_in_controls: vec![GrantControl::CompliantDevice],
            ..GrantControls::default()
        }),
        session_controls: None,
        other: Default::default(),
    }
}

/// The settings as they should be; what an organisation calls itself and keeps private stays.
fn recommended(now: Settings) -> Settings {
    Settings {
        organisation: now.organisation,
        help_url: now.help_url,
        exclude_url_in_report: now.exclude_url_in_report,
        ..Settings::default()
    }
}
