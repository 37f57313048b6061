//! The limits on callers, as the Defender API documents them where it has the call.

use std::time::Duration;

use crate::{config::Config, rate_limit::Limiter};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

pub struct Limits {
    /// All calls of one API client.
    pub client_minute: Limiter,
    pub client_hour: Limiter,
    /// `POST /api/indicators/import`.
    pub import: Limiter,
    /// `POST /api/indicators/BatchDelete`.
    pub batch_delete: Limiter,
    /// `POST /api/alerts/batchUpdate`.
    pub batch_update: Limiter,
    /// Wrong enrolment tokens per address.
    pub enroll_failures: Limiter,
    /// Wrong secrets and passwords per client, name or address.
    pub sign_in_failures: Limiter,
}

impl Limits {
    pub fn new(config: &Config) -> Self {
        Self {
            client_minute: Limiter::new(config.requests_per_minute, MINUTE),
            client_hour: Limiter::new(config.requests_per_hour, HOUR),
            import: Limiter::new(30, MINUTE),
            batch_delete: Limiter::new(30, MINUTE),
            batch_update: Limiter::new(10, MINUTE),
            enroll_failures: Limiter::new(30, MINUTE),
            sign_in_failures: Limiter::new(10, MINUTE),
        }
    }
}
