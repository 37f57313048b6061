//! Many rows of an id and two numbers, bound as one text. Binding a value costs far more than its bytes: each one is handed
//! to the database's thread, and SQLite searches each parameter by its name. What the rows have in common is bound once.

use std::fmt::Write as _;

/// Characters of an id, of a number, and of both numbers with their id. Ids are UUIDs.
const ID: usize = 36;
const NUMBER: usize = 20;

/// Rows of one statement: each step copies what is left of the text.
pub const AT_ONCE: usize = 32;

#[derive(Debug, Clone, Copy)]
pub struct Packed {
    id: [u8; ID],
    numbers: [Option<i64>; 2],
}

impl Packed {
    /// An id of another length names nothing that is stored.
    pub fn new(id: &str, a: Option<i64>, b: Option<i64>) -> Self {
        Self {
            id: id.as_bytes().try_into().unwrap_or([b' '; ID]),
            numbers: [a, b],
        }
    }
}

/// The text to bind as `$1`.
pub fn text(rows: &[Packed]) -> String {
    let mut text = String::with_capacity(rows.len() * (ID + 2 * NUMBER));
    for row in rows {
        text.extend(row.id.iter().copied().map(char::from));
        for number in row.numbers {
            let _ = match number {
                Some(number) => write!(text, "{number:<NUMBER$}"),
                None => write!(text, "{:<NUMBER$}", ""),
            };
        }
    }
    text
}

/// A statement that reads the rows from the table `packed` with the columns `id`, `a` and `b`.
macro_rules! statement {
    ($statement:literal) => {
        concat!(
            "WITH RECURSIVE texts (rest) AS (SELECT CAST($1 AS TEXT) UNION ALL \
             SELECT SUBSTR(rest, 77) FROM texts WHERE SUBSTR(rest, 77, 1) <> ''), \
             packed (id, a, b) AS (SELECT SUBSTR(rest, 1, 36), CAST(NULLIF(TRIM(SUBSTR(rest, 37, 20)), '') AS BIGINT), \
             CAST(NULLIF(TRIM(SUBSTR(rest, 57, 20)), '') AS BIGINT) FROM texts) ",
            $statement
        )
    };
}
pub(crate) use statement;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{db::Db, error::Result};

    #[tokio::test]
    async fn rows_come_out_as_they_went_in() -> Result<()> {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&folder.path().join("db")).await?;
        let id = |n: usize| format!("00000000-0000-4000-8000-{n:012}");
        let numbers = [None, Some(0), Some(-1), Some(i64::MAX), Some(i64::MIN)];
        let rows: Vec<_> = (0..AT_ONCE)
            .map(|n| (id(n), numbers[n % 5], numbers[n * 7 % 4]))
            .collect();
        for count in [1, 2, AT_ONCE] {
            let packed: Vec<_> = rows[..count].iter().map(|(id, a, b)| Packed::new(id, *a, *b)).collect();
            const QUERY: &str = statement!("SELECT id, a, b FROM packed ORDER BY id");
            let query = sqlx::query_as::<_, (String, Option<i64>, Option<i64>)>(QUERY);
            let read = query.bind(text(&packed)).fetch_all(db.read()).await?;
            assert_eq!(read, rows[..count]);
        }
        Ok(())
    }
}
