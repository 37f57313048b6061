//! Orders of the organisation, from the answer to a check-in to what the app says came of them.

use std::collections::BTreeSet;

use moat_model::{
    OrderId, OrderOutcome,
    sync::{CheckInReply, DeviceEvent},
};

use crate::{SessionError, event::Event};

/// Answers to check-ins that are read, in bytes.
const MAX_REPLY: usize = 1 << 20;

/// What the app has to do. Locking the screen is not among it: no app on iOS can.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum OrderAction {
    /// Leave the organisation: when the answer is acknowledged, remove the identity, the bundle and the tunnel, and let the
    /// apps wipe.
    Retire,
    /// The same.
    Wipe,
    /// Show the user a message.
    Notify { title: String, body: String },
}

/// What came of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Outcome {
    Done,
    Failed,
    NotSupported,
}

impl From<Outcome> for OrderOutcome {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Done => Self::Done,
            Outcome::Failed => Self::Failed,
            Outcome::NotSupported => Self::NotSupported,
        }
    }
}

/// Ids that nothing is to be done for any more.
#[derive(Debug, Default)]
pub(crate) struct Orders(BTreeSet<OrderId>);

impl Orders {
    pub fn remember(&mut self, id: OrderId) {
        self.0.insert(id);
    }

    /// What the orders of a check-in's answer mean for the app; nothing for those that were handed out before.
    pub fn take(&mut self, orders: &[moat_model::Order]) -> Vec<Event> {
        let new = orders.iter().filter(|order| self.0.insert(order.id));
        new.map(event).collect()
    }
}

/// Reads the body of a check-in's answer.
pub(crate) fn read(reply: &[u8]) -> Result<CheckInReply, SessionError> {
    let wrong = |reason: String| SessionError::Reply { reason };
    if reply.len() > MAX_REPLY {
        return Err(wrong(format!("it has more than {MAX_REPLY} bytes")));
    }
    serde_json::from_slice(reply).map_err(|error| wrong(error.to_string()))
}

fn event(order: &moat_model::Order) -> Event {
    let id = order.id.to_string();
    let not_supported = |why: &str| Event::OrderAnswered {
        id: id.clone(),
        answer: answer(order.id, OrderOutcome::NotSupported, why.into()),
    };
    let action = match &order.action {
        moat_model::OrderAction::Retire => OrderAction::Retire,
        moat_model::OrderAction::Wipe => OrderAction::Wipe,
        moat_model::OrderAction::Notify { title, body } => OrderAction::Notify {
            title: title.clone(),
            body: body.clone(),
        },
        moat_model::OrderAction::RemoteLock => return not_supported("an app cannot lock the screen"),
        moat_model::OrderAction::Unknown => return not_supported("this version of the app does not know the order"),
    };
    Event::Ordered { id, action }
}

/// The `event` of an entry in the outbox, JSON.
pub(crate) fn answer(id: OrderId, outcome: OrderOutcome, detail: String) -> String {
    let event = DeviceEvent::OrderDone { id, outcome, detail };
    serde_json::to_string(&event).expect("an answer is texts")
}

pub(crate) fn parse(id: &str) -> Result<OrderId, SessionError> {
    id.parse().map_err(|_| SessionError::Order {
        id: id.chars().take(80).collect(),
    })
}
