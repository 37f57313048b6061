//! OData as far as the Defender API documents it: `$filter`, `$top`, `$skip`, `$orderby`, `$select`, `$expand`, `$count`.
//!
//! [`parse`] turns text into a tree without knowing any resource; [`Table::compile`] turns the tree into SQL with bound values,
//! for the properties that a resource lists.

mod filter;
mod page;
mod parse;
mod query;
mod search;
mod sql;

pub use filter::{Comparison, Filter, Literal, Operand, TextTest};
pub use page::Page;
pub use parse::{ODataError, parse};
pub use query::{MAX_TOP, Query, decode, decode_pairs, encode};
pub use search::Search;
pub use sql::{Clause, Kind, Property, Table, Value};
