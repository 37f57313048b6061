use std::fmt;

use moat_model::conditional_access::GrantControl;

use super::{AppProtection, SignIn};

/// A set of grant controls, in the order in which they are asked for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ControlSet(u8);

impl ControlSet {
    /// What the sign-in meets.
    pub(super) fn met_by(sign_in: &SignIn<'_>) -> Self {
        let device = sign_in.device;
        [
            (GrantControl::Mfa, sign_in.mfa),
            (
                GrantControl::CompliantDevice,
                device.is_some_and(super::Device::is_compliant),
            ),
            (
                GrantControl::DomainJoinedDevice,
                device.is_some_and(super::Device::is_domain_joined),
            ),
            (GrantControl::ApprovedApplication, sign_in.approved_app),
            (
                GrantControl::CompliantApplication,
                sign_in.app_protection == AppProtection::Protected,
            ),
        ]
        .into_iter()
        .filter_map(|(control, met)| met.then_some(control))
        .collect()
    }

    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    #[must_use]
    pub fn contains(self, control: GrantControl) -> bool {
        self.0 & bit(control) != 0
    }

    /// In the order in which they are asked for.
    pub fn iter(self) -> impl Iterator<Item = GrantControl> {
        GrantControl::ALL
            .iter()
            .copied()
            .filter(move |control| self.contains(*control))
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

const fn bit(control: GrantControl) -> u8 {
    1 << control as u8
}

impl FromIterator<GrantControl> for ControlSet {
    fn from_iter<T: IntoIterator<Item = GrantControl>>(controls: T) -> Self {
        Self(controls.into_iter().fold(0, |set, control| set | bit(control)))
    }
}

impl fmt::Debug for ControlSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_come_in_the_order_of_asking() {
        use GrantControl::{Block, CompliantDevice, Mfa, PasswordChange};
        let set: ControlSet = [PasswordChange, CompliantDevice, Mfa].into_iter().collect();
        assert_eq!(set.iter().collect::<Vec<_>>(), [Mfa, CompliantDevice, PasswordChange]);
        assert!(!set.contains(Block) && !set.is_empty());
        assert_eq!(
            set.without([Mfa].into_iter().collect()).iter().next(),
            Some(CompliantDevice)
        );
        assert_eq!(format!("{:?}", ControlSet::default()), "{}");
    }
}
