//! App protection: policies for apps with work data, the apps that registered, and what each of them may do.

pub mod console;
pub mod device;
pub mod graph;
pub mod impact;
pub mod lease;
pub mod proof;
pub mod registrations;

use moat_model::{
    PolicyId, Target,
    app_protection::{AppGroup, AppIdentifier, AppManagementLevels, IosAppProtectionSettings},
};
use moat_policy::app_protection as rules;
use serde::{Deserialize, Serialize};

use crate::{
    App,
    caller::{Caller, Role},
    edition::Expected,
    error::{Error, Result},
    policies::{self, Kind, PolicyRow},
    users::checked,
};

pub const READ: &[Role] = &[Role::AppsReadAll, Role::AppsReadWriteAll];
pub const WRITE: &[Role] = &[Role::AppsReadWriteAll];

/// An app protection policy as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Body {
    pub settings: IosAppProtectionSettings,
    pub apps: Vec<AppIdentifier>,
    pub app_group_type: AppGroup,
    pub targeted_app_management_levels: AppManagementLevels,
}

impl Default for Body {
    fn default() -> Self {
        Self {
            settings: IosAppProtectionSettings::default(),
            apps: Vec::new(),
            app_group_type: AppGroup::SelectedPublicApps,
            targeted_app_management_levels: AppManagementLevels::default(),
        }
    }
}

impl Body {
    pub fn of(policy: &PolicyRow) -> Result<Self> {
        serde_json::from_str(&policy.body).map_err(Error::internal)
    }

    /// A policy may be made before its apps are named.
    fn checked(&self) -> Result<String> {
        rules::validate(&self.settings)?;
        if !self.apps.is_empty() {
            rules::validate_apps(self.app_group_type, &self.apps)?;
        }
        serde_json::to_string(self).map_err(Error::internal)
    }
}

/// What an administrator says of a policy.
pub struct Draft {
    pub display_name: String,
    pub description: Option<String>,
    pub body: Body,
    /// None: the assignments stay as they are.
    pub targets: Option<Vec<Target>>,
}

pub async fn get(app: &App, caller: &Caller, id: PolicyId) -> Result<PolicyRow> {
    caller.require_any(READ)?;
    policies::get(app, Kind::AppProtection, id).await
}

pub async fn create(app: &App, caller: &Caller, id: PolicyId, draft: Draft) -> Result<PolicyRow> {
    caller.require_any(WRITE)?;
    let name = checked("displayName", &draft.display_name, 256)?;
    let policy = PolicyRow::new(Kind::AppProtection, id, name, draft.description, draft.body.checked()?);
    let mut tx = app.db.begin().await?;
    policies::create(&mut tx, caller, &policy).await?;
    if let Some(targets) = &draft.targets {
        policies::set_targets(&mut tx, caller, Kind::AppProtection, id, targets).await?;
    }
    app.commit_app_policy(tx).await?;
    Ok(policy)
}

/// Changes a policy by what `change` makes of it. Gateways go by it at once, apps from their next check-in on.
pub async fn update(
    app: &App,
    caller: &Caller,
    id: PolicyId,
    expected: &Expected,
    change: impl FnOnce(&PolicyRow, Body) -> Result<Draft> + Send,
) -> Result<PolicyRow> {
    caller.require_any(WRITE)?;
    let mut tx = app.db.begin().await?;
    let before = policies::store::get(&mut *tx, Kind::AppProtection, id).await?;
    let before = before.ok_or_else(|| policies::unknown(Kind::AppProtection, id))?;
    expected.check(before.updated_at)?;
    let draft = change(&before, Body::of(&before)?)?;
    let mut after = before.clone();
    after.display_name = checked("displayName", &draft.display_name, 256)?;
    after.description = draft.description;
    after.body = draft.body.checked()?;
    // What only has other assignments is no new version.
    if draft.targets.is_none() || !after.says_the_same(&before) {
        policies::update(&mut tx, caller, &before, after).await?;
    }
    if let Some(targets) = &draft.targets {
        policies::set_targets(&mut tx, caller, Kind::AppProtection, id, targets).await?;
    }
    app.commit_app_policy(tx).await?;
    policies::get(app, Kind::AppProtection, id).await
}

pub async fn delete(app: &App, caller: &Caller, id: PolicyId, expected: &Expected) -> Result<()> {
    caller.require_any(WRITE)?;
    policies::delete(app, caller, Kind::AppProtection, id, expected).await
}
