use super::{filter::Filter, parse::ODataError, parse::parse, search::Search};
use crate::error::{Error, Result};

/// Largest `$top`, and the page size without one.
pub const MAX_TOP: u32 = 10_000;

const OPTIONS: [&str; 9] = [
    "filter", "top", "skip", "orderby", "expand", "select", "count", "search", "format",
];

/// The query options of one request.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Query {
    pub filter: Option<Filter>,
    /// Graph's `$search`.
    pub search: Option<Search>,
    pub top: Option<u32>,
    pub skip: u64,
    /// Properties and whether the order is descending.
    pub order: Vec<(String, bool)>,
    pub expand: Vec<String>,
    /// What `$expand=name($select=…)` answers of the expanded entities.
    nested: Vec<(String, Vec<String>)>,
    /// Properties to answer; empty means all.
    pub select: Vec<String>,
    pub count: bool,
    /// Rows of a page without `$top`.
    default_page: Option<u32>,
    /// The other options, as they came, for the link to the next page.
    rest: Vec<(String, String)>,
}

impl Query {
    /// A query that only filters.
    pub fn with_filter(filter: Filter) -> Self {
        Self {
            filter: Some(filter),
            ..Self::default()
        }
    }

    /// Parses the part of a URL after `?`.
    pub fn parse(raw: Option<&str>) -> Result<Self> {
        let query = Self::parse_graph(raw, false)?;
        match query.search {
            None => Ok(query),
            Some(_) => Err(unsupported("$search")),
        }
    }

    /// The same as Graph takes it: on its beta the `$` in front of an option may be missing.
    pub fn parse_graph(raw: Option<&str>, dollar_is_optional: bool) -> Result<Self> {
        let pairs = decode_pairs(raw.unwrap_or_default())
            .ok_or_else(|| Error::invalid("ODataError", "the query is not UTF-8 with %-escapes"))?;
        let mut query = Self::default();
        let mut seen: Vec<String> = Vec::new();
        for (name, value) in pairs {
            let mut option = name.to_ascii_lowercase();
            if dollar_is_optional && OPTIONS.contains(&option.as_str()) {
                option.insert(0, '$');
            }
            if option.starts_with('$') {
                if seen.contains(&option) {
                    return Err(Error::invalid("ODataError", format!("{option} is given twice")));
                }
                seen.push(option.clone());
            }
            query.option(&option, &value)?;
            if option != "$skip" && option != "$top" {
                query.rest.push((name, value));
            }
        }
        Ok(query)
    }

    fn option(&mut self, option: &str, value: &str) -> Result<()> {
        let names = |value: &str| {
            value
                .split(',')
                .map(|n| n.trim().to_string())
                .filter(|n| !n.is_empty())
                .collect()
        };
        match option {
            "$filter" => self.filter = Some(parse(value)?),
            // The documentation prints $stop for indicators, plainly a slip for $top.
            "$top" | "$stop" => self.top = Some(top(option, value)?),
            "$skip" => self.skip = number("$skip", value)?,
            "$orderby" => self.order = order(value)?,
            "$expand" => {
                let items = expansions(value);
                self.nested = items.iter().filter_map(|(name, rest)| selection(name, rest)).collect();
                self.expand = items.into_iter().map(|(name, _)| name).collect();
            }
            // There is nothing but JSON.
            "$format"
                if value
                    .to_ascii_lowercase()
                    .trim_start_matches("application/")
                    .starts_with("json") => {}
            "$search" => self.search = Some(Search::parse(value)?),
            "$select" => self.select = names(value),
            "$count" => {
                self.count = match value {
                    "true" => true,
                    "false" => false,
                    _ => return Err(Error::invalid("ODataError", "$count must be true or false")),
                };
            }
            other if other.starts_with('$') => return Err(unsupported(other)),
            _ => {}
        }
        Ok(())
    }

    /// Rows of one page.
    pub fn page(&self) -> u32 {
        self.top.or(self.default_page).unwrap_or(MAX_TOP)
    }

    /// The same query, with pages of `rows` where it has no `$top`.
    #[must_use]
    pub fn with_page(mut self, rows: u32) -> Self {
        self.default_page = Some(rows);
        self
    }

    /// The same query, asking for nothing but the number of rows.
    #[must_use]
    pub fn counting(mut self) -> Self {
        (self.count, self.top) = (true, Some(0));
        self
    }

    /// Where the page after this one is, in Graph's reading: `$top` is the size of a page.
    pub fn following(&self, address: &str) -> String {
        let mut link = self.link(address);
        if let Some(top) = self.top {
            link.push_str(&format!("&$top={top}"));
        }
        link
    }

