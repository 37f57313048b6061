//! Access requirements: when a PIN, a fingerprint or a sign-in is due before work data is shown.

use moat_model::{Period, Timestamp, app_protection::IosAppProtectionSettings};
use serde::{Deserialize, Serialize};

/// What the app remembers of the last time that its user proved to be its user. None: never, or not any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccessFacts {
    pub device_managed: bool,
    pub device_has_passcode: bool,
    /// When the PIN was set; none: there is none yet.
    pub pin_set_at: Option<Timestamp>,
    /// When the PIN itself was last entered rightly.
    pub last_pin: Option<Timestamp>,
    /// When PIN, fingerprint or face last passed.
    pub last_passed: Option<Timestamp>,
    pub last_sign_in: Option<Timestamp>,
    /// When the user last did something in the app.
    pub last_active: Option<Timestamp>,
}

/// What the user has to show, from the least to the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PinStep {
    None,
    /// Fingerprint or face, whichever the settings allow, or the PIN.
    PinOrBiometric,
    Pin,
    /// Set a PIN: there is none, or it is too old.
    NewPin,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccessRequirement {
    pub pin: PinStep,
    /// Sign in with the work account, besides the PIN. That needs the network.
    pub sign_in: bool,
}

/// What is due now. `periodOnlineBeforeAccessCheck` of inactivity makes everything due again.
#[must_use]
pub fn evaluate(settings: &IosAppProtectionSettings, facts: &AccessFacts, now: Timestamp) -> AccessRequirement {
    AccessRequirement {
        pin: pin_step(settings, facts, now),
        sign_in: settings.organizational_credentials_required && is_due(settings, facts, facts.last_sign_in, now),
    }
}

fn pin_step(settings: &IosAppProtectionSettings, facts: &AccessFacts, now: Timestamp) -> PinStep {
    let passcode_does = settings.disable_app_pin_if_device_pin_is_set && facts.device_managed;
    if !settings.pin_required || (passcode_does && facts.device_has_passcode) {
        return PinStep::None;
    }
    let lifetime = settings.period_before_pin_reset;
    match facts.pin_set_at {
        None => return PinStep::NewPin,
        Some(set_at) if !lifetime.is_zero() && is_past(Some(set_at), lifetime, now) => return PinStep::NewPin,
        Some(_) => {}
    }
    if !is_due(settings, facts, facts.last_passed, now) {
        return PinStep::None;
    }
    let biometrics = !settings.fingerprint_blocked || !settings.face_id_blocked;
    let timeout = settings.pin_required_instead_of_biometric_timeout;
    if biometrics && timeout.is_none_or(|timeout| !is_past(facts.last_pin, timeout, now)) {
        PinStep::PinOrBiometric
    } else {
        PinStep::Pin
    }
}

/// Whether a proof given at `proof` has lapsed: inactivity counts from it, or from the last activity after it.
fn is_due(settings: &IosAppProtectionSettings, facts: &AccessFacts, proof: Option<Timestamp>, now: Timestamp) -> bool {
    let idle_since = proof.map(|proof| facts.last_active.map_or(proof, |active| active.max(proof)));
    is_past(idle_since, settings.period_online_before_access_check, now)
}

