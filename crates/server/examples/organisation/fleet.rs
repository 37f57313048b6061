//! Devices, what they report, and the orders to them.

use anyhow::Result;
use moat_server::{App, now};
use serde_json::{Value, json};

use crate::{
    Site,
    alerts::{self, Alerts},
    dice::Dice,
    people::People,
    row,
    rows::{self, Rows},
    sites,
};

const MINUTE: i64 = 60_000_000;
pub const DAY: i64 = 24 * 60 * MINUTE;
/// Devices that are written in one transaction.
const AT_ONCE: usize = 5_000;

pub struct Device {
    pub id: String,
    pub last_seen: i64,
    pub jailbreak: &'static str,
    pub protection: &'static str,
    pub silent_since: Option<i64>,
    pub risk: &'static str,
    pub risk_alert: Option<String>,
}

pub async fn fill(app: &App, count: usize, people: &People, dice: &mut Dice) -> Result<()> {
    let sites: Vec<Site> = sites().collect();
    let now = now().as_micros();
    for first in (0..count).step_by(AT_ONCE) {
        let mut tables = Tables::new();
        for n in first..count.min(first + AT_ONCE) {
            tables.add(n, now, people, &sites, dice);
        }
        rows::write(app, tables.in_order()).await?;
    }
    rows::write(app, vec![alerts::suppression_rules()]).await?;
    web_activity(app).await
}

/// What the alerts say of sites and devices, counted.
async fn web_activity(app: &App) -> Result<()> {
    let mut tx = app.db.begin().await?;
    for query in [
        "INSERT INTO web_activity_sites (day, site, indicator_id, action, count, last_at) \
         SELECT a.last_event_at / 86400000000, i.value, a.indicator_id, i.action, SUM(a.count), MAX(a.last_event_at) \
         FROM alerts a JOIN indicators i ON i.id = a.indicator_id WHERE a.kind = 'WebThreat' GROUP BY 1, 2, 3, 4",
        "INSERT INTO web_activity_devices (day, device_id, action, count, last_at) \
         SELECT a.last_event_at / 86400000000, a.device_id, i.action, SUM(a.count), MAX(a.last_event_at) \
         FROM alerts a JOIN indicators i ON i.id = a.indicator_id WHERE a.kind = 'WebThreat' GROUP BY 1, 2, 3",
    ] {
        sqlx::query(query).execute(&mut *tx).await?;
    }
    tx.commit().await?;
    Ok(())
}

struct Tables {
    devices: Rows,
    certificates: Rows,
    tags: Rows,
    members: Rows,
    events: Rows,
    reports: Rows,
    apps: Rows,
    commands: Rows,
    alerts: Alerts,
}

impl Tables {
    fn new() -> Self {
        Self {
            devices: Rows::new(
                "devices",
                "id, name, os_platform, os_version, model, agent_version, management, device_group, enrolled_at, last_seen_at, \
                 last_ip, last_external_ip, web_protection, other_vpn, bundle_version, jailbreak_level, posture, posture_at, risk, \
                 risk_alert_id, acknowledged_seq, dropped_events, silent_since, revoked_at, revoked_by, user_id, problems, os_build, \
                 configuration, apps",
            ),
            certificates: Rows::new(
                "device_certificates",
                "fingerprint, device_id, serial, created_at, not_after, revoked_at",
            ),
            tags: Rows::new("device_tags", "device_id, tag"),
            members: Rows::new("group_members", "group_id, member_id, kind"),
            events: Rows::new("device_events", "device_id, seq, time, received_at, kind, body"),
            reports: Rows::new(
                "site_reports",
                "id, device_id, requested_by, url, comment, kind, category, reported_at, status, closed_at, closed_by",
            ),
            apps: Rows::new(
                "app_registrations",
                "id, device_id, bundle_key, bundle_id, user_id, app_version, sdk_version, os_version, device_model, device_tag, \
                 flagged, created_at, last_sync_at",
            ),
            commands: Rows::new(
                "device_commands",
                "id, device_id, action, body, ordered_by, ordered_at, state, detail, updated_at",
            ),
            alerts: Alerts::new(),
        }
    }

    /// What refers to others comes after them.
    fn in_order(self) -> Vec<Rows> {
        let mut all = vec![
            self.devices,
            self.certificates,
            self.tags,
            self.members,
            self.events,
            self.reports,
            self.apps,
            self.commands,
        ];
        all.extend(self.alerts.tables());
        all
    }

