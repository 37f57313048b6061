//! Many rows at a time.

use anyhow::Result;
use moat_server::App;
use sqlx::AssertSqlSafe;

/// Rows of one statement.
const AT_ONCE: usize = 10;

pub enum Cell {
    Text(String),
    Number(i64),
    NoText,
    NoNumber,
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<i64> for Cell {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<i32> for Cell {
    fn from(number: i32) -> Self {
        Self::Number(number.into())
    }
}

impl From<Option<String>> for Cell {
    fn from(text: Option<String>) -> Self {
        text.map_or(Self::NoText, Self::Text)
    }
}

impl From<Option<i64>> for Cell {
    fn from(number: Option<i64>) -> Self {
        number.map_or(Self::NoNumber, Self::Number)
    }
}

/// The cells of a row.
#[macro_export]
macro_rules! row {
    ($($cell:expr),+ $(,)?) => { vec![$($crate::rows::Cell::from($cell)),+] };
}

/// Rows for a table.
pub struct Rows {
    table: &'static str,
    columns: &'static str,
    rows: Vec<Vec<Cell>>,
}

impl Rows {
    pub fn new(table: &'static str, columns: &'static str) -> Self {
        let rows = Vec::new();
        Self { table, columns, rows }
    }

    pub fn push(&mut self, row: Vec<Cell>) {
        debug_assert_eq!(row.len(), self.columns.split(',').count());
        self.rows.push(row);
    }
}

/// Writes all of it in one transaction, in this order.
pub async fn write(app: &App, tables: Vec<Rows>) -> Result<()> {
    let mut tx = app.db.begin().await?;
    for Rows {
        table,
        columns,
        mut rows,
    } in tables
    {
        let width = columns.split(',').count();
        while !rows.is_empty() {
            let some: Vec<_> = rows.drain(..rows.len().min(AT_ONCE)).collect();
            let places: Vec<_> = (0..some.len()).map(|n| places(n * width, width)).collect();
            let sql = format!("INSERT INTO {table} ({columns}) VALUES {}", places.join(", "));
            let mut query = sqlx::query(AssertSqlSafe(sql));
            for cell in some.into_iter().flatten() {
                query = match cell {
                    Cell::Text(text) => query.bind(text),
                    Cell::Number(number) => query.bind(number),
                    Cell::NoText => query.bind(None::<String>),
                    Cell::NoNumber => query.bind(None::<i64>),
                };
            }
            query.execute(&mut *tx).await?;
        }
    }
    tx.commit().await?;
    Ok(())
}

fn places(first: usize, count: usize) -> String {
    let places: Vec<_> = (first + 1..=first + count).map(|n| format!("${n}")).collect();
    format!("({})", places.join(", "))
}
