use std::time::{SystemTime, UNIX_EPOCH};

use moat_model::Timestamp;

pub(crate) fn timestamp(time: SystemTime) -> Timestamp {
    let micros = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
    Timestamp::from_micros(i64::try_from(micros).unwrap_or(i64::MAX))
}

pub(crate) fn system_time(time: Timestamp) -> SystemTime {
    UNIX_EPOCH + time.since(Timestamp::from_micros(0))
}
