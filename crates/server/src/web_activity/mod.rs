//! What web protection did on devices, as far as policy lets the server hear of it: counts by day of sites, of indicators and of
//! devices, but not of which device met which site. That stands only in alerts.

pub mod console;
mod store;

use moat_indicators::UrlPattern;
use moat_model::{Action, DeviceId, IndicatorId, Timestamp, sync::Site};

pub use store::{DayRow, DeviceRow, SiteRow, SourceRow};

use crate::{
    App, alerts,
    app::now,
    caller::{Caller, Role},
    db::{Db, Transaction},
    error::Result,
};

pub const READ: &[Role] = alerts::triage::READ;

const DAY: i64 = 86_400_000_000;
/// Sites that are told apart in a day: a device that invents names does not fill the disk.
const MOST_SITES: i64 = 10_000;
/// Rows of each list.
const MOST_ROWS: i64 = 100;

/// Days since 1970-01-01.
pub fn today() -> i64 {
    now().as_micros() / DAY
}

/// Which activity is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Narrowed {
    /// The first day.
    pub since: i64,
    /// None: whatever was done.
    pub action: Option<Action>,
    /// A part of the site's name.
    pub search: String,
}

#[derive(Debug)]
pub struct Activity {
    pub days: Vec<DayRow>,
    /// The most frequent first, as the others.
    pub sites: Vec<SiteRow>,
    /// Indicators, and feeds.
    pub sources: Vec<SourceRow>,
    /// Whatever the site.
    pub devices: Vec<DeviceRow>,
}

/// Counts what a device said that it did.
pub async fn note(
    tx: &mut Transaction,
    device: DeviceId,
    indicator: IndicatorId,
    action: Action,
    site: Option<&Site>,
    count: u32,
) -> Result<()> {
    let (day, action) = (today(), action.enforced_as());
    let mut site = site.map(|site| host(&site.value)).unwrap_or_default();
    if !site.is_empty() && store::sites_of(tx, day, &site).await? >= MOST_SITES {
        site.clear();
    }
    store::add_site(tx, day, &site, indicator, action, count).await?;
    store::add_device(tx, day, device, action, count).await
}

/// The host of a URL; names and addresses as they are.
fn host(value: &str) -> String {
    UrlPattern::parse(value).map_or_else(|_| value.chars().take(253).collect(), |url| url.host().to_string())
}

pub async fn get(app: &App, caller: &Caller, narrowed: &Narrowed) -> Result<Activity> {
    caller.require_any(READ)?;
    Ok(Activity {
        days: store::days(&app.db, narrowed).await?,
        sites: store::sites(&app.db, narrowed, MOST_ROWS).await?,
        sources: store::sources(&app.db, narrowed, MOST_ROWS).await?,
        devices: store::devices(&app.db, narrowed, MOST_ROWS).await?,
    })
}

/// Forgets days that ended before `oldest`.
pub async fn purge(db: &Db, oldest: Timestamp) -> Result<()> {
    store::delete_before(db, oldest.as_micros() / DAY).await
}

#[cfg(test)]
mod tests {
    use moat_indicators::entry_ids;
    use moat_model::{DeviceInfo, Management};

    use super::*;
    use crate::{Config, DataFolder, devices, error::Error};

    fn site(value: &str) -> Site {
        Site {
            value: value.into(),
            seen_in: "dns".into(),
            remote_ip: None,
        }
    }

    async fn device(app: &App) -> DeviceId {
        let id = DeviceId(uuid::Uuid::now_v7());
        let mut tx = app.db.begin().await.unwrap();
        devices::store::insert(&mut tx, id, &DeviceInfo::default(), Management::Managed, "", None, "")
            .await
            .unwrap();
        tx.commit().await.unwrap();
        id
    }

    #[tokio::test]
    async fn what_devices_did_is_counted_by_site_and_by_device_and_forgotten_in_time() -> Result<()> {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::open(folder.path()).unwrap();
        let app = App::open(data, Config::default()).await.unwrap();
        let (one, two) = (device(&app).await, device(&app).await);
        let evil = IndicatorId(7);
        let mut tx = app.db.begin().await?;
        note(&mut tx, one, evil, Action::Block, Some(&site("evil.example")), 2).await?;
        note(
            &mut tx,
            two,
            evil,
            Action::Block,
            Some(&site("http://evil.example/a?b")),
            1,
        )
        .await?;
        note(
            &mut tx,
            one,
            IndicatorId(8),
            Action::Warn,
            Some(&site("odd.example")),
            1,
        )
        .await?;
        note(&mut tx, one, evil, Action::Block, None, 1).await?;
        let (first, last) = entry_ids(3);
        note(&mut tx, two, first, Action::Audit, Some(&site("tracker.example")), 2).await?;
        note(&mut tx, two, last, Action::Audit, Some(&site("tracker.example")), 3).await?;
        tx.commit().await?;

        let wanted = Narrowed {
            since: today() - 6,
            ..Narrowed::default()
        };
        let caller = Caller::system();
        let found = get(&app, &caller, &wanted).await?;
        let sites: Vec<_> = found
            .sites
            .iter()
            .map(|row| (row.site.as_str(), row.blocked, row.warned))
            .collect();
        assert_eq!(
            sites,
            [
                ("tracker.example", 0, 0),
                ("evil.example", 3, 0),
                ("", 1, 0),
                ("odd.example", 0, 1)
            ]
        );
        let devices: Vec<_> = found
            .devices
            .iter()
            .map(|row| (row.device_id.clone(), row.count))
            .collect();
        assert_eq!(devices, [(two.to_string(), 6), (one.to_string(), 4)]);
        let sources: Vec<_> = found.sources.iter().map(|row| (row.id, row.count)).collect();
        let feed = entry_ids(3).0.0.cast_signed();
        assert_eq!(sources, [(feed, 5), (7, 4), (8, 1)], "entries of a feed count together");
        let narrowed = Narrowed {
            action: Some(Action::Warn),
            search: "ODD".into(),
            ..wanted.clone()
        };
        assert_eq!(get(&app, &caller, &narrowed).await?.sites.len(), 1);

        let nobody = Caller::new(crate::caller::Actor::System, Vec::new());
        assert!(matches!(get(&app, &nobody, &wanted).await, Err(Error::Forbidden(_))));
        purge(&app.db, Timestamp::from_micros((today() + 1) * DAY)).await?;
        assert!(get(&app, &caller, &wanted).await?.sites.is_empty());
        Ok(())
    }
}
