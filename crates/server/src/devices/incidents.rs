//! What a reported event means: alerts raised and resolved, site reports filed.

use moat_indicators::feed_of;
use moat_model::{
    Action, AlertKind, Assessment, Classification, DeviceId, Evidence, IndicatorId, JailbreakLevel, Severity,
    Timestamp, WebProtection,
    sync::{DeviceEvent, DeviceState, OutboxEntry, Site},
};

use crate::{
    alerts::{self, Incident},
    db::Transaction,
    error::{Error, Result},
    feeds, reports, web_activity,
};

pub async fn apply(tx: &mut Transaction, device: DeviceId, entry: &OutboxEntry) -> Result<()> {
    let at = entry.time;
    match &entry.event {
        DeviceEvent::WebThreat {
            indicator,
            action,
            site,
            count,
        } => {
            // Deleted or expired while the device was away: what it did is still worth an alert.
            let known = indicator_of(tx, *indicator)
                .await?
                .unwrap_or_else(|| KnownIndicator::gone(*indicator));
            web_activity::note(tx, device, *indicator, *action, site.as_ref(), *count).await?;
            if !known.generate_alert {
                return Ok(());
            }
            raise(
                tx,
                web_threat(device, *indicator, known, *action, site.as_ref(), *count, at),
            )
            .await
        }
        DeviceEvent::WarningBypassed { indicator, site, until } => {
            let known = indicator_of(tx, *indicator)
                .await?
                .unwrap_or_else(|| KnownIndicator::gone(*indicator));
            raise(tx, bypassed(device, *indicator, &known, site.as_ref(), *until, at)).await
        }
        DeviceEvent::Jailbreak { level, assessment } => raise(tx, jailbreak(device, *level, assessment, at)).await,
        DeviceEvent::JailbreakCleared { .. } => {
            let why = "a posture run found the device clean again";
            alerts::resolve_by_itself(tx, device, AlertKind::Jailbreak, "", why)
                .await
                .map(drop)
        }
        DeviceEvent::WebProtectionChanged {
            state: WebProtection::On,
            ..
        } => {
            let why = "web protection is on again";
            alerts::resolve_by_itself(tx, device, AlertKind::WebProtectionOff, "", why)
                .await
                .map(drop)
        }
        DeviceEvent::WebProtectionChanged { state, other_vpn } => {
            raise(tx, protection_off(device, *state, other_vpn.as_deref(), at)).await
        }
        DeviceEvent::SiteReported { url, comment, report } => {
            reports::file(tx, device, url, comment, *report, at).await
        }
        DeviceEvent::BundleRefused { reason } => raise(tx, bundle_refused(device, reason, at)).await,
        // No incident: `commands` takes it.
        DeviceEvent::OrderDone { .. } => Ok(()),
    }
}

/// Brings the jailbreak alert into line with what the device says it is now. An alert that was resolved by hand opens nothing
/// while the device is still jailbroken, unless somebody looked and called it a false positive. Tells whether it
/// resolved or raised one.
pub async fn follow_posture(tx: &mut Transaction, device: DeviceId, state: &DeviceState) -> Result<bool> {
    let Some(posture) = &state.posture else {
        return Ok(false);
    };
    if posture.level == JailbreakLevel::None {
        let why = "the device's last posture run found it clean";
        return alerts::resolve_by_itself(tx, device, AlertKind::Jailbreak, "", why).await;
    }
    let kind = AlertKind::Jailbreak;
    if alerts::store::find_open(tx, device, kind, "").await?.is_some()
        || alerts::store::last_classification(tx, device, kind, "").await? == Some(Classification::FalsePositive)
    {
        return Ok(false);
    }
    let incident = jailbreak(device, posture.level, posture, state.time);
    if alerts::suppression::is_suppressed(tx, &incident).await? {
        return Ok(false);
    }
    raise(tx, incident).await?;
    Ok(true)
}

async fn raise(tx: &mut Transaction, incident: Incident) -> Result<()> {
    alerts::raise(tx, &incident).await.map(drop)
}

struct KnownIndicator {
    /// What matched, for people: `indicator 12`, `feed Phishing`.
    origin: String,
    title: String,
    severity: Severity,
    generate_alert: bool,
    category: String,
    recommended_action: String,
}

impl KnownIndicator {
    fn gone(id: IndicatorId) -> Self {
        let origin = match feed_of(id) {
            Some(number) => format!("feed {number}"),
            None => format!("indicator {id}"),
        };
        Self {
            title: format!("Site of {origin}, which is deleted"),
            origin,
            severity: Severity::Medium,
            generate_alert: true,
            category: "SuspiciousActivity".into(),
            recommended_action: "Check the site and the audit log.".into(),
        }
    }
}

/// The indicator behind a hit; none when it was deleted meanwhile.
async fn indicator_of(tx: &mut Transaction, id: IndicatorId) -> Result<Option<KnownIndicator>> {
    if let Some(number) = feed_of(id) {
        return feed(tx, number).await;
    }
    let query = "SELECT title, severity, generate_alert, category, recommended_actions FROM indicators WHERE id = $1";
    type Columns = (String, String, i64, Option<String>, Option<String>);
    let row: Option<Columns> = sqlx::query_as(query)
        .bind(id.0.cast_signed())
        .fetch_optional(&mut **tx)
        .await?;
    let Some((title, severity, generate_alert, category, recommended)) = row else {
        return Ok(None);
    };
    Ok(Some(KnownIndicator {
        origin: format!("indicator {id}"),
        title,
        severity: severity.parse().map_err(Error::internal)?,
        generate_alert: generate_alert != 0,
        category: category.unwrap_or_else(|| "SuspiciousActivity".into()),
        recommended_action: recommended.unwrap_or_else(|| "Ask the user what they were doing; check the site.".into()),
    }))
}

