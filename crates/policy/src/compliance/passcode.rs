//! The passcode's settings. A device without a passcode meets none of them.

use std::time::Duration;

use moat_model::{
    Timestamp,
    compliance::{ComplianceStatus as Status, IosComplianceSettings, PasscodeType},
};

use super::{
    PasscodeFacts,
    settings::{Judged, Situation},
};
use crate::{Reason, connector::days};

const DAY: Duration = Duration::from_secs(86_400);

pub(super) fn judge(settings: &IosComplianceSettings, situation: &Situation<'_>) -> Vec<Judged> {
    [
        required,
        block_simple,
        minimum_length,
        required_type,
        minimum_character_set_count,
        expiration,
        history,
        lock,
        screen_timeout,
    ]
    .iter()
    .filter_map(|setting| setting(settings, situation))
    .collect()
}

fn required(settings: &IosComplianceSettings, situation: &Situation<'_>) -> Option<Judged> {
    settings.passcode_required.then(|| {
        rule(situation, "passcodeRequired", "requires a passcode".into(), |_| {
            Found::fine("The device has a passcode.")
        })
    })
}

fn block_simple(settings: &IosComplianceSettings, situation: &Situation<'_>) -> Option<Judged> {
    settings.passcode_block_simple.then(|| {
        rule(
            situation,
            "passcodeBlockSimple",
            "forbids simple passcodes".into(),
            |passcode| match passcode.allows_simple {
                None => Found::unreported("whether its passcode is simple"),
                Some(false) => Found::fine("The passcode is not simple."),
                Some(true) => Found::short(
                    "The passcode is simple.",
                    "Choose a passcode without repeated or running characters.",
                ),
            },
        )
    })
}

fn minimum_length(settings: &IosComplianceSettings, situation: &Situation<'_>) -> Option<Judged> {
    let least = at_least_one(settings.passcode_minimum_length)?;
    let demand = format!("requires a passcode of at least {least} characters");
    Some(rule(
        situation,
        "passcodeMinimumLength",
        demand,
        |passcode| match passcode.length {
            None => Found::unreported("the length of its passcode"),
            Some(length) => Found::new(
                length >= least,
                format!("The passcode has {length} characters."),
                format!("Choose a passcode of at least {least} characters."),
            ),
        },
    ))
}

/// Every passcode of iOS holds digits at least, so `numeric` asks only for one.
fn required_type(settings: &IosComplianceSettings, situation: &Situation<'_>) -> Option<Judged> {
    let setting = "passcodeRequiredType";
    match settings.passcode_required_type {
        PasscodeType::DeviceDefault => None,
        PasscodeType::Numeric => Some(rule(situation, setting, "requires a numeric passcode".into(), |_| {
            Found::fine("The device has a passcode.")
        })),
        PasscodeType::Alphanumeric => {
            let demand = "requires a passcode of letters and digits".into();
            Some(rule(situation, setting, demand, |passcode| {
                match passcode.is_alphanumeric {
                    None => Found::unreported("of what its passcode is made"),
                    Some(true) => Found::fine("The passcode is made of letters and digits."),
                    Some(false) => Found::short(
                        "The passcode is made of digits only.",
                        "Choose a passcode of letters and digits.",
                    ),
                }
            }))
        }
    }
}

fn minimum_character_set_count(settings: &IosComplianceSettings, situation: &Situation<'_>) -> Option<Judged> {
    let least = at_least_one(settings.passcode_minimum_character_set_count)?;
    let demand = format!("requires {least} characters in the passcode that are neither letter nor digit");
    let setting = "passcodeMinimumCharacterSetCount";
    Some(rule(situation, setting, demand, |passcode| {
        match passcode.complex_characters {
            None => Found::unreported("of what its passcode is made"),
            Some(count) => Found::new(
                count >= least,
                format!("The passcode has {count} characters that are neither letter nor digit."),
                format!("Choose a passcode with at least {least} of them."),
            ),
        }
    }))
}

fn expiration(settings: &IosComplianceSettings, situation: &Situation<'_>) -> Option<Judged> {
    let limit = at_least_one(settings.passcode_expiration_days)?;
    let ends = |changed: Timestamp| changed.saturating_add(DAY * limit);
    let demand = format!("lets a passcode be {} old", days(limit));
    let judged = rule(situation, "passcodeExpirationDays", demand, |passcode| {
        match passcode.changed_at {
            None => Found::unreported("when its passcode was changed"),
            Some(changed) => Found::new(
                situation.now < ends(changed),
                format!("The passcode was changed at {changed}."),
                "Choose a new passcode.".into(),
            ),
        }
    });
    let changed = situation
        .device
        .passcode
        .as_ref()
        .and_then(|passcode| passcode.changed_at);
    let counts = judged.status == Status::Compliant;
    Some(judged.until(changed.map(ends).filter(|_| counts)))
}

