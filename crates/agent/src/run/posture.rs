use std::{sync::Arc, time::Duration};

use moat_model::{Assessment, JailbreakLevel, sync::DeviceEvent};
use moat_policy::jailbreak::Rules;
use tokio::time::timeout;

use super::{Agent, lock};
use crate::posture::assess;

/// Runs the rules at the start, from time to time, and when asked.
pub(super) async fn run(agent: Arc<Agent>) {
    loop {
        run_once(&agent);
        let interval = Duration::from_secs(u64::from(agent.settings().posture_interval_seconds.max(5)));
        let _ = timeout(interval, agent.wake.posture.notified()).await;
    }
}

/// One run. Only what changed is told to the server.
pub(crate) fn run_once(agent: &Agent) {
    let rules = lock(&agent.live)
        .bundle
        .as_ref()
        .map(|bundle| Rules::parse(bundle.jailbreak_rules()));
    let rules = match rules {
        // Before the first bundle there is nothing to judge by.
        None => return,
        Some(Err(error)) => return tracing::error!(%error, "the jailbreak rules cannot be used"),
        Some(Ok(rules)) => rules,
    };
    let assessment = assess(&rules, &*agent.probe);
    let before = lock(&agent.state).reported.clone();
    let mut live = lock(&agent.live);
    live.posture = Some(assessment.clone());
    live.posture_runs += 1;
    drop(live);
    if let Some(event) = event_for(before.as_ref(), &assessment) {
        tracing::info!(level = %assessment.level, score = assessment.score, "posture changed");
        // An event that could not be stored is tried again by the next run.
        if agent.record(event) {
            agent.change_state(|state| state.reported = Some(assessment));
        }
    }
}

/// What a new assessment means after the one that was told before.
fn event_for(before: Option<&Assessment>, now: &Assessment) -> Option<DeviceEvent> {
    let level_before = before.map_or(JailbreakLevel::None, |before| before.level);
    match (level_before, now.level) {
        (JailbreakLevel::None, JailbreakLevel::None) => None,
        (_, JailbreakLevel::None) => Some(DeviceEvent::JailbreakCleared {
            assessment: now.clone(),
        }),
        (_, level) if before.is_some_and(|before| before.level == level && before.findings == now.findings) => None,
        (_, level) => Some(DeviceEvent::Jailbreak {
            level,
            assessment: now.clone(),
        }),
    }
}
