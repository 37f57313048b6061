//! The token endpoint, as Entra ID answers: OAuth 2.0 client credentials (RFC 6749 §4.4), its v2.0 and v1 paths, and the keys.

use axum::{
    Extension, Json,
    extract::{Path, Request, State},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};

use super::{Client, Refused, token};
use crate::{App, Caller, app::now, error::Error, json::Origin, listen::Peer, rate_limit::address_key};

const MAX_FORM: usize = 64 << 10;

/// Hosts of Graph and the Defender API, and the names that scripts ask for by habit. Here they all mean this server.
const KNOWN_HOSTS: [&str; 6] = [
    "graph.microsoft.com",
    "api.securitycenter.microsoft.com",
    "api.security.microsoft.com",
    "api.securitycenter.windows.com",
    "securitycenter.onmicrosoft.com",
    "securitycenter.microsoft.com",
];
/// Application id of Defender for Endpoint in Entra ID.
const KNOWN_APPLICATION: &str = "fc780465-2017-40d4-a0c5-307022471b92";

/// `POST /{tenant}/oauth2/v2.0/token`
pub async fn token_v2(
    State(app): State<App>,
    Path(tenant): Path<String>,
    origin: Origin,
    peer: Option<Extension<Peer>>,
    request: Request,
) -> Response {
    let peer = peer.map(|Extension(peer)| peer);
    match grant(&app, &tenant, &origin.0, peer, request, Endpoint::V2).await {
        Ok(granted) => answer(json!({
            "token_type": "Bearer",
            "expires_in": token::LIFETIME,
            "ext_expires_in": token::LIFETIME,
            "access_token": granted.token,
        })),
        Err(problem) => problem.into_response(),
    }
}

/// `POST /{tenant}/oauth2/token`: the older path takes `resource` in place of `scope` and answers numbers as text.
pub async fn token_v1(
    State(app): State<App>,
    Path(tenant): Path<String>,
    origin: Origin,
    peer: Option<Extension<Peer>>,
    request: Request,
) -> Response {
    let peer = peer.map(|Extension(peer)| peer);
    match grant(&app, &tenant, &origin.0, peer, request, Endpoint::V1).await {
        Ok(granted) => answer(json!({
            "token_type": "Bearer",
            "expires_in": token::LIFETIME.to_string(),
            "ext_expires_in": token::LIFETIME.to_string(),
            "expires_on": granted.claims.exp.to_string(),
            "not_before": granted.claims.nbf.to_string(),
            "resource": granted.claims.aud,
            "access_token": granted.token,
        })),
        Err(problem) => problem.into_response(),
    }
}

