//! Fixed-window limits, bounded in memory.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::error::{Error, Result};

/// Keys that one limiter remembers; beyond that, finished windows are forgotten, then everything.
const MAX_KEYS: usize = 20_000;

pub struct Limiter {
    limit: u32,
    window: Duration,
    counts: Mutex<HashMap<String, (Instant, u32)>>,
}

impl Limiter {
    pub fn new(limit: u32, window: Duration) -> Self {
        Self {
            limit,
            window,
            counts: Mutex::default(),
        }
    }

    /// Counts one use by `key`; fails with the time to wait when it is one too many.
    pub fn take(&self, key: &str) -> Result<()> {
        let now = Instant::now();
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= MAX_KEYS {
            counts.retain(|_, (start, _)| now.duration_since(*start) < self.window);
            if counts.len() >= MAX_KEYS {
                counts.clear();
            }
        }
        let (start, count) = counts.entry(key.to_string()).or_insert((now, 0));
        if now.duration_since(*start) >= self.window {
            (*start, *count) = (now, 0);
        }
        if *count >= self.limit {
            let left = self.window.saturating_sub(now.duration_since(*start));
            return Err(Error::TooManyRequests {
                retry_after_seconds: left.as_secs() + 1,
            });
        }
        *count += 1;
        Ok(())
    }

    /// Fails when `key` has used up its window; counts nothing.
    pub fn check(&self, key: &str) -> Result<()> {
        let now = Instant::now();
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        match counts.get(key) {
            Some((start, count)) if *count >= self.limit && now.duration_since(*start) < self.window => {
                let left = self.window.saturating_sub(now.duration_since(*start));
                Err(Error::TooManyRequests {
                    retry_after_seconds: left.as_secs() + 1,
                })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_refused_after_its_limit_and_others_are_not() {
        let limiter = Limiter::new(2, Duration::from_secs(60));
        assert!(limiter.take("a").is_ok() && limiter.take("a").is_ok());
        assert!(matches!(
            limiter.take("a"),
            Err(Error::TooManyRequests {
                retry_after_seconds: 1..=60
            })
        ));
        assert!(limiter.check("a").is_err() && limiter.check("b").is_ok() && limiter.take("b").is_ok());
    }
}
