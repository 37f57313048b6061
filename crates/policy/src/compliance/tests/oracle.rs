//! The same decision, written slowly and obviously, from lists of what is wrong.

use moat_model::{
    JailbreakLevel, PartnerState, ThreatLevel, Timestamp,
    compliance::{ComplianceState as State, PartnerUnresponsive, PasscodeType, RequiredSecurityLevel},
};

use super::{
    laws::{BUILDS, VERSIONS},
    world::{World, WorldPartner, WorldPolicy},
};
use crate::compliance::{AgentState, PasscodeFacts};

const DAY: i64 = 86_400_000_000;
const HOUR: i64 = DAY / 24;

#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    pub state: State,
    pub grace_period_expires: Option<Timestamp>,
    pub noncompliant_since: Vec<Option<Timestamp>>,
}

pub fn answer(world: &World) -> Answer {
    let now = world.now.as_micros();
    let validity = i64::from(world.tenant.device_compliance_checkin_threshold_days) * DAY;
    let mut noncompliant = world.tenant.secure_by_default && world.policies.is_empty();
    noncompliant |= !world.device.enrolled_user_exists;
    noncompliant |= world
        .device
        .last_check_in
        .is_none_or(|last| last.as_micros() + validity <= now);
    noncompliant |= below_a_partners_minimum(world);
    let mut grace_ends = Vec::new();
    let mut noncompliant_since = Vec::new();
    for policy in &world.policies {
        let (wrong, silent) = look(world, policy);
        let since = since(policy, wrong, silent, now);
        noncompliant_since.push(since.map(Timestamp::from_micros));
        if let Some(since) = since {
            let ends = since + i64::from(policy.actions[0].grace_period_hours) * HOUR;
            if ends > now {
                grace_ends.push(ends);
            } else {
                noncompliant = true;
            }
        }
    }
    let state = match (noncompliant, grace_ends.is_empty()) {
        (true, _) => State::Noncompliant,
        (false, false) => State::InGracePeriod,
        (false, true) => State::Compliant,
    };
    let first = grace_ends.into_iter().min().filter(|_| state == State::InGracePeriod);
    Answer {
        state,
        grace_period_expires: first.map(Timestamp::from_micros),
        noncompliant_since,
    }
}

fn since(policy: &WorldPolicy, wrong: bool, silent: bool, now: i64) -> Option<i64> {
    let before = policy.previous.noncompliant_since.map(Timestamp::as_micros);
    let over = policy.previous.error_since.map(|since| since.as_micros() + 7 * DAY);
    let over = over.filter(|over| *over <= now);
    if !wrong && !silent {
        return None;
    }
    match (before, over) {
        (Some(before), Some(over)) => Some(before.min(over)),
        (Some(one), None) | (None, Some(one)) => Some(one),
        (None, None) => wrong.then_some(now),
    }
}

/// Whether something is wrong, and whether something that is asked for is not known.
fn look(world: &World, policy: &WorldPolicy) -> (bool, bool) {
    let (asked, device) = (&policy.settings, &world.device);
    let mut wrong = asked.security_block_jailbroken_devices && jailbroken(world);
    wrong |= threatened(world, policy);
    if device.platform == "Linux" {
        return (wrong, false);
    }
    let mut checks: Vec<Option<bool>> = Vec::new();
    let version = device.os_version.as_deref().and_then(|text| place(VERSIONS, text));
    let build = device.os_build.as_deref().and_then(|text| place(BUILDS, text));
    for (limit, found, table, least) in [
        (&asked.os_minimum_version, version, VERSIONS, true),
        (&asked.os_maximum_version, version, VERSIONS, false),
        (&asked.os_minimum_build_version, build, BUILDS, true),
        (&asked.os_maximum_build_version, build, BUILDS, false),
    ] {
        if let Some(limit) = limit {
            let limit = place(table, limit).unwrap();
            checks.push(found.map(|found| if least { found >= limit } else { found <= limit }));
        }
    }
    if asked.managed_email_profile_required {
        checks.push(device.managed_email_profile);
    }
    if !asked.restricted_apps.is_empty() {
        checks.push(device.apps.as_ref().map(|apps| {
            let forbidden = |id: &str| {
                asked
                    .restricted_apps
                    .iter()
                    .any(|app| app.app_id.as_deref() == Some(id))
            };
            !apps.iter().any(|app| !app.managed && forbidden(&app.bundle_id))
        }));
    }
    checks.extend(passcode_checks(world, policy));
    (wrong || checks.contains(&Some(false)), checks.contains(&None))
}

fn place(table: &[&str], text: &str) -> Option<usize> {
    table.iter().position(|known| *known == text)
}

fn jailbroken(world: &World) -> bool {
    let demanded = |partner: &WorldPartner| {
        partner.own && partner.connector.ios_enabled && partner.connector.ios_device_blocked_on_missing_partner_data
    };
    match world.device.jailbreak {
        Some(level) => level == JailbreakLevel::Confirmed,
        None => world.partners.iter().any(demanded),
    }
}

