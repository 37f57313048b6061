use moat_model::{
    PolicyId,
    conditional_access::{
        AnalysisReason, ConditionalAccessPolicy, FilterMode, GrantOperator, LocationId, LocationRef, NamedLocation,
        PolicyState,
    },
};

use super::{
    ControlSet, Device, Invalid,
    bits::MAX_POLICIES,
    conditions::{Conditions, Met},
    filter::Rule,
    location::Location,
    validate::{self, validate, validate_location},
};

/// The policies that are enabled or report-only, ready to decide.
#[derive(Debug, Clone)]
pub struct PolicySet {
    /// By id, so that nothing depends on the order in which they were given.
    pub(super) policies: Vec<Policy>,
    pub(super) conditions: Conditions,
}

#[derive(Debug, Clone)]
pub(super) struct Policy {
    pub(super) id: PolicyId,
    pub(super) name: String,
    /// False: report-only.
    pub(super) enforced: bool,
    pub(super) operator: GrantOperator,
    pub(super) controls: ControlSet,
    pub(super) filter: Option<(FilterMode, Rule)>,
    /// It is for actions of users, not for applications.
    pub(super) for_user_actions: bool,
}

impl Default for PolicySet {
    /// No policies: everything is allowed.
    fn default() -> Self {
        Self {
            policies: Vec::new(),
            conditions: Conditions::new(Vec::new()),
        }
    }
}

/// Why policies cannot be put together: a policy that is not understood must not be left out silently.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    #[error("policy {name:?}: {invalid}")]
    Policy {
        id: PolicyId,
        name: String,
        invalid: Invalid,
    },
    #[error("named location {name:?}: {invalid}")]
    Location {
        id: LocationId,
        name: String,
        invalid: Invalid,
    },
    #[error("{0} policies are enabled or report-only; {MAX_POLICIES} can be")]
    TooMany(usize),
}

impl PolicySet {
    /// Policies that are disabled are left out and may be unfinished; all others and all locations must be valid, and
    /// locations that a policy names must be there.
    pub fn compile(
        policies: &[(PolicyId, ConditionalAccessPolicy)],
        locations: &[(LocationId, NamedLocation)],
    ) -> Result<Self, CompileError> {
        let active = policies
            .iter()
            .filter(|(_, policy)| policy.state != PolicyState::Disabled);
        let mut active: Vec<_> = active.collect();
        active.sort_by_key(|(id, _)| *id);
        if active.len() > MAX_POLICIES {
            return Err(CompileError::TooMany(active.len()));
        }
        let named: Result<Vec<_>, _> = locations.iter().map(compile_location).collect();
        let mut set = Self {
            policies: Vec::with_capacity(active.len()),
            conditions: Conditions::new(named?),
        };
        for (position, (id, policy)) in active.into_iter().enumerate() {
            let compiled = set
                .compile_policy(*id, policy)
                .map_err(|invalid| CompileError::Policy {
                    id: *id,
                    name: policy.display_name.clone(),
                    invalid,
                })?;
            set.policies.push(compiled);
            set.conditions.add(position, &policy.conditions);
        }
        Ok(set)
    }

    /// Name of a policy; none when it is not in the set.
    #[must_use]
    pub fn name(&self, policy: PolicyId) -> Option<&str> {
        self.position(policy)
            .and_then(|position| self.policies.get(position))
            .map(|policy| policy.name.as_str())
    }

    pub(super) fn position(&self, policy: PolicyId) -> Option<usize> {
        self.policies.binary_search_by_key(&policy, |policy| policy.id).ok()
    }

    /// The first condition of the policy that does not hold, in the order of Graph's list; `NotSet` when it applies.
    /// `filter` judges the policy's device filter, and is asked only when the conditions before it hold.
    pub(super) fn first_unmet(
        &self,
        position: usize,
        policy: &Policy,
        met: &Met,
        filter: impl FnOnce(&Policy) -> bool,
    ) -> AnalysisReason {
        let resource = if policy.for_user_actions {
            AnalysisReason::UserActions
        } else {
            AnalysisReason::Application
        };
        if !met.users.contains(position) {
            AnalysisReason::Users
        } else if !met.resources.contains(position) {
            resource
        } else if !met.platforms.contains(position) {
            AnalysisReason::DevicePlatform
        } else if !filter(policy) {
            AnalysisReason::Devices
        } else if !met.client_apps.contains(position) {
            AnalysisReason::ClientApps
        } else if !met.locations.contains(position) {
            AnalysisReason::Location
        } else if !met.sign_in_risk.contains(position) {
            AnalysisReason::SignInRisk
        } else if !met.user_risk.contains(position) {
            AnalysisReason::UserRisk
        } else {
            AnalysisReason::NotSet
        }
    }

    fn compile_policy(&self, id: PolicyId, policy: &ConditionalAccessPolicy) -> Result<Policy, Invalid> {
        validate(policy)?;
        self.check_locations(policy)?;
        let grants = policy.grant_controls.clone().unwrap_or_default();
        let applications = policy.conditions.applications.as_ref();
        Ok(Policy {
            id,
            name: policy.display_name.clone(),
            enforced: policy.state == PolicyState::Enabled,
            operator: grants.operator,
            controls: grants.built_in_controls.into_iter().collect(),
            filter: validate::device_filter(&policy.conditions)?,
            for_user_actions: applications.is_some_and(|applications| !applications.include_user_actions.is_empty()),
        })
    }

    fn check_locations(&self, policy: &ConditionalAccessPolicy) -> Result<(), Invalid> {
        let Some(locations) = &policy.conditions.locations else {
            return Ok(());
        };
        for (field, references) in [
            ("conditions.locations.includeLocations", &locations.include_locations),
            ("conditions.locations.excludeLocations", &locations.exclude_locations),
        ] {
            for reference in references {
                if let LocationRef::Location(id) = reference
                    && !self.conditions.has_location(*id)
                {
                    return Err(Invalid::new(field, format!("there is no named location {id}")));
                }
            }
        }
        Ok(())
    }
}

impl Policy {
    /// Whether the device filter lets the policy apply to the device, or to a sign-in without one.
    pub(super) fn is_for(&self, device: Option<&Device>) -> bool {
        match &self.filter {
            None => true,
            Some((FilterMode::Include, rule)) => rule.matches(device),
            Some((FilterMode::Exclude, rule)) => !rule.matches(device),
        }
    }
}

fn compile_location((id, location): &(LocationId, NamedLocation)) -> Result<(LocationId, Location), CompileError> {
    let compiled = validate_location(location).and_then(|()| Location::compile(location));
    compiled
        .map(|compiled| (*id, compiled))
        .map_err(|invalid| CompileError::Location {
            id: *id,
            name: location.display_name().to_owned(),
            invalid,
        })
}
