//! Bundles: what a device is given, compiled and signed once per device group and revision.

use std::sync::{
    Arc, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use moat_indicators::{Bundle, BundleContent, CompileError, Entry, IndicatorSet, compile, seal};
use moat_model::{IndicatorId, Timestamp};
use tokio::sync::Mutex;

use crate::{
    App,
    app::now,
    db,
    devices::device::{DeviceError, Enrolled},
    error::{Error, Result},
    feeds, rules,
    secret::random_bytes,
    settings,
};

/// Device groups whose newest bundle is kept in memory.
const CACHED_GROUPS: usize = 32;

/// The newest bundle of each group. The group's lock is held while one is compiled, so that a thousand devices cause one
/// compilation and no group waits for another's.
#[derive(Default)]
pub struct Cache {
    groups: std::sync::Mutex<Vec<(String, Newest)>>,
    /// Stored indicators that the last compilation had to leave out.
    unusable: AtomicUsize,
    pub feeds: feeds::compiled::Cache,
}

/// A group's newest bundle with its version; none before the first.
type Newest = Arc<Mutex<Option<(u64, Bytes)>>>;

impl Cache {
    /// The place of a group; the one used longest ago makes room.
    fn of_group(&self, group: &str) -> Newest {
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        let known = groups.iter().position(|(name, _)| name == group);
        let place = match known {
            Some(at) => groups.remove(at),
            None => (group.to_string(), Newest::default()),
        };
        if groups.len() >= CACHED_GROUPS {
            groups.remove(0);
        }
        let newest = place.1.clone();
        groups.push(place);
        newest
    }

    pub fn unusable(&self) -> usize {
        self.unusable.load(Ordering::Relaxed)
    }
}

/// `GET /device/v1/bundle`.
pub async fn get(
    State(app): State<App>,
    Enrolled(device): Enrolled,
    headers: HeaderMap,
) -> Result<Response, DeviceError> {
    let (version, bytes) = newest(&app, &device.device_group).await?;
    let tag = format!("\"{version}\"");
    let known = headers
        .get(header::IF_NONE_MATCH)
        .is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let tag = [(header::ETAG, HeaderValue::from_str(&tag).map_err(Error::internal)?)];
    if known {
        return Ok((StatusCode::NOT_MODIFIED, tag).into_response());
    }
    let kind = [(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/octet-stream"),
    )];
    Ok((tag, kind, bytes).into_response())
}

/// The newest bundle for a device group, with its version.
pub async fn newest(app: &App, group: &str) -> Result<(u64, Bytes)> {
    let revision = *app.hub.revision().borrow();
    let newest = app.bundles.of_group(group);
    let mut newest = newest.lock().await;
    if let Some((version, bytes)) = newest.as_ref().filter(|(version, _)| *version >= revision) {
        return Ok((*version, bytes.clone()));
    }
    let (version, bytes) = build(app, group).await?;
    *newest = Some((version, bytes.clone()));
    Ok((version, bytes))
}

async fn build(app: &App, group: &str) -> Result<(u64, Bytes)> {
    // One read transaction: the revision and what it stands for belong together.
    let mut tx = app.db.read().begin().await?;
    let version = db::meta(&mut *tx, "policy_revision")
        .await?
        .and_then(|t| t.parse().ok())
        .unwrap_or(1);
    let lines = enforced(&mut tx, now()).await?;
    let settings = settings::read(&mut *tx).await?;
    let jailbreak_rules = rules::read(&mut *tx).await?.into_bytes();
    let plan = feeds::compiled::plan(app, &mut tx).await?;
    tx.commit().await?;
    let feeds = feeds::compiled::compiled(app, plan).await?;
    let tenant = app.tenant.clone();
    let key = app.keys.bundle.clone();
    let group = group.to_string();
    let bundle = tokio::task::spawn_blocking(move || -> Result<(Bytes, usize)> {
        let (indicators, unusable) = compile_usable(&lines, &group)?;
        let content = BundleContent {
            version,
            created: now(),
            tenant,
            settings,
            jailbreak_rules,
            indicators,
            feeds,
        };
        Ok((Bytes::from(seal(&content, &key)), unusable))
    });
    let (bytes, unusable) = bundle.await.map_err(Error::internal)??;
    app.bundles.unusable.store(unusable, Ordering::Relaxed);
    Ok((version, bytes))
}

/// Live indicators of a device group as its devices have them, for questions that the server answers itself.
pub async fn indicators(app: &App, group: &str) -> Result<IndicatorSet> {
    let (_, bytes) = newest(app, group).await?;
    let bundle = Bundle::open(bytes, &app.keys.bundle.verifying_key()).map_err(Error::internal)?;
    Ok(bundle.indicators().clone())
}

/// Compiles what can be compiled, and counts the rest: one row that is wrong must not keep the others from all devices.
fn compile_usable(lines: &[String], group: &str) -> Result<(Vec<u8>, usize)> {
    let mut unusable = 0;
    let mut entries = Vec::with_capacity(lines.len());
    for line in lines {
        match Row::parse(line) {
            Ok(row) if row.is_for(group) => entries.push(row.entry),
            Ok(_) => {}
            Err(error) => {
                unusable += 1;
                tracing::error!(%error, "a stored indicator cannot be read: it is left out of bundles");
            }
        }
    }
    let salt = random_bytes();
    let indicators = match compile(&entries, salt) {
        Err(CompileError::TooLarge) => return Err(Error::internal(CompileError::TooLarge)),
        Ok(indicators) => indicators,
        Err(_) => {
            entries.retain(|entry| match compile([entry], salt) {
                Ok(_) => true,
                Err(error) => {
                    unusable += 1;
                    tracing::error!(%error, "a stored indicator cannot be compiled: it is left out of bundles");
                    false
                }
            });
            compile(&entries, salt).map_err(Error::internal)?
        }
    };
    Ok((indicators, unusable))
}

/// Between the fields of [`Row`]; no field but the last can hold one.
const SEPARATOR: char = '\u{1f}';

/// What a bundle needs of an indicator.
struct Row {
    device_groups: String,
    entry: Entry,
}

/// One text per row: with a hundred thousand indicators most of the time until they are enforced would go into columns.
async fn enforced(tx: &mut db::Transaction, now: Timestamp) -> Result<Vec<String>> {
    let fields = [
        "device_groups",
        "CAST(id AS TEXT)",
        "type",
        "canonical",
        "action",
        "severity",
        "CAST(generate_alert AS TEXT)",
        "COALESCE(CAST(expires_at AS TEXT), '')",
        "COALESCE(CAST(bypass_hours AS TEXT), '')",
        "REPLACE(COALESCE(educate_url, ''), '\u{1f}', '')",
        "title",
    ];
    let query = format!(
        "SELECT {} FROM indicators WHERE type IN ('IpAddress', 'DomainName', 'Url') AND (expires_at IS NULL OR expires_at > $1)",
        fields.join(" || '\u{1f}' || ")
    );
    let lines = sqlx::query_scalar::<_, String>(sqlx::AssertSqlSafe(query)).bind(now.as_micros());
    Ok(lines.fetch_all(&mut **tx).await?)
}

impl Row {
    fn is_for(&self, group: &str) -> bool {
        if self.device_groups == "[]" {
            return true;
        }
        let groups: Vec<String> = serde_json::from_str(&self.device_groups).unwrap_or_default();
        groups.iter().any(|g| g == group)
    }

    fn parse(line: &str) -> Result<Self> {
        let mut fields = line.splitn(11, SEPARATOR);
        let mut next = || fields.next().ok_or_else(|| Error::internal(RowCutShort));
        let device_groups = next()?.to_string();
        let id: i64 = next()?.parse().map_err(Error::internal)?;
        let entry = Entry {
            id: IndicatorId(id.cast_unsigned()),
            kind: next()?.parse().map_err(Error::internal)?,
            value: next()?.to_string(),
            action: next()?.parse().map_err(Error::internal)?,
            severity: next()?.parse().map_err(Error::internal)?,
            generate_alert: next()? != "0",
            expires: next()?.parse().ok().map(Timestamp::from_micros),
            bypass_hours: next()?.parse().ok(),
            educate_url: Some(next()?.to_string()).filter(|url| !url.is_empty()),
            title: next()?.to_string(),
        };
        Ok(Self { device_groups, entry })
    }
}

#[derive(Debug, thiserror::Error)]
#[error("a row of the indicators is cut short")]
struct RowCutShort;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_group_that_is_compiled_holds_up_no_other() {
        let cache = Cache::default();
        let sales = cache.of_group("sales");
        let compiling = sales.lock().await;
        assert!(
            cache.of_group("sales").try_lock().is_err(),
            "one compilation for all of its devices"
        );
        assert!(cache.of_group("staff").try_lock().is_ok());
        drop(compiling);
        for n in 0..CACHED_GROUPS {
            cache.of_group(&n.to_string());
            cache.of_group("staff");
        }
        let groups = cache.groups.lock().unwrap();
        assert_eq!(groups.len(), CACHED_GROUPS);
        assert!(groups.iter().any(|(name, _)| name == "staff"), "what is used stays");
    }
}
