use std::collections::VecDeque;

use crate::{
    order::OrderAction,
    posture::JailbreakLevel,
    verdict::{Action, SeenIn},
};

/// What happened inside a session, for the app to store in its outbox and to tell the user.
#[derive(Debug, Clone, PartialEq, uniffi::Enum)]
pub enum Event {
    /// An evaluated name, URL or address matched an indicator that raises alerts.
    WebThreat {
        indicator: u64,
        action: Action,
        /// None when policy keeps names out of reports.
        site: Option<String>,
        seen_in: SeenIn,
    },
    /// A posture run came to another level than the one before it.
    PostureChanged {
        from: JailbreakLevel,
        to: JailbreakLevel,
    },
    BundleReplaced {
        version: u64,
    },
    /// The bundle in use stays.
    BundleRefused {
        reason: String,
    },
    /// The organisation orders something. Do it, then put [`crate::Session::answer_order`] into the outbox.
    Ordered {
        id: String,
        action: OrderAction,
    },
    /// An order that needs nothing of the app: put the answer, JSON, into the outbox.
    OrderAnswered {
        id: String,
        answer: String,
    },
}

impl Event {
    fn is_audit(&self) -> bool {
        matches!(
            self,
            Self::WebThreat {
                action: Action::Audit,
                ..
            }
        )
    }
}

/// Most events that wait for [`crate::Session::poll_event`].
pub(crate) const MAX_WAITING: usize = 1024;

/// Bounded: audit hits go first when it is full, then the oldest. What went is counted.
#[derive(Debug, Default)]
pub(crate) struct Events {
    waiting: VecDeque<Event>,
    dropped: u64,
}

impl Events {
    pub fn push(&mut self, event: Event) {
        if self.waiting.len() >= MAX_WAITING {
            let victim = self.waiting.iter().position(Event::is_audit).unwrap_or(0);
            self.waiting.remove(victim);
            self.dropped += 1;
        }
        self.waiting.push_back(event);
    }

    pub fn pop(&mut self) -> Option<Event> {
        self.waiting.pop_front()
    }

    pub fn dropped(&self) -> u64 {
        self.dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hit(indicator: u64, action: Action) -> Event {
        Event::WebThreat {
            indicator,
            action,
            site: None,
            seen_in: SeenIn::Dns,
        }
    }

    #[test]
    fn a_full_queue_drops_audit_hits_first_and_counts() {
        let mut events = Events::default();
        events.push(hit(0, Action::Block));
        events.push(hit(1, Action::Audit));
        for id in 2..=MAX_WAITING as u64 {
            events.push(hit(id, Action::Block));
        }
        assert_eq!((events.dropped(), events.pop()), (1, Some(hit(0, Action::Block))));
        assert_eq!(events.pop(), Some(hit(2, Action::Block)));
        for _ in 0..3 {
            events.push(hit(9, Action::Block));
        }
        assert_eq!((events.dropped(), events.pop()), (2, Some(hit(4, Action::Block))));
    }
}
