use std::sync::Arc;

use anyhow::Result;
use moat_model::Timestamp;

use crate::{
    config::Config,
    data_folder::DataFolder,
    db::{self, Db},
    keys::Keys,
    pki::Authority,
    push::Hub,
};

/// Everything a request handler may need. Cloning is cheap.
#[derive(Clone)]
pub struct App(Arc<Inner>);

pub struct Inner {
    pub config: Config,
    pub db: Db,
    pub authority: Authority,
    pub keys: Keys,
    pub hub: Hub,
    /// GUID of this organisation, made at first start.
    pub tenant: String,
    pub data: DataFolder,
    device_port: std::sync::atomic::AtomicU16,
}

impl std::ops::Deref for App {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl App {
    /// Opens a data folder, creating on first start what it must hold.
    pub async fn open(data: DataFolder, config: Config) -> Result<Self> {
        let authority = Authority::open(&data)?;
        let keys = Keys::open(&data)?;
        let db = Db::open(&data.database()).await?;
        let tenant = tenant(&db).await?;
        let revision = crate::settings::revision(&db).await?;
        Ok(Self(Arc::new(Inner {
            config,
            db,
            authority,
            keys,
            hub: Hub::new(revision),
            tenant,
            data,
            device_port: 0.into(),
        })))
    }
}

impl Inner {
    /// The port that devices check in on, once it is bound.
    pub fn device_port(&self) -> u16 {
        self.device_port.load(std::sync::atomic::Ordering::Relaxed)
    }

    pub(crate) fn set_device_port(&self, port: u16) {
        self.device_port.store(port, std::sync::atomic::Ordering::Relaxed);
    }
}

async fn tenant(db: &Db) -> Result<String> {
    let mut tx = db.begin().await?;
    if let Some(tenant) = db::meta(&mut *tx, "tenant").await? {
        return Ok(tenant);
    }
    let tenant = uuid::Uuid::from_bytes(crate::secret::random_bytes()).to_string();
    db::set_meta(&mut tx, "tenant", &tenant).await?;
    tx.commit().await?;
    Ok(tenant)
}

/// The wall clock.
pub fn now() -> Timestamp {
    Timestamp::from_micros(jiff::Timestamp::now().as_microsecond())
}
