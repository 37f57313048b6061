//! How much a device can say of itself. What is longer is cut, not refused: a device whose check-in is refused would try again
//! for ever and report nothing.

use std::time::Duration;

use moat_model::{
    Assessment, DeviceConfiguration, Timestamp,
    sync::{CheckIn, DeviceEvent, DeviceState, Site},
};

/// Times in the future are believed up to this; a wrong clock must not hide an alert behind years to come.
const CLOCK_SKEW: Duration = Duration::from_secs(300);
/// 2020-01-01T00:00:00Z; nothing here is older.
const EARLIEST: Timestamp = Timestamp::from_micros(1_577_836_800_000_000);
/// Bypassed warnings last at most a month.
const LONGEST_BYPASS: Duration = Duration::from_secs(31 * 86_400);
/// Longest names, texts and addresses, in characters.
const NAME: usize = 100;
const TEXT: usize = 500;
const URL: usize = 2_000;
const MAX_ADDRESSES: usize = 16;
const MAX_PROBLEMS: usize = 16;
const MAX_FINDINGS: usize = 100;
const MAX_FAMILIES: usize = 16;

/// Cuts a check-in to what is kept.
pub fn apply(check_in: &mut CheckIn, now: Timestamp) {
    let latest = now.saturating_add(CLOCK_SKEW);
    check_in.dropped = check_in.dropped.min(i64::MAX as u64);
    state(&mut check_in.state, latest);
    for entry in &mut check_in.events {
        entry.time = entry.time.clamp(EARLIEST, latest);
        event(&mut entry.event, latest);
    }
}

fn state(state: &mut DeviceState, latest: Timestamp) {
    state.time = state.time.clamp(EARLIEST, latest);
    state.bundle_version = state.bundle_version.min(i64::MAX as u64);
    state.addresses.truncate(MAX_ADDRESSES);
    state.problems.truncate(MAX_PROBLEMS);
    state.problems.iter_mut().for_each(|problem| cut(problem, TEXT));
    if let Some(vpn) = &mut state.other_vpn {
        cut(vpn, NAME);
    }
    if let Some(configured) = &mut state.configuration {
        configuration(configured, latest);
    }
    if let Some(posture) = &mut state.posture {
        assessment(posture);
    }
}

fn configuration(configuration: &mut DeviceConfiguration, latest: Timestamp) {
    if let Some(passcode) = &mut configuration.passcode {
        passcode.changed_at = passcode.changed_at.map(|at| at.clamp(EARLIEST, latest));
    }
    if let Some(apps) = &mut configuration.apps {
        apps.truncate(DeviceConfiguration::MAX_APPS);
        for app in apps {
            for text in [&mut app.bundle_id, &mut app.name, &mut app.version] {
                cut(text, NAME);
            }
        }
    }
}

fn event(event: &mut DeviceEvent, latest: Timestamp) {
    match event {
        DeviceEvent::WebThreat { site, .. } => seen(site),
        DeviceEvent::WarningBypassed { site, until, .. } => {
            seen(site);
            *until = (*until).clamp(EARLIEST, latest.saturating_add(LONGEST_BYPASS));
        }
        DeviceEvent::Jailbreak { assessment: found, .. } | DeviceEvent::JailbreakCleared { assessment: found } => {
            assessment(found);
        }
        DeviceEvent::WebProtectionChanged { other_vpn, .. } => {
            if let Some(vpn) = other_vpn {
                cut(vpn, NAME);
            }
        }
        DeviceEvent::SiteReported { url, comment, .. } => {
            cut(url, URL);
            cut(comment, URL);
        }
        DeviceEvent::BundleRefused { reason } => cut(reason, TEXT),
        DeviceEvent::OrderDone { detail, .. } => cut(detail, TEXT),
    }
}

fn seen(site: &mut Option<Site>) {
    if let Some(site) = site {
        cut(&mut site.value, URL);
        cut(&mut site.seen_in, NAME);
    }
}

fn assessment(found: &mut Assessment) {
    cut(&mut found.rules_version, NAME);
    found.findings.truncate(MAX_FINDINGS);
    for finding in &mut found.findings {
        cut(&mut finding.rule, NAME);
        cut(&mut finding.group, NAME);
        cut(&mut finding.detail, TEXT);
        finding.families.truncate(MAX_FAMILIES);
        finding.families.iter_mut().for_each(|family| cut(family, NAME));
    }
}

/// Leaves at most `most` characters, none of which is a control character.
fn cut(text: &mut String, most: usize) {
    text.retain(|c| !c.is_control());
    if let Some((end, _)) = text.char_indices().nth(most) {
        text.truncate(end);
    }
}
