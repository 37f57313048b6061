//! Alerts in the words in which the server raises them.

use serde_json::{Value, json};

use crate::{
    Site,
    dice::Dice,
    fleet::{DAY, Device},
    row,
    rows::Rows,
};

pub struct Alerts {
    alerts: Rows,
    evidence: Rows,
    history: Rows,
}

/// What an alert says.
struct Said {
    kind: &'static str,
    subject: String,
    title: String,
    description: String,
    todo: &'static str,
    severity: &'static str,
    category: &'static str,
    indicator: Option<i64>,
    evidence: Vec<Value>,
}

const SEVERITIES: [&str; 5] = ["None", "Informational", "Low", "Medium", "High"];

impl Alerts {
    pub fn new() -> Self {
        Self {
            alerts: Rows::new(
                "alerts",
                "id, device_id, kind, subject, title, description, recommended_action, severity, status, category, \
                 detection_source, indicator_id, count, first_event_at, last_event_at, created_at, updated_at, resolved_at, \
                 assigned_to, classification, determination",
            ),
            evidence: Rows::new("alert_evidence", "id, alert_id, created_at, body"),
            history: Rows::new("alert_history", "id, alert_id, at, actor, kind, text"),
        }
    }

    pub fn tables(self) -> Vec<Rows> {
        vec![self.alerts, self.evidence, self.history]
    }

    /// What a device's state and events raise; the device's risk follows from those that are open.
    pub fn raise(&mut self, device: &mut Device, sites: &[Site], dice: &mut Dice) {
        match device.jailbreak {
            "none" => {}
            level => self.add(device, jailbreak(level), true, dice),
        }
        if device.protection != "on" {
            self.add(device, protection_off(device.protection), true, dice);
        }
        if device.silent_since.is_some() {
            self.add(device, silent(), true, dice);
        }
        if dice.permille(4) {
            self.add(device, bundle_refused(), dice.percent(50), dice);
        }
        if dice.permille(3) {
            self.add(device, by_hand(), dice.percent(50), dice);
        }
        if dice.percent(8) {
            // Few sites meet many devices.
            let most = *dice.pick(&[20, 200, sites.len()]);
            let site = &sites[dice.below(most)];
            let open = dice.percent(30);
            self.add(device, web_threat(site), open, dice);
            if site.action == "Warn" {
                self.add(device, bypassed(site), open, dice);
            }
        }
    }

    fn add(&mut self, device: &mut Device, said: Said, open: bool, dice: &mut Dice) {
        let at = device.last_seen - dice.up_to(20 * DAY);
        let id = dice.id_at(at);
        let seen = dice.percent(25);
        let resolved_at = (!open).then(|| at + dice.up_to(DAY));
        let status = match (open, seen) {
            (false, _) => "Resolved",
            (true, true) => "InProgress",
            (true, false) => "New",
        };
        let verdict = *dice.pick(&[
            (Some("TruePositive"), Some("Phishing")),
            (Some("FalsePositive"), Some("NotMalicious")),
            (None, None),
        ]);
        let (classification, determination) = if open { (None, None) } else { verdict };
        let text = |word: Option<&str>| word.map(String::from);
        let source = if said.indicator.is_some() { "CustomerTI" } else { "MTP" };
        self.alerts.push(row![
            id.as_str(),
            device.id.as_str(),
            said.kind,
            said.subject,
            said.title,
            said.description,
            said.todo,
            said.severity,
            status,
            said.category,
            source,
            said.indicator,
            1 + dice.below(9) as i64,
            at,
            at + DAY / 50,
            at,
            resolved_at.unwrap_or(at),
            resolved_at,
            seen.then(|| "grace".to_string()),
            text(classification),
            text(determination),
        ]);
        for body in said.evidence {
            self.evidence
                .push(row![dice.id_at(at), id.as_str(), at, body.to_string()]);
        }
        self.history.push(row![
            dice.id_at(at),
            id.as_str(),
            at,
            "moat",
            "created",
            "raised by the device's report"
        ]);
        if let Some(at) = resolved_at {
            let grace = "administrator grace";
            self.history.push(row![
                dice.id_at(at),
                id.as_str(),
                at,
                grace,
                "comment",
                "Asked the user"
            ]);
            self.history.push(row![
                dice.id_at(at),
                id.as_str(),
                at,
                grace,
                "resolved",
                "status New → Resolved"
            ]);
        }
        let rank = |severity: &str| SEVERITIES.iter().position(|known| *known == severity);
        if open && rank(said.severity) > rank(device.risk) {
            (device.risk, device.risk_alert) = (said.severity, Some(id));
        }
    }
}

