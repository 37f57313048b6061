//! The database. SQLite in WAL mode with `synchronous=FULL`: what was committed survives `kill -9` and power loss.

mod checkpoint;
pub mod joined;
pub mod packed;

use std::{fs::OpenOptions, os::unix::fs::OpenOptionsExt as _, path::Path, time::Duration};

use checkpoint::Checkpoints;
use sqlx::{Any, AnyConnection, AnyPool, Connection as _, Executor as _, any::AnyPoolOptions};

use crate::error::{Error, Result};

pub type Transaction = sqlx::Transaction<'static, Any>;

/// Readers never wait for the writer; writers queue for the one writing connection, fairly.
#[derive(Clone)]
pub struct Db {
    read: AnyPool,
    write: AnyPool,
    checkpoints: Checkpoints,
    url: String,
}

impl Db {
    /// Opens or creates the database file and brings its tables up to date.
    pub async fn open(file: &Path) -> Result<Self> {
        sqlx::any::install_default_drivers();
        // SQLite gives its other files the mode of this one.
        OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(file)
            .map_err(Error::internal)?;
        let url = format!("sqlite://{}?mode=rwc", file.display());
        let write = pool(1).connect(&url).await?;
        sqlx::migrate!("src/db/migrations")
            .run(&write)
            .await
            .map_err(Error::internal)?;
        let read = pool(4).connect(&url).await?;
        let checkpoints = Checkpoints::start(pool(1).connect(&url).await?);
        Ok(Self {
            read,
            write,
            checkpoints,
            url,
        })
    }

    /// For queries that change nothing.
    pub fn read(&self) -> &AnyPool {
        &self.read
    }

    /// Starts a transaction that may write. Dropping it without `commit` undoes everything.
    pub async fn begin(&self) -> Result<Transaction> {
        let tx = self.write.begin_with("BEGIN IMMEDIATE").await?;
        self.checkpoints.written();
        Ok(tx)
    }

    /// Writes a copy of what is committed now to a new file, while others go on reading and writing. It holds no sessions and
    /// no links: whoever was signed in at that time is not again, wherever the copy is used.
    pub async fn snapshot(&self, file: &Path) -> Result<()> {
        // SQLite fills an empty file, and the mode is ours.
        let new = OpenOptions::new().create_new(true).write(true).mode(0o600).open(file);
        new.map_err(Error::internal)?;
        let mut source = AnyConnection::connect(&self.url).await?;
        let path = file.display().to_string();
        let copied = sqlx::query("VACUUM INTO $1").bind(path).execute(&mut source).await;
        source.close().await?;
        copied?;
        let mut copy = AnyConnection::connect(&format!("sqlite://{}?mode=rw", file.display())).await?;
        copy.execute("PRAGMA journal_mode=DELETE; DELETE FROM sessions; DELETE FROM setup_links")
            .await?;
        Ok(copy.close().await?)
    }

    /// The number of the newest migration.
    pub async fn schema(&self) -> Result<i64> {
        let query = sqlx::query_scalar("SELECT MAX(version) FROM _sqlx_migrations");
        Ok(query.fetch_one(&self.read).await?)
    }

    /// Whether the file is sound, as far as SQLite can say.
    pub async fn check(&self) -> Result<()> {
        let query = sqlx::query_scalar::<_, String>("PRAGMA integrity_check(1)");
        match query.fetch_one(&self.read).await?.as_str() {
            "ok" => Ok(()),
            fault => Err(Error::internal(anyhow::anyhow!("the database is damaged: {fault}"))),
        }
    }

    pub async fn close(&self) {
        self.checkpoints.close().await;
        self.read.close().await;
        self.write.close().await;
    }
}

fn pool(connections: u32) -> AnyPoolOptions {
    AnyPoolOptions::new()
        .max_connections(connections)
        .min_connections(1)
        .acquire_timeout(Duration::from_secs(20))
        .idle_timeout(None)
        .max_lifetime(None)
        .after_connect(|connection, _| Box::pin(set_up(connection)))
        // A transaction that could not even be undone, as on a full disk, leaves its connection unusable: open another.
        .after_release(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
}

/// A commit itself copies the log into the database only where [`checkpoint`] was left behind: past 50,000 pages, 200 MB.
async fn set_up(connection: &mut AnyConnection) -> sqlx::Result<()> {
    connection
        .execute(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; \
             PRAGMA busy_timeout=10000; PRAGMA cache_size=-16000; PRAGMA wal_autocheckpoint=50000",
        )
        .await?;
    connection.ping().await
}

/// Rows that are written with one statement: enough that the hand-over to the database's thread costs little, and few
/// enough that SQLite's search for each parameter by its name, linear in their number, does too.
pub const ROWS: usize = 10;

/// The values of `rows` rows of `columns` columns each: `($1, $2), ($3, $4)`.
pub fn placeholders(rows: usize, columns: usize) -> String {
    let row = |n: usize| {
        let places: Vec<_> = (1..=columns)
            .map(|column| format!("${}", n * columns + column))
            .collect();
        format!("({})", places.join(", "))
    };
    (0..rows).map(row).collect::<Vec<_>>().join(", ")
}

/// What to compare texts in small letters with, to find those that have a text: `LIKE … ESCAPE '!'`.
pub fn containing(text: &str) -> String {
    pattern(&text.to_lowercase())
}

/// The same in the letters that it has: where the database makes both small, they are what it takes for small.
pub fn pattern(text: &str) -> String {
    let mut pattern = String::from("%");
    for c in text.chars() {
        if matches!(c, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

/// Reads one value of the `meta` table.
pub async fn meta<'e>(executor: impl sqlx::Executor<'e, Database = Any>, name: &str) -> Result<Option<String>> {
    Ok(sqlx::query_scalar("SELECT value FROM meta WHERE name = $1")
        .bind(name)
        .fetch_optional(executor)
        .await?)
}

/// Writes one value of the `meta` table.
pub async fn set_meta(tx: &mut Transaction, name: &str, value: &str) -> Result<()> {
    sqlx::query(
        "INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    )
    .bind(name)
    .bind(value)
    .execute(&mut **tx)
    .await?;
    Ok(())
}
