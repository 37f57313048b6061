use crate::{
    db::{Db, Transaction},
    error::Result,
};

pub async fn add(tx: &mut Transaction, day: i64, bucket: i64, count: i64) -> Result<()> {
    let query = "INSERT INTO enforcement_times (day, bucket, count) VALUES ($1, $2, $3) \
                 ON CONFLICT (day, bucket) DO UPDATE SET count = enforcement_times.count + excluded.count";
    let query = sqlx::query(query).bind(day).bind(bucket).bind(count);
    query.execute(&mut **tx).await?;
    Ok(())
}

/// Buckets and counts of a day and those after it.
pub async fn since(db: &Db, day: i64) -> Result<Vec<(i64, i64)>> {
    let query = "SELECT bucket, CAST(SUM(count) AS BIGINT) FROM enforcement_times WHERE day >= $1 GROUP BY bucket";
    Ok(sqlx::query_as(query).bind(day).fetch_all(db.read()).await?)
}

pub async fn delete_before(db: &Db, day: i64) -> Result<()> {
    let mut tx = db.begin().await?;
    let query = sqlx::query("DELETE FROM enforcement_times WHERE day < $1").bind(day);
    query.execute(&mut *tx).await?;
    tx.commit().await?;
    Ok(())
}
