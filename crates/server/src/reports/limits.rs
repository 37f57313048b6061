//! How many sites API clients may report, as Graph limits threat assessments. Counted in the table itself: a restart and a
//! second client change nothing. What users report from their devices is not counted.

use std::time::Duration;

use sqlx::AssertSqlSafe;

use crate::{
    app::now,
    db::Transaction,
    error::{Error, Result},
};

const QUARTER: Duration = Duration::from_secs(15 * 60);
const DAY: Duration = Duration::from_secs(86_400);

/// Fails when another report of this address would be one too many.
pub async fn check(tx: &mut Transaction, url: &str) -> Result<()> {
    for (most, window, url) in [
        (150, QUARTER, None),
        (10_000, DAY, None),
        (1, QUARTER, Some(url)),
        (3, DAY, Some(url)),
    ] {
        let since = now().as_micros() - micros(window);
        let which = if url.is_some() { " AND url = $2" } else { "" };
        let query = format!(
            "SELECT COUNT(*), MIN(reported_at) FROM site_reports WHERE reported_at > $1 AND device_id IS NULL{which}"
        );
        let query = sqlx::query_as(AssertSqlSafe(query)).bind(since);
        let query = match url {
            Some(url) => query.bind(url.to_string()),
            None => query,
        };
        let (count, first): (i64, Option<i64>) = query.fetch_one(&mut **tx).await?;
        if count >= most {
            let left = first.unwrap_or(since).saturating_sub(since).max(0).cast_unsigned();
            return Err(Error::TooManyRequests {
                retry_after_seconds: Duration::from_micros(left).as_secs() + 1,
            });
        }
    }
    Ok(())
}

fn micros(window: Duration) -> i64 {
    i64::try_from(window.as_micros()).unwrap_or(i64::MAX)
}
