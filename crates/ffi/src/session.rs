use std::{
    fs::File,
    net::IpAddr,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use ed25519_dalek::VerifyingKey;
use moat_indicators::{Bundle, IndicatorSet, MAX_BUNDLE_BYTES, Match, UrlPattern};
use moat_model::{AppInventory, DeviceConfiguration};
use moat_policy::jailbreak::Rules;

use crate::{
    event::{Event, Events},
    key::verifying_key,
    order::{self, Orders, Outcome},
    posture::{self, JailbreakLevel, Posture},
    probe::{Probe, ProbeError},
    time::{system_time, timestamp},
    verdict::{SeenIn, Verdict},
};

/// A device's policy in use: one verified bundle, what it decides, and what happened.
/// Calls may come from any thread; none of them waits for another but for the time of a look-up.
#[derive(Debug, uniffi::Object)]
pub struct Session {
    key: VerifyingKey,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    bundle: Arc<Bundle>,
    /// An error here must not cost web protection: it is told when a posture run is asked for.
    rules: Result<Arc<Rules>, String>,
    level: JailbreakLevel,
    events: Events,
    orders: Orders,
    configuration: Option<DeviceConfiguration>,
    app_inventory: AppInventory,
}

/// The bundle in use.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct BundleInfo {
    pub version: u64,
    pub created: SystemTime,
    pub tenant: String,
    pub organisation: String,
    pub indicators: u64,
    /// None when this version cannot read the bundle's jailbreak rules.
    pub rules_version: Option<String>,
    pub web_protection: bool,
    pub bypass_duration_hours: u32,
    pub posture_interval_seconds: u32,
    pub help_url: String,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum SessionError {
    #[error("the bundle key must be 64 hexadecimal digits of an Ed25519 public key")]
    Key,
    #[error("the bundle file cannot be read: {reason}")]
    File { reason: String },
    #[error("bundle refused: {reason}")]
    Bundle { reason: String },
    #[error("bundle refused: version {offered} is not newer than {held}")]
    NotNewer { held: u64, offered: u64 },
    #[error("this is no URL or host name: {reason}")]
    Url { reason: String },
    #[error("{input:?} is no IP address")]
    Address { input: String },
    #[error("the bundle's jailbreak rules cannot be used: {reason}")]
    Rules { reason: String },
    #[error("the probe could not say where it runs: {reason}")]
    Probe { reason: String },
    #[error("the server's answer cannot be read: {reason}")]
    Reply { reason: String },
    #[error("the configuration cannot be used: {reason}")]
    Configuration { reason: String },
    #[error("{id:?} is no id of an order")]
    Order { id: String },
}

#[uniffi::export]
impl Session {
    /// Opens a bundle; `key` is the server's Ed25519 public key as 64 hexadecimal digits.
    #[uniffi::constructor]
    pub fn open(bundle: Vec<u8>, key: String) -> Result<Arc<Self>, SessionError> {
        Self::with(key, |key| verified(bundle, key))
    }

    /// The same from a file, mapped instead of copied: indicators then cost no memory of the process. Replace the file by
    /// renaming another one over it, never by writing into it.
    #[uniffi::constructor]
    pub fn open_file(path: String, key: String) -> Result<Arc<Self>, SessionError> {
        Self::with(key, |key| verified(mapped(Path::new(&path))?, key))
    }

    #[must_use]
    pub fn bundle(&self) -> BundleInfo {
        self.state().info()
    }

    /// Puts a newer bundle in the place of the one in use. Whatever is wrong with it, the old one stays, and an event says so.
    pub fn replace_bundle(&self, bundle: Vec<u8>) -> Result<BundleInfo, SessionError> {
        self.replace(verified(bundle, &self.key))
    }

    pub fn replace_bundle_file(&self, path: String) -> Result<BundleInfo, SessionError> {
        self.replace(mapped(Path::new(&path)).and_then(|bytes| verified(bytes, &self.key)))
    }

    /// Judges a host name as seen in DNS, a TLS server name or an HTTP request. What is no host name matches nothing.
    #[must_use]
    pub fn evaluate_host(&self, host: String, seen_in: SeenIn, now: SystemTime) -> Verdict {
        let found = self.indicators().lookup_host(&host, timestamp(now));
        self.conclude(found, host, seen_in)
    }

    /// Judges a full URL.
    pub fn evaluate_url(&self, url: String, now: SystemTime) -> Result<Verdict, SessionError> {
        let pattern = UrlPattern::parse(&url).map_err(|error| SessionError::Url {
            reason: error.to_string(),
        })?;
        let (set, now) = (self.indicators(), timestamp(now));
        let address = pattern.host().parse().ok();
        let found = set.lookup(Some(pattern.host()), Some(pattern.path()), address, now);
        Ok(self.conclude(found, url, SeenIn::Http))
    }

    /// Judges a remote address.
    pub fn evaluate_ip(&self, ip: String, now: SystemTime) -> Result<Verdict, SessionError> {
        let address: IpAddr = ip.trim().parse().map_err(|_| SessionError::Address {
            input: ip.chars().take(80).collect(),
        })?;
        let found = self.indicators().lookup_ip(address, timestamp(now));
        Ok(self.conclude(found, ip, SeenIn::Ip))
    }

    /// Asks the probe every question of the bundle's jailbreak rules and scores the answers.
    pub fn evaluate_posture(&self, probe: Arc<dyn Probe>) -> Result<Posture, SessionError> {
        // The lock is free while foreign code runs: the probe may call this session.
        let rules = self.state().rules.clone();
        let rules = rules.map_err(|reason| SessionError::Rules { reason })?;
        let assessment = posture::run(&rules, probe.as_ref()).map_err(|error| match error {
            ProbeError::Unavailable { reason } | ProbeError::Denied { reason } => SessionError::Probe { reason },
        })?;
        let posture = Posture::from(assessment);
        let mut state = self.state();
        let from = std::mem::replace(&mut state.level, posture.level);
        if from != posture.level {
            state.events.push(Event::PostureChanged {
                from,
                to: posture.level,
            });
        }
        Ok(posture)
    }

    /// Takes the body of an answer to `POST /device/v1/check-in`: events say what the organisation orders. The server repeats
    /// an order until it has the answer; a session hands each one out once. After a start, tell
    /// [`Session::remember_order`] first which ones were answered before.
    pub fn take_reply(&self, reply: Vec<u8>) -> Result<(), SessionError> {
        let reply = order::read(&reply)?;
        let mut state = self.state();
        state.app_inventory = reply.app_inventory;
        let events = state.orders.take(&reply.orders);
        events.into_iter().for_each(|event| state.events.push(event));
        Ok(())
    }

    /// An order that was answered before this session was opened: it is not handed out again.
    pub fn remember_order(&self, id: String) -> Result<(), SessionError> {
        let id = order::parse(&id)?;
        self.state().orders.remember(id);
        Ok(())
    }

    /// What came of an order, as the `event` of an entry in the outbox, JSON; `detail` says why it was not done. Keep the id
    /// together with the entry, so that the order is not carried out again after a crash.
    pub fn answer_order(&self, id: String, outcome: Outcome, detail: String) -> Result<String, SessionError> {
        let id = order::parse(&id)?;
        self.state().orders.remember(id);
        Ok(order::answer(id, outcome.into(), detail))
    }

    /// What the device's management says of it, the app's managed app configuration as JSON. Wrong, it changes nothing.
    pub fn set_configuration(&self, configuration: Vec<u8>) -> Result<(), SessionError> {
        let read = DeviceConfiguration::parse(&configuration).map_err(|error| SessionError::Configuration {
            reason: error.to_string(),
        })?;
        self.state().configuration = Some(read);
        Ok(())
    }

    /// The `state.configuration` of a check-in, JSON: apps only as far as the last answer lets them leave the device.
    #[must_use]
    pub fn configuration(&self) -> Option<String> {
        let state = self.state();
        let shared = state.configuration.clone()?.shared(state.app_inventory);
        serde_json::to_string(&shared).ok()
    }

    /// The oldest event that nobody has taken yet.
    #[must_use]
    pub fn poll_event(&self) -> Option<Event> {
        self.state().events.pop()
    }

    /// Events that were dropped because nobody took them.
    #[must_use]
    pub fn dropped_events(&self) -> u64 {
        self.state().events.dropped()
    }
}

impl Session {
    fn with(
        key: String,
        open: impl FnOnce(&VerifyingKey) -> Result<Bundle, SessionError>,
    ) -> Result<Arc<Self>, SessionError> {
        let key = verifying_key(&key).ok_or(SessionError::Key)?;
        let bundle = open(&key)?;
        Ok(Arc::new(Self {
            key,
            state: Mutex::new(State {
                rules: rules_of(&bundle),
                bundle: Arc::new(bundle),
                level: JailbreakLevel::None,
                events: Events::default(),
                orders: Orders::default(),
                configuration: None,
                app_inventory: AppInventory::None,
            }),
        }))
    }

    fn replace(&self, offered: Result<Bundle, SessionError>) -> Result<BundleInfo, SessionError> {
        let mut state = self.state();
        let held = state.bundle.version();
        let newer = offered.and_then(|bundle| match bundle.version() {
            offered if offered <= held => Err(SessionError::NotNewer { held, offered }),
            _ => Ok(bundle),
        });
        match newer {
            Ok(bundle) => {
                state.rules = rules_of(&bundle);
                state.events.push(Event::BundleReplaced {
                    version: bundle.version(),
                });
                state.bundle = Arc::new(bundle);
                Ok(state.info())
            }
            Err(error) => {
                state.events.push(Event::BundleRefused {
                    reason: error.to_string(),
                });
                Err(error)
            }
        }
    }

    fn conclude(&self, found: Option<Match>, site: String, seen_in: SeenIn) -> Verdict {
        let verdict = Verdict::from(found);
        if let Some(indicator) = verdict.because.as_ref().filter(|indicator| indicator.generate_alert) {
            let mut state = self.state();
            let hidden = state.bundle.settings().exclude_url_in_report;
            state.events.push(Event::WebThreat {
                indicator: indicator.id,
                action: verdict.action,
                site: (!hidden).then_some(site),
                seen_in,
            });
        }
        verdict
    }

    fn indicators(&self) -> IndicatorSet {
        self.state().bundle.indicators().clone()
    }

    /// Nothing that holds the lock calls foreign code or can panic half-way, so a poisoned state is a whole one.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn info(&self) -> BundleInfo {
        let settings = self.bundle.settings();
        BundleInfo {
            version: self.bundle.version(),
            created: system_time(self.bundle.created()),
            tenant: self.bundle.tenant().to_string(),
            organisation: settings.organisation.clone(),
            indicators: self.bundle.indicators().len() as u64,
            rules_version: self.rules.as_ref().ok().map(|rules| rules.version().to_string()),
            web_protection: settings.web_protection,
            bypass_duration_hours: settings.bypass_duration_hours,
            posture_interval_seconds: settings.posture_interval_seconds,
            help_url: settings.help_url.clone(),
        }
    }
}

fn verified(bytes: impl AsRef<[u8]> + Send + Sync + 'static, key: &VerifyingKey) -> Result<Bundle, SessionError> {
    Bundle::open(bytes, key).map_err(|error| SessionError::Bundle {
        reason: error.to_string(),
    })
}

fn mapped(path: &Path) -> Result<memmap2::Mmap, SessionError> {
    let wrong = |reason: String| SessionError::File { reason };
    let file = File::open(path).map_err(|error| wrong(error.to_string()))?;
    let length = file.metadata().map_err(|error| wrong(error.to_string()))?.len();
    if length == 0 || length > MAX_BUNDLE_BYTES as u64 {
        return Err(wrong(format!("it is {length} bytes long")));
    }
    // SAFETY: the map is read-only and private to this process; bundle files are replaced by rename and never written to,
    // which `open_file` asks of its caller.
    unsafe { memmap2::Mmap::map(&file) }.map_err(|error| wrong(error.to_string()))
}

fn rules_of(bundle: &Bundle) -> Result<Arc<Rules>, String> {
    Rules::parse(bundle.jailbreak_rules())
        .map(Arc::new)
        .map_err(|error| error.to_string())
}
