//! The conditions of a conditional launch that are neither versions nor the threat level.

use moat_model::{
    Period, Timestamp,
    app_protection::{RemediationAction, WipeOrderId},
};

use super::{
    AppFacts, Condition, EffectiveSettings, Finding, LaunchAction, Remediation, fields::models, launch::action_of,
};
use crate::{Reason, say};

pub(super) fn wipe_order(order: Option<WipeOrderId>) -> Option<Finding> {
    order.map(|order| Finding {
        condition: Condition::WipeOrder,
        action: LaunchAction::Wipe,
        remediation: Remediation::AskAdministrator,
        reason: Reason::new(say("because-wipe-order").with("order", order.to_string()))
            .remedy(say("do-ask-and-sign-in")),
    })
}

pub(super) fn jailbreak(effective: &EffectiveSettings, facts: &AppFacts) -> Option<Finding> {
    let settings = &effective.settings;
    if !settings.device_compliance_required || !facts.jailbreak.jailbroken {
        return None;
    }
    let seen = facts.jailbreak.evidence.iter().cloned();
    Some(Finding {
        condition: Condition::Jailbroken,
        action: action_of(settings.app_action_if_device_compliance_required),
        remediation: Remediation::RestoreDevice,
        reason: Reason::new(say("because-jailbroken"))
            .remedy(say("do-restore-original"))
            .because(seen.chain([effective.reason("deviceComplianceRequired", true)])),
    })
}

/// A device whose model is not known is in no list, but nothing is wiped on a guess.
pub(super) fn device_model(effective: &EffectiveSettings, facts: &AppFacts) -> Option<Finding> {
    let settings = &effective.settings;
    let allowed = settings.allowed_ios_device_models.as_deref()?;
    let model = facts.device_model.trim();
    if models(allowed).any(|each| each.eq_ignore_ascii_case(model)) {
        return None;
    }
    let action = action_of(settings.app_action_if_ios_device_model_not_allowed);
    let (action, text) = match model {
        "" => (action.min(LaunchAction::Block), say("because-model-unknown")),
        model => (action, say("because-model").with("model", model)),
    };
    Some(Finding {
        condition: Condition::DeviceModel,
        action,
        remediation: Remediation::AskAdministrator,
        reason: Reason::new(text)
            .remedy(say("do-allowed-model"))
            .because([effective.reason("allowedIosDeviceModels", allowed)]),
    })
}

pub(super) fn disabled_account(effective: &EffectiveSettings, facts: &AppFacts) -> Option<Finding> {
    let configured = effective.settings.app_action_if_unable_to_authenticate_user?;
    facts.account_disabled.then(|| Finding {
        condition: Condition::DisabledAccount,
        action: action_of(configured),
        remediation: Remediation::AskAdministrator,
        reason: Reason::new(say("because-account-disabled"))
            .remedy(say("do-ask-to-enable"))
            .because([effective.reason("appActionIfUnableToAuthenticateUser", configured)]),
    })
}

/// Every action but wipe is: set a new PIN, after signing in.
pub(super) fn pin_attempts(effective: &EffectiveSettings, facts: &AppFacts) -> Option<Finding> {
    let settings = &effective.settings;
    let most = settings.maximum_pin_retries;
    if !settings.pin_required || i64::from(facts.failed_pins) < i64::from(most.max(1)) {
        return None;
    }
    let (action, remediation, remedy) = match settings.app_action_if_maximum_pin_retries_exceeded {
        RemediationAction::Wipe => (
            LaunchAction::Wipe,
            Remediation::ConnectAndSignIn,
            say("do-sign-in-again"),
        ),
        _ => (LaunchAction::ResetPin, Remediation::ResetPin, say("do-sign-in-new-pin")),
    };
    Some(Finding {
        condition: Condition::PinAttempts,
        action,
        remediation,
        reason: Reason::new(say("because-wrong-pin").with("count", facts.failed_pins))
            .remedy(remedy)
            .because([effective.reason("maximumPinRetries", most)]),
    })
}

/// Counts from the last check-in. Past the first period access is closed until the next one, past the second data goes.
pub(super) fn offline(effective: &EffectiveSettings, facts: &AppFacts, now: Timestamp) -> Option<Finding> {
    let settings = &effective.settings;
    let (block, wipe) = (
        settings.period_offline_before_access_check,
        settings.period_offline_before_wipe_is_enforced,
    );
    let (action, field, period) = if !wipe.is_zero() && is_past(facts.last_check_in, wipe, now) {
        (LaunchAction::Wipe, "periodOfflineBeforeWipeIsEnforced", wipe)
    } else if is_past(facts.last_check_in, block, now) {
        (LaunchAction::Block, "periodOfflineBeforeAccessCheck", block)
    } else {
        return None;
    };
    Some(Finding {
        condition: Condition::Offline,
        action,
        remediation: Remediation::ConnectAndSignIn,
        reason: Reason::new(say("because-app-checked-in").with("at", facts.last_check_in))
            .remedy(say("do-connect-app"))
            .because([effective.reason(field, period)]),
    })
}

fn is_past(start: Timestamp, period: Period, now: Timestamp) -> bool {
    now.since(start) > period.as_duration()
}

pub(super) fn non_working_time(effective: &EffectiveSettings, facts: &AppFacts, now: Timestamp) -> Option<Finding> {
    let configured = effective.settings.app_action_if_account_is_clocked_out?;
    let since = facts.clocked_out_since?;
    if now < closing_time(effective, since) {
        return None;
    }
    let action = match configured {
        RemediationAction::Warn => LaunchAction::Warn,
        _ => LaunchAction::Block,
    };
    Some(Finding {
        condition: Condition::NonWorkingTime,
        action,
        remediation: Remediation::WaitForWorkingTime,
        reason: Reason::new(say("because-off-work").with("at", since))
            .remedy(say("do-working-time"))
            .because([effective.reason("appActionIfAccountIsClockedOut", configured)]),
    })
}

/// When being off work begins to count.
pub(super) fn closing_time(effective: &EffectiveSettings, since: Timestamp) -> Timestamp {
    let grace = effective.settings.grace_period_to_block_apps_during_off_clock_hours;
    since.saturating_add(grace.unwrap_or_default().as_duration())
}
