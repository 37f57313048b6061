//! Sync with the server: check-ins, the push connection, bundles, certificate renewal.

mod bundle;
mod check_in;
#[cfg(test)]
pub(crate) mod fake_server;
pub mod http;
mod push;
mod renew;
mod trust;

use std::{sync::Arc, time::Duration};

use crate::run::Agent;

pub use bundle::load;
pub use check_in::{check_in, is_revoked};

/// Runs until the agent stops.
pub async fn run(agent: Arc<Agent>) {
    tokio::join!(
        check_in::run(agent.clone()),
        push::run(agent.clone()),
        renew::run(agent)
    );
}

/// Waiting times between attempts that fail: doubled up to a minute, with jitter so that a fleet does not come at once.
struct Backoff(Duration);

impl Backoff {
    const FIRST: Duration = Duration::from_millis(500);
    const LONGEST: Duration = Duration::from_secs(60);

    fn new() -> Self {
        Self(Self::FIRST)
    }

    fn reset(&mut self) {
        self.0 = Self::FIRST;
    }

    fn next(&mut self) -> Duration {
        let wait = self.0;
        self.0 = (self.0 * 2).min(Self::LONGEST);
        let mut random = [0u8; 1];
        let _ = getrandom::fill(&mut random);
        wait / 2 + wait * u32::from(random[0]) / 512
    }
}
