//! Microsoft Graph as a face: what its resources share. Each noun has its own `graph.rs`; the routes stand in
//! [`crate::router`]. Facts: the Graph documentation on query parameters, errors and JSON batching.

mod batch;
mod etag;
mod paths;
mod shape;

use std::convert::Infallible;

use axum::{
    Json,
    extract::FromRequestParts,
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts};
use serde_json::{Map, Value};

use crate::{
    App,
    edition::Expected,
    error::{Error, Result},
    json::{ApiError, origin_of},
    odata::{self, Page, Query},
};

pub use batch::batch;
pub use etag::etag;
pub use paths::canonical;
pub use shape::shape;

/// Rows of a page without `$top`.
const PAGE: u32 = 1_000;
/// References that one body may bind, and entities that `$expand` answers of each entity, as in Graph.
pub const FEW: usize = 20;
/// Properties that change while nobody changes the entity: an answer with one of them is never "not modified".
const LIVE: [&str; 3] = ["partnerState", "lastHeartbeatDateTime", "moatResults"];

/// The two roots. `beta` has everything that `v1.0` has, and more fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    V1,
    Beta,
}

impl Version {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "v1.0",
            Self::Beta => "beta",
        }
    }
}

/// How a request reached the face: under which version, by which address, with which query.
pub struct Graph {
    pub version: Version,
    /// `https://HOST/v1.0`
    root: String,
    query: Option<String>,
    /// A GET: only there does the query decide about the answer, since everything else is done by then.
    reads: bool,
    /// `If-Match`
    pub expected: Expected,
    /// `If-None-Match`
    held: Option<Expected>,
    /// `Prefer: odata.maxpagesize=…`
    page: u32,
    /// `ConsistencyLevel: eventual`, which Graph wants with `$search`.
    eventual: bool,
}

impl FromRequestParts<App> for Graph {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        let version = parts.extensions.get().copied().unwrap_or(Version::V1);
        Ok(Self {
            version,
            root: format!("{}/{}", origin_of(app, &parts.uri, &parts.headers), version.as_str()),
            query: parts.uri.query().map(String::from),
            reads: parts.method == Method::GET,
            expected: etag::named(&parts.headers, &header::IF_MATCH).unwrap_or_default(),
            held: etag::named(&parts.headers, &header::IF_NONE_MATCH),
            page: preferred_page(&parts.headers),
            eventual: parts
                .headers
                .get("consistencylevel")
                .is_some_and(|level| level.as_bytes().eq_ignore_ascii_case(b"eventual")),
        })
    }
}

impl Graph {
    /// The query options. On beta the `$` may be missing.
    pub fn query(&self) -> Result<Query> {
        let query = self.searching()?;
        match query.search {
            None => Ok(query),
            Some(_) => Err(Error::invalid("BadRequest", "there is no $search here: use $filter")),
        }
    }

    /// The query options of a list that can be searched.
    pub fn searching(&self) -> Result<Query> {
        let query = Query::parse_graph(self.query.as_deref(), self.version == Version::Beta)?;
        if query.search.is_some() && !self.eventual {
            let text = "$search needs the header ConsistencyLevel: eventual";
            return Err(Error::invalid("BadRequest", text));
        }
        Ok(query.with_page(self.page))
    }

    /// One entity of a set such as `deviceManagement/managedDevices`.
    pub fn entity(&self, set: &str, entity: Value) -> Response {
        self.answer(StatusCode::OK, set, entity)
    }

    /// The answer to a POST that made an entity.
    pub fn created(&self, set: &str, entity: Value) -> Response {
        self.answer(StatusCode::CREATED, set, entity)
    }

    fn answer(&self, status: StatusCode, set: &str, mut entity: Value) -> Response {
        let query = match self.query_about(Some(&entity)) {
            Ok(query) => query,
            Err(error) => return ApiError::from(error).into_response(),
        };
        query.select_from(&mut entity);
        entity["@odata.context"] = format!("{}/$metadata#{set}/$entity", self.root).into();
        let tag = entity["@odata.etag"]
            .as_str()
            .and_then(|tag| HeaderValue::from_str(tag).ok());
        let mut response = match self.is_held(&entity, &query) {
            true => StatusCode::NOT_MODIFIED.into_response(),
            false => (status, Json(entity)).into_response(),
        };
        if let Some(tag) = tag {
            response.headers_mut().insert(header::ETAG, tag);
        }
        response
    }

    /// Whether the caller has this answer already. What is expanded has no part in an entity's tag.
    fn is_held(&self, entity: &Value, query: &Query) -> bool {
        let (Some(held), Some(tag)) = (&self.held, entity["@odata.etag"].as_str()) else {
            return false;
        };
        let lives = LIVE.iter().any(|name| entity.get(name).is_some());
        self.reads
            && !lives
            && query.expand.is_empty()
            && etag::edition(tag).is_some_and(|edition| held.includes(edition))
    }

