use moat_model::{
    PolicyId,
    conditional_access::{AnalysisReason, GrantControl, GrantOperator, PolicyResult},
};

use super::{ControlSet, PolicySet, SignIn, compile::Policy, reasons};
use crate::Reason;

/// Whether a sign-in may come in, and what each policy said.
#[derive(Debug, Clone, PartialEq)]
pub struct AccessDecision {
    pub allowed: bool,
    /// What policies that closed access ask for. `block` alone when one blocks: nothing else would help then.
    pub asked: ControlSet,
    /// One for each policy that closed access; those that block alone, when one blocks. Empty when allowed.
    pub reasons: Vec<Reason>,
    /// Every policy of the set, by id.
    pub outcomes: Vec<PolicyOutcome>,
}

/// What one policy said of a sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PolicyOutcome {
    pub policy: PolicyId,
    pub result: PolicyResult,
    /// The first condition that does not hold; `NotSet` when the policy applies.
    pub analysis_reason: AnalysisReason,
    /// Controls of the policy that are not met: all of them are asked for, or with the operator `OR` one of them.
    pub unmet: ControlSet,
}

impl PolicySet {
    /// Judges a sign-in by all policies of the set. Allocates the outcomes, and reasons when access is closed.
    #[must_use]
    pub fn evaluate(&self, sign_in: &SignIn<'_>) -> AccessDecision {
        let conditions = self.conditions.met_by(sign_in);
        let held = ControlSet::met_by(sign_in);
        let judge = |(position, policy): (usize, &Policy)| {
            let unmet = self.first_unmet(position, policy, &conditions, |policy| policy.is_for(sign_in.device));
            policy.outcome(unmet, held)
        };
        let outcomes: Vec<PolicyOutcome> = self.policies.iter().enumerate().map(judge).collect();
        let failed = || {
            outcomes
                .iter()
                .filter(|outcome| outcome.result == PolicyResult::Failure)
        };
        let blocked = failed().any(PolicyOutcome::blocks);
        let decisive = || failed().filter(|outcome| outcome.blocks() == blocked);
        AccessDecision {
            allowed: failed().next().is_none(),
            asked: decisive().fold(ControlSet::default(), |asked, outcome| asked.and(outcome.unmet)),
            reasons: decisive().filter_map(|outcome| self.reason(outcome, sign_in)).collect(),
            outcomes,
        }
    }

    /// Whether [`Self::evaluate`] would allow the sign-in. Allocates nothing.
    #[must_use]
    pub fn allows(&self, sign_in: &SignIn<'_>) -> bool {
        let conditions = self.conditions.met_by(sign_in);
        let held = ControlSet::met_by(sign_in);
        self.policies.iter().enumerate().all(|(position, policy)| {
            if !policy.enforced || policy.unmet(held).is_empty() {
                return true;
            }
            self.first_unmet(position, policy, &conditions, |policy| policy.is_for(sign_in.device))
                != AnalysisReason::NotSet
        })
    }

    /// Why the policy closed access, or as report-only would have. None when it did not, and for an outcome of another set.
    #[must_use]
    pub fn reason(&self, outcome: &PolicyOutcome, sign_in: &SignIn<'_>) -> Option<Reason> {
        let position = self.position(outcome.policy)?;
        let policy = self.policies.get(position)?;
        let closed = !outcome.unmet.is_empty();
        closed.then(|| reasons::closed(policy, position, outcome.unmet, &self.conditions, sign_in))
    }
}

impl PolicyOutcome {
    fn blocks(&self) -> bool {
        self.unmet.contains(GrantControl::Block)
    }
}

impl Policy {
    fn outcome(&self, analysis_reason: AnalysisReason, held: ControlSet) -> PolicyOutcome {
        let applies = analysis_reason == AnalysisReason::NotSet;
        let unmet = if applies {
            self.unmet(held)
        } else {
            ControlSet::default()
        };
        let result = match (self.enforced, applies, unmet.is_empty()) {
            (true, false, _) => PolicyResult::NotApplied,
            (true, true, true) => PolicyResult::Success,
            (true, true, false) => PolicyResult::Failure,
            (false, false, _) => PolicyResult::ReportOnlyNotApplied,
            (false, true, true) => PolicyResult::ReportOnlySuccess,
            (false, true, false) if self.user_could_meet(unmet) => PolicyResult::ReportOnlyInterrupted,
            (false, true, false) => PolicyResult::ReportOnlyFailure,
        };
        PolicyOutcome {
            policy: self.id,
            result,
            analysis_reason,
            unmet,
        }
    }

    fn unmet(&self, held: ControlSet) -> ControlSet {
        let unmet = self.controls.without(held);
        match self.operator {
            GrantOperator::Or if unmet != self.controls => ControlSet::default(),
            GrantOperator::Or | GrantOperator::And => unmet,
        }
    }

    /// Whether an interactive sign-in could go on by asking the user.
    fn user_could_meet(&self, unmet: ControlSet) -> bool {
        let asks = |control| matches!(control, GrantControl::Mfa | GrantControl::PasswordChange);
        match self.operator {
            GrantOperator::And => unmet.iter().all(asks),
            GrantOperator::Or => unmet.iter().any(asks),
        }
    }
}
