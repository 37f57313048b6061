//! Bundles: what a device is given, compiled and signed once per device group and revision.

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use moat_indicators::{BundleContent, Entry, compile, seal};
use moat_model::{IndicatorId, Timestamp};
use sqlx::FromRow;
use tokio::sync::Mutex;

use crate::{
    App,
    app::now,
    db,
    devices::device::{DeviceError, Enrolled},
    error::{Error, Result},
    rules,
    secret::random_bytes,
};

/// Device groups whose newest bundle is kept in memory.
const CACHED_GROUPS: usize = 32;

/// The newest bundle of each group. The lock is held while one is compiled, so that a thousand devices cause one compilation.
#[derive(Default)]
pub struct Cache(Mutex<Vec<(String, u64, Bytes)>>);

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
    let mut cache = app.bundles.0.lock().await;
    if let Some((_, version, bytes)) = cache
        .iter()
        .find(|(name, version, _)| name == group && *version >= revision)
    {
        return Ok((*version, bytes.clone()));
    }
    let (version, bytes) = build(app, group).await?;
    cache.retain(|(name, _, _)| name != group);
    if cache.len() >= CACHED_GROUPS {
        cache.remove(0);
    }
    cache.push((group.to_string(), version, bytes.clone()));
    Ok((version, bytes))
}

async fn build(app: &App, group: &str) -> Result<(u64, Bytes)> {
    // One read transaction: the revision and the rows it stands for belong together.
    let mut tx = app.db.read().begin().await?;
    let version = db::meta(&mut *tx, "policy_revision")
        .await?
        .and_then(|t| t.parse().ok())
        .unwrap_or(1);
    let rows = enforced(&mut tx, now()).await?;
    tx.commit().await?;
    let settings = crate::settings::get(&app.db).await?;
    let jailbreak_rules = rules::current(&app.db).await?.into_bytes();
    let tenant = app.tenant.clone();
    let key = app.keys.bundle.clone();
    let group = group.to_string();
    let bundle = tokio::task::spawn_blocking(move || -> Result<Bytes> {
        let entries = rows
            .into_iter()
            .filter(|row| row.is_for(&group))
            .map(Row::entry)
            .collect::<Result<Vec<_>>>()?;
        let indicators = compile(entries, random_bytes()).map_err(Error::internal)?;
        let content = BundleContent {
            version,
            created: now(),
            tenant,
            settings,
            jailbreak_rules,
            indicators,
        };
        Ok(Bytes::from(seal(&content, &key)))
    });
    Ok((version, bundle.await.map_err(Error::internal)??))
}

/// Compiled live indicators for a device group, for questions that the server answers itself.
pub async fn indicators(app: &App, group: &str) -> Result<moat_indicators::IndicatorSet> {
    let mut tx = app.db.read().begin().await?;
    let rows = enforced(&mut tx, now()).await?;
    tx.commit().await?;
    let entries = rows
        .into_iter()
        .filter(|row| row.is_for(group))
        .map(Row::entry)
        .collect::<Result<Vec<_>>>()?;
    let bytes = compile(entries, random_bytes()).map_err(Error::internal)?;
    moat_indicators::IndicatorSet::open(bytes).map_err(Error::internal)
}

#[derive(FromRow)]
struct Row {
    id: i64,
    #[sqlx(rename = "type")]
    kind: String,
    canonical: String,
    action: String,
    severity: String,
    title: String,
    generate_alert: i64,
    expires_at: Option<i64>,
    bypass_hours: Option<i64>,
    educate_url: Option<String>,
    device_groups: String,
}

async fn enforced(tx: &mut db::Transaction, now: Timestamp) -> Result<Vec<Row>> {
    let query = "SELECT id, type, canonical, action, severity, title, generate_alert, expires_at, bypass_hours, educate_url, device_groups \
                 FROM indicators WHERE type IN ('IpAddress', 'DomainName', 'Url') AND (expires_at IS NULL OR expires_at > $1)";
    Ok(sqlx::query_as(query).bind(now.as_micros()).fetch_all(&mut **tx).await?)
}

impl Row {
    fn is_for(&self, group: &str) -> bool {
        if self.device_groups == "[]" {
            return true;
        }
        let groups: Vec<String> = serde_json::from_str(&self.device_groups).unwrap_or_default();
        groups.iter().any(|g| g == group)
    }

    fn entry(self) -> Result<Entry> {
        Ok(Entry {
            id: IndicatorId(self.id.cast_unsigned()),
            kind: self.kind.parse().map_err(Error::internal)?,
            value: self.canonical,
            action: self.action.parse().map_err(Error::internal)?,
            severity: self.severity.parse().map_err(Error::internal)?,
            title: self.title,
            generate_alert: self.generate_alert != 0,
            expires: self.expires_at.map(Timestamp::from_micros),
            bypass_hours: self.bypass_hours.and_then(|hours| u32::try_from(hours).ok()),
            educate_url: self.educate_url,
        })
    }
}
