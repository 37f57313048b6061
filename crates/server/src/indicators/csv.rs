//! CSV import with the columns of Defender's portal.

use moat_model::IndicatorId;

use super::{Imported, Scope, Submission};
use crate::{
    App, Caller,
    error::{Error, Result},
    settings,
};

/// Rows that are stored in one transaction.
const CHUNK: usize = 1000;

/// What became of a file.
pub struct CsvResult {
    pub rows: Vec<CsvRow>,
}

/// What became of one row.
pub struct CsvRow {
    /// Line of the file on which the row starts; the header is line 1.
    pub line: u64,
    pub value: String,
    pub result: Result<IndicatorId>,
}

/// Imports a file: each row by itself, so that a bad one is named with its line and the good ones go in. A thousand rows
/// go into one transaction, and devices are told once, at the end. Fails as a whole only when the header is unusable.
pub async fn import(app: &App, caller: &Caller, bytes: &[u8]) -> Result<CsvResult> {
    let scope = Scope::of(caller)?;
    let mut file = Rows::open(bytes)?;
    let mut rows = Vec::new();
    loop {
        let chunk: Vec<_> = file.by_ref().take(CHUNK).collect();
        if chunk.is_empty() {
            break;
        }
        let (mut lines, mut submissions) = (Vec::with_capacity(chunk.len()), Vec::with_capacity(chunk.len()));
        for (line, row) in chunk {
            match row {
                Ok(submission) => {
                    lines.push(line);
                    submissions.push(submission);
                }
                Err(error) => rows.push(CsvRow {
                    line,
                    value: String::new(),
                    result: Err(error),
                }),
            }
        }
        let imported = super::import_some(app, caller, &scope, submissions).await?;
        let done = lines.into_iter().zip(imported);
        rows.extend(done.map(|(line, Imported { value, result })| CsvRow { line, value, result }));
    }
    app.hub.set_revision(settings::revision(&app.db).await?);
    rows.sort_by_key(|row| row.line);
    Ok(CsvResult { rows })
}

/// A column, by its name in lower case: the portal's spellings, those of the JSON API, and common ones.
type Setter = fn(&mut Submission, String);
const COLUMNS: [(&[&str], Setter); 16] = [
    (&["indicatorvalue"], |s, v| s.value = Some(v)),
    (&["indicatortype"], |s, v| s.kind = Some(v)),
    (&["action"], |s, v| s.action = Some(v)),
    (&["title"], |s, v| s.title = Some(v)),
    (&["description"], |s, v| s.description = Some(v)),
    (&["expirationtime"], |s, v| s.expires = Some(v)),
    (&["severity"], |s, v| s.severity = Some(v)),
    (&["recommendedactions"], |s, v| s.recommended_actions = Some(v)),
    (&["rbacgroups", "rbacgroupnames"], |s, v| s.device_groups = vec![v]),
    (&["category"], |s, v| s.category = Some(v)),
    (&["mitretechniques"], |s, v| s.mitre_techniques = vec![v]),
    (&["generatealert"], |s, v| s.generate_alert = Some(v)),
    (&["application"], |s, v| s.application = Some(v)),
    (&["educateurl"], |s, v| s.educate_url = Some(v)),
    (&["bypassdurationhours"], |s, v| s.bypass_hours = Some(v)),
    (&["externalid"], |s, v| s.external_id = Some(v)),
];
const REQUIRED: [&str; 5] = ["indicatorType", "indicatorValue", "action", "title", "description"];

/// The rows of a file, each with its line.
struct Rows<'a> {
    reader: csv::Reader<&'a [u8]>,
    setters: Vec<Option<Setter>>,
    lines: Lines<'a>,
    record: csv::ByteRecord,
    ended: bool,
}

impl<'a> Rows<'a> {
    fn open(bytes: &'a [u8]) -> Result<Self> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let mut reader = csv::ReaderBuilder::new()
            .flexible(true)
            .trim(csv::Trim::All)
            .from_reader(bytes);
        let setters = setters(reader.byte_headers().map_err(|error| unreadable(&error))?)?;
        Ok(Self {
            reader,
            setters,
            lines: Lines { bytes, at: 0, line: 1 },
            record: csv::ByteRecord::new(),
            ended: false,
        })
    }
}

impl Iterator for Rows<'_> {
    type Item = (u64, Result<Submission>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let start = self.reader.position().byte();
        match self.reader.read_byte_record(&mut self.record) {
            Ok(false) => None,
            Ok(true) => {
                let line = self.lines.of(self.record.position().map_or(start, csv::Position::byte));
                Some((line, row(&self.record, &self.setters)))
            }
            Err(error) => {
                self.ended = true;
                Some((self.lines.of(start), Err(unreadable(&error))))
            }
        }
    }
}

