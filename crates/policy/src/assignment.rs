//! Whether a policy's targets reach a user or a device.
//!
//! An exclusion wins over every inclusion, whether its group is one of the user's or of the device's. (Intune does not relate
//! the two kinds; leaving someone in whom an administrator excluded would be the worse surprise.)

use moat_model::{GroupId, Target};

use crate::{Reason, say};

/// Who or what a policy may apply to. Groups are transitive: a group's own groups are in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Subject<'a> {
    /// None where no user is known.
    pub user_groups: Option<&'a [GroupId]>,
    /// None where there is no device.
    pub device_groups: Option<&'a [GroupId]>,
}

/// What of the targets decided. Of several the first in this order is named, then the lowest group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Via {
    AllUsers,
    AllDevices,
    UserGroup(GroupId),
    DeviceGroup(GroupId),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Assignment {
    Included(Via),
    /// A group that is kept out holds the user or the device.
    Excluded(Via),
    /// No target names the user or the device.
    NotAssigned,
}

/// The order of targets and groups does not matter.
#[must_use]
pub fn evaluate(targets: &[Target], subject: Subject<'_>) -> Assignment {
    let excluded = targets.iter().filter_map(|target| match target {
        Target::ExcludedGroup { group_id } => subject.holds(*group_id),
        _ => None,
    });
    if let Some(via) = excluded.min() {
        return Assignment::Excluded(via);
    }
    let included = targets.iter().filter_map(|target| match target {
        Target::AllUsers => subject.user_groups.map(|_| Via::AllUsers),
        Target::AllDevices => subject.device_groups.map(|_| Via::AllDevices),
        Target::Group { group_id } => subject.holds(*group_id),
        Target::ExcludedGroup { .. } => None,
    });
    included.min().map_or(Assignment::NotAssigned, Assignment::Included)
}

impl Assignment {
    #[must_use]
    pub const fn applies(self) -> bool {
        matches!(self, Self::Included(_))
    }

    /// For people; `name` gives a group's name.
    #[must_use]
    pub fn reason(self, name: impl Fn(GroupId) -> String) -> Reason {
        let included = |via: Via| match via {
            Via::AllUsers => say("because-every-user-included"),
            Via::AllDevices => say("because-every-device-included"),
            Via::UserGroup(group) => say("because-user-group-included").with("group", name(group)),
            Via::DeviceGroup(group) => say("because-device-group-included").with("group", name(group)),
        };
        let excluded = |via: Via| match via {
            Via::AllUsers => say("because-every-user-excluded"),
            Via::AllDevices => say("because-every-device-excluded"),
            Via::UserGroup(group) => say("because-user-group-excluded").with("group", name(group)),
            Via::DeviceGroup(group) => say("because-device-group-excluded").with("group", name(group)),
        };
        match self {
            Self::Included(via) => Reason::new(included(via)),
            Self::Excluded(via) => Reason::new(excluded(via)).remedy(say("do-lift-exclusion")),
            Self::NotAssigned => Reason::new(say("because-not-assigned")).remedy(say("do-assign")),
        }
    }
}

impl Subject<'_> {
    fn holds(self, group: GroupId) -> Option<Via> {
        let within = |groups: Option<&[GroupId]>| groups.is_some_and(|groups| groups.contains(&group));
        if within(self.user_groups) {
            Some(Via::UserGroup(group))
        } else if within(self.device_groups) {
            Some(Via::DeviceGroup(group))
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{prelude::*, sample::Index};

    fn group(n: u8) -> GroupId {
        format!("00000000-0000-0000-0000-0000000000{n:02x}").parse().unwrap()
    }

    fn include(n: u8) -> Target {
        Target::Group { group_id: group(n) }
    }

    fn exclude(n: u8) -> Target {
        Target::ExcludedGroup { group_id: group(n) }
    }

    #[test]
    fn targets_reach_whom_they_name() {
        use Assignment::*;
        let (mine, its) = ([group(1), group(2)], [group(3)]);
        let both = Subject {
            user_groups: Some(&mine),
            device_groups: Some(&its),
        };
        let device = Subject {
            user_groups: None,
            ..both
        };
        let user = Subject {
            device_groups: None,
            ..both
        };
        let table = [
            (vec![], both, NotAssigned),
            (vec![Target::AllUsers], both, Included(Via::AllUsers)),
            (vec![Target::AllUsers], device, NotAssigned),
            (vec![Target::AllDevices], device, Included(Via::AllDevices)),
            (vec![Target::AllDevices], user, NotAssigned),
            (vec![include(2), include(1)], both, Included(Via::UserGroup(group(1)))),
            (vec![include(3)], both, Included(Via::DeviceGroup(group(3)))),
            (vec![include(3)], user, NotAssigned),
            (vec![include(9)], both, NotAssigned),
            (
                vec![Target::AllUsers, exclude(2)],
                both,
                Excluded(Via::UserGroup(group(2))),
            ),
            (vec![include(1), exclude(3)], both, Excluded(Via::DeviceGroup(group(3)))),
            (vec![include(1), exclude(9)], both, Included(Via::UserGroup(group(1)))),
            (vec![include(1), exclude(1)], both, Excluded(Via::UserGroup(group(1)))),
        ];
        for (targets, subject, expected) in table {
            assert_eq!(evaluate(&targets, subject), expected, "{targets:?} {subject:?}");
        }
    }

    #[test]
    fn the_reason_names_the_group() {
        let reason = Assignment::Excluded(Via::UserGroup(group(1))).reason(|_| "Board".into());
        assert_eq!(
            reason.english().text,
            "The user is in the group \"Board\", which is excluded."
        );
        assert!(reason.has_remedy());
    }

    prop_compose! {
        fn targets()(picks in proptest::collection::vec((0u8..4, 0u8..6), 0..8)) -> Vec<Target> {
            picks.into_iter().map(|(kind, n)| match kind {
                0 => Target::AllUsers,
                1 => Target::AllDevices,
                2 => include(n),
                _ => exclude(n),
            }).collect()
        }
    }

    fn groups() -> impl Strategy<Value = Option<Vec<GroupId>>> {
        proptest::option::of(proptest::collection::vec((0u8..6).prop_map(group), 0..5))
    }

    proptest! {
        #[test]
        fn order_does_not_matter(targets in targets(), mine in groups(), its in groups(), swap: (Index, Index)) {
            let subject = Subject { user_groups: mine.as_deref(), device_groups: its.as_deref() };
            let before = evaluate(&targets, subject);
            let (mut targets, mut mine, mut its) = (targets, mine.clone(), its.clone());
            targets.reverse();
            if !targets.is_empty() {
                let (a, b) = (swap.0.index(targets.len()), swap.1.index(targets.len()));
                targets.swap(a, b);
            }
            mine.iter_mut().for_each(|groups| groups.reverse());
            its.iter_mut().for_each(|groups| groups.reverse());
            let subject = Subject { user_groups: mine.as_deref(), device_groups: its.as_deref() };
            prop_assert_eq!(evaluate(&targets, subject), before);
        }

        #[test]
        fn an_exclusion_never_lets_in(targets in targets(), mine in groups(), its in groups(), n in 0u8..6) {
            let subject = Subject { user_groups: mine.as_deref(), device_groups: its.as_deref() };
            let before = evaluate(&targets, subject);
            let mut targets = targets;
            targets.push(exclude(n));
            prop_assert!(before.applies() || !evaluate(&targets, subject).applies());
        }
    }
}