/// Rules of which none suppresses what is in force here.
pub fn suppression_rules() -> Rows {
    let mut rules = Rows::new(
        "suppression_rules",
        "id, name, kind, category, value, subdomains, scope, scope_id, note, enabled, expires_at, hits, last_hit_at, created_at, \
         created_by, updated_at, updated_by",
    );
    let (grace, made) = ("administrator grace", 1_780_000_000_000_000);
    for (n, name, kind, value, enabled, ends) in [
        (1, "Scanner of the network team", "WebThreat", "scan.example", 1, None),
        (
            2,
            "Demonstration of last spring",
            "WarningBypassed",
            "demo.example",
            1,
            Some(made + DAY),
        ),
        (3, "Phones in the repair shop", "DeviceSilent", "", 0, None),
    ] {
        rules.push(row![
            format!("00000000-0000-7000-8000-00000000000{n}"),
            name,
            kind,
            "",
            value,
            i64::from(!value.is_empty()),
            "everyone",
            "",
            "Agreed with the operators",
            enabled,
            ends,
            0,
            None::<i64>,
            made,
            grace,
            made,
            grace,
        ]);
    }
    rules
}

fn web_threat(site: &Site) -> Said {
    let done = match site.action {
        "Block" => "blocked a connection",
        "Warn" => "warned about a connection",
        "Audit" => "saw a connection",
        _ => "allowed a connection",
    };
    Said {
        kind: "WebThreat",
        subject: site.indicator.to_string(),
        title: site.title.clone(),
        description: format!(
            "The device {done} to www.{}, matched by indicator {}.",
            site.name, site.indicator
        ),
        todo: "Ask the user what they were doing; check the site.",
        severity: site.severity,
        category: "SuspiciousActivity",
        indicator: Some(site.indicator),
        evidence: vec![evidence_of(site)],
    }
}

fn bypassed(site: &Site) -> Said {
    Said {
        kind: "WarningBypassed",
        subject: site.indicator.to_string(),
        title: format!("Warning bypassed: {}", site.title),
        description: format!("The user went on past the warning of indicator {}.", site.indicator),
        todo: "Ask the user whether the site is needed; block or allow it.",
        severity: "Low",
        category: "SuspiciousActivity",
        indicator: Some(site.indicator),
        evidence: vec![evidence_of(site)],
    }
}

fn evidence_of(site: &Site) -> Value {
    json!({"type": "site", "value": format!("www.{}", site.name), "seenIn": "dns", "remoteIp": "192.0.2.66"})
}

fn jailbreak(level: &str) -> Said {
    let confirmed = level == "confirmed";
    Said {
        kind: "Jailbreak",
        subject: String::new(),
        title: if confirmed {
            "Device is jailbroken"
        } else {
            "Device may be jailbroken"
        }
        .into(),
        description: "1 findings in 1 groups, score 0.90, rules 2026.11.24.".into(),
        todo: "Restore the device's system; the alert resolves by itself when the device is clean.",
        severity: if confirmed { "High" } else { "Medium" },
        category: "DefenseEvasion",
        indicator: None,
        evidence: vec![json!({"type": "rule", "rule": "fs.var_jb.symlink", "group": "rootless",
            "detail": "/var/jb is there (symlink)", "weight": 0.9})],
    }
}

fn protection_off(state: &str) -> Said {
    Said {
        kind: "WebProtectionOff",
        subject: String::new(),
        title: "Web protection is off".into(),
        description: match state {
            "otherVpn" => "Another device-wide VPN (utun4) is active; ours stands aside.",
            "off" => "The user switched web protection off.",
            _ => "The tunnel is not running.",
        }
        .into(),
        todo: "Ask the user to switch web protection on.",
        severity: "Informational",
        category: "DefenseEvasion",
        indicator: None,
        evidence: Vec::new(),
    }
}

fn silent() -> Said {
    Said {
        kind: "DeviceSilent",
        subject: String::new(),
        title: "Device stopped reporting".into(),
        description: "Nothing was heard from the device for days.".into(),
        todo: "Ask the user whether the device is switched off, lost or without network.",
        severity: "Low",
        category: "DefenseEvasion",
        indicator: None,
        evidence: Vec::new(),
    }
}

fn bundle_refused() -> Said {
    let reason = "the signature does not fit";
    Said {
        kind: "BundleRefused",
        subject: String::new(),
        title: "Device refused its policy".into(),
        description: format!("{reason}. The device keeps the policy that it had."),
        todo: "Check that nobody changes traffic between the device and this server.",
        severity: "Medium",
        category: "DefenseEvasion",
        indicator: None,
        evidence: vec![json!({"type": "note", "text": reason})],
    }
}

fn by_hand() -> Said {
    Said {
        kind: "Manual",
        subject: "Lost at the airport".into(),
        title: "Lost at the airport".into(),
        description: "The user says that the phone was out of sight for an hour.".into(),
        todo: "Run a posture check.",
        severity: "Medium",
        category: "SuspiciousActivity",
        indicator: None,
        evidence: vec![json!({"type": "note", "text": "event 1 of the device's timeline: siteReported"})],
    }
}
