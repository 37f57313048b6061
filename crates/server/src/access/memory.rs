//! What access decisions are made from, kept in memory: a gateway's question never waits for the database.
//!
//! Every change is committed first and read back from the database then, one refresh at a time, so that what is here is
//! never older than the last finished refresh. Whoever changes something is answered after the refresh.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    net::IpAddr,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
};

use moat_model::{
    DeviceId, GroupId, PolicyId, Risk, Timestamp, UserId,
    compliance::ComplianceState,
    conditional_access::{
        ApplicationId, ConditionalAccessPolicy, CountryCode, DeviceAttributes, DevicePlatform, LocationId, LocationRef,
        PolicyResult, RiskLevel, RoleId,
    },
};
use moat_policy::{
    Message, Reason,
    access::{self, Subject},
    conditional_access::{AccessDecision, Compliance, Device, PolicySet, Resource, SignIn, User},
    risk::ActiveAlert,
    say,
};
use serde_json::{Value, json};
use sqlx::AnyConnection;

use super::{
    apps::{Apps, Client, Holder, Protection, Shown},
    impact::Snapshot,
    load,
};
use crate::{
    compliance::assess::{self, Verdict},
    conditional_access::{
        self,
        notes::{Knowledge, notes},
    },
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
    /// Named locations that are countries.
    countries: RwLock<HashSet<LocationId>>,
    /// What policies said since the last flush.
    results: Mutex<HashMap<(PolicyId, PolicyResult), u64>>,
    /// The same of all time.
    totals: RwLock<HashMap<(String, String), i64>>,
    refreshing: tokio::sync::Mutex<()>,
    /// What is here is what the database holds. Until then, and after a reading that failed, nobody comes in.
    current: AtomicBool,
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
    /// Its word counts for a second factor.
    pub asserts_mfa: bool,
    /// Its word counts for the country.
    pub asserts_country: bool,
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
    pub user: Option<Member>,
    pub platform: Option<DevicePlatform>,
    /// Apps with app protection that checked in from it.
    pub apps: Option<Arc<Apps>>,
    pub device: Device,
}

/// A user with everything that policies can be assigned by.
#[derive(Debug, Clone)]
pub struct Member {
    pub id: UserId,
    pub groups: Vec<GroupId>,
    pub roles: Vec<RoleId>,
}

