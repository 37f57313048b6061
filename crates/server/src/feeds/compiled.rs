//! The tier of feeds as bundles carry it. It is compiled when a feed changes, not when an indicator does.

use std::sync::Arc;

use moat_indicators::{Feed, FeedCompiler};
use tokio::sync::Mutex;

use super::{content, store};
use crate::{
    App,
    db::{self, Transaction},
    error::{Error, Result},
    indicators::{Protected, protected},
    secret::random_bytes,
};

/// The last that was compiled.
#[derive(Default)]
pub struct Cache(Mutex<Option<(Plan, Arc<[u8]>)>>);

/// All that the compiled tier depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    salt: [u8; 16],
    /// Each with the hash of its entries.
    feeds: Vec<(Feed, String)>,
    protected: Protected,
}

/// Reads what is to be compiled, in the transaction that the bundle is read in.
pub async fn plan(app: &App, tx: &mut Transaction) -> Result<Plan> {
    let mut feeds = Vec::new();
    for row in store::list(&mut **tx).await? {
        let Some(hash) = row.content.clone().filter(|_| row.is_enabled()) else {
            continue;
        };
        let feed = Feed {
            number: row.id(),
            action: row.action.parse().map_err(Error::internal)?,
            severity: row.severity.parse().map_err(Error::internal)?,
            generate_alert: row.raises_alerts(),
            name: row.name,
        };
        feeds.push((feed, hash));
    }
    // The order of numbers, so that which feed decides does not depend on names.
    feeds.sort_by_key(|(feed, _)| feed.number);
    Ok(Plan {
        salt: salt(app).await?,
        feeds,
        protected: protected::all(app, &mut **tx).await?,
    })
}

/// The compiled tier; empty without feeds. Who comes while it is compiled waits for it.
pub async fn compiled(app: &App, plan: Plan) -> Result<Arc<[u8]>> {
    if plan.feeds.is_empty() {
        return Ok(Arc::from([]));
    }
    let mut cache = app.bundles.feeds.0.lock().await;
    if let Some((_, bytes)) = cache.as_ref().filter(|(known, _)| *known == plan) {
        return Ok(Arc::clone(bytes));
    }
    let (reading, wanted) = (app.clone(), plan.clone());
    let compiled = tokio::task::spawn_blocking(move || compile(&reading, &wanted));
    let bytes = compiled.await.map_err(Error::internal)??;
    *cache = Some((plan, Arc::clone(&bytes)));
    Ok(bytes)
}

fn compile(app: &App, plan: &Plan) -> Result<Arc<[u8]>> {
    let mut compiler = FeedCompiler::new(plan.salt);
    for (feed, hash) in &plan.feeds {
        // Its file is gone: the others are not kept from devices for that, and the feed's page says so.
        let Some(content) = content::read(app, feed.number, hash) else {
            continue;
        };
        compiler.begin(feed).map_err(Error::internal)?;
        for entry in content.entries() {
            let may = entry.exception || plan.protected.check(entry.kind, entry.value, feed.action).is_ok();
            if may {
                compiler.add(entry);
            }
        }
    }
    Ok(compiler.finish().map_err(Error::internal)?.into())
}

/// The key of hashes, made once: entries keep their numbers, so a bypassed warning stays bypassed after a refresh.
async fn salt(app: &App) -> Result<[u8; 16]> {
    if let Some(text) = db::meta(app.db.read(), "feed_salt").await? {
        return decoded(&text);
    }
    let mut tx = app.db.begin().await?;
    if let Some(text) = db::meta(&mut *tx, "feed_salt").await? {
        return decoded(&text);
    }
    let salt: [u8; 16] = random_bytes();
    db::set_meta(&mut tx, "feed_salt", &hex::encode(salt)).await?;
    tx.commit().await?;
    Ok(salt)
}

fn decoded(text: &str) -> Result<[u8; 16]> {
    let bytes = hex::decode(text).map_err(Error::internal)?;
    bytes
        .try_into()
        .map_err(|_| Error::internal(anyhow::anyhow!("feed_salt has another length")))
}
