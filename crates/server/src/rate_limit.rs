//! Fixed-window limits, bounded in memory.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
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

    /// Counts a try by `keys` before it is made, so that many at once cannot slip through together.
    pub fn attempt(&self, keys: Vec<String>) -> Result<Attempt<'_>> {
        for key in &keys {
            self.take(key)?;
        }
        Ok(Attempt { limiter: self, keys })
    }

    fn give_back(&self, key: &str) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, count)) = counts.get_mut(key) {
            *count = count.saturating_sub(1);
        }
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

/// A try that counts as failed until it is known to have succeeded.
pub struct Attempt<'a> {
    limiter: &'a Limiter,
    keys: Vec<String>,
}

impl Attempt<'_> {
    pub fn succeeded(self) {
        self.keys.iter().for_each(|key| self.limiter.give_back(key));
    }
}

/// Whom an address stands for: itself, or its /64, of which one host has all addresses (RFC 4291 §2.5.4).
pub fn address_key(ip: IpAddr) -> String {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX)).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_count_before_they_are_made_and_not_when_they_succeed() {
        let limiter = Limiter::new(2, Duration::from_secs(60));
        let keys = || vec!["a".to_string()];
        let (first, second) = (limiter.attempt(keys()).unwrap(), limiter.attempt(keys()).unwrap());
        assert!(limiter.attempt(keys()).is_err());
        first.succeeded();
        assert!(limiter.attempt(keys()).is_ok());
        drop(second);
        assert!(limiter.attempt(keys()).is_err());
    }

    #[test]
    fn a_host_cannot_change_its_key_within_its_network() {
        let key = |ip: &str| address_key(ip.parse().unwrap());
        assert_eq!(key("2001:db8:1:2::5"), key("2001:db8:1:2:ffff::"));
        assert_ne!(key("2001:db8:1:2::5"), key("2001:db8:1:3::5"));
        assert_eq!(key("::ffff:192.0.2.1"), "192.0.2.1");
    }

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
