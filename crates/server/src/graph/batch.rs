//! `POST /$batch`: up to 20 requests in one, each judged as if it had come alone.

use std::collections::{HashMap, HashSet};

use axum::{
    Extension, Json,
    body::Body as Bytes,
    extract::State,
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header};
use serde_json::{Map, Value, json};
use tower::ServiceExt as _;

use super::{Version, object, required};
use crate::{
    App,
    caller::Caller,
    error::{Error, Result},
    json::{ApiResult, Body, read_body},
    router,
};

const MAX_REQUESTS: usize = 20;
/// Of one answer inside a batch.
const MAX_ANSWER: usize = 8 << 20;

pub async fn batch(
    State(app): State<App>,
    Extension(version): Extension<Version>,
    local: Option<Extension<Caller>>,
    headers: HeaderMap,
    Body(body): Body<Value>,
) -> ApiResult<Response> {
    let items = items(body, version)?;
    let outer = Outer {
        app: &app,
        caller: local.map(|Extension(caller)| caller),
        authorization: headers.get(header::AUTHORIZATION),
    };
    let mut statuses: HashMap<String, StatusCode> = HashMap::new();
    let mut responses = Vec::with_capacity(items.len());
    for item in items {
        let failed = |id: &String| statuses.get(id).is_none_or(|status| !status.is_success());
        let (status, response) = match item.depends_on.iter().any(failed) {
            true => (StatusCode::FAILED_DEPENDENCY, dependency_failed(&item.id)),
            false => outer.run(&item).await,
        };
        statuses.insert(item.id, status);
        responses.push(response);
    }
    Ok(Json(json!({"responses": responses})).into_response())
}

struct Item {
    id: String,
    method: Method,
    path: String,
    headers: Map<String, Value>,
    body: Option<Value>,
    depends_on: Vec<String>,
}

fn items(body: Value, version: Version) -> Result<Vec<Item>> {
    let mut fields = object(body)?;
    let Some(Value::Array(requests)) = fields.remove("requests") else {
        return Err(Error::invalid("BadRequest", "requests is missing or no list"));
    };
    if requests.is_empty() || requests.len() > MAX_REQUESTS {
        let text = format!(
            "requests has {} entries: 1 to {MAX_REQUESTS} go into one batch",
            requests.len()
        );
        return Err(Error::invalid("BadRequest", text));
    }
    let mut seen = HashSet::new();
    let mut items = Vec::with_capacity(requests.len());
    for request in requests {
        let item = item(request, version)?;
        if let Some(unknown) = item.depends_on.iter().find(|id| !seen.contains(*id)) {
            let text = format!(
                "dependsOn of {:?} names {unknown:?}, which does not stand before it",
                item.id
            );
            return Err(Error::invalid("BadRequest", text));
        }
        if !seen.insert(item.id.clone()) {
            return Err(Error::invalid(
                "BadRequest",
                format!("the id {:?} is there twice", item.id),
            ));
        }
        items.push(item);
    }
    Ok(items)
}

fn item(request: Value, version: Version) -> Result<Item> {
    let mut fields = object(request)?;
    let method = required(&fields, "method")?.to_ascii_uppercase();
    let method = ["GET", "POST", "PATCH", "PUT", "DELETE"]
        .contains(&method.as_str())
        .then(|| method.parse().ok())
        .flatten()
        .ok_or_else(|| Error::invalid("BadRequest", "method must be GET, POST, PATCH, PUT or DELETE"))?;
    let headers = match fields.remove("headers") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(headers)) => headers,
        Some(_) => return Err(Error::invalid("BadRequest", "headers must be an object")),
    };
    // The Python SDK writes depends_on.
    let depends_on = fields.remove("dependsOn").or_else(|| fields.remove("depends_on"));
    Ok(Item {
        id: required(&fields, "id")?,
        method,
        path: path(&required(&fields, "url")?, version)?,
        headers,
        depends_on: texts(depends_on)?,
        body: fields.remove("body").filter(|body| !body.is_null()),
    })
}

fn texts(list: Option<Value>) -> Result<Vec<String>> {
    let wrong = || Error::invalid("BadRequest", "dependsOn must be a list of ids");
    match list {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(items)) => items
            .iter()
            .map(|id| id.as_str().map(String::from).ok_or_else(wrong))
            .collect(),
        Some(_) => Err(wrong()),
    }
}

/// The path of an inner request: relative, with the version in front (the JavaScript client), or a whole address (the Python SDK).
fn path(url: &str, version: Version) -> Result<String> {
    let path = match url.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("", |at| rest.get(at..).unwrap_or_default()),
        None => url,
    };
    let path = format!("/{}", path.trim_start_matches('/'));
    let lower = path.to_ascii_lowercase();
    let versioned = ["/v1.0/", "/beta/"].iter().any(|root| lower.starts_with(root));
    let path = match versioned {
        true => path,
        false => format!("/{}{path}", version.as_str()),
    };
    if lower.contains("/$batch") {
        return Err(Error::invalid("BadRequest", "a batch cannot contain a batch"));
    }
    // Spaces in a $filter come unescaped.
    Ok(path.replace(' ', "%20"))
}