/// Counts lines up to rows, which come in order. The reader's own count is behind by one after CR LF and blank lines.
struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
    line: u64,
}

impl Lines<'_> {
    /// The line on which the row at this offset begins to say something.
    fn of(&mut self, offset: u64) -> u64 {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX).max(self.at);
        let blank = |b: &&u8| matches!(b, b'\r' | b'\n');
        let end = offset
            + self
                .bytes
                .get(offset..)
                .unwrap_or_default()
                .iter()
                .take_while(blank)
                .count();
        let passed = self.bytes.get(self.at..end).unwrap_or_default();
        self.line += passed.iter().filter(|b| **b == b'\n').count() as u64;
        self.at = end;
        self.line
    }
}

fn unreadable(error: &csv::Error) -> Error {
    Error::invalid("InvalidInput", format!("this is not a CSV file: {error}"))
}

fn setters(header: &csv::ByteRecord) -> Result<Vec<Option<Setter>>> {
    let names: Vec<String> = header
        .iter()
        .map(|name| String::from_utf8_lossy(name).trim().to_ascii_lowercase())
        .collect();
    if let Some(missing) = REQUIRED.iter().find(|r| !names.contains(&r.to_ascii_lowercase())) {
        return Err(Error::invalid(
            "MissingRequiredParameter",
            format!("line 1: there is no column {missing} (needed: {})", REQUIRED.join(", ")),
        ));
    }
    let setter = |name: &String| {
        COLUMNS
            .iter()
            .find(|(names, _)| names.contains(&name.as_str()))
            .map(|(_, s)| *s)
    };
    let setters: Vec<_> = names.iter().map(setter).collect();
    let unknown = names
        .iter()
        .zip(&setters)
        .find(|(name, setter)| setter.is_none() && !name.is_empty());
    if let Some((name, _)) = unknown {
        let shown: String = name.chars().take(40).collect();
        return Err(Error::invalid(
            "InvalidInput",
            format!("line 1: {shown:?} is not a column that an indicator has"),
        ));
    }
    Ok(setters)
}

fn row(record: &csv::ByteRecord, setters: &[Option<Setter>]) -> Result<Submission> {
    let columns = setters.len();
    if record.len() > columns {
        let problem = format!(
            "the row has {} fields, the header {columns}: text with commas needs quotes",
            record.len()
        );
        return Err(Error::invalid("InvalidInput", problem));
    }
    let mut submission = Submission::default();
    for (field, setter) in record.iter().zip(setters) {
        let text = std::str::from_utf8(field).map_err(|_| Error::invalid("InvalidInput", "the row is not UTF-8"))?;
        let Some(setter) = setter else { continue };
        if !text.is_empty() {
            setter(&mut submission, text.to_string());
        }
    }
    Ok(submission)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Result<Vec<(u64, String)>, String> {
        let rows = Rows::open(text.as_bytes()).map_err(|e| e.to_string())?;
        let value = |row: Result<Submission>| row.map_or_else(|e| format!("! {e}"), |s| s.value.unwrap_or_default());
        Ok(rows.map(|(line, row)| (line, value(row))).collect())
    }

    #[test]
    fn header_order_is_free_and_lines_are_those_of_the_file() {
        let text = "\u{feff}Title,indicatorValue,indicatorType,action,description,GenerateAlert\r\n\
                    t,a.example,DomainName,Block,\"two\r\nlines, one comma\",True\r\n\
                    t,b.example,DomainName,Block,d,False\r\n\
                    t,c.example,DomainName,Block,d,False,extra\r\n\r\n\
                    t,d.example\n";
        let rows = values(text).unwrap();
        assert_eq!(rows[0], (2, "a.example".into()));
        assert_eq!(rows[1], (4, "b.example".into()));
        assert_eq!(rows[2].0, 5);
        assert!(rows[2].1.contains("7 fields, the header 6"), "{rows:?}");
        assert_eq!(rows[3], (7, "d.example".into()));
    }

    #[test]
    fn a_header_that_cannot_work_fails_the_file() {
        assert!(values("").unwrap_err().contains("no column indicatorType"));
        assert!(
            values("indicatorType,indicatorValue,action,title\n")
                .unwrap_err()
                .contains("no column description")
        );
        let unknown = "indicatorType,indicatorValue,action,title,description,colour\n";
        assert!(values(unknown).unwrap_err().contains("\"colour\""));
    }
}
