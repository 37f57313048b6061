//! A running agent: what its parts share, and the tasks.

mod configuration;
mod events;
mod posture;
mod protection;

use std::{
    collections::VecDeque,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, atomic::AtomicUsize},
    time::Duration,
};

use anyhow::Result;
use moat_engine::Policy;
use moat_indicators::Bundle;
use moat_model::{
    AppInventory, Assessment, DeviceConfiguration, DeviceInfo, Settings, Timestamp, WebProtection,
    sync::{Access, CheckInReply, DeviceEvent, DeviceState, MAX_EVENTS},
};
use tokio::sync::Notify;

use crate::{
    clock::{self, Clock},
    control,
    data_folder::{CA, CERTIFICATE, CONFIGURATION, DataFolder, Identity, KEY, STATE},
    enroll,
    notifications::Notifications,
    orders,
    outbox::Outbox,
    posture::{Linux, Probe, RootFolder},
    retired::{self, Retired},
    state::State,
    sync::{
        self,
        http::{Client, ClientIdentity},
    },
    tunnel::{self, Order},
};

pub(crate) use events::MAX_TEXT;

/// What the tasks share.
pub struct Agent {
    pub data: DataFolder,
    pub identity: Identity,
    pub clock: Clock,
    pub wake: Wake,
    /// Events of the next check-in: fewer after the server refused some.
    pub(crate) batch: AtomicUsize,
    client: RwLock<Arc<Client>>,
    outbox: Mutex<Outbox>,
    pub(crate) state: Mutex<State>,
    pub(crate) notifications: Mutex<Notifications>,
    pub(crate) live: Mutex<Live>,
    pub(crate) probe: Box<dyn Probe>,
    /// Where the device's management writes what it knows.
    pub(crate) configuration: PathBuf,
}

/// Wakes a task.
#[derive(Default)]
pub struct Wake {
    pub check_in: Notify,
    pub bundle: Notify,
    pub posture: Notify,
    pub protection: Notify,
    pub orders: Notify,
    /// The server knows that this device has left.
    pub left: Notify,
}

/// The agent as it is now.
pub struct Live {
    pub bundle: Option<Bundle>,
    /// Version of the bundle that was refused last: it is not fetched again.
    pub refused: Option<u64>,
    pub posture: Option<Assessment>,
    pub posture_runs: u64,
    /// What of the posture could not be read.
    pub posture_error: Option<String>,
    pub configuration: Option<DeviceConfiguration>,
    pub configuration_error: Option<String>,
    /// Which apps the server wants to hear of.
    pub app_inventory: AppInventory,
    pub os_build: Option<String>,
    pub tunnel_error: Option<String>,
    /// The stored bundle was damaged.
    pub bundle_error: Option<String>,
    pub protection: WebProtection,
    pub other_vpn: Option<String>,
    pub connected: bool,
    pub last_check_in: Option<Timestamp>,
    pub access: Option<Access>,
    pub revoked: bool,
    pub sync_error: Option<String>,
    pub storage_error: Option<String>,
    /// What the ledger has of the device's own words, as a hash: it notes them when they change.
    pub told: Option<u64>,
    pub tunnel: Option<tunnel::Handle>,
    /// Orders that are not carried out yet, oldest first.
    pub orders: VecDeque<moat_model::Order>,
    /// The answer to the order to leave is in the outbox, or was.
    pub farewell: bool,
}

/// Runs the agent of an enrolled device until SIGTERM or SIGINT.
pub async fn run(data: DataFolder, posture_root: Option<PathBuf>, configuration: Option<PathBuf>) -> Result<()> {
    let _lock = data.lock()?;
    let mut agent = Agent::open(data, posture_root)?;
    if let Some(file) = configuration {
        agent.configuration = file;
    }
    let agent = Arc::new(agent);
    let damaged = lock(&agent.live).bundle_error.clone();
    if let Some(reason) = damaged {
        agent.record(DeviceEvent::BundleRefused { reason });
    }
    if let Err(error) = tunnel::routing::clean_up() {
        tracing::debug!(error = format!("{error:#}"), "no leftovers were removed");
    }
    tracing::info!(device = %agent.identity.device_id, server = agent.identity.server_url, "moat-agent runs");
    tokio::select! {
        () = protection::run(agent.clone()) => {}
        () = sync::run(agent.clone()) => {}
        () = posture::run(agent.clone()) => {}
        () = orders::run(agent.clone()) => {}
        result = control::serve(agent.clone()) => result?,
        result = stopped() => result?,
        () = agent.wake.left.notified() => return leave(&agent),
    }
    // Dropping the tasks has taken routes and device away; the server hears of it if it can be reached.
    agent.set_protection(WebProtection::Stopped, None);
    let _ = tokio::time::timeout(Duration::from_secs(2), sync::check_in(&agent)).await;
    let _ = std::fs::remove_file(agent.data.socket());
    Ok(())
}

