//! What the device's management says of it: a file that it writes and this agent reads at each posture run. On iOS it is the
//! managed app configuration.

use std::{fs::File, io::Read as _, path::Path};

use anyhow::{Context as _, Result};
use moat_model::DeviceConfiguration;

use super::{Agent, lock};

/// Reads it again. A file that is wrong is a problem that the server hears of; nothing of it holds then.
pub(super) fn read(agent: &Agent) {
    let (found, error) = match load(&agent.configuration) {
        Ok(found) => (found, None),
        Err(error) => (None, Some(format!("{}: {error:#}", agent.configuration.display()))),
    };
    let mut live = lock(&agent.live);
    if live.configuration == found && live.configuration_error == error {
        return;
    }
    if let Some(error) = &error {
        tracing::warn!("{error}");
    }
    live.configuration = found;
    live.configuration_error = error;
    agent.wake.check_in.notify_one();
}

/// None: nobody says anything.
fn load(path: &Path) -> Result<Option<DeviceConfiguration>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        file => file.context("the configuration cannot be read")?,
    };
    anyhow::ensure!(file.metadata()?.is_file(), "the configuration is no file");
    let mut text = Vec::new();
    // One byte more tells that it is too long.
    file.take(DeviceConfiguration::MAX_BYTES as u64 + 1)
        .read_to_end(&mut text)
        .context("the configuration cannot be read")?;
    let read = DeviceConfiguration::parse(&text).context("the configuration cannot be used")?;
    Ok(Some(read))
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use moat_model::AppInventory;

    use super::*;
    use crate::sync::fake_server;

    #[tokio::test]
    async fn a_configuration_is_told_as_far_as_it_may_and_a_wrong_one_is_a_problem() {
        let (agent, _dir) = fake_server::agent(|_| (StatusCode::OK, 0)).await;
        read(&agent);
        assert_eq!(agent.device_state().configuration, None);
        let text = r#"{"passcode": {"isSet": true}, "apps": [{"bundleId": "org.example.a"}]}"#;
        std::fs::write(&agent.configuration, text).unwrap();
        read(&agent);
        let told = agent.device_state().configuration.unwrap();
        assert!(
            told.passcode.unwrap().is_set && told.apps.is_none(),
            "nobody asked for apps"
        );
        lock(&agent.live).app_inventory = AppInventory::All;
        assert_eq!(agent.device_state().configuration.unwrap().apps.unwrap().len(), 1);

        std::fs::write(&agent.configuration, r#"{"passcode": {"isset": true}}"#).unwrap();
        read(&agent);
        let state = agent.device_state();
        assert_eq!(state.configuration, None);
        assert!(
            state.problems.iter().any(|problem| problem.contains("isSet")),
            "{:?}",
            state.problems
        );
        std::fs::remove_file(&agent.configuration).unwrap();
        read(&agent);
        assert!(
            agent
                .device_state()
                .problems
                .iter()
                .all(|problem| !problem.contains("isSet"))
        );
    }
}
