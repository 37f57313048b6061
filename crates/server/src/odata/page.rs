use sqlx::{AssertSqlSafe, FromRow, any::AnyRow};

use super::{
    query::Query,
    sql::{Clause, Table},
};
use crate::{db::Db, error::Result};

/// One page of a list.
pub struct Page<R> {
    pub rows: Vec<R>,
    pub has_more: bool,
    /// How many there are without `$top` and `$skip`, when `$count` asked.
    pub count: Option<i64>,
}

impl<R> Page<R> {
    /// The same page with its rows turned into something else.
    pub fn try_map<T>(self, turn: impl FnMut(R) -> Result<T>) -> Result<Page<T>> {
        Ok(Page {
            rows: self.rows.into_iter().map(turn).collect::<Result<_>>()?,
            has_more: self.has_more,
            count: self.count,
        })
    }
}

impl Table {
    /// Fetches the page that a query asks for. `from` is `FROM … WHERE …`, to which the filter is added;
    /// `order` comes after what `$orderby` says and decides between equals.
    pub async fn page<R>(&self, db: &Db, columns: &str, from: &Clause, query: &Query, order: &str) -> Result<Page<R>>
    where
        R: for<'r> FromRow<'r, AnyRow> + Send + Unpin,
    {
        let select = |columns: &str| Clause {
            sql: format!("SELECT {columns} {}", from.sql),
            values: from.values.clone(),
        };
        let mut clause = select(columns);
        self.finish(&mut clause, query, order)?;
        let arguments = clause.arguments()?;
        let mut rows: Vec<R> = sqlx::query_as_with(AssertSqlSafe(clause.sql), arguments)
            .fetch_all(db.read())
            .await?;
        let length = query.page() as usize;
        let has_more = rows.len() > length;
        rows.truncate(length);
        let mut count = None;
        if query.count {
            let mut clause = select("COUNT(*)");
            self.restrict(&mut clause, query)?;
            let arguments = clause.arguments()?;
            let total = sqlx::query_scalar_with(AssertSqlSafe(clause.sql), arguments);
            count = Some(total.fetch_one(db.read()).await?);
        }
        Ok(Page { rows, has_more, count })
    }
}