/// The last thing that this agent does. Nothing may run between here and the end of the program: it could write again.
fn leave(agent: &Agent) -> Result<()> {
    let wiped = lock(&agent.state).leaving.is_some_and(|leaving| leaving.wipe);
    let time = agent.clock.now();
    retired::leave(&agent.data, &Retired { time, wiped })?;
    tracing::info!("the organisation has retired this device; everything of it was removed");
    Ok(())
}

async fn stopped() -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} }
    tracing::info!("stopping");
    Ok(())
}

impl Agent {
    pub(crate) fn open(data: DataFolder, posture_root: Option<PathBuf>) -> Result<Self> {
        let identity = data.identity()?;
        let (bundle, bundle_error) = sync::load(&data, &identity);
        if let Some(error) = &bundle_error {
            tracing::error!("{error}");
        }
        let state: State = data
            .read_json(STATE)
            .unwrap_or_else(|error| {
                tracing::error!(error = format!("{error:#}"), "starting with a new state");
                None
            })
            .unwrap_or_default();
        let live = Live {
            bundle,
            refused: None,
            // What was told last stands until a run says otherwise.
            posture: state.reported.clone(),
            posture_runs: 0,
            posture_error: None,
            configuration: None,
            configuration_error: None,
            app_inventory: AppInventory::None,
            os_build: None,
            tunnel_error: None,
            bundle_error,
            protection: WebProtection::Stopped,
            other_vpn: None,
            connected: false,
            last_check_in: None,
            access: None,
            revoked: false,
            sync_error: None,
            storage_error: None,
            told: None,
            tunnel: None,
            orders: VecDeque::new(),
            farewell: false,
        };
        let probe: Box<dyn Probe> = match posture_root {
            Some(root) => {
                // One that is not there now may come; until then the posture cannot be told, and everything else works.
                let absolute = root.canonicalize().or_else(|_| std::path::absolute(&root));
                Box::new(RootFolder::new(absolute?))
            }
            None => Box::new(Linux),
        };
        Ok(Self {
            client: RwLock::new(Arc::new(client(&data, &identity)?)),
            outbox: Mutex::new(Outbox::open(&data)?),
            notifications: Mutex::new(Notifications::new(&state.messages)),
            state: Mutex::new(state),
            live: Mutex::new(live),
            clock: Clock::start(),
            wake: Wake::default(),
            batch: AtomicUsize::new(MAX_EVENTS),
            probe,
            configuration: data.path(CONFIGURATION),
            data,
            identity,
        })
    }

    pub fn client(&self) -> Arc<Client> {
        self.client.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Speaks with the server anew, as after the certificate changed.
    pub fn reconnect(&self) -> Result<()> {
        let client = Arc::new(client(&self.data, &self.identity)?);
        *self.client.write().unwrap_or_else(PoisonError::into_inner) = client;
        Ok(())
    }

    pub fn outbox(&self) -> MutexGuard<'_, Outbox> {
        lock(&self.outbox)
    }

    /// Records an event for the server and sends it as soon as possible; false when it could not be stored.
    pub fn record(&self, event: DeviceEvent) -> bool {
        let recorded = self.outbox().push(self.clock.now(), events::bounded(event));
        lock(&self.live).storage_error = recorded.as_ref().err().map(|error| format!("{error:#}"));
        if let Err(error) = &recorded {
            tracing::error!(error = format!("{error:#}"), "an event could not be recorded");
        }
        self.wake.check_in.notify_one();
        recorded.is_ok()
    }

