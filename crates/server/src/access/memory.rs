//! What access decisions are made from, kept in memory: a gateway's question never waits for the database.
//!
//! Every change is committed first and read back from the database then, one refresh at a time, so that what is here is
//! never older than the last finished refresh. Whoever changes something is answered after the refresh.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError, RwLock, atomic::AtomicI64},
};

use moat_model::{
    DeviceId, GroupId, PolicyId, Risk, Timestamp, UserId,
    compliance::ComplianceState,
    conditional_access::{ApplicationId, DeviceAttributes, DevicePlatform, PolicyResult, RiskLevel},
};
use moat_policy::{
    Reason,
    access::{self, Subject},
    conditional_access::{AccessDecision, Compliance, Device, PolicySet, Resource, SignIn, User},
    risk::ActiveAlert,
};
use serde_json::{Value, json};
use sqlx::AnyConnection;

use super::{
    apps::{Apps, Client, Holder, Protection, Shown},
    load,
};
use crate::{
    compliance::assess::{self, Verdict},
    conditional_access,
    db::{Db, Transaction},
    error::Result,
};

/// SHA-256 of a certificate's DER.
pub type Fingerprint = [u8; 32];

#[derive(Default)]
pub struct Memory {
    devices: RwLock<Devices>,
    gateways: RwLock<HashMap<String, Arc<Gateway>>>,
    policies: RwLock<Arc<PolicySet>>,
    protection: RwLock<Arc<Protection>>,
    /// What policies said since the last flush.
    results: Mutex<HashMap<(PolicyId, PolicyResult), u64>>,
    /// The same of all time.
    totals: RwLock<HashMap<(String, String), i64>>,
    refreshing: tokio::sync::Mutex<()>,
}

#[derive(Default)]
pub struct Devices {
    pub certificates: HashMap<Fingerprint, (Timestamp, DeviceId)>,
    pub known: HashMap<DeviceId, Arc<Known>>,
}

/// A reverse proxy that may ask.
#[derive(Debug)]
pub struct Gateway {
    pub id: String,
    /// What it protects, as conditional access policies name it.
    pub application: ApplicationId,
    /// When the use was noted last, in microseconds.
    pub noted_at: AtomicI64,
}

/// What decisions need to know of a device.
#[derive(Debug, Clone)]
pub struct Known {
    pub id: DeviceId,
    pub revoked: bool,
    pub risk: Risk,
    /// The alerts behind a High risk.
    pub because: Vec<ActiveAlert>,
    pub user: Option<(UserId, Vec<GroupId>)>,
    pub platform: Option<DevicePlatform>,
    /// Apps with app protection that checked in from it.
    pub apps: Option<Arc<Apps>>,
    pub device: Device,
}

/// What a gateway tells of a request.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asked {
    /// Of the client's certificate.
    pub certificate: Option<Fingerprint>,
    pub ip: Option<IpAddr>,
    /// None: no app showed anything.
    pub app: Option<Shown>,
}

/// May this device reach this application?
#[derive(Debug, Clone)]
pub struct Decision {
    pub device: Option<DeviceId>,
    pub allowed: bool,
    /// Empty when allowed.
    pub reasons: Vec<Reason>,
}

impl Memory {
    /// Reads everything.
    pub async fn refresh(&self, db: &Db) -> Result<()> {
        let _one = self.refreshing.lock().await;
        let mut connection = db.read().acquire().await?;
        self.read_policies(&mut connection).await?;
        let devices = load::devices(&mut connection, None).await?;
        *write(&self.gateways) = load::gateways(&mut connection).await?;
        *write(&self.totals) = load::results(&mut connection).await?;
        *write(&self.devices) = devices;
        Ok(())
    }

    /// Reads one device and its certificates.
    pub async fn refresh_device(&self, db: &Db, id: DeviceId) -> Result<()> {
        let _one = self.refreshing.lock().await;
        let read = Self::read_device(db, id).await;
        let mut devices = write(&self.devices);
        match read {
            Ok(read) => {
                devices.certificates.extend(read.certificates);
                devices.known.extend(read.known);
                Ok(())
            }
            Err(error) => {
                // It may have been removed: better a stranger than let in by what held before.
                devices.known.remove(&id);
                Err(error)
            }
        }
    }

    async fn read_device(db: &Db, id: DeviceId) -> Result<Devices> {
        let mut connection = db.read().acquire().await?;
        load::devices(&mut connection, Some(id)).await
    }

