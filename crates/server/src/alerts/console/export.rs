//! The list as a file for spreadsheets.

use axum::{
    extract::State,
    http::{Uri, header},
    response::{IntoResponse as _, Response},
};
use moat_model::Timestamp;

use super::{
    super::triage::{self, AlertRow},
    list::View,
};
use crate::{
    App,
    accounts::Session,
    console::{ConsoleError, here},
};

/// Alerts in one file; the newest when there are more.
const MOST: usize = 10_000;

const HEADER: [&str; 16] = [
    "id",
    "severity",
    "status",
    "title",
    "kind",
    "category",
    "device",
    "deviceId",
    "user",
    "indicatorId",
    "times",
    "firstEvent",
    "lastEvent",
    "assignedTo",
    "classification",
    "determination",
];

/// `GET /alerts.csv`: what the list of the same parameters shows, all pages of it.
pub async fn export(State(app): State<App>, session: Session, uri: Uri) -> Result<Response, ConsoleError> {
    let view = View::of(&here(&uri));
    let (rows, _) = triage::find(&app, &session.caller(), &view.narrowed, 0, MOST).await?;
    let mut text = line(HEADER.map(String::from));
    for row in &rows {
        text.push_str(&line(cells(row)));
    }
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"alerts.csv\""),
    ];
    Ok((headers, text).into_response())
}

fn cells(row: &AlertRow) -> [String; 16] {
    let time = |micros: i64| Timestamp::from_micros(micros).to_string();
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    [
        row.id.clone(),
        row.severity.clone(),
        row.status.clone(),
        row.title.clone(),
        row.kind.clone(),
        row.category.clone(),
        row.device_name.clone(),
        row.device_id.clone(),
        text(&row.user_principal_name),
        row.indicator_id.map(|id| id.to_string()).unwrap_or_default(),
        row.count.to_string(),
        time(row.first_event_at),
        time(row.last_event_at),
        text(&row.assigned_to),
        text(&row.classification),
        text(&row.determination),
    ]
}

/// RFC 4180.
fn line<const N: usize>(cells: [String; N]) -> String {
    cells.map(|cell| cell_of(&cell)).join(",") + "\r\n"
}

/// What a spreadsheet would take for a formula is marked as text: names and titles come from devices and from the web.
fn cell_of(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if is_formula {
        format!("'{text}")
    } else {
        text.to_string()
    };
    match text.contains(['"', ',', '\r', '\n']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        for (text, cell) in [
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@a", "'@a"),
            ("\t=1", "'\t=1"),
            ("\r=1", "\"'\r=1\""),
            ("a=b", "a=b"),
            ("say \"x\", y", "\"say \"\"x\"\", y\""),
            ("=a,b", "\"'=a,b\""),
        ] {
            assert_eq!(cell_of(text), cell);
        }
        assert_eq!(line(["a".into(), "b,c".into()]), "a,\"b,c\"\r\n");
    }
}
