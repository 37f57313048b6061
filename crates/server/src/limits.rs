//! The limits on callers: those of the Defender API as it documents them, per call; those of Graph for all its calls together.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use moat_model::Timestamp;

use crate::{accounts::Hashing, app::now, config::Config, error::Error, rate_limit::Limiter};

/// Counters kept at once. When they are used up, those that no longer count anything go first.
const MAX_COUNTERS: usize = 20_000;
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
/// The window in which Graph counts calls about devices.
const GRAPH_WINDOW: Duration = Duration::from_secs(20);
/// Calls of Graph that are sent like changes and change nothing.
const QUESTIONS: [&str; 4] = ["evaluate", "getByIds", "checkMemberGroups", "getMemberGroups"];

pub struct Limits {
    /// What one API client may ask of the Defender API, per kind of call.
    pub calls: CallLimits,
    /// What one API client may ask of Graph, and change there.
    graph: Limiter,
    graph_changes: Limiter,
    /// Wrong enrolment tokens per address.
    pub enroll_failures: Limiter,
    /// Wrong secrets and passwords per address.
    pub sign_in_failures: Limiter,
    /// Wrong passwords per administrator, from wherever. Higher, so that a stranger cannot easily lock somebody out.
    pub sign_in_names: Limiter,
    /// Passwords that are being hashed.
    pub passwords: Hashing,
}

impl Limits {
    pub fn new(config: &Config) -> Self {
        Self {
            calls: CallLimits::default(),
            graph: Limiter::new(config.graph_requests_per_20_seconds, GRAPH_WINDOW),
            graph_changes: Limiter::new(config.graph_changes_per_20_seconds, GRAPH_WINDOW),
            enroll_failures: Limiter::new(30, MINUTE),
            sign_in_failures: Limiter::new(10, MINUTE),
            sign_in_names: Limiter::new(60, MINUTE),
            passwords: Hashing::default(),
        }
    }

    /// Counts one request of an API client. `path` is that of the route.
    pub fn count_call(&self, client: &str, method: &http::Method, path: &str, config: &Config) -> Result<(), Error> {
        if ["/v1.0/", "/beta/"].iter().any(|root| path.starts_with(root)) {
            let asks = *method == http::Method::GET || QUESTIONS.iter().any(|question| path.ends_with(question));
            if !asks {
                self.graph_changes.take(client)?;
            }
            return self.graph.take(client);
        }
        let path = path.replacen("/api/v1.0/", "/api/", 1);
        let call = format!("{client} {method} {path}");
        self.calls.count(&call, Limit::of(config, &path), now())
    }
}

/// How often a kind of call may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    pub per_minute: u32,
    pub per_hour: u32,
}

impl Limit {
    /// The limit of a call. The documented limits of the costly calls keep their proportion to the configured ones.
    pub fn of(config: &Config, path: &str) -> Self {
        let scaled = |documented: u32, general: u32, configured: u32| {
            (u64::from(documented) * u64::from(configured) / u64::from(general)).clamp(1, u64::from(u32::MAX)) as u32
        };
        let call = path.rsplit('/').next().unwrap_or_default();
        let (minute, hour) = match call {
            "import" | "BatchDelete" => (30, 1500),
            "batchUpdate" => (10, 500),
            "CreateAlertByReference" => (15, 1500),
            _ => (100, 1500),
        };
        Self {
            per_minute: scaled(minute, 100, config.requests_per_minute),
            per_hour: scaled(hour, 1500, config.requests_per_hour),
        }
    }
}

#[derive(Default)]
pub struct CallLimits {
    counters: Mutex<HashMap<String, Counter>>,
}

#[derive(Clone, Copy)]
struct Counter {
    minute: (Timestamp, u32),
    hour: (Timestamp, u32),
}