    /// Reads the gateways.
    pub async fn refresh_gateways(&self, db: &Db) -> Result<()> {
        let _one = self.refreshing.lock().await;
        let mut connection = db.read().acquire().await?;
        *write(&self.gateways) = load::gateways(&mut connection).await?;
        Ok(())
    }

    /// Reads some devices.
    pub async fn refresh_devices(&self, db: &Db, ids: &[DeviceId]) -> Result<()> {
        if ids.len() > assess::ONE_BY_ONE {
            return self.refresh(db).await;
        }
        for id in ids {
            self.refresh_device(db, *id).await?;
        }
        Ok(())
    }

    /// Commits a change of policies with what compliance says of devices from now on. Nobody reads from the database between
    /// the commit and its taking effect here, so what others committed later is not undone.
    pub async fn commit(&self, db: &Db, tx: Transaction, verdicts: Vec<Verdict>) -> Result<()> {
        let _one = self.refreshing.lock().await;
        tx.commit().await?;
        write(&self.devices).judge(verdicts);
        let mut connection = db.read().acquire().await?;
        self.read_policies(&mut connection).await
    }

    async fn read_policies(&self, connection: &mut AnyConnection) -> Result<()> {
        let set = conditional_access::compile(connection).await?;
        let protection = load::protection(connection).await?;
        *write(&self.policies) = Arc::new(set);
        *write(&self.protection) = Arc::new(protection);
        Ok(())
    }

    pub fn policies(&self) -> Arc<PolicySet> {
        Arc::clone(&read(&self.policies))
    }

    /// The gateway with this hash of a key, unless it is switched off.
    pub fn gateway(&self, key_hash: &str) -> Option<Arc<Gateway>> {
        read(&self.gateways).get(key_hash).cloned()
    }

    /// Decides for a request that a gateway tells of. A certificate that is not one of ours, byte for byte, is a stranger's.
    pub fn decide(&self, application: ApplicationId, asked: &Asked, now: Timestamp) -> Decision {
        let known = asked.certificate.and_then(|fingerprint| {
            let devices = read(&self.devices);
            let (not_after, id) = devices.certificates.get(&fingerprint)?;
            Some((*not_after, Arc::clone(devices.known.get(id)?)))
        });
        let Some((not_after, known)) = known else {
            return Decision::baseline(None, &Subject::Unknown);
        };
        if not_after <= now {
            return Decision::baseline(Some(known.id), &Subject::CertificateExpired { at: not_after });
        }
        let client = match asked.app {
            None => Client::BROWSER,
            Some(shown) => {
                let protection = Arc::clone(&read(&self.protection));
                Client::judge(shown, known.holder(), known.apps.as_deref(), &protection, now)
            }
        };
        self.judge(application, &known, asked, &client)
    }

    /// Decides for a device and everything that gateways protect: its reasons are those of all applications, each once.
    pub fn standing(&self, id: DeviceId) -> Decision {
        let Some(known) = read(&self.devices).known.get(&id).cloned() else {
            return Decision::baseline(None, &Subject::Unknown);
        };
        let mut standing = Decision::baseline(Some(id), &known.subject());
        let applications: Vec<_> = read(&self.gateways)
            .values()
            .map(|gateway| gateway.application)
            .collect();
        for application in applications {
            let decision = self.evaluate(application, &known, &Asked::default(), &Client::BROWSER);
            standing.allowed &= decision.allowed;
            for reason in decision.reasons {
                if !standing.reasons.contains(&reason) {
                    standing.reasons.push(reason);
                }
            }
        }
        standing
    }

    fn judge(&self, application: ApplicationId, known: &Known, asked: &Asked, client: &Client) -> Decision {
        let baseline = Decision::baseline(Some(known.id), &known.subject());
        let decision = self.evaluate(application, known, asked, client);
        self.count(&decision);
        Decision {
            device: Some(known.id),
            allowed: baseline.allowed && decision.allowed,
            reasons: baseline.reasons.into_iter().chain(decision.reasons).collect(),
        }
    }

    fn evaluate(&self, application: ApplicationId, known: &Known, asked: &Asked, client: &Client) -> AccessDecision {
        let user = known.user.as_ref().map(|(id, groups)| User {
            id: *id,
            groups,
            roles: &[],
            guest: false,
        });
        self.policies().evaluate(&SignIn {
            user,
            resource: Resource::Application(application),
            platform: known.platform,
            client_app: Some(client.kind),
            ip: asked.ip,
            country: None,
            sign_in_risk: RiskLevel::None,
            user_risk: RiskLevel::None,
            device: Some(&known.device),
            mfa: false,
            approved_app: false,
            app_protection: client.protection(),
        })
    }

