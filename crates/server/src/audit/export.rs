//! The log as a file: CSV for people, JSON lines for programs. Rows are read as they are sent.

use std::io;

use axum::{
    body::Body,
    response::{IntoResponse as _, Response},
};
use futures_util::stream;
use http::header;
use moat_model::Timestamp;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::store::{self, AuditRow, Filter};
use crate::{
    App,
    error::{Error, Result},
};

const AT_ONCE: i64 = 1_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Csv,
    JsonLines,
}

impl Format {
    const fn kind(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::JsonLines => "application/jsonl; charset=utf-8",
        }
    }

    const fn file(self) -> &'static str {
        match self {
            Self::Csv => "attachment; filename=\"moat-audit.csv\"",
            Self::JsonLines => "attachment; filename=\"moat-audit.jsonl\"",
        }
    }

    fn text(self, rows: &[AuditRow], first: bool) -> Result<String> {
        match self {
            Self::Csv => csv(rows, first),
            Self::JsonLines => Ok(rows.iter().map(line).collect()),
        }
    }
}

/// Where an export goes on.
enum At {
    Start,
    Below(i64),
    End,
}

/// Everything that a filter lets through, newest first, as a file.
pub fn respond(app: App, filter: Filter, format: Format) -> Response {
    let pages = stream::unfold(At::Start, move |at| {
        let (app, filter) = (app.clone(), filter.clone());
        async move {
            let below = match at {
                At::Start => None,
                At::Below(seq) => Some(seq),
                At::End => return None,
            };
            let page = page(&app, &filter, below, format).await.map_err(|error| {
                error.log();
                io::Error::other("the audit log cannot be read")
            });
            Some(match page {
                Ok((text, next)) => (Ok(text), next.map_or(At::End, At::Below)),
                Err(error) => (Err(error), At::End),
            })
        }
    });
    let headers = [
        (header::CONTENT_TYPE, format.kind()),
        (header::CONTENT_DISPOSITION, format.file()),
    ];
    (headers, Body::from_stream(pages)).into_response()
}

async fn page(app: &App, filter: &Filter, below: Option<i64>, format: Format) -> Result<(String, Option<i64>)> {
    let rows = store::list(&app.db, filter, below, AT_ONCE, 0).await?;
    let text = format.text(&rows, below.is_none())?;
    let full = rows.len() as u64 == AT_ONCE.unsigned_abs();
    let last = rows.last().map(|row| row.seq).filter(|seq| full && *seq > 0);
    Ok((text, last))
}

fn csv(rows: &[AuditRow], first: bool) -> Result<String> {
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    if first {
        let columns = ["number", "time", "who", "did", "to", "id", "before", "after", "hash"];
        writer.write_record(columns).map_err(Error::internal)?;
    }
    for row in rows {
        let cells = [
            row.seq.to_string(),
            Timestamp::from_micros(row.at).to_string(),
            row.actor.clone(),
            row.action.clone(),
            row.noun.clone(),
            row.noun_id.clone(),
            row.before.clone().unwrap_or_default(),
            row.after.clone().unwrap_or_default(),
            row.hash.clone(),
        ];
        writer.write_record(cells.map(harmless)).map_err(Error::internal)?;
    }
    let bytes = writer
        .into_inner()
        .map_err(|error| Error::internal(error.into_error()))?;
    String::from_utf8(bytes).map_err(Error::internal)
}

/// A cell that no spreadsheet takes for a formula.
fn harmless(cell: String) -> String {
    match cell.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        true => format!("'{cell}"),
        false => cell,
    }
}

/// One row as a line. What was before and after stands there as the log has it, to the letter.
fn line(row: &AuditRow) -> String {
    let known = json!({
        "seq": row.seq,
        "id": row.id,
        "time": Timestamp::from_micros(row.at).to_string(),
        "actor": row.actor,
        "action": row.action,
        "noun": row.noun,
        "nounId": row.noun_id,
        "hash": row.hash,
    });
    let mut line = known.to_string();
    line.pop();
    for (name, text) in [("before", &row.before), ("after", &row.after)] {
        line.push_str(&format!(",\"{name}\":{}", raw(text.as_deref())));
    }
    line.push_str("}\n");
    line
}

fn raw(text: Option<&str>) -> String {
    match text {
        None => "null".into(),
        Some(text) if !text.contains('\n') && serde_json::from_str::<IgnoredAny>(text).is_ok() => text.into(),
        Some(text) => Value::from(text).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(noun_id: &str, before: Option<&str>) -> AuditRow {
        AuditRow {
            id: "r".into(),
            noun_id: noun_id.into(),
            before: before.map(String::from),
            seq: 7,
            ..AuditRow::default()
        }
    }

    #[test]
    fn no_cell_is_a_formula() {
        for (cell, safe) in [
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\tx", "'\tx"),
            ("\rx", "'\rx"),
            ("a=1", "a=1"),
            ("", ""),
        ] {
            assert_eq!(harmless(cell.into()), safe);
            let text = csv(&[row(cell, Some("a \"quoted\", text"))], false).unwrap();
            let mut reader = ::csv::ReaderBuilder::new()
                .has_headers(false)
                .from_reader(text.as_bytes());
            let record = reader.records().next().unwrap().unwrap();
            assert_eq!((&record[5], &record[6]), (safe, "a \"quoted\", text"));
        }
    }

    #[test]
    fn a_row_is_one_line_of_json_also_when_it_was_tampered_with() {
        for (before, shown) in [
            (Some("{\"b\":1,\"a\":2}"), json!({"b": 1, "a": 2})),
            (None, Value::Null),
            (Some("{broken"), json!("{broken")),
            (Some("[1,\n2]"), json!("[1,\n2]")),
        ] {
            let text = line(&row("=x", before));
            assert_eq!(text.lines().count(), 1);
            let value: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(
                (&value["before"], &value["seq"], &value["nounId"]),
                (&shown, &json!(7), &json!("=x"))
            );
        }
    }
}