fn is_past(start: Option<Timestamp>, period: Period, now: Timestamp) -> bool {
    start.is_none_or(|start| now.since(start) > period.as_duration())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_micros(minutes * 60_000_000)
    }

    fn settings() -> IosAppProtectionSettings {
        IosAppProtectionSettings {
            period_before_pin_reset: Period::from_days(90),
            ..IosAppProtectionSettings::recommended()
        }
    }

    fn facts() -> AccessFacts {
        AccessFacts {
            pin_set_at: Some(at(0)),
            last_pin: Some(at(0)),
            last_passed: Some(at(0)),
            last_sign_in: Some(at(0)),
            ..AccessFacts::default()
        }
    }

    fn step(settings: &IosAppProtectionSettings, facts: &AccessFacts, minutes: i64) -> PinStep {
        evaluate(settings, facts, at(minutes)).pin
    }

    #[test]
    fn inactivity_makes_the_pin_due_again() {
        let mut settings = settings();
        settings.pin_required_instead_of_biometric_timeout = None;
        assert_eq!(step(&settings, &facts(), 30), PinStep::None);
        assert_eq!(step(&settings, &facts(), 31), PinStep::PinOrBiometric);
        let active = AccessFacts {
            last_active: Some(at(20)),
            ..facts()
        };
        assert_eq!(step(&settings, &active, 50), PinStep::None, "not idle for long enough");
        assert_eq!(step(&settings, &active, 51), PinStep::PinOrBiometric);
        let passed_since = AccessFacts {
            last_passed: Some(at(30)),
            ..active
        };
        assert_eq!(
            step(&settings, &passed_since, 60),
            PinStep::None,
            "idle counts from the PIN"
        );
        let never = AccessFacts {
            last_passed: None,
            last_active: Some(at(20)),
            ..facts()
        };
        assert_eq!(step(&settings, &never, 20), PinStep::PinOrBiometric);
    }

    #[test]
    fn biometrics_do_only_for_so_long_after_a_pin() {
        let recent = AccessFacts {
            last_passed: Some(at(0)),
            last_pin: Some(at(10)),
            ..facts()
        };
        assert_eq!(step(&settings(), &recent, 40), PinStep::PinOrBiometric);
        assert_eq!(step(&settings(), &recent, 41), PinStep::Pin);
        let mut blocked = settings();
        (blocked.fingerprint_blocked, blocked.face_id_blocked) = (true, false);
        assert_eq!(step(&blocked, &recent, 40), PinStep::PinOrBiometric);
        blocked.face_id_blocked = true;
        assert_eq!(step(&blocked, &recent, 40), PinStep::Pin);
    }

    #[test]
    fn a_missing_or_old_pin_has_to_be_set() {
        let none = AccessFacts {
            pin_set_at: None,
            ..facts()
        };
        assert_eq!(step(&settings(), &none, 0), PinStep::NewPin);
        let day = 24 * 60;
        let passed = AccessFacts {
            last_passed: Some(at(90 * day)),
            ..facts()
        };
        assert_eq!(step(&settings(), &passed, 90 * day), PinStep::None);
        assert_eq!(step(&settings(), &passed, 90 * day + 1), PinStep::NewPin);
        let forever = IosAppProtectionSettings {
            period_before_pin_reset: Period::ZERO,
            ..settings()
        };
        assert_eq!(step(&forever, &facts(), 10_000 * day), PinStep::Pin);
    }

    #[test]
    fn a_passcode_does_on_managed_devices_where_policy_says_so() {
        let lenient = IosAppProtectionSettings {
            disable_app_pin_if_device_pin_is_set: true,
            ..settings()
        };
        for (device_managed, device_has_passcode, expected) in [
            (true, true, PinStep::None),
            (true, false, PinStep::NewPin),
            (false, true, PinStep::NewPin),
        ] {
            let facts = AccessFacts {
                device_managed,
                device_has_passcode,
                ..AccessFacts::default()
            };
            assert_eq!(step(&lenient, &facts, 0), expected);
            assert_eq!(step(&settings(), &facts, 0), PinStep::NewPin);
        }
        let without = IosAppProtectionSettings {
            pin_required: false,
            ..settings()
        };
        assert_eq!(step(&without, &AccessFacts::default(), 0), PinStep::None);
    }

    #[test]
    fn a_sign_in_lapses_like_a_pin() {
        let strict = IosAppProtectionSettings {
            organizational_credentials_required: true,
            ..settings()
        };
        assert!(!evaluate(&strict, &facts(), at(30)).sign_in);
        assert!(evaluate(&strict, &facts(), at(31)).sign_in);
        assert!(!evaluate(&settings(), &facts(), at(31)).sign_in);
    }
}
