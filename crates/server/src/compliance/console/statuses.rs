//! What a policy says of each device.

use askama::Template;
use axum::{
    extract::{Path, State},
    http::Uri,
    response::Response,
};
use moat_policy::Reason;
use serde::Deserialize;

use super::{ABOUT, grace_since};
use crate::{
    App,
    access::Explained,
    accounts::{Session, session::Fields},
    compliance::{
        Body,
        store::{self, Counts, Shown, StatusRow},
    },
    console::{Chip, ConsoleError, Frame, Html, Pager, address, here, words},
    error::Result,
    odata,
    policies::{
        PolicyRow,
        console::{self as pages, About, PAGE},
    },
};

/// Filters: their name in the address and their message.
const FILTERS: [(&str, &str, Shown); 5] = [
    ("compliant", "policy-compliant", Shown::Compliant),
    ("grace", "policy-in-grace", Shown::InGrace),
    ("not-compliant", "policy-not-compliant", Shown::NotCompliant),
    ("not-applicable", "policy-not-applicable", Shown::NotApplicable),
    ("error", "policy-error", Shown::Error),
];

#[derive(Template)]
#[template(path = "compliance_devices.html")]
struct Page {
    frame: Frame,
    about: &'static About,
    policy: PolicyRow,
    rows: Vec<Row>,
    chips: Vec<Chip>,
    filtered: bool,
    pager: Pager,
}

struct Row {
    status: StatusRow,
    class: &'static str,
    shape: &'static str,
    word: String,
    /// Settings that are not met: why, and what would change it.
    unmet: Vec<Explained>,
}

/// From so many devices on they are found by their names.
const MANY: i64 = 5_000;

#[derive(Deserialize)]
struct Setting {
    status: String,
    reason: Reason,
}

pub async fn page(
    State(app): State<App>,
    session: Session,
    Path(id): Path<String>,
    uri: Uri,
) -> Result<Response, ConsoleError> {
    let policy = super::super::get(&app, &session.caller(), pages::parse(ABOUT.kind, &id)?).await?;
    let query = Fields::of_address(&here(&uri));
    let (status, skip) = (query.get("status"), query.get("skip").parse().unwrap_or(0));
    let since = grace_since(&Body::of(&policy)?);
    let shown = FILTERS.iter().find(|(name, ..)| *name == status);
    let shown = shown.map_or(Shown::All, |(.., shown)| *shown);
    let odata = odata::Query::parse(Some(&format!("$top={PAGE}&$skip={skip}")))?;
    let counts = store::counts(&app.db, &policy.id, since).await?;
    let many = counts.of(shown) > MANY;
    let page = store::statuses_of(&app.db, &policy.id, shown, since, many, &odata).await?;
    let frame = Frame::new(&session, ABOUT.base);
    let path = format!("{}/{}/devices", ABOUT.base, policy.id);
    Html(Page {
        chips: chips(&frame, &path, status, &counts),
        rows: page.rows.into_iter().map(|row| told(&frame, row, since)).collect(),
        filtered: !status.is_empty(),
        pager: Pager::new(&path, &[("status", status)], skip, PAGE, page.has_more),
        about: &ABOUT,
        frame,
        policy,
    })
    .respond()
}

fn chips(frame: &Frame, path: &str, status: &str, counts: &Counts) -> Vec<Chip> {
    let mut chips: Vec<Chip> = FILTERS
        .iter()
        .map(|(name, label, shown)| {
            let on = *name == status;
            Chip {
                label: format!("{} ({})", frame.t(label), counts.of(*shown)),
                link: address(path, &[("status", if on { "" } else { name })]),
                on,
                removable: true,
            }
        })
        .collect();
    if !status.is_empty() && !chips.iter().any(|chip| chip.on) {
        chips.push(Chip::unknown(status, path.to_string()));
    }
    chips
}

fn told(frame: &Frame, status: StatusRow, since: i64) -> Row {
    let in_grace = status.noncompliant_since.is_some_and(|at| at > since);
    let (class, shape, word) = match status.status.as_str() {
        "compliant" | "remediated" => ("good", "✓", "policy-compliant"),
        "nonCompliant" if in_grace => ("medium", "◆", "policy-in-grace"),
        "nonCompliant" => ("high", "▲", "policy-not-compliant"),
        "error" | "conflict" => ("medium", "◆", "policy-error"),
        _ => ("none", "–", "policy-not-applicable"),
    };
    let settings: Vec<Setting> = serde_json::from_str(&status.settings).unwrap_or_default();
    let unmet = settings
        .iter()
        .filter(|setting| matches!(setting.status.as_str(), "nonCompliant" | "error" | "conflict"));
    Row {
        class,
        shape,
        word: frame.t(word),
        unmet: unmet
            .map(|setting| Explained::of(&setting.reason, &*frame.language))
            .collect(),
        status,
    }
}
