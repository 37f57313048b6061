//! A slow and obvious reading of the table of conditions, which shares nothing with the code.

use moat_model::{
    Period, ThreatLevel, Timestamp,
    app_protection::{
        AgentState, DeviceThreatLimit, IosAppProtectionSettings as Settings, PartnerPriority, RemediationAction,
    },
};

use crate::app_protection::{AppFacts, LaunchAction};

pub(super) fn oracle(s: &Settings, facts: &AppFacts, now: Timestamp) -> LaunchAction {
    let mut worst = LaunchAction::Allow;
    let mut hit = |action: LaunchAction| worst = worst.max(action);
    if facts.wipe_order.is_some() {
        hit(LaunchAction::Wipe);
    }
    let minima = [
        (&s.minimum_wipe_sdk_version, &facts.sdk_version, LaunchAction::Wipe),
        (&s.minimum_required_sdk_version, &facts.sdk_version, LaunchAction::Block),
        (&s.minimum_warning_sdk_version, &facts.sdk_version, LaunchAction::Warn),
        (&s.minimum_wipe_app_version, &facts.app_version, LaunchAction::Wipe),
        (&s.minimum_required_app_version, &facts.app_version, LaunchAction::Block),
        (&s.minimum_warning_app_version, &facts.app_version, LaunchAction::Warn),
        (&s.minimum_wipe_os_version, &facts.os_version, LaunchAction::Wipe),
        (&s.minimum_required_os_version, &facts.os_version, LaunchAction::Block),
        (&s.minimum_warning_os_version, &facts.os_version, LaunchAction::Warn),
    ];
    let maxima = [
        (&s.maximum_wipe_os_version, &facts.os_version, LaunchAction::Wipe),
        (&s.maximum_required_os_version, &facts.os_version, LaunchAction::Block),
        (&s.maximum_warning_os_version, &facts.os_version, LaunchAction::Warn),
    ];
    for (limit, found, action) in minima {
        match limit {
            Some(_) if found.is_empty() => hit(action.min(LaunchAction::Block)),
            Some(limit) if numbers(found) < numbers(limit) => hit(action),
            _ => {}
        }
    }
    for (limit, found, action) in maxima {
        match limit {
            Some(_) if found.is_empty() => hit(action.min(LaunchAction::Block)),
            Some(limit) if numbers(found) > numbers(limit) => hit(action),
            _ => {}
        }
    }
    hit(device_oracle(s, facts));
    hit(threat_oracle(s, facts));
    hit(user_oracle(s, facts, now));
    worst
}

fn numbers(version: &str) -> [u32; 4] {
    let mut all = [0; 4];
    for (index, part) in version.split('.').enumerate() {
        all[index] = part.parse().unwrap();
    }
    all
}

fn device_oracle(s: &Settings, facts: &AppFacts) -> LaunchAction {
    let mut worst = LaunchAction::Allow;
    if s.device_compliance_required && facts.jailbreak.jailbroken {
        worst = block_or_wipe(s.app_action_if_device_compliance_required);
    }
    if let Some(allowed) = &s.allowed_ios_device_models {
        let known = !facts.device_model.is_empty();
        let named = allowed
            .split(';')
            .any(|model| model.to_lowercase() == facts.device_model.to_lowercase());
        if !known {
            worst = worst.max(LaunchAction::Block);
        } else if !named {
            worst = worst.max(block_or_wipe(s.app_action_if_ios_device_model_not_allowed));
        }
    }
    worst
}

fn threat_oracle(s: &Settings, facts: &AppFacts) -> LaunchAction {
    let allowed = match s.maximum_allowed_device_threat_level {
        DeviceThreatLimit::NotConfigured => return LaunchAction::Allow,
        DeviceThreatLimit::Secured => 0,
        DeviceThreatLimit::Low => 1,
        DeviceThreatLimit::Medium => 2,
        DeviceThreatLimit::High => 3,
    };
    let mut partners = vec![Some(&facts.threats.own), facts.threats.third_party.as_ref()];
    if s.mobile_threat_defense_partner_priority == Some(PartnerPriority::ThirdPartyPartnerOverDefender) {
        partners.reverse();
    }
    let Some(partner) = partners
        .into_iter()
        .flatten()
        .find(|partner| partner.used_for_app_protection)
    else {
        return LaunchAction::Allow;
    };
    let level = match partner.level {
        _ if partner.agent != AgentState::Active => return LaunchAction::Block,
        None => return LaunchAction::Block,
        Some(ThreatLevel::Secured) => 0,
        Some(ThreatLevel::Low) => 1,
        Some(ThreatLevel::Medium) => 2,
        Some(ThreatLevel::High) => 3,
    };
    if level > allowed {
        block_or_wipe(s.mobile_threat_defense_remediation_action)
    } else {
        LaunchAction::Allow
    }
}

fn user_oracle(s: &Settings, facts: &AppFacts, now: Timestamp) -> LaunchAction {
    let mut worst = LaunchAction::Allow;
    if let (Some(action), true) = (s.app_action_if_unable_to_authenticate_user, facts.account_disabled) {
        worst = worst.max(block_or_wipe(action));
    }
    if s.pin_required && i64::from(facts.failed_pins) >= i64::from(s.maximum_pin_retries) {
        let wipes = s.app_action_if_maximum_pin_retries_exceeded == RemediationAction::Wipe;
        worst = worst.max(if wipes {
            LaunchAction::Wipe
        } else {
            LaunchAction::ResetPin
        });
    }
    let offline = (now.as_micros() - facts.last_check_in.as_micros()).max(0);
    let micros = |period: Period| i64::try_from(period.as_seconds()).unwrap() * 1_000_000;
    if offline > micros(s.period_offline_before_access_check) {
        worst = worst.max(LaunchAction::Block);
    }
    let wipe = micros(s.period_offline_before_wipe_is_enforced);
    if wipe > 0 && offline > wipe {
        worst = worst.max(LaunchAction::Wipe);
    }
    if let (Some(action), Some(since)) = (s.app_action_if_account_is_clocked_out, facts.clocked_out_since) {
        let grace = s.grace_period_to_block_apps_during_off_clock_hours.map_or(0, micros);
        if now.as_micros() >= since.as_micros() + grace {
            let warns = action == RemediationAction::Warn;
            worst = worst.max(if warns { LaunchAction::Warn } else { LaunchAction::Block });
        }
    }
    worst
}

fn block_or_wipe(action: RemediationAction) -> LaunchAction {
    if action == RemediationAction::Wipe {
        LaunchAction::Wipe
    } else {
        LaunchAction::Block
    }
}
