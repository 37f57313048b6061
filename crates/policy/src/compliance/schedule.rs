//! The schedule of actions for a device that is not compliant.

use moat_model::{
    Timestamp,
    compliance::{NoncomplianceAction, NoncomplianceActionType},
};

use super::rollup::hours;

/// An action whose hour has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DueAction<'a> {
    pub action: &'a NoncomplianceAction,
    /// When it fell due; earlier than now if nobody looked in between.
    pub at: Timestamp,
}

/// The actions to carry out now, in the order in which they fell due, and when the next one does.
///
/// `done` holds the id of each action that was carried out, and when; what was done before `noncompliant_since` belongs to an
/// earlier period and counts for nothing. `block` falls due at the end of the grace period: the device gets its mark.
#[must_use]
pub fn due_actions<'a>(
    actions: &'a [NoncomplianceAction],
    noncompliant_since: Timestamp,
    done: &[(&str, Timestamp)],
    now: Timestamp,
) -> (Vec<DueAction<'a>>, Option<Timestamp>) {
    let mut open: Vec<DueAction<'a>> = actions
        .iter()
        .filter(|action| action.action_type != NoncomplianceActionType::NoAction)
        .filter(|action| {
            !done
                .iter()
                .any(|(id, at)| *id == action.id && *at >= noncompliant_since)
        })
        .map(|action| DueAction {
            action,
            at: noncompliant_since.saturating_add(hours(action.grace_period_hours)),
        })
        .collect();
    open.sort_by(|a, b| (a.at, &a.action.id).cmp(&(b.at, &b.action.id)));
    let next = open.iter().map(|due| due.at).find(|at| *at > now);
    open.retain(|due| due.at <= now);
    (open, next)
}

#[cfg(test)]
mod tests {
    use super::*;
    use NoncomplianceActionType::*;
    use proptest::prelude::*;

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_micros(hour * 3_600_000_000)
    }

    fn action(id: &str, hours: i32, action_type: NoncomplianceActionType) -> NoncomplianceAction {
        NoncomplianceAction {
            id: id.into(),
            grace_period_hours: hours,
            action_type,
            notification_template_id: String::new(),
            notification_message_cc_list: Vec::new(),
        }
    }

    fn ids(due: &[DueAction<'_>]) -> Vec<String> {
        due.iter().map(|due| due.action.id.clone()).collect()
    }

    #[test]
    fn each_action_fires_at_its_hour_and_once() {
        let actions = [
            action("retire", 72, Retire),
            action("mark", 24, Block),
            action("mail", 0, Notification),
            action("again", 25, Notification),
            action("nothing", 1, NoAction),
        ];
        let due = |done: &[(&str, Timestamp)], hour| {
            let (due, next) = due_actions(&actions, at(100), done, at(hour));
            (ids(&due), next)
        };
        assert_eq!(due(&[], 100), (vec!["mail".into()], Some(at(124))));
        assert_eq!(due(&[("mail", at(100))], 123), (vec![], Some(at(124))));
        assert_eq!(due(&[("mail", at(100))], 124), (vec!["mark".into()], Some(at(125))));
        let done = [("mail", at(100)), ("mark", at(124)), ("again", at(125))];
        assert_eq!(due(&done, 130), (vec![], Some(at(172))));
        assert_eq!(due(&done, 172), (vec!["retire".into()], None));
        assert_eq!(
            due(&[], 200),
            (
                vec!["mail".into(), "mark".into(), "again".into(), "retire".into()],
                None
            )
        );
    }

    #[test]
    fn a_new_period_starts_over() {
        let actions = [action("mail", 0, Notification)];
        let (due, _) = due_actions(&actions, at(50), &[("mail", at(10))], at(50));
        assert_eq!(ids(&due), ["mail"]);
        let (due, _) = due_actions(&actions, at(50), &[("mail", at(10)), ("mail", at(50))], at(60));
        assert!(due.is_empty());
    }

    proptest! {
        /// Looking whenever told to carries out every action once, none before its hour.
        #[test]
        fn following_the_schedule_fires_each_once(steps in proptest::collection::vec(0i32..200, 0..8), late in 0i64..5) {
            let actions: Vec<_> = steps.iter().enumerate().map(|(n, hours)| action(&n.to_string(), *hours, Notification)).collect();
            let (mut done, mut now) = (Vec::new(), at(0));
            loop {
                let known: Vec<(&str, Timestamp)> = done.iter().map(|(id, at): &(String, Timestamp)| (id.as_str(), *at)).collect();
                let (due, next) = due_actions(&actions, at(0), &known, now);
                for due in due {
                    prop_assert!(due.at <= now);
                    done.push((due.action.id.clone(), now));
                }
                let Some(next) = next else { break };
                prop_assert!(next > now);
                now = Timestamp::from_micros(next.as_micros() + late);
            }
            let mut fired: Vec<_> = done.iter().map(|(id, _)| id.clone()).collect();
            fired.sort();
            let mut all: Vec<_> = actions.iter().map(|action| action.id.clone()).collect();
            all.sort();
            prop_assert_eq!(fired, all);
        }
    }
}