/// What inner requests take over from the outer one.
struct Outer<'a> {
    app: &'a App,
    caller: Option<Caller>,
    authorization: Option<&'a HeaderValue>,
}

impl Outer<'_> {
    async fn run(&self, item: &Item) -> (StatusCode, Value) {
        let request = match self.request(item) {
            Ok(request) => request,
            Err(problem) => {
                let refusal = refusal(&item.id, StatusCode::BAD_REQUEST, "BadRequest", &problem);
                return (StatusCode::BAD_REQUEST, refusal);
            }
        };
        let response = match router::graph(self.app.clone()).oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        let (status, headers) = (response.status(), response.headers().clone());
        let body = match read_body(Request::new(response.into_body()), MAX_ANSWER).await {
            Ok(bytes) => bytes,
            Err(_) => return (StatusCode::INSUFFICIENT_STORAGE, json!({"id": item.id, "status": 507})),
        };
        let mut answer = json!({"id": item.id, "status": status.as_u16(), "headers": shown(&headers)});
        if !body.is_empty() {
            answer["body"] = serde_json::from_slice(&body)
                .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&body).into_owned()));
        }
        (status, answer)
    }

    fn request(&self, item: &Item) -> Result<Request<Bytes>, String> {
        let body = item.body.as_ref().map(Value::to_string);
        let mut request = Request::builder().method(item.method.clone()).uri(&item.path);
        for (name, value) in &item.headers {
            let name: HeaderName = name.parse().map_err(|_| format!("{name:?} is no name of a header"))?;
            // Only the outer request says who asks and where.
            if [header::AUTHORIZATION, header::HOST, header::CONTENT_LENGTH].contains(&name) {
                continue;
            }
            request = request.header(name, value.as_str().unwrap_or_default());
        }
        if body.is_some()
            && !item
                .headers
                .keys()
                .any(|name| name.eq_ignore_ascii_case("content-type"))
        {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        if let Some(authorization) = self.authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        if let Some(caller) = &self.caller {
            request = request.extension(caller.clone());
        }
        request
            .body(body.map_or_else(Bytes::empty, Bytes::from))
            .map_err(|_| format!("{:?} is no address", item.path))
    }
}

/// The JavaScript client knows these names in this case only.
fn shown(headers: &HeaderMap) -> Value {
    let names = [
        (header::CONTENT_TYPE, "Content-Type"),
        (header::LOCATION, "Location"),
        (header::RETRY_AFTER, "Retry-After"),
        (header::CACHE_CONTROL, "Cache-Control"),
        (header::ETAG, "ETag"),
    ];
    let mut shown = Map::new();
    for (name, written) in names {
        if let Some(value) = headers.get(&name).and_then(|v| v.to_str().ok()) {
            shown.insert(written.into(), value.into());
        }
    }
    Value::Object(shown)
}

fn dependency_failed(id: &str) -> Value {
    let text = "A request that this one depends on failed.";
    refusal(id, StatusCode::FAILED_DEPENDENCY, "FailedDependency", text)
}

fn refusal(id: &str, status: StatusCode, code: &str, message: &str) -> Value {
    json!({
        "id": id,
        "status": status.as_u16(),
        "headers": {"Content-Type": "application/json"},
        "body": {"error": {"code": code, "message": message}},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inner_addresses_come_in_every_form() {
        for (url, expected) in [
            ("/users?$top=1", "/beta/users?$top=1"),
            ("users", "/beta/users"),
            ("/v1.0/users", "/v1.0/users"),
            (
                "https://h:8443/beta/users?$filter=a eq 1",
                "/beta/users?$filter=a%20eq%201",
            ),
        ] {
            assert_eq!(path(url, Version::Beta).unwrap(), expected);
        }
        assert!(path("/v1.0/$batch", Version::V1).is_err());
    }

    #[test]
    fn batches_are_bounded_and_ids_unique() {
        let one = |id: &str, after: &[&str]| json!({"id": id, "method": "get", "url": "/users", "dependsOn": after});
        let all = |requests: Vec<Value>| items(json!({"requests": requests}), Version::V1).map(|items| items.len());
        assert_eq!(all(vec![one("1", &[]), one("2", &["1"])]).unwrap(), 2);
        assert!(all(vec![one("1", &[]), one("1", &[])]).is_err());
        assert!(all(vec![one("1", &["2"]), one("2", &[])]).is_err());
        assert!(all(Vec::new()).is_err());
        assert!(all((0..21).map(|n| one(&n.to_string(), &[])).collect()).is_err());
    }
}