/// The feed behind a hit.
async fn feed(tx: &mut Transaction, number: u16) -> Result<Option<KnownIndicator>> {
    let Some(row) = feeds::store::get(&mut **tx, number).await? else {
        return Ok(None);
    };
    Ok(Some(KnownIndicator {
        origin: format!("feed {}", row.name),
        title: format!("Site on the feed {}", row.name),
        severity: row.severity.parse().map_err(Error::internal)?,
        generate_alert: row.raises_alerts(),
        category: "SuspiciousActivity".into(),
        recommended_action: "Ask the user what they were doing; if the site is good, allow it with an indicator."
            .into(),
    }))
}

fn web_threat(
    device: DeviceId,
    id: IndicatorId,
    known: KnownIndicator,
    action: Action,
    site: Option<&Site>,
    count: u32,
    at: Timestamp,
) -> Incident {
    let done = match action.enforced_as() {
        Action::Block => "blocked a connection",
        Action::Warn => "warned about a connection",
        Action::Audit => "saw a connection",
        _ => "allowed a connection",
    };
    let to = site
        .map(|site| format!(" to {}", short(&site.value)))
        .unwrap_or_default();
    Incident {
        device,
        kind: AlertKind::WebThreat,
        subject: id.to_string(),
        title: known.title,
        description: format!("The device {done}{to}, matched by {}.", known.origin),
        recommended_action: known.recommended_action,
        severity: known.severity,
        category: known.category,
        indicator: Some(id),
        at,
        count: count.max(1),
        evidence: evidence_of(site),
    }
}

fn bypassed(
    device: DeviceId,
    id: IndicatorId,
    known: &KnownIndicator,
    site: Option<&Site>,
    until: Timestamp,
    at: Timestamp,
) -> Incident {
    Incident {
        device,
        kind: AlertKind::WarningBypassed,
        subject: id.to_string(),
        title: format!("Warning bypassed: {}", short(&known.title)),
        description: format!(
            "The user went on past the warning of {}. The bypass lasts until {until}.",
            known.origin
        ),
        recommended_action: "Ask the user whether the site is needed; block or allow it.".into(),
        severity: Severity::Low,
        category: "SuspiciousActivity".into(),
        indicator: Some(id),
        at,
        count: 1,
        evidence: evidence_of(site),
    }
}

fn jailbreak(device: DeviceId, level: JailbreakLevel, assessment: &Assessment, at: Timestamp) -> Incident {
    let confirmed = level == JailbreakLevel::Confirmed;
    let evidence = assessment.findings.iter().map(|finding| Evidence::Rule {
        rule: finding.rule.clone(),
        group: finding.group.clone(),
        detail: short(&finding.detail),
        weight: finding.weight,
    });
    let groups = assessment
        .findings
        .iter()
        .map(|f| &f.group)
        .collect::<std::collections::BTreeSet<_>>()
        .len();
    Incident {
        device,
        kind: AlertKind::Jailbreak,
        subject: String::new(),
        title: if confirmed {
            "Device is jailbroken"
        } else {
            "Device may be jailbroken"
        }
        .into(),
        description: format!(
            "{} findings in {groups} groups, score {:.2}, rules {}.",
            assessment.findings.len(),
            assessment.score,
            short(&assessment.rules_version)
        ),
        recommended_action: "Restore the device's system; the alert resolves by itself when the device is clean."
            .into(),
        severity: if confirmed { Severity::High } else { Severity::Medium },
        category: "DefenseEvasion".into(),
        indicator: None,
        at,
        count: 1,
        evidence: evidence.collect(),
    }
}

fn protection_off(device: DeviceId, state: WebProtection, other_vpn: Option<&str>, at: Timestamp) -> Incident {
    let description = match (state, other_vpn) {
        (WebProtection::OtherVpn, Some(vpn)) => {
            format!("Another device-wide VPN ({}) is active; ours stands aside.", short(vpn))
        }
        (WebProtection::OtherVpn, None) => "Another device-wide VPN is active; ours stands aside.".into(),
        (WebProtection::Off, _) => "The user switched web protection off.".into(),
        _ => "The tunnel is not running.".into(),
    };
    Incident {
        device,
        kind: AlertKind::WebProtectionOff,
        subject: String::new(),
        title: "Web protection is off".into(),
        description,
        recommended_action: "Ask the user to switch web protection on.".into(),
        severity: Severity::Informational,
        category: "DefenseEvasion".into(),
        indicator: None,
        at,
        count: 1,
        evidence: Vec::new(),
    }
}

fn bundle_refused(device: DeviceId, reason: &str, at: Timestamp) -> Incident {
    Incident {
        device,
        kind: AlertKind::BundleRefused,
        subject: String::new(),
        title: "Device refused its policy".into(),
        description: format!("{}. The device keeps the policy that it had.", short(reason)),
        recommended_action: "Check that nobody changes traffic between the device and this server.".into(),
        severity: Severity::Medium,
        category: "DefenseEvasion".into(),
        indicator: None,
        at,
        count: 1,
        evidence: vec![Evidence::Note { text: short(reason) }],
    }
}

fn evidence_of(site: Option<&Site>) -> Vec<Evidence> {
    let evidence = site.map(|site| Evidence::Site {
        value: short(&site.value),
        seen_in: short(&site.seen_in),
        remote_ip: site.remote_ip.map(|ip| ip.to_string()),
    });
    evidence.into_iter().collect()
}

/// Text from a device, bounded and printable.
fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(500).collect()
}
