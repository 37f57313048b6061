use std::{sync::Arc, thread::JoinHandle, time::Duration};

use moat_model::{Assessment, JailbreakLevel, sync::DeviceEvent};
use moat_policy::jailbreak::{Facts, Outcome, Rules, Standing, evaluate_after};
use tokio::{sync::oneshot, time::timeout};

use super::{Agent, configuration, lock};
use crate::posture::gather;

/// A run that takes longer is given up: a file system that does not answer must not stop the agent.
const PATIENCE: Duration = Duration::from_secs(5);
/// Findings that are told, strongest first.
const MAX_FINDINGS: usize = 200;

/// Runs the rules at the start, from time to time, and when asked.
pub(super) async fn run(agent: Arc<Agent>) {
    let mut probing = None;
    loop {
        configuration::read(&agent);
        run_once(&agent, &mut probing).await;
        let interval = Duration::from_secs(u64::from(agent.settings().posture_interval_seconds.max(5)));
        let _ = timeout(interval, agent.wake.posture.notified()).await;
    }
}

/// One run. Only what changed is told to the server.
async fn run_once(agent: &Arc<Agent>, probing: &mut Option<JoinHandle<()>>) {
    let rules = lock(&agent.live)
        .bundle
        .as_ref()
        .map(|bundle| Rules::parse(bundle.jailbreak_rules()));
    let rules = match rules {
        // Before the first bundle there is nothing to judge by.
        None => return,
        Some(Err(error)) => {
            tracing::error!(%error, "the jailbreak rules cannot be used");
            lock(&agent.live).posture_error = Some(format!("the jailbreak rules cannot be used: {error}"));
            return;
        }
        Some(Ok(rules)) => Arc::new(rules),
    };
    let (facts, slow) = match facts(agent, &rules, probing).await {
        Some(facts) => (facts, None),
        None => {
            let platform = agent.probe.platform().to_string();
            let nothing = Facts {
                platform,
                ..Facts::default()
            };
            (
                nothing,
                Some("the posture run does not end: a file system does not answer"),
            )
        }
    };
    let told = lock(&agent.state).reported.clone();
    let mut standing = evaluate_after(told.as_ref(), &rules, &facts);
    standing.assessment.findings.truncate(MAX_FINDINGS);
    let error = slow.map(String::from).or_else(|| unreadable(&standing, &facts));
    note(agent, told.as_ref(), standing.assessment, error);
}

/// Gathers the facts on a thread of its own. None when they are not there in time; another run waits for that thread.
async fn facts(agent: &Arc<Agent>, rules: &Arc<Rules>, probing: &mut Option<JoinHandle<()>>) -> Option<Facts> {
    if probing.as_ref().is_some_and(|thread| !thread.is_finished()) {
        return None;
    }
    let (sender, receiver) = oneshot::channel();
    let (agent, rules) = (agent.clone(), rules.clone());
    let thread = std::thread::Builder::new().name("posture".into()).spawn(move || {
        let facts = gather(&rules, &*agent.probe);
        let build = agent.probe.os_build();
        lock(&agent.live).os_build = build;
        let _ = sender.send(facts);
    });
    *probing = Some(thread.ok()?);
    timeout(PATIENCE, receiver).await.ok()?.ok()
}

/// What could not be read, in words, when it matters.
fn unreadable(standing: &Standing, facts: &Facts) -> Option<String> {
    let why = facts
        .observations
        .iter()
        .find_map(|observation| match &observation.outcome {
            Outcome::Unavailable(why) | Outcome::Denied(why) => Some(why.as_str()),
            _ => None,
        });
    let why = why.unwrap_or("the rules do not apply to what is looked at");
    if standing.kept > 0 {
        let kept = standing.kept;
        return Some(format!(
            "{kept} findings of the posture could not be read again, so its level stays: {why}"
        ));
    }
    let blind = standing.assessment.answered == 0 && standing.assessment.unanswered > 0;
    blind.then(|| format!("nothing of the posture can be read: {why}"))
}

fn note(agent: &Agent, told: Option<&Assessment>, assessment: Assessment, error: Option<String>) {
    let mut live = lock(&agent.live);
    live.posture = Some(assessment.clone());
    live.posture_runs += 1;
    if live.posture_error != error {
        if let Some(error) = &error {
            tracing::warn!("{error}");
        }
        live.posture_error = error;
        agent.wake.check_in.notify_one();
    }
    drop(live);
    if let Some(event) = event_for(told, &assessment) {
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
        (_, level) if before.is_some_and(|before| before.level == level && same_rules(before, now)) => None,
        (_, level) => Some(DeviceEvent::Jailbreak {
            level,
            assessment: now.clone(),
        }),
    }
}

/// The same rules found something. How it was put in words may differ, as for what could not be read again.
fn same_rules(a: &Assessment, b: &Assessment) -> bool {
    let rules = |assessment: &Assessment| {
        let rules = assessment.findings.iter().map(|finding| finding.rule.clone());
        rules.collect::<std::collections::BTreeSet<_>>()
    };
    rules(a) == rules(b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::fake_server;
    use http::StatusCode;
    use moat_model::Settings;
    use moat_policy::jailbreak::{BUILT_IN, Observation};

    fn facts(rules: &Rules, jailbroken: Option<Outcome>) -> Facts {
        let observe = |id: &str| Observation {
            rule: id.into(),
            outcome: match &jailbroken {
                Some(outcome) if id == "fs.var_jb.symlink" => outcome.clone(),
                _ => Outcome::Absent,
            },
        };
        Facts {
            platform: "ios".into(),
            observations: rules.checks().map(|check| observe(&check.id)).collect(),
            ..Facts::default()
        }
    }

    #[tokio::test]
    async fn an_alert_is_over_only_when_what_raised_it_was_looked_at_again() {
        let (agent, _dir) = fake_server::agent(|_| (StatusCode::OK, 0)).await;
        agent.set_bundle(fake_server::open(fake_server::sealed(1, Settings::default())));
        let rules = Rules::parse(BUILT_IN).unwrap();
        let run = |facts: &Facts| {
            let told = lock(&agent.state).reported.clone();
            let standing = evaluate_after(told.as_ref(), &rules, facts);
            let error = unreadable(&standing, facts);
            note(&agent, told.as_ref(), standing.assessment, error);
            let events = agent.outbox().peek(9, u64::MAX);
            let events: Vec<_> = events.into_iter().map(|entry| entry.event).collect();
            (events.len(), events.last().cloned())
        };
        let seen = facts(&rules, Some(Outcome::Present("a link".into())));
        assert!(matches!(run(&seen), (1, Some(DeviceEvent::Jailbreak { .. }))));
        let gone = facts(&rules, Some(Outcome::Denied("too many links".into())));
        for blind in [gone, Facts::default()] {
            assert_eq!(run(&blind).0, 1, "nothing new is told");
            let level = lock(&agent.live).posture.as_ref().map(|posture| posture.level);
            assert_eq!(level, Some(JailbreakLevel::Confirmed));
            assert!(agent.problems().iter().any(|problem| problem.contains("level stays")));
        }
        assert!(matches!(
            run(&facts(&rules, None)),
            (2, Some(DeviceEvent::JailbreakCleared { .. }))
        ));
        assert!(agent.problems().is_empty());
    }
}
