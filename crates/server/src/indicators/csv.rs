//! CSV with Defender's columns: the order is free, a bad row is reported with its line, the good ones go in.

use std::collections::HashMap;

use super::{NewIndicator, defender::split_list};
use crate::error::{Error, Result};

/// Most rows of one file. Defender stops at 500; we need not.
const MAX_ROWS: usize = 200_000;
const REQUIRED: &[&str] = &["indicatortype", "indicatorvalue", "action", "title", "description"];

/// One row: its line in the file, its value, and the indicator or what is wrong.
pub struct Row {
    pub line: u64,
    pub value: String,
    pub indicator: Result<NewIndicator>,
}

pub fn parse(bytes: &[u8]) -> Result<Vec<Row>> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = ::csv::ReaderBuilder::new()
        .flexible(true)
        .trim(::csv::Trim::All)
        .from_reader(bytes);
    let headers = reader
        .headers()
        .map_err(|e| Error::invalid("InvalidInput", format!("the first line is no CSV header: {e}")))?;
    let columns: HashMap<String, usize> = headers
        .iter()
        .enumerate()
        .map(|(at, name)| (name.to_ascii_lowercase(), at))
        .collect();
    if let Some(missing) = REQUIRED.iter().find(|name| !columns.contains_key(**name)) {
        return Err(Error::invalid(
            "MissingRequiredParameter",
            format!("the CSV has no column {missing}; needed are {}", REQUIRED.join(", ")),
        ));
    }
    let mut rows = Vec::new();
    for record in reader.records() {
        if rows.len() == MAX_ROWS {
            return Err(Error::invalid(
                "MaximumBatchSizeExceeded",
                format!("the CSV has more than {MAX_ROWS} rows"),
            ));
        }
        rows.push(match record {
            Ok(record) => row(&record, &columns),
            Err(error) => {
                let line = error.position().map_or(0, ::csv::Position::line);
                Row {
                    line,
                    value: String::new(),
                    indicator: Err(Error::invalid("InvalidInput", error)),
                }
            }
        });
    }
    Ok(rows)
}

fn row(record: &::csv::StringRecord, columns: &HashMap<String, usize>) -> Row {
    let field = |name: &str| {
        columns
            .get(name)
            .and_then(|at| record.get(*at))
            .filter(|text| !text.is_empty())
    };
    Row {
        line: record.position().map_or(0, ::csv::Position::line),
        value: field("indicatorvalue").unwrap_or_default().to_string(),
        indicator: indicator(&field),
    }
}

fn indicator<'a>(field: &impl Fn(&str) -> Option<&'a str>) -> Result<NewIndicator> {
    let required =
        |name: &str| field(name).ok_or_else(|| Error::invalid("MissingRequiredParameter", format!("{name} is empty")));
    let wrong = |name: &str, e: &dyn std::fmt::Display| Error::invalid("InvalidInput", format!("{name}: {e}"));
    let kind = required("indicatortype")?
        .parse()
        .map_err(|e: moat_model::UnknownWord| wrong("indicatorType", &e))?;
    let action = required("action")?
        .parse()
        .map_err(|e: moat_model::UnknownWord| wrong("action", &e))?;
    let mut new = NewIndicator::new(kind, required("indicatorvalue")?, action);
    new.title = required("title")?.to_string();
    new.description = required("description")?.to_string();
    if let Some(severity) = field("severity") {
        new.severity = severity
            .parse()
            .map_err(|e: moat_model::UnknownWord| wrong("severity", &e))?;
    }
    if let Some(expires) = field("expirationtime") {
        new.expires = Some(
            expires
                .parse()
                .map_err(|e: moat_model::InvalidTimestamp| wrong("expirationTime", &e))?,
        );
    }
    new.generate_alert = match field("generatealert") {
        None => false,
        Some(text) if text.eq_ignore_ascii_case("true") => true,
        Some(text) if text.eq_ignore_ascii_case("false") => false,
        Some(other) => return Err(wrong("GenerateAlert", &format!("{other:?} is not True or False"))),
    };
    new.recommended_actions = field("recommendedactions").map(String::from);
    new.category = field("category").map(String::from);
    new.device_groups = field("rbacgroups")
        .or_else(|| field("rbacgroupnames"))
        .map(split_list)
        .unwrap_or_default();
    new.mitre_techniques = field("mitretechniques").map(split_list).unwrap_or_default();
    Ok(new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_good_and_bad_with_their_lines() {
        let csv = "\u{feff}action,indicatorType,indicatorValue,title,description,severity,GenerateAlert,rbacGroups\n\
                   Block,DomainName,a.example,\"A, b\",d,High,True,\"x, y\"\n\
                   Explode,DomainName,b.example,t,d,,,\n\
                   Block,Url,https://c.example/x,t,,,,\n";
        let rows = parse(csv.as_bytes()).unwrap();
        assert_eq!(rows.iter().map(|row| row.line).collect::<Vec<_>>(), [2, 3, 4]);
        let first = rows[0].indicator.as_ref().unwrap();
        assert_eq!(
            (first.title.as_str(), first.generate_alert, first.device_groups.len()),
            ("A, b", true, 2)
        );
        assert!(rows[1].indicator.as_ref().unwrap_err().to_string().contains("Explode"));
        assert!(
            rows[2]
                .indicator
                .as_ref()
                .unwrap_err()
                .to_string()
                .contains("description")
        );
        assert!(
            parse(b"a,b\n1,2\n")
                .err()
                .unwrap()
                .to_string()
                .contains("indicatortype")
        );
    }
}