    /// Where the next page is, given that this one was full and that there is more. None with an explicit `$top`: that is all the caller wants.
    pub fn next_link(&self, address: &str) -> Option<String> {
        self.top.is_none().then(|| self.link(address))
    }

    fn link(&self, address: &str) -> String {
        let mut link = format!("{address}?$skip={}", self.skip + u64::from(self.page()));
        for (name, value) in &self.rest {
            link.push_str(&format!("&{}={}", encode(name), encode(value)));
        }
        link
    }

    /// Keeps only the selected properties of an entity, those that were expanded, and its `@odata` annotations.
    pub fn select_from(&self, entity: &mut serde_json::Value) {
        let Some(fields) = entity.as_object_mut() else { return };
        let named = |names: &[String], name: &str| names.iter().any(|asked| asked.eq_ignore_ascii_case(name));
        if !self.select.is_empty() {
            fields.retain(|name, _| name.starts_with('@') || named(&self.select, name) || named(&self.expand, name));
        }
        for (name, select) in &self.nested {
            let expanded = fields.iter_mut().filter(|(field, _)| field.eq_ignore_ascii_case(name));
            for item in expanded.flat_map(|(_, value)| value.as_array_mut().into_iter().flatten()) {
                if let Some(fields) = item.as_object_mut() {
                    fields.retain(|name, _| name.starts_with('@') || named(select, name));
                }
            }
        }
    }

    /// Fails on an `$expand` that the resource does not have.
    pub fn check_expand(&self, known: &[&str]) -> Result<()> {
        let unknown = self
            .expand
            .iter()
            .find(|e| !known.iter().any(|k| k.eq_ignore_ascii_case(e)));
        match unknown {
            None => Ok(()),
            Some(name) => Err(Error::invalid(
                "ODataError",
                format!("$expand: there is nothing named {name:?} to expand"),
            )),
        }
    }
}

/// The names in an `$expand`, each with the options in parentheses behind it.
fn expansions(value: &str) -> Vec<(String, String)> {
    let (mut items, mut name, mut options, mut depth) = (Vec::new(), String::new(), String::new(), 0_u32);
    for c in value.chars().chain([',']) {
        match c {
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                let item = (name.trim().to_string(), std::mem::take(&mut options));
                items.extend(Some(item).filter(|(name, _)| !name.is_empty()));
                name.clear();
            }
            c if depth == 0 && c != '(' => name.push(c),
            c if depth == 1 => options.push(c),
            _ => {}
        }
        depth += u32::from(c == '(');
    }
    items
}

/// The `$select` among the options behind a name. The others have nothing to say about lists that are answered whole.
fn selection(name: &str, options: &str) -> Option<(String, Vec<String>)> {
    let list = options.split(';').find_map(|option| {
        let (option, list) = option.split_once('=')?;
        option
            .trim()
            .trim_start_matches('$')
            .eq_ignore_ascii_case("select")
            .then_some(list)
    })?;
    let select = list.split(',').map(|name| name.trim().to_string()).collect();
    Some((name.to_string(), select))
}

fn unsupported(option: &str) -> Error {
    let known = "$filter, $top, $skip, $orderby, $expand, $select and $count";
    let shown: String = option.chars().take(40).collect();
    Error::invalid("ODataError", format!("{shown} is not supported: there are {known}"))
}

fn number(option: &'static str, value: &str) -> Result<u64> {
    let digits = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
    let parsed = digits.then(|| value.parse::<u64>().ok()).flatten();
    parsed
        .filter(|n| i64::try_from(*n).is_ok())
        .ok_or_else(|| Error::invalid("ODataError", format!("{option} must be a whole number from 0")))
}

fn top(option: &str, value: &str) -> Result<u32> {
    let option = if option == "$top" { "$top" } else { "$stop" };
    match u32::try_from(number(option, value)?) {
        Ok(top) if top <= MAX_TOP => Ok(top),
        _ => Err(Error::invalid(
            "ODataError",
            format!("{option} is at most {MAX_TOP}: use $skip for the next page"),
        )),
    }
}

fn order(value: &str) -> Result<Vec<(String, bool)>> {
    let mut order = Vec::new();
    let mut position = 0;
    for item in value.split(',') {
        let mut words = item.split_whitespace();
        let fail = |problem: &str| ODataError {
            option: "$orderby",
            problem: problem.into(),
            position,
        };
        let name = words.next().ok_or_else(|| fail("expected a property"))?;
        let descending = match words.next() {
            None => false,
            Some(word) if word.eq_ignore_ascii_case("asc") => false,
            Some(word) if word.eq_ignore_ascii_case("desc") => true,
            Some(_) => return Err(fail("expected asc or desc after the property").into()),
        };
        if words.next().is_some() || order.len() == 8 {
            return Err(fail("expected at most 8 properties, each with asc or desc").into());
        }
        order.push((name.to_string(), descending));
        position += item.len() + 1;
    }
    Ok(order)
}

