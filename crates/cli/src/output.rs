//! What commands print: tables for people, JSON for programs.

use std::io::Write as _;

use anyhow::Result;
use serde_json::Value;

pub fn json(value: &Value) -> Result<()> {
    line(&serde_json::to_string_pretty(value)?)
}

pub fn line(text: &str) -> Result<()> {
    writeln!(std::io::stdout().lock(), "{text}")?;
    Ok(())
}

/// Prints the objects of a list answer (`value`) as a table of `columns`: heading and JSON field.
pub fn table(answer: &Value, columns: &[(&str, &str)], none: &str) -> Result<()> {
    let rows: Vec<Vec<String>> = answer["value"]
        .as_array()
        .map(|rows| {
            rows.iter()
                .map(|row| columns.iter().map(|(_, field)| text(&row[*field])).collect())
                .collect()
        })
        .unwrap_or_default();
    if rows.is_empty() {
        return line(none);
    }
    let widths: Vec<usize> = columns
        .iter()
        .enumerate()
        .map(|(i, (heading, _))| {
            rows.iter()
                .filter_map(|row| row.get(i))
                .map(|cell| cell.chars().count())
                .fold(heading.len(), usize::max)
        })
        .collect();
    let print = |cells: &mut dyn Iterator<Item = &str>| {
        let padded: Vec<String> = cells
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        line(padded.join("  ").trim_end())
    };
    print(&mut columns.iter().map(|(heading, _)| *heading))?;
    for row in &rows {
        print(&mut row.iter().map(String::as_str))?;
    }
    Ok(())
}

/// A JSON value as a table cell: long text is cut, control characters never reach the terminal.
fn text(value: &Value) -> String {
    let text = match value {
        Value::Null => "–".into(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(text_of_item).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    };
    let clean = printable(&text);
    match clean.char_indices().nth(60) {
        Some((cut, _)) => format!("{}…", clean.get(..cut).unwrap_or_default()),
        None => clean,
    }
}

/// Text without what would steer a terminal.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn text_of_item(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), String::from)
}
