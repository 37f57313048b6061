//! The ledger as people read it: everything that left this device, newest first.

use std::{collections::HashMap, sync::Arc};

use askama::Template;
use axum::{
    extract::{Query, State},
    response::Response,
};
use http::{HeaderMap, StatusCode};
use jiff::civil::Date;
use moat_model::{
    Action, Timestamp, WebProtection,
    sync::{DeviceEvent, OutboxEntry, ReportKind, Site},
};
use serde::{Deserialize, Serialize};

use super::{Frame, Shared, language, page, words::day_of};
use crate::ledger::{self, Entry};

/// Rows of one page.
const ROWS: usize = 50;
/// Check-ins with nothing new that become one row.
const FOLDED: usize = 60;

#[derive(Template)]
#[template(path = "sent.html")]
struct Sent {
    frame: Frame,
    here: &'static str,
    days: Vec<Day>,
    waiting: Vec<Said>,
    /// Not on the first page.
    later: bool,
    /// Where the next page begins.
    older: Option<i64>,
}

struct Day {
    name: String,
    bytes: u64,
    requests: i64,
    rows: Vec<Row>,
}

struct Row {
    /// Newest and oldest request in it.
    time: Timestamp,
    since: Timestamp,
    what: String,
    bytes: u64,
    /// Each of them, when they are several.
    each: Vec<(Timestamp, u64)>,
    events: Vec<Said>,
    /// What the device said of itself, word for word.
    told: Option<String>,
}

/// An event: in words, and word for word.
struct Said {
    time: Timestamp,
    words: String,
    about: String,
    exactly: String,
}

#[derive(Default, Deserialize)]
pub struct Asked {
    /// Microseconds: what is older than that.
    before: Option<String>,
}

pub async fn show(State(shared): State<Arc<Shared>>, headers: HeaderMap, Query(asked): Query<Asked>) -> Response {
    let agent = shared.agent().await;
    let frame = Frame::new(language::choose(&headers), agent.as_ref());
    let entries = ledger::read(&shared.data).unwrap_or_default();
    let before = asked
        .before
        .and_then(|before| before.parse().ok())
        .map(Timestamp::from_micros);
    let shown = entries
        .iter()
        .filter(|entry| before.is_none_or(|before| entry.time < before));
    let (rows, older) = rows(&frame, shown.rev());
    let waiting = agent
        .as_ref()
        .filter(|_| before.is_none())
        .map(|agent| agent.waiting.as_slice());
    let sent = Sent {
        here: "sent",
        days: days(&frame, rows, &totals(&entries)),
        waiting: waiting
            .unwrap_or_default()
            .iter()
            .rev()
            .map(|event| said(&frame, event))
            .collect(),
        later: before.is_some(),
        older: older.map(Timestamp::as_micros),
        frame,
    };
    page(StatusCode::OK, &sent)
}

/// Bytes that left on the day of `at`.
pub fn bytes_of_day(entries: &[Entry], at: &Timestamp) -> u64 {
    totals(entries).get(&day_of(at)).map_or(0, |(bytes, _)| *bytes)
}

fn totals(entries: &[Entry]) -> HashMap<Date, (u64, i64)> {
    let mut days: HashMap<Date, (u64, i64)> = HashMap::new();
    for entry in entries {
        let (bytes, requests) = days.entry(day_of(&entry.time)).or_default();
        *bytes += entry.bytes_sent;
        *requests += 1;
    }
    days
}

/// The first rows of entries that come newest first, and where the next ones begin.
fn rows<'a>(frame: &Frame, entries: impl Iterator<Item = &'a Entry>) -> (Vec<Row>, Option<Timestamp>) {
    let mut rows: Vec<Row> = Vec::new();
    for entry in entries {
        if let Some(row) = rows.last_mut().filter(|row| belongs(frame, row, entry)) {
            row.since = entry.time;
            row.bytes += entry.bytes_sent;
            row.each.push((entry.time, entry.bytes_sent));
            continue;
        }
        if rows.len() == ROWS {
            let since = rows.last().map(|last| last.since);
            return (rows, since);
        }
        rows.push(row(frame, entry));
    }
    (rows, None)
}

