//! CSV import with the columns of Defender's portal.

use std::borrow::Cow;

use moat_model::IndicatorId;

use super::{Imported, Scope, Submission, draft::at_commas, quotes};
use crate::{
    App, Caller,
    error::{Error, Result},
    settings,
};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
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
    let (bytes, mut rows) = without_unclosed(bytes)?;
    let mut file = Rows::open(&bytes)?;
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

/// The file without the rows whose quotes are not closed, and what becomes of those. Line breaks stay where they are.
fn without_unclosed(bytes: &[u8]) -> Result<(Cow<'_, [u8]>, Vec<CsvRow>)> {
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    let unclosed = quotes::unclosed(bytes);
    let Some(first) = unclosed.first() else {
        return Ok((bytes.into(), Vec::new()));
    };
    let wrong = |line: u64| {
        let problem = format!("line {line}: a quote opens here that is not closed before a comma or the end of a line");
        Error::invalid("InvalidInput", problem)
    };
    let mut lines = Lines { bytes, at: 0, line: 1 };
    if first.row == 0 {
        return Err(wrong(lines.of(first.quote as u64)));
    }
    let mut good = bytes.to_vec();
    let mut rows = Vec::with_capacity(unclosed.len());
    for bad in unclosed {
        let line = lines.of(bad.quote as u64);
        rows.push(CsvRow {
            line,
            value: String::new(),
            result: Err(wrong(line)),
        });
        // A line of carriage returns is empty, and empty lines are no rows.
        let bytes = good.get_mut(bad.row..bad.end).unwrap_or_default();
        bytes.iter_mut().filter(|b| **b != b'\n').for_each(|b| *b = b'\r');
    }
    Ok((good.into(), rows))
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
    (&["rbacgroups", "rbacgroupnames"], |s, v| {
        s.device_groups = at_commas(&v)
    }),
    (&["category"], |s, v| s.category = Some(v)),
    (&["mitretechniques"], |s, v| s.mitre_techniques = at_commas(&v)),
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
        let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
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
    let column = |name: &String| COLUMNS.iter().position(|(names, _)| names.contains(&name.as_str()));
    let columns: Vec<_> = names.iter().map(column).collect();
    for (n, column) in columns.iter().enumerate() {
        if column.is_some() && columns.iter().take(n).any(|before| before == column) {
            let name = names.get(n).map_or("", String::as_str);
            let problem = format!("line 1: the column {name:?} is there twice, or under another name too");
            return Err(Error::invalid("InvalidInput", problem));
        }
    }
    let setter = |column: Option<usize>| column.and_then(|n| COLUMNS.get(n)).map(|(_, setter)| *setter);
    let setters: Vec<_> = columns.into_iter().map(setter).collect();
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

    #[test]
    fn a_row_with_an_unclosed_quote_goes_and_the_lines_stay() {
        let header = "indicatorType,indicatorValue,action,title,description\n";
        let text = format!("{header}D,a.example,B,t,\"two\r\nlines\"\nD,b.example,B,\"t,d\r\n\nD,c.example,B,t,d\n");
        let (good, bad) = without_unclosed(text.as_bytes()).unwrap();
        let bad: Vec<_> = bad.iter().map(|row| (row.line, row.result.is_err())).collect();
        assert_eq!(bad, [(4, true)]);
        let good = values(std::str::from_utf8(&good).unwrap()).unwrap();
        assert_eq!(good, [(2, "a.example".into()), (6, "c.example".into())]);
    }

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
