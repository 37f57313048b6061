//! Apps with app protection as gateways meet them: who the app is comes from its proof, what it may do from memory, now.

use std::collections::HashMap;

use moat_model::{
    Connector, DeviceId, GroupId, Timestamp, UserId,
    app_protection::{RegistrationId, WipeOrderId},
    conditional_access::ClientAppType,
};
use moat_policy::{
    Message, Reason,
    app_protection::{self as rules, AppFacts, Condition, Jailbreak, LaunchAction, LaunchDecision},
    conditional_access::AppProtection,
    say,
};

use crate::{
    app_protection::{lease, proof::Proof},
    compliance::facts::Threats,
};

/// What apps of all devices are judged by.
#[derive(Debug, Default)]
pub struct Protection {
    pub policies: Vec<lease::Applying>,
    /// By their partners' names.
    pub connectors: Vec<(String, Connector)>,
}

/// The apps on one device, and what they are judged by besides policies.
#[derive(Debug)]
pub struct Apps {
    pub threats: Threats,
    /// The server holds the device for jailbroken.
    pub jailbroken: bool,
    pub account_disabled: bool,
    pub registered: HashMap<RegistrationId, Registered>,
}

/// An app that checked in.
#[derive(Debug)]
pub struct Registered {
    pub bundle_id: String,
    pub user: Option<UserId>,
    pub app_version: String,
    pub sdk_version: String,
    pub os_version: String,
    pub device_model: String,
    /// The app itself sees a jailbreak.
    pub flagged: bool,
    pub last_check_in: Timestamp,
    /// When the server heard of the last wipe.
    pub wipe_noted_at: Option<Timestamp>,
    pub wipe_order: Option<WipeOrderId>,
}

/// What stands in the header of an app: a proof that this server sealed, or something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    Proof(Proof),
    Unreadable,
}

/// Whose device it is, as far as app protection goes by it.
#[derive(Debug, Clone, Copy)]
pub struct Holder<'a> {
    pub device: DeviceId,
    pub user: Option<(UserId, &'a [GroupId])>,
    pub managed: bool,
}

/// What the request comes from.
#[derive(Debug)]
pub struct Client {
    pub kind: ClientAppType,
    protected: bool,
    /// Why the app is not protected.
    because: Vec<Reason>,
}

impl Client {
    /// Nobody showed anything.
    pub const BROWSER: Self = Self {
        kind: ClientAppType::Browser,
        protected: false,
        because: Vec::new(),
    };

    /// The client behind a request that shows something in an app's header. What proves nothing counts as a browser, with
    /// the reason.
    pub fn judge(
        shown: Shown,
        holder: Holder<'_>,
        apps: Option<&Apps>,
        protection: &Protection,
        now: Timestamp,
    ) -> Self {
        match identify(shown, holder, apps, now) {
            Err(reason) => Self {
                because: vec![*reason],
                ..Self::BROWSER
            },
            Ok((apps, app)) => {
                let because = apps.refuse(app, holder, protection, now);
                Self {
                    kind: ClientAppType::MobileAppsAndDesktopClients,
                    protected: because.is_empty(),
                    because,
                }
            }
        }
    }

    /// Any app with app protection on the device: one that is open now, if there is one.
    pub fn any_app(holder: Holder<'_>, apps: Option<&Apps>, protection: &Protection, now: Timestamp) -> Self {
        let registered = apps
            .into_iter()
            .flat_map(|apps| apps.registered.values().map(move |app| (apps, app)));
        let mut because = vec![Reason::new(say("because-no-app")).remedy(say("do-managed-app"))];
        for (apps, app) in registered {
            because = apps.refuse(app, holder, protection, now);
            if because.is_empty() {
                break;
            }
        }
        Self {
            kind: ClientAppType::MobileAppsAndDesktopClients,
            protected: because.is_empty(),
            because,
        }
    }

    pub fn protection(&self) -> AppProtection<'_> {
        match self.protected {
            true => AppProtection::Protected,
            false => AppProtection::NotProtected(&self.because),
        }
    }
}