    fn count(&self, decision: &AccessDecision) {
        if decision.outcomes.is_empty() {
            return;
        }
        let mut results = self.results.lock().unwrap_or_else(PoisonError::into_inner);
        for outcome in &decision.outcomes {
            *results.entry((outcome.policy, outcome.result)).or_default() += 1;
        }
    }

    /// Takes what policies said since the last time, to be stored.
    pub fn take_results(&self) -> Vec<(PolicyId, PolicyResult, i64)> {
        let taken = std::mem::take(&mut *self.results.lock().unwrap_or_else(PoisonError::into_inner));
        let mut totals = write(&self.totals);
        let mut all = Vec::with_capacity(taken.len());
        for ((policy, result), count) in taken {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            *totals.entry((policy.to_string(), result.to_string())).or_default() += count;
            all.push((policy, result, count));
        }
        all
    }

    /// How often a policy came to which result at gateways.
    pub fn results(&self, policy: &str) -> Value {
        let mut counts: HashMap<String, i64> = HashMap::new();
        for ((of, result), count) in read(&self.totals).iter() {
            if of == policy {
                counts.insert(result.clone(), *count);
            }
        }
        for ((of, result), count) in self.results.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            if of.to_string() == policy {
                *counts.entry(result.to_string()).or_default() += i64::try_from(*count).unwrap_or(i64::MAX);
            }
        }
        json!(counts)
    }
}

impl Devices {
    fn judge(&mut self, verdicts: Vec<Verdict>) {
        for verdict in verdicts {
            if let Some(known) = self.known.get_mut(&verdict.device) {
                let device = &mut Arc::make_mut(known).device;
                device.compliance = compliance(verdict.state);
                device.because = verdict.reasons;
            }
        }
    }
}

impl Known {
    fn holder(&self) -> Holder<'_> {
        Holder {
            device: self.id,
            user: self.user.as_ref().map(|(id, groups)| (*id, groups.as_slice())),
            managed: self.device.enrolled,
        }
    }

    fn subject(&self) -> Subject {
        match self.revoked {
            true => Subject::Revoked,
            false => Subject::Known(access::Device {
                risk: self.risk,
                because: self.because.clone(),
            }),
        }
    }
}

impl Decision {
    /// What holds without any policy: strangers, revoked devices and High risk stay outside.
    fn baseline(device: Option<DeviceId>, subject: &Subject) -> Self {
        let decision = access::evaluate(subject);
        Self {
            device,
            allowed: decision.allowed,
            reasons: decision.reasons,
        }
    }
}

/// A device's compliance as far as access is concerned.
pub const fn compliance(state: ComplianceState) -> Compliance {
    match state {
        ComplianceState::Compliant | ComplianceState::ConfigManager => Compliance::Compliant,
        ComplianceState::InGracePeriod => Compliance::InGracePeriod,
        ComplianceState::Unknown => Compliance::Unknown,
        ComplianceState::Noncompliant | ComplianceState::Conflict | ComplianceState::Error => Compliance::NotCompliant,
    }
}

/// The platform that a device says it has.
pub fn platform(os: &str) -> Option<DevicePlatform> {
    match os.to_ascii_lowercase().as_str() {
        "ios" | "ipados" => Some(DevicePlatform::IOs),
        "android" => Some(DevicePlatform::Android),
        "windows" => Some(DevicePlatform::Windows),
        "macos" => Some(DevicePlatform::MacOs),
        "linux" => Some(DevicePlatform::Linux),
        _ => None,
    }
}

/// What a device filter may ask.
pub fn attributes(id: &str, name: &str, os: &str, version: &str, model: &str, managed: bool) -> DeviceAttributes {
    let text = |text: &str| Some(text.to_string()).filter(|text| !text.is_empty());
    DeviceAttributes {
        device_id: text(id),
        display_name: text(name),
        operating_system: text(os),
        operating_system_version: text(version),
        model: text(model),
        ownership: Some(if managed { "Company" } else { "Personal" }.into()),
        trust_type: Some("AzureAD".into()),
        ..DeviceAttributes::default()
    }
}

fn read<T>(lock: &RwLock<T>) -> std::sync::RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> std::sync::RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