    /// Once something could not be stored, looks whether that is over.
    pub(crate) fn try_storage_again(&self) {
        if lock(&self.live).storage_error.is_none() {
            return;
        }
        let stored = self.outbox().try_again();
        if stored.is_ok() && self.data.write_json(STATE, &*lock(&self.state)).is_ok() {
            lock(&self.live).storage_error = None;
            tracing::info!("events can be recorded again");
        }
    }

    /// Changes what is remembered over restarts.
    pub(crate) fn change_state(&self, change: impl FnOnce(&mut State)) {
        let mut state = lock(&self.state);
        change(&mut state);
        let stored = self.data.write_json(STATE, &*state);
        drop(state);
        if let Err(error) = stored {
            tracing::error!(error = format!("{error:#}"), "the agent's state could not be stored");
            lock(&self.live).storage_error = Some(format!("{error:#}"));
        }
    }

    pub fn device_info(&self) -> DeviceInfo {
        let mut device = enroll::device_info();
        device.os_build.clone_from(&lock(&self.live).os_build);
        if let Some(name) = &self.identity.name {
            device.name.clone_from(name);
        }
        device
    }

    /// The later of two clocks: the one that counts stops while the device sleeps, the one on the wall can be set back.
    fn latest(&self) -> Timestamp {
        self.clock.now().max(clock::wall())
    }

    /// How long a pause still lasts; none when there is none, or one without an end.
    pub(crate) fn pause_left(&self) -> Option<Duration> {
        let state = lock(&self.state);
        let until = state.off_until.filter(|_| state.off)?;
        Some(until.since(self.latest()))
    }

    /// Switches protection on when the pause is over.
    pub(crate) fn end_pause(&self) {
        let now = self.latest();
        if !lock(&self.state).pause_ended(now) {
            return;
        }
        tracing::info!("the pause of web protection is over");
        self.change_state(|state| {
            state.off = false;
            state.off_until = None;
        });
    }

    /// What keeps the device from being protected as it should be, in words.
    pub(crate) fn problems(&self) -> Vec<String> {
        let live = lock(&self.live);
        let no_policy = live
            .bundle
            .is_none()
            .then(|| "there is no policy on this device yet: nothing is blocked".to_string());
        let errors = [
            &live.tunnel_error,
            &live.bundle_error,
            &no_policy,
            &live.posture_error,
            &live.configuration_error,
            &live.sync_error,
            &live.storage_error,
        ];
        errors.into_iter().flatten().cloned().collect()
    }

    pub fn device_state(&self) -> DeviceState {
        let problems = self.problems();
        let live = lock(&self.live);
        DeviceState {
            time: self.clock.now(),
            web_protection: live.protection,
            other_vpn: live.other_vpn.clone(),
            bundle_version: live.bundle.as_ref().map_or(0, Bundle::version),
            posture: live.posture.clone(),
            addresses: own_addresses(),
            problems,
            configuration: live.configuration.clone().map(|known| known.shared(live.app_inventory)),
        }
    }

    pub fn bundle_version(&self) -> u64 {
        lock(&self.live).bundle.as_ref().map_or(0, Bundle::version)
    }

    /// Whether a bundle of this version is worth fetching.
    pub fn wants_bundle(&self, version: u64) -> bool {
        version > self.bundle_version() && lock(&self.live).refused != Some(version)
    }

    pub fn settings(&self) -> Settings {
        lock(&self.live)
            .bundle
            .as_ref()
            .map(|bundle| bundle.settings().clone())
            .unwrap_or_default()
    }

    pub fn check_in_interval(&self) -> Duration {
        Duration::from_secs(u64::from(self.settings().check_in_seconds.max(5)))
    }