fn history(settings: &IosComplianceSettings, situation: &Situation<'_>) -> Option<Judged> {
    let least = at_least_one(settings.passcode_previous_passcode_block_count)?;
    let demand = format!("forbids to use one of the last {least} passcodes again");
    let setting = "passcodePreviousPasscodeBlockCount";
    Some(rule(situation, setting, demand, |passcode| match passcode.history {
        None => Found::unreported("how many of its last passcodes it refuses"),
        Some(count) => Found::new(
            count >= least,
            format!("The device refuses the last {count} passcodes."),
            "Let management install its passcode profile.".into(),
        ),
    }))
}

fn lock(settings: &IosComplianceSettings, situation: &Situation<'_>) -> Option<Judged> {
    let most = u32::try_from(settings.passcode_minutes_of_inactivity_before_lock?).unwrap_or(0);
    let demand = format!("requires the passcode at most {most} minutes after the screen locked");
    let setting = "passcodeMinutesOfInactivityBeforeLock";
    Some(rule(situation, setting, demand, |passcode| {
        match passcode.minutes_before_lock {
            None => Found::unreported("when it asks for its passcode"),
            Some(minutes) => Found::new(
                minutes <= most,
                format!("The passcode is asked for {minutes} minutes after the screen locked."),
                format!("Set \"Require Passcode\" to {most} minutes or less."),
            ),
        }
    }))
}

fn screen_timeout(settings: &IosComplianceSettings, situation: &Situation<'_>) -> Option<Judged> {
    let most = u32::try_from(settings.passcode_minutes_of_inactivity_before_screen_timeout?).unwrap_or(0);
    let demand = format!("requires the screen to lock after at most {most} minutes");
    let setting = "passcodeMinutesOfInactivityBeforeScreenTimeout";
    Some(rule(situation, setting, demand, |passcode| {
        match passcode.minutes_before_screen_timeout {
            None => Found::unreported("when its screen locks"),
            Some(minutes) => Found::new(
                minutes <= most,
                format!("The screen locks after {minutes} minutes."),
                format!("Set \"Auto-Lock\" to {most} minutes or less."),
            ),
        }
    }))
}

/// What a passcode that is set looks like to one setting.
enum Found {
    Unreported(&'static str),
    Fine(String),
    Short { text: String, remedy: String },
}

impl Found {
    const fn unreported(what: &'static str) -> Self {
        Self::Unreported(what)
    }

    fn fine(text: &str) -> Self {
        Self::Fine(text.into())
    }

    fn short(text: &str, remedy: &str) -> Self {
        Self::Short {
            text: text.into(),
            remedy: remedy.into(),
        }
    }

    fn new(fine: bool, text: String, remedy: String) -> Self {
        if fine {
            Self::Fine(text)
        } else {
            Self::Short { text, remedy }
        }
    }
}

fn rule(
    situation: &Situation<'_>,
    setting: &'static str,
    demand: String,
    look: impl FnOnce(&PasscodeFacts) -> Found,
) -> Judged {
    if !situation.is_ios() {
        return Judged::elsewhere(setting, demand, situation.device);
    }
    let Some(passcode) = &situation.device.passcode else {
        return Judged::unreported(setting, demand, "its passcode");
    };
    if !passcode.is_set {
        let fact = Reason::new("The device has no passcode.").remedy("Set a passcode.");
        return Judged::new(setting, demand, Status::NonCompliant, fact);
    }
    match look(passcode) {
        Found::Unreported(what) => Judged::unreported(setting, demand, what),
        Found::Fine(text) => Judged::new(setting, demand, Status::Compliant, Reason::new(text)),
        Found::Short { text, remedy } => {
            Judged::new(setting, demand, Status::NonCompliant, Reason::new(text).remedy(remedy))
        }
    }
}

/// Zero asks for nothing.
fn at_least_one(value: Option<i32>) -> Option<u32> {
    value
        .and_then(|value| u32::try_from(value).ok())
        .filter(|value| *value > 0)
}