    fn add(&mut self, n: usize, now: i64, people: &People, sites: &[Site], dice: &mut Dice) {
        let user = match people.users.get(n) {
            None if dice.percent(60) => people.users.get(dice.below(people.users.len())),
            user => user,
        };
        let silent = dice.percent(4);
        let last_seen = now
            - if silent {
                DAY + dice.up_to(20 * DAY)
            } else {
                dice.up_to(5 * MINUTE)
            };
        let jailbreak = match dice.below(1_000) {
            0..4 => "confirmed",
            4..9 => "suspected",
            _ => "none",
        };
        let protection = match dice.below(1_000) {
            0..30 => "off",
            30..45 => "otherVpn",
            45..60 => "stopped",
            _ => "on",
        };
        let mut device = Device {
            id: dice.id(),
            last_seen,
            jailbreak,
            protection,
            silent_since: silent.then_some(last_seen),
            risk: "None",
            risk_alert: None,
        };
        self.alerts.raise(&mut device, sites, dice);
        self.device(n, &device, user, dice);
        self.what_it_has(&device, user, people, dice);
        self.what_it_reported(&device, sites, dice);
    }

    fn device(&mut self, n: usize, device: &Device, user: Option<&crate::people::User>, dice: &mut Dice) {
        let (version, build) = *dice.pick(&[
            ("18.7.2", "22H124"),
            ("18.7.2", "22H124"),
            ("18.6", "22G86"),
            ("26.1", "23B85"),
            ("16.7.10", "20H350"),
        ]);
        let first = user.map_or("Spare", |user| user.first);
        let removed = dice.percent(1).then(|| device.last_seen + MINUTE);
        let configuration = json!({"passcode": {"isSet": !dice.percent(3), "length": 6, "isAlphanumeric": false},
            "managedEmailProfile": dice.percent(90), "apps": null, "onlyManagedApps": true});
        let apps = json!({"complete": false, "apps": [{"bundleId": "org.example.mail", "name": "Mail", "version": "2.4", "managed": true}]});
        let problems = if dice.percent(1) {
            r#"["The VPN permission is missing"]"#
        } else {
            "[]"
        };
        self.devices.push(row![
            device.id.as_str(),
            format!("{first}s iPhone {n}"),
            "iOS",
            version,
            *dice.pick(&["iPhone17,1", "iPhone16,2", "iPhone14,5", "iPad16,3"]),
            *dice.pick(&["0.1.0", "0.1.0", "0.0.9"]),
            if dice.percent(80) { "managed" } else { "unmanaged" },
            *dice.pick(&["", "", "field", "board"]),
            device.last_seen - DAY - dice.up_to(200 * DAY),
            device.last_seen,
            format!("10.{}.{}.{}", n / 65_536 % 256, n / 256 % 256, n % 256),
            "198.51.100.7",
            device.protection,
            (device.protection == "otherVpn").then(|| "utun4".to_string()),
            1,
            device.jailbreak,
            posture(device.jailbreak).to_string(),
            device.last_seen,
            device.risk,
            device.risk_alert.clone(),
            4,
            0,
            device.silent_since,
            removed,
            removed.map(|_| "administrator ada".to_string()),
            user.map(|user| user.id.clone()),
            problems,
            build,
            configuration.to_string(),
            apps.to_string(),
        ]);
        let certificate = format!("{n:064x}");
        let end = device.last_seen + 365 * DAY;
        self.certificates.push(row![
            certificate,
            device.id.as_str(),
            format!("{n:x}"),
            device.last_seen,
            end,
            removed
        ]);
    }

    fn what_it_has(&mut self, device: &Device, user: Option<&crate::people::User>, people: &People, dice: &mut Dice) {
        if dice.percent(10) {
            self.tags
                .push(row![device.id.as_str(), *dice.pick(&["shared", "loaner", "vip"])]);
        }
        if dice.percent(5) {
            self.members
                .push(row![people.group("Pilot"), device.id.as_str(), "device"]);
        }
        for (bundle, share) in [("org.example.mail", 40), ("org.example.files", 10)] {
            if dice.percent(share) {
                let at = device.last_seen - dice.up_to(DAY);
                self.apps.push(row![
                    dice.id(),
                    device.id.as_str(),
                    bundle,
                    bundle,
                    user.map(|user| user.id.clone()),
                    "2.4",
                    "1.0",
                    "18.7.2",
                    "iPhone17,1",
                    dice.id(),
                    0,
                    at - DAY,
                    at,
                ]);
            }
        }
        if dice.percent(1) {
            let at = device.last_seen - DAY;
            let (action, state, detail) = *dice.pick(&[
                ("remoteLock", "done", ""),
                ("remoteLock", "pending", ""),
                ("retire", "pending", ""),
                ("wipe", "failed", "the device is busy"),
            ]);
            let body = json!({"action": action});
            let ada = "administrator ada";
            self.commands.push(row![
                dice.id_at(at),
                device.id.as_str(),
                action,
                body.to_string(),
                ada,
                at,
                state,
                detail,
                at
            ]);
        }
    }

