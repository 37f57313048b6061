//! Secrets that a page shows once. They wait here between the form that makes them and the page that shows them, so that
//! loading the page again neither makes nor shows them again.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::accounts::Session;

const LIFETIME: Duration = Duration::from_secs(120);
/// Secrets that wait at once; the oldest goes.
const MAX_WAITING: usize = 100;

/// A heading, and what stands under it: names and values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    pub what: String,
    pub lines: Vec<(&'static str, String)>,
}

impl Shown {
    pub fn line(&self, name: &str) -> Option<&str> {
        let line = self.lines.iter().find(|(line, _)| *line == name);
        line.map(|(_, text)| text.as_str())
    }
}

struct Waiting {
    /// The form token of the session that may see it.
    session: String,
    page: &'static str,
    since: Instant,
    shown: Shown,
}

#[derive(Default)]
pub struct ShownOnce(Mutex<Vec<Waiting>>);

impl ShownOnce {
    pub fn put(&self, session: &Session, page: &'static str, shown: Shown) {
        let mut waiting = self.fresh();
        if waiting.len() >= MAX_WAITING {
            waiting.remove(0);
        }
        waiting.push(Waiting {
            session: session.csrf.clone(),
            page,
            since: Instant::now(),
            shown,
        });
    }

    /// What waits for a page of a session.
    pub fn take(&self, session: &Session, page: &str) -> Option<Shown> {
        let mut waiting = self.fresh();
        let place = waiting
            .iter()
            .position(|w| w.session == session.csrf && w.page == page)?;
        Some(waiting.remove(place).shown)
    }

    fn fresh(&self) -> std::sync::MutexGuard<'_, Vec<Waiting>> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|w| w.since.elapsed() < LIFETIME);
        waiting
    }
}