fn threatened(world: &World, policy: &WorldPolicy) -> bool {
    let asked = &policy.settings;
    let highest = |level| match level {
        RequiredSecurityLevel::Unavailable | RequiredSecurityLevel::NotSet => None,
        RequiredSecurityLevel::Secured => Some(ThreatLevel::Secured),
        RequiredSecurityLevel::Low => Some(ThreatLevel::Low),
        RequiredSecurityLevel::Medium => Some(ThreatLevel::Medium),
        RequiredSecurityLevel::High => Some(ThreatLevel::High),
    };
    world.partners.iter().any(|partner| {
        let all = highest(asked.device_threat_protection_required_security_level);
        let own = highest(asked.advanced_threat_protection_required_security_level).filter(|_| partner.own);
        let rule = asked.moat_partner_unresponsive;
        [all, own]
            .into_iter()
            .flatten()
            .any(|highest| unhappy(world, partner, rule, Some(highest)))
            || (asked.device_threat_protection_enabled && unhappy(world, partner, rule, None))
    })
}

/// Whether the partner keeps the device out; without a level only its agent is asked for.
fn unhappy(world: &World, partner: &WorldPartner, rule: PartnerUnresponsive, highest: Option<ThreatLevel>) -> bool {
    let (connector, now) = (&partner.connector, world.now.as_micros());
    if !connector.ios_enabled {
        return false;
    }
    let unknown = connector.ios_device_blocked_on_missing_partner_data;
    let Some(heartbeat) = connector.last_heartbeat_date_time else {
        return unknown;
    };
    if matches!(
        connector.partner_state,
        PartnerState::Unavailable | PartnerState::NotSetUp
    ) {
        return unknown;
    }
    let silent = heartbeat.as_micros() + i64::from(connector.partner_unresponsiveness_threshold_in_days) * DAY <= now;
    if silent {
        let validity = i64::from(world.tenant.device_compliance_checkin_threshold_days) * DAY;
        match (rule, partner.report) {
            (PartnerUnresponsive::Block, _) => return true,
            (PartnerUnresponsive::Ignore, _) | (PartnerUnresponsive::KeepLastKnown, None) => return unknown,
            (PartnerUnresponsive::KeepLastKnown, Some(report)) if report.at.as_micros() + validity <= now => {
                return true;
            }
            (PartnerUnresponsive::KeepLastKnown, Some(_)) => {}
        }
    }
    let active = partner.agent == AgentState::Active;
    match (highest, partner.report) {
        (Some(ThreatLevel::High), _) => !active,
        (None, None) => !active && unknown,
        (None, Some(_)) => !active,
        (Some(_), None) => unknown,
        (Some(highest), Some(report)) => !active || report.level > highest,
    }
}

fn below_a_partners_minimum(world: &World) -> bool {
    if world.device.platform == "Linux" {
        return false;
    }
    let found = world
        .device
        .os_version
        .as_deref()
        .and_then(|text| place(VERSIONS, text));
    world.partners.iter().any(|partner| {
        let limit = partner
            .minimum_os_version
            .as_deref()
            .map(|text| place(VERSIONS, text).unwrap());
        let asks = partner.connector.ios_enabled && partner.connector.partner_unsupported_os_version_blocked;
        asks && matches!((found, limit), (Some(found), Some(limit)) if found < limit)
    })
}

/// What is asked of a passcode that is set; none where the device does not tell.
type Wish = dyn Fn(&PasscodeFacts) -> Option<bool>;

fn passcode_checks(world: &World, policy: &WorldPolicy) -> Vec<Option<bool>> {
    let asked = &policy.settings;
    let mut wanted: Vec<Box<Wish>> = Vec::new();
    let count = |value: Option<i32>| value.map(|value| u32::try_from(value).unwrap());
    if asked.passcode_required || asked.passcode_required_type == PasscodeType::Numeric {
        wanted.push(Box::new(|_| Some(true)));
    }
    if asked.passcode_block_simple {
        wanted.push(Box::new(|passcode| passcode.allows_simple.map(|simple| !simple)));
    }
    if asked.passcode_required_type == PasscodeType::Alphanumeric {
        wanted.push(Box::new(|passcode| passcode.is_alphanumeric));
    }
    if let Some(least) = count(asked.passcode_minimum_length) {
        wanted.push(Box::new(move |passcode| passcode.length.map(|length| length >= least)));
    }
    if let Some(least) = count(asked.passcode_minimum_character_set_count).filter(|least| *least > 0) {
        wanted.push(Box::new(move |passcode| {
            passcode.complex_characters.map(|count| count >= least)
        }));
    }
    if let Some(days) = asked.passcode_expiration_days {
        let now = world.now.as_micros();
        let fresh = move |changed: Timestamp| now < changed.as_micros() + i64::from(days) * DAY;
        wanted.push(Box::new(move |passcode| passcode.changed_at.map(fresh)));
    }
    if let Some(least) = count(asked.passcode_previous_passcode_block_count) {
        wanted.push(Box::new(move |passcode| passcode.history.map(|count| count >= least)));
    }
    if let Some(most) = count(asked.passcode_minutes_of_inactivity_before_lock) {
        wanted.push(Box::new(move |passcode| {
            passcode.minutes_before_lock.map(|minutes| minutes <= most)
        }));
    }
    if let Some(most) = count(asked.passcode_minutes_of_inactivity_before_screen_timeout) {
        wanted.push(Box::new(move |passcode| {
            passcode.minutes_before_screen_timeout.map(|minutes| minutes <= most)
        }));
    }
    let check = |wish: &Wish| match &world.device.passcode {
        None => None,
        Some(passcode) if !passcode.is_set => Some(false),
        Some(passcode) => wish(passcode),
    };
    wanted.iter().map(|wish| check(wish.as_ref())).collect()
}