/// The app that a proof is for, if the proof still says so.
fn identify<'a>(
    shown: Shown,
    holder: Holder<'_>,
    apps: Option<&'a Apps>,
    now: Timestamp,
) -> Result<(&'a Apps, &'a Registered), Box<Reason>> {
    let renew = |text: Message| Box::new(Reason::new(text).remedy(say("do-open-app")));
    let Shown::Proof(proof) = shown else {
        return Err(renew(say("because-proof-foreign")));
    };
    if proof.device != holder.device {
        return Err(renew(say("because-proof-other-device")));
    }
    if now >= proof.valid_until {
        return Err(renew(say("because-proof-old").with("at", proof.valid_until)));
    }
    let apps = apps.ok_or_else(|| renew(say("because-app-unregistered")))?;
    let app = apps.registered.get(&proof.registration);
    let app = app.ok_or_else(|| renew(say("because-app-unregistered")))?;
    if app.wipe_noted_at.is_some_and(|noted| proof.issued_at < noted) {
        return Err(renew(say("because-app-wiped")));
    }
    if app.user != holder.user.map(|(id, _)| id) {
        return Err(renew(say("because-other-user")));
    }
    Ok((apps, app))
}

impl Apps {
    /// What one policy alone makes of an app now; none where it does not reach it.
    pub fn under(
        &self,
        app: &Registered,
        holder: Holder<'_>,
        policy: &lease::Applying,
        protection: &Protection,
        now: Timestamp,
    ) -> Option<LaunchDecision> {
        let (_, groups) = holder.user?;
        if !policy.is_for(groups, &app.bundle_id, holder.managed) {
            return None;
        }
        let effective = lease::effective([policy])?;
        Some(rules::evaluate(&effective, &self.facts(app, protection), now))
    }

    /// Why work data would be closed to the app now. Empty: it is protected.
    fn refuse(&self, app: &Registered, holder: Holder<'_>, protection: &Protection, now: Timestamp) -> Vec<Reason> {
        let groups = holder.user.map_or(&[][..], |(_, groups)| groups);
        let applying = protection
            .policies
            .iter()
            .filter(|policy| policy.is_for(groups, &app.bundle_id, holder.managed));
        let Some(effective) = lease::effective(applying) else {
            return vec![Reason::new(say("because-no-app-policy")).remedy(say("do-managed-app"))];
        };
        let decision = rules::evaluate(&effective, &self.facts(app, protection), now);
        let closes = decision
            .findings
            .iter()
            .filter(|finding| finding.action > LaunchAction::Warn);
        let mut because: Vec<Reason> = closes.clone().map(|finding| finding.reason.clone()).collect();
        let told = closes
            .clone()
            .any(|finding| finding.condition == Condition::DisabledAccount);
        if self.account_disabled && !told {
            // Whatever the policy makes of it inside the app: a disabled account gets nowhere.
            because.push(Reason::new(say("because-account-disabled")).remedy(say("do-ask-to-enable")));
        }
        because
    }

    fn facts(&self, app: &Registered, protection: &Protection) -> AppFacts {
        let evidence = [
            (self.jailbroken, say("because-held-jailbroken")),
            (app.flagged, say("because-app-saw-jailbreak")),
        ];
        let seen = evidence.into_iter().filter(|(so, _)| *so);
        AppFacts {
            app_version: app.app_version.clone(),
            sdk_version: app.sdk_version.clone(),
            os_version: app.os_version.clone(),
            device_model: app.device_model.clone(),
            jailbreak: Jailbreak {
                jailbroken: self.jailbroken || app.flagged,
                evidence: seen.map(|(_, message)| Reason::new(message)).collect(),
            },
            failed_pins: 0,
            last_check_in: app.last_check_in,
            account_disabled: self.account_disabled,
            clocked_out_since: None,
            threats: lease::reports(&self.threats.partners(&protection.connectors)),
            wipe_order: app.wipe_order,
        }
    }
}
