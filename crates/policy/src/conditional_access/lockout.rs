use moat_model::{
    UserId,
    conditional_access::{GrantControl, GrantOperator},
};

use super::{ControlSet, PolicySet, User, compile::Policy, conditions::user_keys};

/// An account that must always get in, with what policies can be assigned to it by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakGlassAccount<'a> {
    /// As people know it: shown when an edit is refused.
    pub name: &'a str,
    pub user: User<'a>,
}

/// A break-glass account that enabled policies would keep out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockedOut {
    pub user: UserId,
    pub name: String,
    /// Names of the policies.
    pub policies: Vec<String>,
}

impl PolicySet {
    /// The accounts that an enabled policy for some application applies to and that it would keep out, in their order.
    ///
    /// An account of last resort has nothing but multi-factor authentication: no device, no protected app. Conditions
    /// besides users and applications do not count in its favour, because nobody knows from where, with what and at
    /// which risk it will be needed.
    #[must_use]
    pub fn locked_out(&self, accounts: &[BreakGlassAccount<'_>]) -> Vec<LockedOut> {
        accounts
            .iter()
            .filter_map(|account| self.account_locked_out(account))
            .collect()
    }

    fn account_locked_out(&self, account: &BreakGlassAccount<'_>) -> Option<LockedOut> {
        let met = self.conditions.users.met_by(user_keys(Some(&account.user)));
        let keeps_out = |(position, policy): &(usize, &Policy)| {
            let closes = policy.enforced && self.conditions.for_applications.contains(*position);
            closes && met.contains(*position) && !policy.needs_only_mfa()
        };
        let policies = self.policies.iter().enumerate().filter(keeps_out);
        let policies: Vec<String> = policies.map(|(_, policy)| policy.name.clone()).collect();
        (!policies.is_empty()).then(|| LockedOut {
            user: account.user.id,
            name: account.name.to_owned(),
            policies,
        })
    }
}

impl Policy {
    fn needs_only_mfa(&self) -> bool {
        let mfa: ControlSet = [GrantControl::Mfa].into_iter().collect();
        match self.operator {
            GrantOperator::And => self.controls.without(mfa).is_empty(),
            GrantOperator::Or => self.controls.contains(GrantControl::Mfa),
        }
    }
}