    fn what_it_reported(&mut self, device: &Device, sites: &[Site], dice: &mut Dice) {
        let mut at = device.last_seen - 3 * DAY;
        for seq in 1..=4 {
            at += dice.up_to(DAY / 2);
            let site = &sites[dice.below(sites.len())];
            let body = match dice.below(10) {
                0..7 => json!({"kind": "webThreat", "indicator": site.indicator, "action": site.action, "count": 1,
                    "site": {"value": site.name, "seenIn": "tls", "remoteIp": "192.0.2.66"}}),
                7 => json!({"kind": "webProtectionChanged", "state": "on", "otherVpn": null}),
                _ => {
                    json!({"kind": "siteReported", "url": format!("https://{}/", site.name), "comment": "", "report": "unsafe"})
                }
            };
            let kind = body["kind"].as_str().unwrap_or_default().to_string();
            self.events
                .push(row![device.id.as_str(), seq, at, at + MINUTE, kind, body.to_string()]);
        }
        if dice.percent(2) {
            let site = &sites[dice.below(50)];
            let open = dice.percent(20);
            let (kind, comment) = *dice.pick(&[
                ("unsafe", "It asks for my password"),
                ("mistake", "I need this for work"),
            ]);
            self.reports.push(row![
                dice.id_at(at),
                device.id.as_str(),
                "",
                format!("https://{}/login", site.name),
                comment,
                kind,
                "phishing",
                at,
                if open {
                    "open"
                } else {
                    *dice.pick(&["blocked", "allowed", "dismissed"])
                },
                (!open).then_some(at + MINUTE),
                (!open).then(|| "administrator grace".to_string()),
            ]);
        }
    }
}

fn posture(level: &str) -> Value {
    let finding = json!({"rule": "fs.var_jb.symlink", "group": "rootless", "detail": "/var/jb is there (symlink)", "weight": 0.9,
        "families": ["dopamine"]});
    let (score, findings) = match level {
        "none" => (0.0, json!([])),
        "suspected" => (0.4, json!([finding])),
        _ => (0.9, json!([finding])),
    };
    json!({"level": level, "score": score, "findings": findings, "rulesVersion": "2026.11.24", "answered": 101, "unanswered": 61,
        "unknown": 0})
}

/// What follows from policies: devices that wait to be retired, and mail about others.
pub async fn after_policies(app: &App, dice: &mut Dice) -> Result<()> {
    let now = now().as_micros();
    let query = "SELECT s.device_id, s.policy_id FROM device_policy_states s JOIN policies p ON p.id = s.policy_id \
                 WHERE p.display_name = 'Phones' AND s.status = 'nonCompliant' ORDER BY s.device_id LIMIT 40";
    let found: Vec<(String, String)> = sqlx::query_as(query).fetch_all(app.db.read()).await?;
    let mut waiting = Rows::new(
        "retire_list",
        "device_id, policy_id, action_id, kind, due_at, created_at",
    );
    let mut mail = Rows::new(
        "outbox",
        "id, kind, title, body, state, created_at, due_at, attempts, last_error, done_at",
    );
    for (n, (device, policy)) in found.into_iter().enumerate() {
        let at = now - DAY - dice.up_to(DAY);
        if n % 4 == 0 {
            waiting.push(row![device.as_str(), policy, dice.id(), "retire", at, at]);
        }
        let (state, error) = match n % 5 {
            0 => ("failed", Some("the mail server refused the address".to_string())),
            _ => ("sent", None),
        };
        mail.push(row![
            dice.id_at(at),
            "mail",
            format!("Not compliant, to user{n}@corp.example"),
            "",
            state,
            at,
            at,
            1,
            error,
            at
        ]);
    }
    rows::write(app, vec![waiting, mail]).await
}
