//! Compliance: policies that say what a device must be, and what came out for each device.

pub mod assess;
pub mod facts;
pub mod graph;
mod outcome;
pub mod states;
pub mod store;
pub mod tenant;

use moat_model::{
    PolicyId,
    compliance::{IosComplianceSettings, NoncomplianceAction},
};
use moat_policy::compliance as rules;
use serde::{Deserialize, Serialize};

use crate::{
    App,
    caller::{Caller, Role},
    edition::Expected,
    error::{Error, Result},
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

impl Body {
    pub fn of(policy: &PolicyRow) -> Result<Self> {
        serde_json::from_str(&policy.body).map_err(Error::internal)
    }

    fn text(&self) -> Result<String> {
        serde_json::to_string(self).map_err(Error::internal)
    }

    /// Checks everything and gives each action its id.
    fn checked(mut self) -> Result<Self> {
        rules::validate(&self.settings, &self.actions).map_err(|invalid| Error::invalid("BadRequest", invalid))?;
        for action in self.actions.iter_mut().filter(|action| action.id.is_empty()) {
            action.id = uuid::Uuid::now_v7().to_string();
        }
        Ok(self)
    }
}

/// What an administrator says of a policy.
pub struct Draft {
    pub display_name: String,
    pub description: Option<String>,
    pub body: Body,
}

pub async fn create(app: &App, caller: &Caller, draft: Draft) -> Result<PolicyRow> {
    caller.require_any(WRITE)?;
    let name = checked("displayName", &draft.display_name, 256)?;
    let body = draft.body.checked()?;
    let policy = PolicyRow::new(Kind::Compliance, name, draft.description, body.text()?);
    let mut tx = app.db.begin().await?;
    policies::create(&mut tx, caller, &policy).await?;
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
    let draft = change(&before, Body::of(&before)?)?;
    let mut after = before.clone();
    after.display_name = checked("displayName", &draft.display_name, 256)?;
    after.description = draft.description;
    after.body = draft.body.checked()?.text()?;
    policies::update(&mut tx, caller, &before, after).await?;
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