/// Whether an entry says as little as the row that it would follow.
fn belongs(frame: &Frame, row: &Row, entry: &Entry) -> bool {
    let bare = entry.events.is_empty() && entry.told.is_none();
    let row_is_bare = row.events.is_empty() && row.told.is_none();
    let near = day_of(&row.time) == day_of(&entry.time) && row.each.len() < FOLDED;
    bare && row_is_bare && near && row.what == what(frame, &entry.what)
}

fn row(frame: &Frame, entry: &Entry) -> Row {
    Row {
        time: entry.time,
        since: entry.time,
        what: what(frame, &entry.what),
        bytes: entry.bytes_sent,
        each: vec![(entry.time, entry.bytes_sent)],
        events: entry.events.iter().map(|event| said(frame, event)).collect(),
        told: entry.told.as_ref().map(exactly),
    }
}

fn days(frame: &Frame, rows: Vec<Row>, totals: &HashMap<Date, (u64, i64)>) -> Vec<Day> {
    let mut days: Vec<(Date, Day)> = Vec::new();
    for row in rows {
        let date = day_of(&row.time);
        if let Some((_, day)) = days.last_mut().filter(|(last, _)| *last == date) {
            day.rows.push(row);
            continue;
        }
        let (bytes, requests) = totals.get(&date).copied().unwrap_or_default();
        let day = Day {
            name: frame.day(&row.time),
            bytes,
            requests,
            rows: vec![row],
        };
        days.push((date, day));
    }
    days.into_iter().map(|(_, day)| day).collect()
}

fn what(frame: &Frame, what: &str) -> String {
    match what {
        "enroll" => frame.t("sent-enroll"),
        "check-in" => frame.t("sent-check-in"),
        "renew" => frame.t("sent-renew"),
        "fetch bundle" => frame.t("sent-fetch"),
        "push connection" => frame.t("sent-push"),
        other => other.to_string(),
    }
}

fn said(frame: &Frame, entry: &OutboxEntry) -> Said {
    let (words, about) = words(frame, &entry.event);
    Said {
        time: entry.time,
        words,
        about,
        exactly: exactly(entry),
    }
}

/// What happened, and to what.
fn words(frame: &Frame, event: &DeviceEvent) -> (String, String) {
    let named = |site: &Option<Site>| match site {
        Some(site) => site.value.clone(),
        None => frame.t("event-no-name"),
    };
    match event {
        DeviceEvent::WebThreat { action, site, .. } => {
            let words = match action.enforced_as() {
                Action::Block => frame.t("event-blocked"),
                Action::Warn => frame.t("event-warned"),
                _ => frame.t("event-noted"),
            };
            (words, named(site))
        }
        DeviceEvent::WarningBypassed { site, .. } => (frame.t("event-bypassed"), named(site)),
        DeviceEvent::Jailbreak { .. } => (frame.t("event-jailbreak"), String::new()),
        DeviceEvent::JailbreakCleared { .. } => (frame.t("event-jailbreak-cleared"), String::new()),
        DeviceEvent::WebProtectionChanged { state, .. } => {
            let words = match state {
                WebProtection::On => frame.t("event-protection-on"),
                WebProtection::Off => frame.t("event-protection-off"),
                WebProtection::OtherVpn => frame.t("event-protection-other-vpn"),
                WebProtection::Stopped => frame.t("event-protection-stopped"),
            };
            (words, String::new())
        }
        DeviceEvent::SiteReported { url, report, .. } => {
            let words = match report {
                ReportKind::Unsafe => frame.t("event-report"),
                ReportKind::Mistake => frame.t("event-mistake"),
            };
            (words, url.clone())
        }
        DeviceEvent::BundleRefused { .. } => (frame.t("event-bundle-refused"), String::new()),
        DeviceEvent::OrderDone { .. } => (frame.t("event-order"), String::new()),
    }
}

fn exactly(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}
