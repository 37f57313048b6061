use super::{Expression, Literal, Operator, odata_error};
use crate::error::Result;

/// A property that can be filtered on. Names compare without case.
pub struct Property {
    pub name: &'static str,
    pub column: Column,
}

/// Where a property's value stands, as SQL of our own.
#[derive(Clone, Copy)]
pub enum Column {
    Text(&'static str),
    Number(&'static str),
    /// 0 or 1.
    Bool(&'static str),
    /// Microseconds.
    Time(&'static str),
    /// A list as JSON text.
    JsonList(&'static str),
    /// A list as rows: the subquery's FROM and WHERE, and the column of one element.
    Rows {
        from: &'static str,
        element: &'static str,
    },
}

/// A value to bind.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Text(String),
    Number(i64),
}

/// SQL with `$1`… and the values for them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Condition {
    pub sql: String,
    pub values: Vec<Value>,
}

impl Condition {
    /// Binds a value and gives its place in the SQL.
    pub fn bind(&mut self, value: Value) -> String {
        self.values.push(value);
        format!("${}", self.values.len())
    }
}

/// Compiles a filter for a list with these properties.
pub fn compile(filter: Option<&Expression>, properties: &[Property]) -> Result<Condition> {
    let mut condition = Condition::default();
    condition.sql = match filter {
        None => "1 = 1".into(),
        Some(filter) => Compiler {
            properties,
            condition: &mut condition,
        }
        .expression(filter, None)?,
    };
    Ok(condition)
}

struct Compiler<'a> {
    properties: &'a [Property],
    condition: &'a mut Condition,
}

impl Compiler<'_> {
    /// `variable` is the name inside an `any` and the column that it stands for.
    fn expression(&mut self, expression: &Expression, variable: Option<(&str, Column)>) -> Result<String> {
        Ok(match expression {
            Expression::Or(a, b) => format!(
                "({} OR {})",
                self.expression(a, variable)?,
                self.expression(b, variable)?
            ),
            Expression::And(a, b) => format!(
                "({} AND {})",
                self.expression(a, variable)?,
                self.expression(b, variable)?
            ),
            Expression::Not(a) => format!("(NOT {})", self.expression(a, variable)?),
            Expression::Compare {
                property,
                operator,
                value,
            } => self.compare(property, self.column(property, variable)?, *operator, value)?,
            Expression::In { property, values } => {
                let column = self.column(property, variable)?;
                let each: Result<Vec<String>> = values
                    .iter()
                    .map(|v| self.compare(property, column, Operator::Eq, v))
                    .collect();
                format!("({})", each?.join(" OR "))
            }
            Expression::StartsWith { property, text } => {
                self.like(property, variable, &format!("{}%", escaped(text)))?
            }
            Expression::EndsWith { property, text } => self.like(property, variable, &format!("%{}", escaped(text)))?,
            Expression::Contains { property, text } => {
                self.like(property, variable, &format!("%{}%", escaped(text)))?
            }
            Expression::Any {
                property,
                variable: name,
                condition,
            } => match self.column(property, variable)? {
                Column::Rows { from, element } => {
                    let inner = self.expression(condition, Some((name, Column::Text(element))))?;
                    format!("EXISTS (SELECT 1 FROM {from} AND {inner})")
                }
                Column::JsonList(column) => self.expression(condition, Some((name, Column::JsonList(column))))?,
                _ => {
                    return Err(odata_error(format!(
                        "{property} is no list, so any cannot be used on it"
                    )));
                }
            },
        })
    }

    fn column(&self, name: &str, variable: Option<(&str, Column)>) -> Result<Column> {
        if let Some((_, column)) = variable.filter(|(variable, _)| *variable == name) {
            return Ok(column);
        }
        let known = self
            .properties
            .iter()
            .find(|property| property.name.eq_ignore_ascii_case(name));
        known.map(|property| property.column).ok_or_else(|| {
            let names: Vec<_> = self.properties.iter().map(|property| property.name).collect();
            odata_error(format!("{name} cannot be filtered on; {} can", names.join(", ")))
        })
    }

    fn compare(&mut self, name: &str, column: Column, operator: Operator, value: &Literal) -> Result<String> {
        let (column, value) = match (column, value) {
            (Column::Rows { from, element }, value) => {
                let inner = self.compare(name, Column::Text(element), operator, value)?;
                return Ok(format!("EXISTS (SELECT 1 FROM {from} AND {inner})"));
            }
            (Column::JsonList(column), Literal::Text(text)) => return self.json_member(column, operator, text),
            (
                Column::Text(column) | Column::Number(column) | Column::Time(column) | Column::Bool(column),
                Literal::Null,
            ) => {
                return match operator {
                    Operator::Eq => Ok(format!("{column} IS NULL")),
                    Operator::Ne => Ok(format!("{column} IS NOT NULL")),
                    _ => Err(odata_error("null can only be compared with eq and ne")),
                };
            }
            (Column::Text(column), Literal::Text(text)) => (column, Value::Text(text.clone())),
            (Column::Text(column), Literal::Number(number)) => (column, Value::Text(number.to_string())),
            (Column::Number(column), Literal::Number(number)) => (column, Value::Number(*number)),
            (Column::Bool(column), Literal::Bool(yes)) => (column, Value::Number(i64::from(*yes))),
            (Column::Time(column), Literal::Time(time)) => (column, Value::Number(time.as_micros())),
            (Column::Time(column), Literal::Text(text)) => {
                let time: moat_model::Timestamp = text.parse().map_err(|e| odata_error(format!("{name}: {e}")))?;
                (column, Value::Number(time.as_micros()))
            }
            _ => {
                return Err(odata_error(format!(
                    "{name} cannot be compared with this kind of value"
                )));
            }
        };
        let place = self.condition.bind(value);
        Ok(match operator {
            // A missing value differs from every value.
            Operator::Ne => format!("({column} <> {place} OR {column} IS NULL)"),
            operator => format!("{column} {} {place}", symbol(operator)),
        })
    }

    fn json_member(&mut self, column: &str, operator: Operator, text: &str) -> Result<String> {
        let quoted = serde_json::Value::from(text).to_string();
        let place = self.condition.bind(Value::Text(format!("%{}%", escaped(&quoted))));
        match operator {
            Operator::Eq => Ok(format!("{column} LIKE {place} ESCAPE '!'")),
            Operator::Ne => Ok(format!("{column} NOT LIKE {place} ESCAPE '!'")),
            _ => Err(odata_error("a list's elements can only be compared with eq and ne")),
        }
    }

    fn like(&mut self, name: &str, variable: Option<(&str, Column)>, pattern: &str) -> Result<String> {
        let Column::Text(column) = self.column(name, variable)? else {
            return Err(odata_error(format!("{name} is no text")));
        };
        let place = self.condition.bind(Value::Text(pattern.to_string()));
        Ok(format!("{column} LIKE {place} ESCAPE '!'"))
    }
}

/// Takes their meaning from the wildcards of LIKE.
fn escaped(text: &str) -> String {
    text.replace('!', "!!").replace('%', "!%").replace('_', "!_")
}

fn symbol(operator: Operator) -> &'static str {
    match operator {
        Operator::Eq => "=",
        Operator::Ne => "<>",
        Operator::Gt => ">",
        Operator::Ge => ">=",
        Operator::Lt => "<",
        Operator::Le => "<=",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::odata::parse_filter;

    const PROPERTIES: &[Property] = &[
        Property {
            name: "title",
            column: Column::Text("title"),
        },
        Property {
            name: "created",
            column: Column::Time("created_at"),
        },
        Property {
            name: "groups",
            column: Column::JsonList("device_groups"),
        },
        Property {
            name: "tags",
            column: Column::Rows {
                from: "t WHERE t.d = d.id",
                element: "t.tag",
            },
        },
    ];

    fn sql(filter: &str) -> Result<Condition> {
        compile(Some(&parse_filter(filter)?), PROPERTIES)
    }

    #[test]
    fn values_are_bound_and_never_become_sql() {
        let condition = sql("Title eq 'x'' OR 1=1 --' and created gt 2026-01-01").unwrap();
        assert_eq!(condition.sql, "(title = $1 AND created_at > $2)");
        assert_eq!(condition.values[0], Value::Text("x' OR 1=1 --".into()));
        assert_eq!(
            sql("startswith(title,'50%')").unwrap().values,
            [Value::Text("50!%%".into())]
        );
        assert_eq!(
            sql("tags/any(x:x eq 'a')").unwrap().sql,
            "EXISTS (SELECT 1 FROM t WHERE t.d = d.id AND t.tag = $1)"
        );
        assert_eq!(
            sql("groups/any(g:g eq 'a\"b')").unwrap().values,
            [Value::Text("%\"a\\\"b\"%".into())]
        );
        assert_eq!(sql("title eq null").unwrap().sql, "title IS NULL");
    }

    #[test]
    fn unknown_properties_and_kinds_are_refused_by_name() {
        assert!(sql("secret eq 'x'").unwrap_err().to_string().contains("secret"));
        assert!(
            sql("created eq 'not a time'")
                .unwrap_err()
                .to_string()
                .contains("created")
        );
        assert!(sql("title gt null").is_err());
    }
}