/// Splits and decodes `a=b&c=d`; `+` is a space. None when an escape or the UTF-8 is broken.
pub fn decode_pairs(text: &str) -> Option<Vec<(String, String)>> {
    text.split('&')
        .filter(|part| !part.is_empty())
        .map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            Some((decode(name)?, decode(value)?))
        })
        .collect()
}

/// Decodes %-escapes and `+`.
pub fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || rest.next().and_then(|b| char::from(b).to_digit(16));
                (digit()? * 16 + digit()?) as u8
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

/// The %-escapes of whatever a query or a path could not hold.
pub fn encode(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'$' => {
                encoded.push(char::from(byte))
            }
            byte => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn options_are_read_and_checked() {
        let query = Query::parse(Some(
            "%24filter=action+eq+%27Block%27&$top=5&$skip=10&$orderby=title+desc,id&$count=true&x=1",
        ));
        let query = query.unwrap();
        assert_eq!(
            query.filter.map(|f| f.to_string()).as_deref(),
            Some("action eq 'Block'")
        );
        assert_eq!((query.top, query.skip, query.count), (Some(5), 10, true));
        assert_eq!(query.order, [("title".to_string(), true), ("id".to_string(), false)]);
        for (raw, problem) in [
            ("$top=10001", "$top is at most 10000: use $skip for the next page"),
            ("$top=-1", "$top must be a whole number from 0"),
            ("$top=", "$top must be a whole number from 0"),
            ("$skip=99999999999999999999", "$skip must be a whole number from 0"),
            ("$top=1&$top=2", "$top is given twice"),
            (
                "$apply=x",
                "$apply is not supported: there are $filter, $top, $skip, $orderby, $expand, $select and $count",
            ),
            (
                "$orderby=a+up",
                "$orderby: expected asc or desc after the property at position 0",
            ),
            ("$orderby=a,", "$orderby: expected a property at position 2"),
            ("$filter=%2", "the query is not UTF-8 with %-escapes"),
            ("$filter=%ff", "the query is not UTF-8 with %-escapes"),
        ] {
            assert_eq!(Query::parse(Some(raw)).unwrap_err().to_string(), problem, "{raw}");
        }
    }

    #[test]
    fn graph_reads_options_its_own_way() {
        let raw = Some("top=5&$expand=assignments,scheduledActionsForRule($expand=a,b;$top=2)&$filter=a eq 1");
        let query = Query::parse_graph(raw, true).unwrap();
        assert_eq!(query.expand, ["assignments", "scheduledActionsForRule"]);
        assert!(
            Query::parse(Some("$search=\"a:b\""))
                .unwrap_err()
                .to_string()
                .contains("$search")
        );
        let nested = Query::parse(Some("$expand=members($select=id,mail;$top=5)&$select=id")).unwrap();
        let mut group = serde_json::json!({"id": 1, "x": 2, "members": [{"@odata.type": "u", "id": 3, "y": 4}]});
        nested.select_from(&mut group);
        let expected = serde_json::json!({"id": 1, "members": [{"@odata.type": "u", "id": 3}]});
        assert_eq!(group, expected);
        assert_eq!((query.top, Query::parse(raw).unwrap().top), (Some(5), None));
        let link = query.following("https://h/beta/x");
        assert!(
            link.starts_with("https://h/beta/x?$skip=5&") && link.ends_with("&$top=5"),
            "{link}"
        );
        assert_eq!(query.next_link("https://h/beta/x"), None);
        assert_eq!(Query::parse(None).unwrap().with_page(7).page(), 7);
    }

    #[test]
    fn the_next_page_keeps_the_options() {
        let query = Query::parse(Some("$filter=title+eq+'a%26b'&$skip=5")).unwrap();
        assert_eq!(
            query.next_link("https://h/api/indicators").as_deref(),
            Some("https://h/api/indicators?$skip=10005&$filter=title%20eq%20%27a%26b%27")
        );
    }

    proptest! {
        #[test]
        fn encoding_reads_back(text in ".*") {
            prop_assert_eq!(decode(&encode(&text)), Some(text));
        }

        #[test]
        fn any_query_gives_options_or_an_error(raw in "\\PC*") {
            let _ = Query::parse(Some(&raw));
        }
    }
}
