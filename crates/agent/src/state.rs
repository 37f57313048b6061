//! What the agent remembers over a restart.

use moat_model::{Assessment, IndicatorId, Timestamp};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct State {
    /// The user switched web protection off.
    pub off: bool,
    pub bypasses: Vec<Bypass>,
    /// The assessment that the server was told last.
    pub reported: Option<Assessment>,
    /// The newest bundle that was ever in force: none older is taken, also when its file is lost.
    pub bundle_version: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Bypass {
    pub indicator: IndicatorId,
    pub until: Timestamp,
}
