//! Rows that come as one text each. What a value costs on its way out of the database is far more than its bytes: where a whole
//! fleet is read, its columns are joined by the query and taken apart here.

use crate::error::{Error, Result};

/// What stands between two columns, bound by the query: no JSON has it, and other texts are freed of it.
pub const BETWEEN: &str = "\u{1f}";

/// The columns of a row, one after the other. An empty one is NULL.
pub struct Columns<'a>(std::str::Split<'a, &'static str>);

impl<'a> Columns<'a> {
    pub fn of(row: &'a str) -> Self {
        Self(row.split(BETWEEN))
    }

    pub fn text(&mut self) -> Result<String> {
        self.next().map(str::to_string)
    }

    pub fn number(&mut self) -> Result<i64> {
        self.next()?.parse().map_err(Error::internal)
    }

    pub fn text_or_null(&mut self) -> Result<Option<String>> {
        let text = self.next()?;
        Ok((!text.is_empty()).then(|| text.to_string()))
    }

    pub fn number_or_null(&mut self) -> Result<Option<i64>> {
        match self.next()? {
            "" => Ok(None),
            number => number.parse().map(Some).map_err(Error::internal),
        }
    }

    fn next(&mut self) -> Result<&'a str> {
        self.0
            .next()
            .ok_or_else(|| Error::internal(anyhow::anyhow!("a row has fewer columns than were asked for")))
    }
}

/// The expression that joins columns by `$1`. None of them may be NULL, for nothing joined with NULL is anything.
macro_rules! join {
    ($first:expr $(, $column:expr)* $(,)?) => {
        concat!($first $(, " || $1 || ", $column)*)
    };
}
pub(crate) use join;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_come_out_as_they_were_joined() -> Result<()> {
        let row = ["a", "", "-5", "", "12", "7"].join(BETWEEN);
        let mut columns = Columns::of(&row);
        assert_eq!(columns.text()?, "a");
        assert_eq!(columns.text_or_null()?, None);
        assert_eq!(columns.number_or_null()?, Some(-5));
        assert_eq!(columns.number_or_null()?, None);
        assert_eq!(columns.text_or_null()?, Some("12".into()));
        assert_eq!(columns.number()?, 7);
        assert!(columns.text().is_err());
        Ok(())
    }
}
