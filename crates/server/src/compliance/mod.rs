//! Compliance: policies that say what a device must be, and what came out for each device.

pub mod actions;
pub mod assess;
pub mod console;
pub mod facts;
pub mod graph;
pub mod impact;
mod outcome;
pub mod states;
pub mod store;
pub mod tenant;

use moat_model::{
    PolicyId, Target,
    compliance::{IosComplianceSettings, NoncomplianceAction, NoncomplianceActionType},
};
use moat_policy::compliance as rules;
use serde::{Deserialize, Serialize};

use crate::{
    App,
    caller::{Caller, Role},
    edition::Expected,
    error::{Error, Result},
    notifications::check_actions,
    policies::{self, Kind, PolicyRow},
    users::checked,
};

pub const READ: &[Role] = &[Role::ConfigurationReadAll, Role::ConfigurationReadWriteAll];
pub const WRITE: &[Role] = &[Role::ConfigurationReadWriteAll];

/// A compliance policy as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Body {
    pub settings: IosComplianceSettings,
    pub actions: Vec<NoncomplianceAction>,
}

impl Default for Body {
    /// Nothing is asked for, and what is not met is marked at once.
    fn default() -> Self {
        Self {
            settings: IosComplianceSettings::default(),
            actions: vec![NoncomplianceAction {
                id: String::new(),
                grace_period_hours: 0,
                action_type: NoncomplianceActionType::Block,
                notification_template_id: String::new(),
                notification_message_cc_list: Vec::new(),
            }],
        }
    }
}

impl Body {
    pub fn of(policy: &PolicyRow) -> Result<Self> {
        serde_json::from_str(&policy.body).map_err(Error::internal)
    }

    fn text(&self) -> Result<String> {
        serde_json::to_string(self).map_err(Error::internal)
    }

    /// Checks everything and gives each action its id. An action that is sent without its id, as it was before, keeps it: it is not
    /// carried out a second time.
    fn checked(mut self, before: &[NoncomplianceAction]) -> Result<Self> {
        rules::validate(&self.settings, &self.actions).map_err(Error::from)?;
        for action in &mut self.actions {
            // One spelling, by which a template's policies are found.
            if let Ok(id) = action.notification_template_id.trim().parse::<uuid::Uuid>() {
                action.notification_template_id = id.to_string();
            }
        }
        give_ids(&mut self.actions, before);
        Ok(self)
    }
}

fn give_ids(actions: &mut [NoncomplianceAction], before: &[NoncomplianceAction]) {
    let mut free: Vec<&NoncomplianceAction> = before.iter().collect();
    free.retain(|known| !actions.iter().any(|action| action.id == known.id));
    for action in actions.iter_mut().filter(|action| action.id.is_empty()) {
        let same = |known: &&NoncomplianceAction| {
            let id = known.id.clone();
            NoncomplianceAction { id, ..action.clone() } == **known
        };
        action.id = match free.iter().position(same) {
            Some(at) => free.remove(at).id.clone(),
            None => uuid::Uuid::now_v7().to_string(),
        };
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

pub async fn create(app: &App, caller: &Caller, id: PolicyId, draft: Draft) -> Result<PolicyRow> {
    caller.require_any(WRITE)?;
    let name = checked("displayName", &draft.display_name, 256)?;
    let body = draft.body.checked(&[])?;
    let policy = PolicyRow::new(Kind::Compliance, id, name, draft.description, body.text()?);
    let mut tx = app.db.begin().await?;
    check_actions(&mut tx, &body.actions).await?;
    policies::create(&mut tx, caller, &policy).await?;
    if let Some(targets) = &draft.targets {
        policies::set_targets(&mut tx, caller, Kind::Compliance, id, targets).await?;
    }
    app.commit_policy(tx).await?;
    Ok(policy)
}

/// Changes a policy by what `change` makes of it.
pub async fn update(
    app: &App,
    caller: &Caller,
    id: PolicyId,
    expected: &Expected,
    change: impl FnOnce(&PolicyRow, Body) -> Result<Draft> + Send,
) -> Result<PolicyRow> {
    caller.require_any(WRITE)?;
    let mut tx = app.db.begin().await?;
    let before = policies::store::get(&mut *tx, Kind::Compliance, id).await?;
    let before = before.ok_or_else(|| policies::unknown(Kind::Compliance, id))?;
    expected.check(before.updated_at)?;
    let was = Body::of(&before)?;
    let draft = change(&before, was.clone())?;
    let mut after = before.clone();
    after.display_name = checked("displayName", &draft.display_name, 256)?;
    after.description = draft.description;
    let body = draft.body.checked(&was.actions)?;
    check_actions(&mut tx, &body.actions).await?;
    after.body = body.text()?;
    // What only has other assignments is no new version.
    if draft.targets.is_none() || !after.says_the_same(&before) {
        policies::update(&mut tx, caller, &before, after).await?;
    }
    if body.actions != was.actions {
        actions::changed(&mut tx, &before.id, &body.actions).await?;
    }
    if let Some(targets) = &draft.targets {
        policies::set_targets(&mut tx, caller, Kind::Compliance, id, targets).await?;
    }
    app.commit_policy(tx).await?;
    policies::get(app, Kind::Compliance, id).await
}

pub async fn get(app: &App, caller: &Caller, id: PolicyId) -> Result<PolicyRow> {
    caller.require_any(READ)?;
    policies::get(app, Kind::Compliance, id).await
}

pub async fn delete(app: &App, caller: &Caller, id: PolicyId, expected: &Expected) -> Result<()> {
    caller.require_any(WRITE)?;
    policies::delete(app, caller, Kind::Compliance, id, expected).await
}