impl CallLimits {
    /// Counts one request of `who`; fails when that is more than `limit`. A refused request is not counted.
    pub fn count(&self, who: &str, limit: Limit, now: Timestamp) -> Result<(), Error> {
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        if counters.len() >= MAX_COUNTERS && !counters.contains_key(who) {
            make_room(&mut counters, now);
        }
        let counter = counters.entry(who.to_string()).or_insert(Counter {
            minute: (now, 0),
            hour: (now, 0),
        });
        let retry = wait(&mut counter.minute, MINUTE, limit.per_minute, now).max(wait(
            &mut counter.hour,
            HOUR,
            limit.per_hour,
            now,
        ));
        if let Some(wait) = retry {
            return Err(Error::TooManyRequests {
                retry_after_seconds: wait.as_secs() + 1,
            });
        }
        counter.minute.1 += 1;
        counter.hour.1 += 1;
        Ok(())
    }
}

/// Time until the window ends, when it is used up; starts a new window when the old one is over.
fn wait(window: &mut (Timestamp, u32), length: Duration, limit: u32, now: Timestamp) -> Option<Duration> {
    let age = now.since(window.0);
    if age >= length || now < window.0 {
        *window = (now, 0);
    }
    (window.1 >= limit).then(|| length.saturating_sub(now.since(window.0)))
}

fn make_room(counters: &mut HashMap<String, Counter>, now: Timestamp) {
    counters.retain(|_, c| now.since(c.hour.0) < HOUR);
    if counters.len() >= MAX_COUNTERS {
        counters.retain(|_, c| now.since(c.minute.0) < MINUTE);
    }
    if counters.len() >= MAX_COUNTERS {
        let oldest = counters
            .iter()
            .min_by_key(|(_, c)| c.minute.0)
            .map(|(who, _)| who.clone());
        counters.remove(&oldest.unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn graph_counts_changes_apart_and_everything_together() {
        let config = Config {
            graph_requests_per_20_seconds: 4,
            graph_changes_per_20_seconds: 1,
            ..Config::default()
        };
        let limits = Limits::new(&config);
        let ask = |method, path| limits.count_call("a", &method, path, &config).is_ok();
        use http::Method;
        assert!(ask(Method::POST, "/v1.0/users"));
        assert!(!ask(Method::PATCH, "/beta/groups/{id}"), "another change");
        assert!(
            ask(Method::POST, "/v1.0/identity/conditionalAccess/evaluate"),
            "a question"
        );
        assert!(ask(Method::GET, "/beta/users") && ask(Method::GET, "/v1.0/users"));
        assert!(!ask(Method::GET, "/v1.0/groups"), "the fifth");
        assert!(ask(Method::GET, "/api/v1.0/indicators"), "Defender's are counted apart");
        assert!(limits.count_call("b", &Method::GET, "/v1.0/users", &config).is_ok());
    }

    const TWO: Limit = Limit {
        per_minute: 2,
        per_hour: 3,
    };

    #[test]
    fn the_minute_and_the_hour_both_count() {
        let limits = CallLimits::default();
        let ask = |second| limits.count("a", TWO, at(second)).map_err(|e| e.to_string());
        assert!(ask(0).is_ok() && ask(1).is_ok());
        assert!(ask(2).unwrap_err().contains("in 59 s"));
        assert!(ask(60).is_ok());
        assert!(ask(61).unwrap_err().contains("in 3540 s"));
        assert!(ask(3600).is_ok());
        assert!(
            limits.count("b", TWO, at(2)).is_ok(),
            "another client has its own count"
        );
    }

    #[test]
    fn costly_calls_keep_their_documented_proportion() {
        let mut config = Config::default();
        let minute = |config: &Config, path| Limit::of(config, path).per_minute;
        assert_eq!(minute(&config, "/api/indicators"), 100);
        assert_eq!(minute(&config, "/api/indicators/import"), 30);
        assert_eq!(
            Limit::of(&config, "/api/alerts/batchUpdate"),
            Limit {
                per_minute: 10,
                per_hour: 500
            }
        );
        assert_eq!(minute(&config, "/api/alerts/CreateAlertByReference"), 15);
        config.requests_per_minute = 1000;
        assert_eq!(minute(&config, "/api/indicators/BatchDelete"), 300);
    }

    #[test]
    fn memory_is_bounded() {
        let limits = CallLimits::default();
        for n in 0..MAX_COUNTERS + 500 {
            limits.count(&n.to_string(), TWO, at(n as i64 / 1000)).unwrap();
        }
        assert!(limits.counters.lock().unwrap().len() <= MAX_COUNTERS);
    }
}
