//! Copies what was committed from SQLite's log into its database, beside the writers: within a commit, whoever asked would wait.

use std::time::Duration;

use sqlx::AnyPool;
use tokio::sync::mpsc;

/// Time in which writes are taken together.
const AFTER: Duration = Duration::from_secs(1);

#[derive(Clone)]
pub struct Checkpoints {
    wanted: mpsc::Sender<()>,
    connection: AnyPool,
}

impl Checkpoints {
    /// Ends with the last clone of what it gives.
    pub fn start(connection: AnyPool) -> Self {
        let (wanted, asked) = mpsc::channel(1);
        tokio::spawn(run(connection.clone(), asked));
        Self { wanted, connection }
    }

    /// Something is being written. What is committed much later is taken with what is written next.
    pub fn written(&self) {
        // One that is wanted already will see this too.
        let _ = self.wanted.try_send(());
    }

    pub async fn close(&self) {
        self.connection.close().await;
    }
}

async fn run(connection: AnyPool, mut asked: mpsc::Receiver<()>) {
    while asked.recv().await.is_some() {
        loop {
            tokio::time::sleep(AFTER).await;
            match checkpoint(&connection).await {
                Ok(true) => break,
                // A reader still needs the older pages.
                Ok(false) => {}
                Err(sqlx::Error::PoolClosed) => return,
                Err(error) => {
                    tracing::warn!("cannot copy the log into the database: {error}");
                    break;
                }
            }
        }
    }
}

/// Whether all of the log is in the database now.
async fn checkpoint(connection: &AnyPool) -> sqlx::Result<bool> {
    let query = "PRAGMA wal_checkpoint(PASSIVE)";
    let (_busy, in_log, copied): (i64, i64, i64) = sqlx::query_as(query).fetch_one(connection).await?;
    Ok(in_log == copied)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::db::{Db, set_meta};

    /// What is in the database's own file, without its log.
    async fn copied(folder: &std::path::Path) -> bool {
        let copy = folder.join("copy");
        std::fs::copy(folder.join("db"), &copy).unwrap();
        let url = format!("sqlite://{}?immutable=1", copy.display());
        let pool = sqlx::any::AnyPoolOptions::new().connect(&url).await.unwrap();
        let query = "SELECT COUNT(*) FROM meta WHERE name = 'checkpoint'";
        let count = sqlx::query_scalar::<_, i64>(query).fetch_one(&pool).await;
        pool.close().await;
        count.is_ok_and(|count| count == 1)
    }

    #[tokio::test]
    async fn what_was_written_reaches_the_database_while_it_is_open() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&folder.path().join("db")).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        set_meta(&mut tx, "checkpoint", "1").await.unwrap();
        tx.commit().await.unwrap();
        let start = Instant::now();
        while !copied(folder.path()).await {
            assert!(start.elapsed() < Duration::from_secs(60), "never copied");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        db.close().await;
    }
}