    /// A page of entities that the database filtered and cut.
    pub fn page<R>(&self, set: &str, path: &str, page: &Page<R>, mut value: Vec<Value>, query: &Query) -> Response {
        if let Err(error) = self.query_about(value.first()) {
            return ApiError::from(error).into_response();
        }
        let mut answer = Map::new();
        answer.insert("@odata.context".into(), format!("{}/$metadata#{set}", self.root).into());
        if let Some(count) = page.count {
            answer.insert("@odata.count".into(), count.into());
        }
        if page.has_more {
            answer.insert("@odata.nextLink".into(), query.following(&self.address(path)).into());
        }
        value.iter_mut().for_each(|entity| query.select_from(entity));
        answer.insert("value".into(), value.into());
        Json(Value::Object(answer)).into_response()
    }

    /// A short list that is always answered whole. A filter that did nothing would be worse than none, so there is none.
    pub fn whole(&self, set: &str, value: Vec<Value>) -> Response {
        let query = match self.query() {
            Ok(query) => query,
            Err(_) if !self.reads => Query::default(),
            Err(error) => return ApiError::from(error).into_response(),
        };
        if self.reads && (query.filter.is_some() || query.skip > 0 || !query.order.is_empty()) {
            let text = "this list is always answered whole: it has no $filter, $orderby and $skip";
            return ApiError::from(Error::invalid("BadRequest", text)).into_response();
        }
        let page = Page {
            count: query.count.then(|| i64::try_from(value.len()).unwrap_or(i64::MAX)),
            rows: Vec::<()>::new(),
            has_more: false,
        };
        self.page(set, set, &page, value, &query)
    }

    /// The query of a GET. It must not expand what the entity does not have: nobody can tell that from an empty list.
    fn query_about(&self, entity: Option<&Value>) -> Result<Query> {
        if !self.reads {
            return Ok(self.query().unwrap_or_default());
        }
        let query = self.searching()?;
        if let Some(fields) = entity.and_then(Value::as_object) {
            query.check_expand(&fields.keys().map(String::as_str).collect::<Vec<_>>())?;
        }
        Ok(query)
    }

    /// The address of a path below the root of this version.
    pub fn address(&self, path: &str) -> String {
        format!("{}/{path}", self.root)
    }

    /// Takes away what only beta has, when this is v1.0.
    pub fn only_beta(&self, entity: &mut Value, names: &[&str]) {
        if self.version == Version::V1
            && let Some(fields) = entity.as_object_mut()
        {
            fields.retain(|name, _| !names.contains(&name.as_str()));
        }
    }
}

/// Rows of a page without `$top`, fewer when the client prefers that.
fn preferred_page(headers: &HeaderMap) -> u32 {
    let preferences = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    let size = preferences
        .flat_map(|text| text.split([',', ';']))
        .find_map(|preference| {
            let (name, size) = preference.split_once('=')?;
            name.trim()
                .eq_ignore_ascii_case("odata.maxpagesize")
                .then(|| size.trim().parse::<u32>().ok())?
        });
    size.map_or(PAGE, |size| size.clamp(1, PAGE))
}

/// A text as one segment of a path.
pub fn segment(text: &str) -> String {
    odata::encode(text)
}

/// The number of a `/$count`, as text.
pub fn count(count: i64) -> Response {
    count.to_string().into_response()
}

/// A request body as an object.
pub fn object(body: Value) -> Result<Map<String, Value>> {
    match body {
        Value::Object(fields) => Ok(fields),
        _ => Err(Error::invalid("BadRequest", "the body must be a JSON object")),
    }
}

/// A field of text; none when it is absent or null.
pub fn text(fields: &Map<String, Value>, name: &str) -> Result<Option<String>> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(Error::invalid("BadRequest", format!("{name} must be a text"))),
    }
}

/// A field that is true or false; none when it is absent or null.
pub fn flag(fields: &Map<String, Value>, name: &str) -> Result<Option<bool>> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(*flag)),
        Some(_) => Err(Error::invalid("BadRequest", format!("{name} must be true or false"))),
    }
}

/// The text of a field that must be there.
pub fn required(fields: &Map<String, Value>, name: &str) -> Result<String> {
    text(fields, name)?
        .filter(|text| !text.trim().is_empty())
        .ok_or_else(|| Error::invalid("BadRequest", format!("{name} is missing or empty")))
}

/// The id at the end of `{"@odata.id": "https://HOST/v1.0/directoryObjects/ID"}`.
pub fn reference(body: Value) -> Result<uuid::Uuid> {
    let fields = object(body)?;
    let address = required(&fields, "@odata.id")?;
    let last = address.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    // Also directoryObjects('ID').
    let id = last.rsplit("('").next().unwrap_or(last).trim_end_matches("')");
    id.parse().map_err(|_| {
        Error::invalid(
            "BadRequest",
            "@odata.id must end in the id of a directory object, such as https://HOST/v1.0/directoryObjects/ID",
        )
    })
}