/// `GET /{tenant}/v2.0/.well-known/openid-configuration`
pub async fn configuration(State(app): State<App>, Path(tenant): Path<String>, Origin(origin): Origin) -> Response {
    if !is_ours(&app, &tenant) {
        return Problem::tenant(&tenant).into_response();
    }
    let base = format!("{origin}/{}", app.tenant);
    Json(json!({
        "issuer": format!("{base}/v2.0"),
        // MSAL reads it before it asks for a token, also when it will never send anybody there.
        "authorization_endpoint": format!("{base}/oauth2/v2.0/authorize"),
        "token_endpoint": format!("{base}/oauth2/v2.0/token"),
        "jwks_uri": format!("{base}/discovery/v2.0/keys"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        "grant_types_supported": ["client_credentials"],
        "response_types_supported": ["token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
    }))
    .into_response()
}

/// `GET /{tenant}/oauth2/v2.0/authorize`: people sign in at the console, not here.
pub async fn authorize() -> Response {
    let text = "Only client credentials are supported: ask the token endpoint with grant_type=client_credentials.";
    let mut problem = Problem::request(70_005, text);
    problem.error = "unsupported_response_type";
    problem.into_response()
}

/// `GET /{tenant}/discovery/v2.0/keys`
pub async fn keys(State(app): State<App>, Path(tenant): Path<String>) -> Response {
    if !is_ours(&app, &tenant) {
        return Problem::tenant(&tenant).into_response();
    }
    Json(json!({"keys": [app.keys.token.jwk()]})).into_response()
}

/// `GET /subscriptions`, which azure-cli asks for when it signs in: there are none.
pub async fn subscriptions(_: Caller) -> Json<Value> {
    Json(json!({"value": []}))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Endpoint {
    V1,
    V2,
}

struct Granted {
    token: String,
    claims: token::Claims,
}

async fn grant(
    app: &App,
    tenant: &str,
    origin: &str,
    peer: Option<Peer>,
    request: Request,
    endpoint: Endpoint,
) -> Result<Granted, Problem> {
    if !is_ours(app, tenant) {
        return Err(Problem::tenant(tenant));
    }
    let form = Form::read(request).await?;
    match form.require("grant_type")? {
        "client_credentials" => {}
        other => return Err(Problem::grant_type(other)),
    }
    let (id, secret) = form.credentials()?;
    let audience = form.audience(endpoint, app, origin)?;
    let client = authenticate(app, peer, &id, &secret).await?;
    let issuer = format!("{origin}/{}/v2.0", app.tenant);
    let (token, claims) = token::issue(app, &client, &audience, issuer)?;
    Ok(Granted { token, claims })
}

async fn authenticate(app: &App, peer: Option<Peer>, id: &str, secret: &str) -> Result<Client, Problem> {
    // Checked before anything is counted: secrets are long, so that guessing is hopeless, and cheap to check. Whoever has
    // the right one is not locked out by a neighbour behind the same address.
    let refused = match super::authenticate(app, id, secret).await {
        Ok(client) => return Ok(client),
        Err(Refused::Failed(error)) => return Err(error.into()),
        Err(refused) => refused,
    };
    if let Some(Peer(address)) = peer {
        let who = format!("token {}", address_key(address.ip()));
        app.limits.sign_in_failures.take(&who)?;
    }
    tracing::warn!(client = %printable(id), peer = ?peer.map(|p| p.0.ip()), ?refused, "no access token given");
    Err(match refused {
        Refused::Unknown => Problem::new(
            StatusCode::BAD_REQUEST,
            "unauthorized_client",
            700_016,
            format!(
                "There is no application with the identifier '{}' in this tenant.",
                printable(id)
            ),
        ),
        Refused::Disabled => Problem::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized_client",
            7_000_112,
            format!("Application '{}' is disabled.", printable(id)),
        ),
        _ => Problem::new(
            StatusCode::UNAUTHORIZED,
            "invalid_client",
            7_000_215,
            "Invalid client secret provided. Send the secret that was shown when the client was made.".into(),
        ),
    })
}

fn is_ours(app: &App, tenant: &str) -> bool {
    tenant.eq_ignore_ascii_case(&app.tenant)
}

fn answer(body: Value) -> Response {
    let headers = [(header::CACHE_CONTROL, "no-store"), (header::PRAGMA, "no-cache")];
    (headers, Json(body)).into_response()
}

/// The form of a token request, with the credentials of its `Authorization` header.
struct Form {
    fields: Vec<(String, String)>,
    basic: Option<(String, String)>,
}

impl Form {
    async fn read(request: Request) -> Result<Self, Problem> {
        let basic = basic(request.headers());
        let bytes = axum::body::to_bytes(request.into_body(), MAX_FORM)
            .await
            .map_err(|_| Problem::request(90_023, "The request body is larger than 64 KiB or broke off."))?;
        let fields = decode_form(&bytes)
            .ok_or_else(|| Problem::request(90_023, "The request body must be form data in UTF-8."))?;
        Ok(Self { fields, basic })
    }

    fn get(&self, name: &str) -> Option<&str> {
        let field = self.fields.iter().find(|(n, v)| n == name && !v.is_empty());
        field.map(|(_, value)| value.as_str())
    }

    fn require(&self, name: &str) -> Result<&str, Problem> {
        self.get(name).ok_or_else(|| {
            Problem::request(
                900_144,
                &format!("The request body must contain the following parameter: '{name}'."),
            )
        })
    }

    fn credentials(&self) -> Result<(String, String), Problem> {
        if let Some((id, secret)) = &self.basic {
            return Ok((id.clone(), secret.clone()));
        }
        let id = self.require("client_id")?;
        let secret = self.get("client_secret").ok_or_else(|| {
            Problem::new(
                StatusCode::UNAUTHORIZED,
                "invalid_client",
                7_000_216,
                "'client_secret' is required for the 'client_credentials' grant type.".into(),
            )
        })?;
        Ok((id.into(), secret.into()))
    }

    fn audience(&self, endpoint: Endpoint, app: &App, origin: &str) -> Result<String, Problem> {
        let wanted = match endpoint {
            Endpoint::V1 => self.require("resource")?,
            Endpoint::V2 => {
                let scope = self.require("scope")?;
                scope.strip_suffix("/.default").ok_or_else(|| {
                    Problem::scope(
                        1_002_012,
                        &format!(
                            "The scope '{}' is not valid: it must end in '/.default'.",
                            printable(scope)
                        ),
                    )
                })?
            }
        };
        let wanted = wanted.trim_end_matches('/');
        if is_this_server(wanted, &[origin, &app.base_url()], &app.config.names) {
            return Ok(wanted.to_string());
        }
        let message = format!(
            "The resource named '{}' is not this server. Ask for '{origin}'.",
            printable(wanted)
        );
        Err(match endpoint {
            Endpoint::V1 => Problem::new(StatusCode::BAD_REQUEST, "invalid_resource", 500_011, message),
            Endpoint::V2 => Problem::scope(500_011, &message),
        })
    }
}

/// Whether a resource is the Defender API, also one of its regions, or this server by one of its own addresses or names.
fn is_this_server(resource: &str, addresses: &[&str], names: &[String]) -> bool {
    let host_of = |url: &str| Some(url.parse::<http::Uri>().ok()?.host()?.to_ascii_lowercase());
    if resource.eq_ignore_ascii_case(KNOWN_APPLICATION) {
        return true;
    }
    host_of(resource).is_some_and(|host| {
        let known = |k: &str| host == k || host.strip_suffix(k).is_some_and(|region| region.ends_with('.'));
        KNOWN_HOSTS.iter().any(|k| known(k))
            || addresses.iter().any(|own| host_of(own).is_some_and(|own| own == host))
            || names.iter().any(|name| name.eq_ignore_ascii_case(&host))
    })
}

/// HTTP Basic credentials, each part form-encoded (RFC 6749 §2.3.1).
fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some((crate::odata::decode(id)?, crate::odata::decode(secret)?))
}

fn decode_form(bytes: &[u8]) -> Option<Vec<(String, String)>> {
    let text = std::str::from_utf8(bytes).ok()?;
    crate::odata::decode_pairs(text)
}

/// What a stranger sent, shortened and without control characters.
fn printable(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control() && *c != '\'')
        .take(100)
        .collect()
}

