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
use crate::{Message, Reason, connector::days, say};

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
        rule(situation, "passcodeRequired", say("demand-passcode"), |_| {
            Found::fine(say("because-passcode"))
        })
    })
}

fn block_simple(settings: &IosComplianceSettings, situation: &Situation<'_>) -> Option<Judged> {
    settings.passcode_block_simple.then(|| {
        rule(
            situation,
            "passcodeBlockSimple",
            say("demand-no-simple"),
            |passcode| match passcode.allows_simple {
                None => Found::unreported(say("what-simple")),
                Some(false) => Found::fine(say("because-not-simple")),
                Some(true) => Found::short(say("because-simple"), say("do-not-simple")),
            },
        )
    })
}

fn minimum_length(settings: &IosComplianceSettings, situation: &Situation<'_>) -> Option<Judged> {
    let least = at_least_one(settings.passcode_minimum_length)?;
    let demand = say("demand-length").with("least", least);
    Some(rule(
        situation,
        "passcodeMinimumLength",
        demand,
        |passcode| match passcode.length {
            None => Found::unreported(say("what-length")),
            Some(length) => Found::new(
                length >= least,
                say("because-length").with("length", length),
                say("do-length").with("least", least),
            ),
        },
    ))
}

/// Every passcode of iOS holds digits at least, so `numeric` asks only for one.
fn required_type(settings: &IosComplianceSettings, situation: &Situation<'_>) -> Option<Judged> {
    let setting = "passcodeRequiredType";
    match settings.passcode_required_type {
        PasscodeType::DeviceDefault => None,
        PasscodeType::Numeric => Some(rule(situation, setting, say("demand-numeric"), |_| {
            Found::fine(say("because-passcode"))
        })),
        PasscodeType::Alphanumeric => {
            let demand = say("demand-alphanumeric");
            Some(rule(situation, setting, demand, |passcode| {
                match passcode.is_alphanumeric {
                    None => Found::unreported(say("what-made-of")),
                    Some(true) => Found::fine(say("because-alphanumeric")),
                    Some(false) => Found::short(say("because-digits"), say("do-alphanumeric")),
                }
            }))
        }
    }
}

fn minimum_character_set_count(settings: &IosComplianceSettings, situation: &Situation<'_>) -> Option<Judged> {
    let least = at_least_one(settings.passcode_minimum_character_set_count)?;
    let demand = say("demand-symbols").with("least", least);
    let setting = "passcodeMinimumCharacterSetCount";
    Some(rule(situation, setting, demand, |passcode| {
        match passcode.complex_characters {
            None => Found::unreported(say("what-made-of")),
            Some(count) => Found::new(
                count >= least,
                say("because-symbols").with("count", count),
                say("do-symbols").with("least", least),
            ),
        }
    }))
}

fn expiration(settings: &IosComplianceSettings, situation: &Situation<'_>) -> Option<Judged> {
    let limit = at_least_one(settings.passcode_expiration_days)?;
    let ends = |changed: Timestamp| changed.saturating_add(DAY * limit);
    let demand = say("demand-age").with("days", days(limit));
    let judged = rule(situation, "passcodeExpirationDays", demand, |passcode| {
        match passcode.changed_at {
            None => Found::unreported(say("what-changed")),
            Some(changed) => Found::new(
                situation.now < ends(changed),
                say("because-changed").with("at", changed),
                say("do-new-passcode"),
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
    let demand = say("demand-history").with("least", least);
    let setting = "passcodePreviousPasscodeBlockCount";
    Some(rule(situation, setting, demand, |passcode| match passcode.history {
        None => Found::unreported(say("what-history")),
        Some(count) => Found::new(
            count >= least,
            say("because-history").with("count", count),
            say("do-history"),
        ),
    }))
}

fn lock(settings: &IosComplianceSettings, situation: &Situation<'_>) -> Option<Judged> {
    let most = u32::try_from(settings.passcode_minutes_of_inactivity_before_lock?).unwrap_or(0);
    let demand = say("demand-lock").with("most", most);
    let setting = "passcodeMinutesOfInactivityBeforeLock";
    Some(rule(situation, setting, demand, |passcode| {
        match passcode.minutes_before_lock {
            None => Found::unreported(say("what-lock")),
            Some(minutes) => Found::new(
                minutes <= most,
                say("because-lock").with("minutes", minutes),
                say("do-lock").with("most", most),
            ),
        }
    }))
}

fn screen_timeout(settings: &IosComplianceSettings, situation: &Situation<'_>) -> Option<Judged> {
    let most = u32::try_from(settings.passcode_minutes_of_inactivity_before_screen_timeout?).unwrap_or(0);
    let demand = say("demand-timeout").with("most", most);
    let setting = "passcodeMinutesOfInactivityBeforeScreenTimeout";
    Some(rule(situation, setting, demand, |passcode| {
        match passcode.minutes_before_screen_timeout {
            None => Found::unreported(say("what-timeout")),
            Some(minutes) => Found::new(
                minutes <= most,
                say("because-timeout").with("minutes", minutes),
                say("do-timeout").with("most", most),
            ),
        }
    }))
}

/// What a passcode that is set looks like to one setting.
enum Found {
    Unreported(Message),
    Fine(Message),
    Short { text: Message, remedy: Message },
}

impl Found {
    fn unreported(what: Message) -> Self {
        Self::Unreported(what)
    }

    fn fine(text: Message) -> Self {
        Self::Fine(text)
    }

    fn short(text: Message, remedy: Message) -> Self {
        Self::Short { text, remedy }
    }

    fn new(fine: bool, text: Message, remedy: Message) -> Self {
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
    demand: Message,
    look: impl FnOnce(&PasscodeFacts) -> Found,
) -> Judged {
    if !situation.is_ios() {
        return Judged::elsewhere(setting, demand, situation.device);
    }
    let Some(passcode) = &situation.device.passcode else {
        return Judged::unreported(setting, demand, say("what-passcode"));
    };
    if !passcode.is_set {
        let fact = Reason::new(say("because-no-passcode")).remedy(say("do-set-passcode"));
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