/// The ids in `{"members@odata.bind": ["https://HOST/v1.0/directoryObjects/ID"]}`: at most 20.
pub fn bound(fields: &Map<String, Value>, name: &str) -> Result<Vec<uuid::Uuid>> {
    let wrong = |why: String| Error::invalid("BadRequest", format!("{name}: {why}"));
    let list = match fields.get(name) {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(list)) => list,
        Some(_) => return Err(wrong("it must be a list of addresses".into())),
    };
    if list.len() > FEW {
        return Err(wrong(format!(
            "{} entries, and at most {FEW} go into one request",
            list.len()
        )));
    }
    let read = |address: &Value| {
        reference(serde_json::json!({"@odata.id": address})).map_err(|error| wrong(error.to_string()))
    };
    list.iter().map(read).collect()
}

/// Texts of a list that must be there, of at most `most`.
pub fn texts(fields: &Map<String, Value>, name: &str, most: usize) -> Result<Vec<String>> {
    let wrong = |why: String| Error::invalid("BadRequest", format!("{name} {why}"));
    let list = fields.get(name).and_then(Value::as_array);
    let list = list.ok_or_else(|| wrong("is missing or no list".into()))?;
    if list.len() > most {
        return Err(wrong(format!("has {} entries: at most {most}", list.len())));
    }
    let text = |item: &Value| item.as_str().map(String::from);
    list.iter()
        .map(text)
        .collect::<Option<_>>()
        .ok_or_else(|| wrong("must be a list of texts".into()))
}

/// Reads the typed part of a body. An error names the field, as Graph spells it, and what is wrong with it.
pub fn typed<T: serde::de::DeserializeOwned>(fields: &Map<String, Value>) -> Result<T> {
    serde_json::from_value(Value::Object(fields.clone())).map_err(|whole| {
        // Each field alone tells which one it is; a type that needs several fields tells by itself.
        let single = fields.iter().find_map(|(name, value)| {
            let alone = Map::from_iter([(name.clone(), value.clone())]);
            let error = serde_json::from_value::<T>(Value::Object(alone)).err()?;
            (!error.to_string().starts_with("missing field")).then(|| format!("{name}: {error}"))
        });
        Error::invalid("BadRequest", single.unwrap_or_else(|| whole.to_string()))
    })
}

/// `before` with the fields of `change`; a null sets a field back to its default.
pub fn merged<T: serde::Serialize + serde::de::DeserializeOwned>(before: &T, change: &Map<String, Value>) -> Result<T> {
    let Value::Object(mut fields) = serde_json::to_value(before).map_err(Error::internal)? else {
        return Err(Error::internal(anyhow::anyhow!("settings are no object")));
    };
    for (name, value) in change {
        match value.is_null() {
            true => fields.remove(name),
            false => fields.insert(name.clone(), value.clone()),
        };
    }
    typed(&fields)
}

/// Refuses names that a resource does not have: a misspelt setting would silently not hold.
pub fn only_known(fields: &Map<String, Value>, known: &[&str]) -> Result<()> {
    let unknown = fields
        .keys()
        .find(|name| !name.contains("@odata.") && !known.contains(&name.as_str()));
    match unknown {
        None => Ok(()),
        Some(name) => {
            let near = known.iter().find(|k| k.eq_ignore_ascii_case(name));
            let hint = near
                .map(|near| format!("; names are case-sensitive: {near}"))
                .unwrap_or_default();
            let shown: String = name.chars().take(80).collect();
            Err(Error::invalid(
                "BadRequest",
                format!("there is no property {shown}{hint}"),
            ))
        }
    }
}

/// The targets in `{"assignments": [{"target": {…}}]}`.
pub fn targets(body: Value) -> Result<Vec<moat_model::Target>> {
    let mut fields = object(body)?;
    let Some(Value::Array(assignments)) = fields.remove("assignments") else {
        return Err(Error::invalid("BadRequest", "assignments is missing or no list"));
    };
    if assignments.len() > 1_000 {
        return Err(Error::invalid("BadRequest", "assignments has more than 1000 entries"));
    }
    assignments.into_iter().map(target).collect()
}

/// The target of one assignment.
pub fn target(assignment: Value) -> Result<moat_model::Target> {
    let wrong = |why: &dyn std::fmt::Display| Error::invalid("BadRequest", format!("assignments: target: {why}"));
    let mut target = object(assignment)?
        .remove("target")
        .ok_or_else(|| wrong(&"it is missing"))?;
    // Filters are not there; SDKs send their empty fields.
    if let Some(fields) = target.as_object_mut() {
        let filter = fields
            .get("deviceAndAppManagementAssignmentFilterType")
            .and_then(Value::as_str);
        if filter.is_some_and(|kind| kind != "none") {
            return Err(wrong(&"assignment filters are not supported; use groups"));
        }
        if !fields.contains_key("@odata.type") {
            return Err(wrong(
                &"@odata.type is missing, such as #microsoft.graph.groupAssignmentTarget",
            ));
        }
    }
    serde_json::from_value(target).map_err(|error| wrong(&error))
}