/// An OAuth error (RFC 6749 §5.2) with Entra's extra fields.
struct Problem {
    status: StatusCode,
    error: &'static str,
    number: u32,
    description: String,
    retry_after: Option<u64>,
}

impl Problem {
    fn new(status: StatusCode, error: &'static str, number: u32, description: String) -> Self {
        Self {
            status,
            error,
            number,
            description,
            retry_after: None,
        }
    }

    fn request(number: u32, description: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", number, description.into())
    }

    fn scope(number: u32, description: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_scope", number, description.into())
    }

    fn tenant(tenant: &str) -> Self {
        Self::request(
            90_002,
            &format!(
                "Tenant '{}' not found. Check the tenant id in the path.",
                printable(tenant)
            ),
        )
    }

    fn grant_type(given: &str) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "unsupported_grant_type",
            70_003,
            format!(
                "The grant type '{}' is not supported: use 'client_credentials'.",
                printable(given)
            ),
        )
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        error.log();
        let mut problem = Self::new(error.status(), "temporarily_unavailable", 90_033, error.to_string());
        if let Error::TooManyRequests { retry_after_seconds } = error {
            problem.number = 50_053;
            problem.description = "Too many failed attempts from this address.".into();
            problem.retry_after = Some(retry_after_seconds);
        }
        problem
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (trace, correlation) = (uuid::Uuid::now_v7(), uuid::Uuid::now_v7());
        let timestamp = now().to_string().replace('T', " ");
        let timestamp = format!("{}Z", timestamp.split('.').next().unwrap_or_default());
        let body = json!({
            "error": self.error,
            "error_description": format!(
                "AADSTS{}: {} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {timestamp}",
                self.number, self.description
            ),
            "error_codes": [self.number],
            "timestamp": timestamp,
            "trace_id": trace,
            "correlation_id": correlation,
        });
        let mut response = (self.status, answer(body)).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = header::HeaderValue::from_static("Basic realm=\"moat\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}
