//! How long it takes from a detection on a device until access is closed. Measured whenever a detection closes it: from the
//! event's time on the device to the moment from which gateways are answered otherwise.

mod store;

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use moat_model::{
    Timestamp,
    sync::{DeviceEvent, OutboxEntry},
};

use crate::{App, app::now, db::Db, error::Result};

/// Longest times of the buckets in milliseconds; what took longer is in the last.
pub const BUCKETS: [i64; 12] = [
    100,
    250,
    500,
    1_000,
    2_500,
    5_000,
    10_000,
    60_000,
    600_000,
    3_600_000,
    86_400_000,
    i64::MAX,
];

/// What was measured and is not stored yet, by day and bucket.
#[derive(Default)]
pub struct Times(Mutex<BTreeMap<(i64, i64), i64>>);

impl Times {
    fn note(&self, detected: Timestamp, closed: Timestamp) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let took = closed.since(detected).as_millis();
        *waiting.entry((closed.as_micros() / DAY, bucket(took))).or_default() += 1;
    }

    fn take(&self) -> BTreeMap<(i64, i64), i64> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn waiting(&self) -> BTreeMap<(i64, i64), i64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

const DAY: i64 = 86_400_000_000;

fn bucket(took: u128) -> i64 {
    let fits = |longest: &i64| took <= longest.unsigned_abs().into();
    BUCKETS.iter().copied().find(fits).unwrap_or(i64::MAX)
}

/// When the earliest of these events was detected that may close access.
pub fn detected(events: &[OutboxEntry], acknowledged: i64) -> Option<Timestamp> {
    let news = events.iter().filter(|entry| entry.seq > acknowledged.cast_unsigned());
    let detections = news.filter(|entry| {
        matches!(
            entry.event,
            DeviceEvent::WebThreat { .. } | DeviceEvent::Jailbreak { .. } | DeviceEvent::WebProtectionChanged { .. }
        )
    });
    detections.map(|entry| entry.time).min()
}

/// Notes that a detection has closed access just now.
pub fn closed(app: &App, detected: Timestamp) {
    app.enforcement.note(detected, now());
}

/// Writes down what was measured.
pub async fn flush(app: &App) -> Result<()> {
    let times = app.enforcement.take();
    if times.is_empty() {
        return Ok(());
    }
    let mut tx = app.db.begin().await?;
    for ((day, bucket), count) in times {
        store::add(&mut tx, day, bucket, count).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// How often it took how long in the last `days` days: one count for each of [`BUCKETS`].
pub async fn histogram(app: &App, days: i64) -> Result<Vec<i64>> {
    let first = now().as_micros() / DAY - days + 1;
    let stored = store::since(&app.db, first).await?;
    let waiting = app.enforcement.waiting();
    let waiting = waiting.into_iter().filter(|((day, _), _)| *day >= first);
    let mut counts = vec![0; BUCKETS.len()];
    let all = stored
        .into_iter()
        .chain(waiting.map(|((_, bucket), count)| (bucket, count)));
    for (bucket, count) in all {
        let place = BUCKETS.iter().position(|longest| *longest == bucket);
        counts[place.unwrap_or(BUCKETS.len() - 1)] += count;
    }
    Ok(counts)
}

/// What an old day measured is kept as long as other records are.
pub async fn purge(db: &Db, oldest: Timestamp) -> Result<()> {
    store::delete_before(db, oldest.as_micros() / DAY).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_in_the_first_bucket_that_holds_it() {
        for (took, longest) in [
            (0, 100),
            (100, 100),
            (101, 250),
            (86_400_000, 86_400_000),
            (86_400_001, i64::MAX),
        ] {
            assert_eq!(bucket(took), longest, "{took}");
        }
        assert!(BUCKETS.is_sorted());
    }

    #[test]
    fn a_clock_that_is_ahead_gives_no_time_below_zero() {
        let times = Times::default();
        times.note(Timestamp::from_micros(2 * DAY), Timestamp::from_micros(DAY));
        assert_eq!(times.take().into_iter().collect::<Vec<_>>(), [((1, 100), 1)]);
        assert!(times.take().is_empty());
    }
}
