use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, OnceLock},
};

use anyhow::Result;
use moat_model::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    access, backup, bundles, compliance,
    config::Config,
    console::ShownOnce,
    data_folder::DataFolder,
    db::{self, Db},
    enforcement,
    keys::Keys,
    language::Languages,
    limits::Limits,
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
    pub access: access::Memory,
    pub enforcement: enforcement::Times,
    pub languages: Languages,
    pub limits: Limits,
    pub bundles: bundles::Cache,
    pub backup: backup::Place,
    pub previewed: compliance::impact::Previewed,
    pub shown_once: ShownOnce,
    /// GUID of this organisation, made at first start.
    pub tenant: String,
    pub data: DataFolder,
    main_address: OnceLock<SocketAddr>,
    device_port: OnceLock<u16>,
    /// Where the server was reached when it last ran.
    last: Option<Reached>,
}

/// How others reach a server.
#[derive(Clone, Serialize, Deserialize)]
struct Reached {
    listen: SocketAddr,
    public_url: Option<String>,
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
        backup::clean(&data);
        let authority = Authority::open(&data)?;
        let keys = Keys::open(&data)?;
        let db = Db::open(&data.database()).await?;
        crate::audit::chain::adopt(&db).await?;
        let tenant = tenant(&db).await?;
        let revision = crate::settings::revision(&db).await?;
        let last = db::meta(db.read(), "reached").await?;
        let languages = Languages::open(&data.languages())?;
        let limits = Limits::new(&config);
        let access = access::Memory::default();
        access.refresh(&db).await?;
        Ok(Self(Arc::new(Inner {
            config,
            db,
            authority,
            keys,
            hub: Hub::new(revision),
            access,
            enforcement: enforcement::Times::default(),
            languages,
            limits,
            bundles: bundles::Cache::default(),
            backup: backup::Place::default(),
            previewed: compliance::impact::Previewed::default(),
            shown_once: ShownOnce::default(),
            tenant,
            data,
            main_address: OnceLock::new(),
            device_port: OnceLock::new(),
            last: last.and_then(|json| serde_json::from_str(&json).ok()),
        })))
    }
}

impl Inner {
    /// Closes the database after its last write.
    pub async fn close(&self) {
        self.db.close().await;
    }

    /// Where browsers, API clients and enrolling devices reach this server: from the configuration, else by the address
    /// of the listener, else by an address of this machine. A command that works without the server means the address at
    /// which that was last.
    pub fn base_url(&self) -> String {
        let last = self.last.as_ref().filter(|_| self.main_address.get().is_none());
        let public_url = self.config.public_url.as_ref();
        if let Some(url) = public_url.or_else(|| last?.public_url.as_ref()) {
            return url.clone();
        }
        let listener = self.main_address.get().copied().or(last.map(|last| last.listen));
        let listener = listener.unwrap_or(self.config.listen);
        let ip = if listener.ip().is_unspecified() {
            own_address()
        } else {
            listener.ip()
        };
        format!("https://{}", std::net::SocketAddr::new(ip, listener.port()))
    }

    /// Commits a change of connectors or policies. Every device is judged anew in the same transaction.
    pub async fn commit_policy(&self, mut tx: db::Transaction) -> crate::error::Result<()> {
        // What cannot be put together must not be stored: access could not be decided any more.
        crate::conditional_access::compile(&mut tx).await?;
        let verdicts = crate::compliance::assess::fleet(&mut tx).await?;
        self.access.commit(&self.db, tx, verdicts).await?;
        self.hub.changed();
        Ok(())
    }

    /// Commits a change of what apps with work data must hold to: no device is judged by it, but gateways ask for it.
    pub async fn commit_app_policy(&self, tx: db::Transaction) -> crate::error::Result<()> {
        self.access.commit(&self.db, tx, Vec::new()).await?;
        self.hub.changed();
        Ok(())
    }

    /// Commits a change of people or groups that is about these devices: whose policies are whose may be different now.
    pub async fn commit_directory(
        &self,
        mut tx: db::Transaction,
        devices: &[moat_model::DeviceId],
    ) -> crate::error::Result<()> {
        crate::conditional_access::check_lock_out(&mut tx).await?;
        crate::compliance::assess::devices(&mut tx, devices).await?;
        tx.commit().await?;
        self.access.refresh_devices(&self.db, devices).await?;
        self.hub.changed();
        Ok(())
    }

    /// Follows a change of one device.
    pub async fn device_changed(&self, device: moat_model::DeviceId) -> crate::error::Result<()> {
        self.access.refresh_device(&self.db, device).await?;
        self.hub.changed();
        Ok(())
    }

    /// The port that devices check in on, once it is bound.
    pub fn device_port(&self) -> u16 {
        self.device_port
            .get()
            .copied()
            .unwrap_or_else(|| self.config.device_listen().port())
    }

    /// Remembers where the listeners really are; a port of 0 in the configuration is known only now.
    pub(crate) async fn set_addresses(&self, main: SocketAddr, device: SocketAddr) -> crate::error::Result<()> {
        let _ = self.main_address.set(main);
        let _ = self.device_port.set(device.port());
        let reached = Reached {
            listen: main,
            public_url: self.config.public_url.clone(),
        };
        let mut tx = self.db.begin().await?;
        let json = serde_json::to_string(&reached).map_err(crate::error::Error::internal)?;
        db::set_meta(&mut tx, "reached", &json).await?;
        Ok(tx.commit().await?)
    }
}

/// The first address of this machine that other machines can use; loopback when there is none.
fn own_address() -> IpAddr {
    let usable = |ip: &IpAddr| match ip {
        IpAddr::V4(ip) => !ip.is_loopback() && !ip.is_link_local(),
        IpAddr::V6(ip) => !ip.is_loopback() && !ip.is_unicast_link_local(),
    };
    let mut addresses: Vec<IpAddr> = crate::serve::interface_addresses().filter(usable).collect();
    addresses.sort();
    addresses.first().copied().unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
}

async fn tenant(db: &Db) -> Result<String> {
    let mut tx = db.begin().await?;
    if let Some(tenant) = db::meta(&mut *tx, "tenant").await? {
        return Ok(tenant);
    }
    let tenant = uuid::Builder::from_random_bytes(crate::secret::random_bytes()).into_uuid();
    let tenant = tenant.to_string();
    db::set_meta(&mut tx, "tenant", &tenant).await?;
    tx.commit().await?;
    Ok(tenant)
}

/// The wall clock.
pub fn now() -> Timestamp {
    Timestamp::from_micros(jiff::Timestamp::now().as_microsecond())
}