    /// Puts a verified bundle in force.
    pub fn set_bundle(&self, bundle: Bundle) {
        tracing::info!(
            version = bundle.version(),
            indicators = bundle.indicators().len(),
            "a new bundle is in force"
        );
        let mut live = lock(&self.live);
        let rules_changed = live
            .bundle
            .as_ref()
            .is_none_or(|old| old.jailbreak_rules() != bundle.jailbreak_rules());
        let protection_changed = live
            .bundle
            .as_ref()
            .is_none_or(|old| old.settings().web_protection != bundle.settings().web_protection);
        let version = bundle.version();
        live.bundle = Some(bundle);
        live.bundle_error = None;
        let tunnel = live.tunnel.clone();
        drop(live);
        self.change_state(|state| state.bundle_version = state.bundle_version.max(version));
        if let Some(tunnel) = tunnel {
            tunnel.send(Order::Policy(Box::new(self.policy())));
        }
        if rules_changed {
            self.wake.posture.notify_one();
        }
        if protection_changed {
            self.wake.protection.notify_one();
        }
        self.wake.check_in.notify_one();
    }

    /// What the engine enforces.
    pub(crate) fn policy(&self) -> Policy {
        let host = |url: &str| {
            url.parse::<http::Uri>()
                .ok()
                .and_then(|uri| uri.host().map(String::from))
        };
        let allowed_hosts = [&self.identity.server_url, &self.identity.device_url]
            .into_iter()
            .filter_map(|url| host(url))
            .collect();
        match &lock(&self.live).bundle {
            Some(bundle) => Policy {
                indicators: bundle.indicators().clone(),
                settings: bundle.settings().clone(),
                allowed_hosts,
            },
            None => Policy {
                allowed_hosts,
                ..Policy::default()
            },
        }
    }

    /// Notes the state of web protection and tells the server when it changed.
    pub(crate) fn set_protection(&self, state: WebProtection, other_vpn: Option<String>) {
        let mut live = lock(&self.live);
        if live.protection == state && live.other_vpn == other_vpn {
            return;
        }
        tracing::info!(%state, other_vpn, "web protection changed");
        live.protection = state;
        live.other_vpn = other_vpn.clone();
        drop(live);
        self.record(DeviceEvent::WebProtectionChanged { state, other_vpn });
    }

    /// Notes why there is no tunnel; none when there is one.
    pub(crate) fn set_tunnel_error(&self, error: Option<String>) {
        let mut live = lock(&self.live);
        if live.tunnel_error == error {
            return;
        }
        live.tunnel_error.clone_from(&error);
        let already_stopped = live.protection == WebProtection::Stopped;
        drop(live);
        if error.is_none() {
            return;
        }
        if already_stopped {
            // The server takes an agent that runs for one that protects, until it is told otherwise.
            self.record(DeviceEvent::WebProtectionChanged {
                state: WebProtection::Stopped,
                other_vpn: None,
            });
        } else {
            self.set_protection(WebProtection::Stopped, None);
        }
    }

    pub(crate) fn set_connected(&self, connected: bool) {
        lock(&self.live).connected = connected;
    }

    pub(crate) fn note_check_in(&self, reply: &CheckInReply) {
        let mut live = lock(&self.live);
        live.last_check_in = Some(self.clock.now());
        live.access = Some(reply.access.clone());
        if live.app_inventory != reply.app_inventory {
            live.app_inventory = reply.app_inventory;
            self.wake.check_in.notify_one();
        }
        live.revoked = false;
        live.sync_error = None;
    }

    pub(crate) fn note_sync_error(&self, error: &anyhow::Error) {
        let text = format!("{error:#}");
        let mut live = lock(&self.live);
        if live.sync_error.as_ref() != Some(&text) {
            tracing::warn!(error = text, "cannot check in; protection goes on");
        }
        live.revoked = sync::is_revoked(error);
        live.sync_error = Some(text);
    }
}

fn client(data: &DataFolder, identity: &Identity) -> Result<Client> {
    let credentials = ClientIdentity {
        certificate: data.read(CERTIFICATE)?,
        key: data.read(KEY)?,
    };
    Client::new(&identity.device_url, &data.read(CA)?, Some(&credentials))
}

/// Addresses of this device that others could use.
fn own_addresses() -> Vec<std::net::IpAddr> {
    let interfaces = nix::ifaddrs::getifaddrs().into_iter().flatten();
    let foreign = interfaces.filter(|interface| interface.interface_name != protection::DEVICE);
    let addresses = foreign.filter_map(|interface| tunnel::rules::address_of(&interface));
    addresses.filter(|ip| !ip.is_loopback()).take(16).collect()
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