/// What a gateway tells of a request.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asked {
    /// Of the client's certificate.
    pub certificate: Option<Fingerprint>,
    pub ip: Option<IpAddr>,
    /// None: no app showed anything.
    pub app: Option<Shown>,
    /// The user showed a second factor.
    pub mfa: bool,
    pub country: Option<CountryCode>,
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
        let read = self.read_all(db).await;
        self.current.store(read.is_ok(), Ordering::Release);
        read
    }

    /// Reads everything again after a reading that failed.
    pub async fn recover(&self, db: &Db) -> Result<()> {
        match self.current.load(Ordering::Acquire) {
            true => Ok(()),
            false => self.refresh(db).await,
        }
    }

    async fn read_all(&self, db: &Db) -> Result<()> {
        let mut connection = db.read().acquire().await?;
        self.read_policies(&mut connection).await?;
        let devices = load::devices(&mut connection, None).await?;
        *write(&self.gateways) = load::gateways(&mut connection).await?;
        *write(&self.totals) = load::results(&mut connection).await?;
        *write(&self.devices) = devices;
        Ok(())
    }

    /// After a reading that failed only a whole one makes it current again.
    fn doubt<T>(&self, read: Result<T>) -> Result<T> {
        if read.is_err() {
            self.current.store(false, Ordering::Release);
        }
        read
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
        self.doubt(self.read_gateways(db).await)
    }

    async fn read_gateways(&self, db: &Db) -> Result<()> {
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
            // Those after it would stay as they were.
            self.doubt(self.refresh_device(db, *id).await)?;
        }
        Ok(())
    }

    /// Commits a change of policies with what compliance says of devices from now on. Nobody reads from the database between
    /// the commit and its taking effect here, so what others committed later is not undone.
    pub async fn commit(&self, db: &Db, tx: Transaction, verdicts: Vec<Verdict>) -> Result<()> {
        let _one = self.refreshing.lock().await;
        tx.commit().await?;
        write(&self.devices).judge(verdicts);
        let read = async {
            let mut connection = db.read().acquire().await?;
            self.read_policies(&mut connection).await
        };
        self.doubt(read.await)
    }

    async fn read_policies(&self, connection: &mut AnyConnection) -> Result<()> {
        let set = conditional_access::compile(connection).await?;
        let protection = load::protection(connection).await?;
        *write(&self.policies) = Arc::new(set);
        *write(&self.protection) = Arc::new(protection);
        *write(&self.countries) = load::countries(connection).await?;
        Ok(())
    }

    pub fn policies(&self) -> Arc<PolicySet> {
        Arc::clone(&read(&self.policies))
    }

    /// The gateway with this hash of a key, unless it is switched off.
    pub fn gateway(&self, key_hash: &str) -> Option<Arc<Gateway>> {
        read(&self.gateways).get(key_hash).cloned()
    }

    /// What keeps a policy from doing at gateways what it says.
    pub fn notes(&self, policy: &ConditionalAccessPolicy) -> Vec<Message> {
        let mut known = Knowledge::default();
        for gateway in read(&self.gateways).values() {
            known.applications.insert(gateway.application);
            known.mfa |= gateway.asserts_mfa;
            known.country |= gateway.asserts_country;
        }
        let locations = policy.conditions.locations.clone().unwrap_or_default();
        let named = locations
            .include_locations
            .into_iter()
            .chain(locations.exclude_locations);
        let by_country = read(&self.countries);
        let by_country = named
            .into_iter()
            .any(|location| matches!(location, LocationRef::Location(id) if by_country.contains(&id)));
        notes(policy, &known, by_country)
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
        if !self.current.load(Ordering::Acquire) {
            return Decision::unreadable(known.id);
        }
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
        if !self.current.load(Ordering::Acquire) {
            return Decision::unreadable(id);
        }
        let mut standing = Decision::baseline(Some(id), &known.subject());
        for application in self.applications() {
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
        self.policies().evaluate(&known.sign_in(application, asked, client))
    }

    /// Everything that decisions are made from, as it is now.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            known: read(&self.devices).known.values().cloned().collect(),
            protection: Arc::clone(&read(&self.protection)),
            before: self.policies(),
        }
    }

    /// What gateways protect, each once.
    pub fn applications(&self) -> Vec<ApplicationId> {
        let all = read(&self.gateways);
        let all: BTreeSet<_> = all.values().map(|gateway| gateway.application).collect();
        all.into_iter().collect()
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
    /// Nothing tells the risks of sign-ins and users, or approves apps.
    pub fn sign_in<'a>(&'a self, application: ApplicationId, asked: &Asked, client: &'a Client) -> SignIn<'a> {
        let user = self.user.as_ref().map(|member| User {
            id: member.id,
            groups: &member.groups,
            roles: &member.roles,
            guest: false,
        });
        SignIn {
            user,
            resource: Resource::Application(application),
            platform: self.platform,
            client_app: Some(client.kind),
            ip: asked.ip,
            country: asked.country,
            sign_in_risk: RiskLevel::None,
            user_risk: RiskLevel::None,
            device: Some(&self.device),
            mfa: asked.mfa,
            approved_app: false,
            app_protection: client.protection(),
        }
    }

    pub fn holder(&self) -> Holder<'_> {
        Holder {
            device: self.id,
            user: self.user.as_ref().map(|member| (member.id, member.groups.as_slice())),
            managed: self.device.enrolled,
        }
    }

    pub fn subject(&self) -> Subject {
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
    fn unreadable(device: DeviceId) -> Self {
        let reason = Reason::new(say("because-policies-unreadable")).remedy(say("do-ask-for-log"));
        Self {
            device: Some(device),
            allowed: false,
            reasons: vec![reason],
        }
    }

    /// What holds without any policy: strangers, revoked devices and High risk stay outside.
    pub fn baseline(device: Option<DeviceId>, subject: &Subject) -> Self {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{App, Config, DataFolder, app::now};

    #[tokio::test]
    async fn nobody_comes_in_while_policies_cannot_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let app = App::open(DataFolder::open(folder.path()).unwrap(), Config::default())
            .await
            .unwrap();
        let run = async |query: &'static str| {
            let mut tx = app.db.begin().await.unwrap();
            sqlx::query(query).execute(&mut *tx).await.unwrap();
            tx.commit().await.unwrap();
        };
        run("INSERT INTO devices (id, name, os_platform, os_version, model, agent_version, management, device_group, enrolled_at, \
             last_seen_at, last_ip, last_external_ip, web_protection, bundle_version, jailbreak_level, risk, acknowledged_seq, \
             dropped_events) VALUES ('00000000-0000-4000-8000-000000000001', '', '', '', '', '', 'managed', '', 0, 0, '', '', \
             'on', 1, 'none', 'None', 0, 0)")
        .await;
        run("INSERT INTO device_certificates (fingerprint, device_id, serial, created_at, not_after) VALUES \
             ('0101010101010101010101010101010101010101010101010101010101010101', '00000000-0000-4000-8000-000000000001', '', 0, \
             9223372036854775807)")
        .await;
        let memory = Memory::default();
        let asked = Asked {
            certificate: Some([1; 32]),
            ..Asked::default()
        };
        let decide = || memory.decide(ApplicationId(uuid::Uuid::from_u128(1)), &asked, now());
        assert!(!decide().allowed, "nothing was read yet");
        memory.refresh(&app.db).await.unwrap();
        assert!(decide().allowed);

        run(
            "INSERT INTO policies (id, kind, display_name, version, body, created_at, updated_at) VALUES \
             ('00000000-0000-4000-8000-000000000002', 'conditionalAccess', 'p', 1, 'damaged', 0, 0)",
        )
        .await;
        let tx = app.db.begin().await.unwrap();
        assert!(memory.commit(&app.db, tx, Vec::new()).await.is_err());
        let closed = decide();
        assert!(!closed.allowed && closed.reasons[0].english().text.contains("could not read its policies"));
        assert!(memory.recover(&app.db).await.is_err());
        assert!(!decide().allowed);
        run("DELETE FROM policies").await;
        memory.refresh_gateways(&app.db).await.unwrap();
        assert!(!decide().allowed, "a part that can be read is not the whole");
        memory.recover(&app.db).await.unwrap();
        assert!(decide().allowed);
    }
}
