//! Orders: what an administrator or a policy wants done on a device, kept until the device says what came of it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::words;

/// The device says by this id what came of an order, and carries an order with an id that it remembers out no second time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OrderId(pub Uuid);

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for OrderId {
    type Err = uuid::Error;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        s.parse().map(Self)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Order {
    pub id: OrderId,
    pub action: OrderAction,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum OrderAction {
    /// Lock the screen.
    RemoteLock,
    /// Leave the organisation: everything of it goes from the device.
    Retire,
    /// The same; the work data in apps goes with it.
    Wipe,
    /// Show the user a message.
    #[serde(rename_all = "camelCase")]
    Notify { title: String, body: String },
    /// Of a server newer than this code. It is answered with [`OrderOutcome::NotSupported`].
    #[serde(other)]
    Unknown,
}

impl OrderAction {
    /// Longest title and body of a message, in characters.
    pub const MAX_TITLE: usize = 100;
    pub const MAX_BODY: usize = 2_000;

    /// The word on the wire, in the database and in Graph.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::RemoteLock => "remoteLock",
            Self::Retire => "retire",
            Self::Wipe => "wipe",
            Self::Notify { .. } => "notify",
            Self::Unknown => "unknown",
        }
    }

    /// Whether the device is the organisation's no more when this is done.
    #[must_use]
    pub const fn leaves(&self) -> bool {
        matches!(self, Self::Retire | Self::Wipe)
    }
}

words! {
    /// What came of an order.
    OrderOutcome {
        Done => "done",
        Failed => "failed",
        /// This kind of device cannot do that.
        NotSupported => "notSupported",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_of_a_newer_server_is_read_all_the_same() {
        let id = "00000000-0000-4000-8000-000000000001";
        let read = |action: &str| -> Order {
            serde_json::from_str(&format!(r#"{{"id": "{id}", "action": {action}}}"#)).unwrap()
        };
        assert_eq!(read(r#"{"kind": "remoteLock"}"#).action, OrderAction::RemoteLock);
        let newer = read(r#"{"kind": "playSound", "seconds": 3}"#);
        assert_eq!(
            (newer.id.to_string().as_str(), newer.action),
            (id, OrderAction::Unknown)
        );
        let message = OrderAction::Notify {
            title: "t".into(),
            body: "b".into(),
        };
        let text = serde_json::to_string(&message).unwrap();
        assert_eq!(text, r#"{"kind":"notify","title":"t","body":"b"}"#);
        assert_eq!(read(&text).action, message);
    }
}
