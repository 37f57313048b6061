//! What the agent remembers over a restart.

use moat_model::{Assessment, IndicatorId, OrderId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::orders::Answered;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct State {
    /// The user switched web protection off.
    pub off: bool,
    /// Until then; none: until they switch it on.
    pub off_until: Option<Timestamp>,
    pub bypasses: Vec<Bypass>,
    /// The assessment that the server was told last.
    pub reported: Option<Assessment>,
    /// The newest bundle that was ever in force: none older is taken, also when its file is lost.
    pub bundle_version: u64,
    /// What came of orders, newest last.
    pub answered: Vec<Answered>,
    /// Messages of the organisation to the user, newest last.
    pub messages: Vec<Message>,
    /// This device is on its way out of the organisation.
    pub leaving: Option<Leaving>,
}

impl State {
    /// Whether a pause is over: protection is to come on again.
    pub fn pause_ended(&self, now: Timestamp) -> bool {
        self.off && self.off_until.is_some_and(|until| until <= now)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    pub time: Timestamp,
    pub title: String,
    pub body: String,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Leaving {
    pub order: OrderId,
    pub wipe: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Bypass {
    pub indicator: IndicatorId,
    pub until: Timestamp,
}
