//! Every route of the server, in one place.

use axum::{
    Extension, Router, middleware,
    routing::{delete, get, post},
};
use tower_http::{catch_panic::CatchPanicLayer, limit::RequestBodyLimitLayer, trace::TraceLayer};

use crate::{
    Actor, App, Caller, clients, indicators,
    json::{self, MAX_BODY},
};

/// For people and API clients; never asks for a certificate.
pub fn main_router(app: App) -> Router {
    let routes = Router::new()
        .route("/healthz", get(healthz))
        .merge(api())
        .merge(sign_in());
    finish(routes, app)
}

/// For enrolled devices, over mutual TLS.
pub fn device_router(app: App) -> Router {
    let routes = Router::new().route("/healthz", get(healthz));
    finish(routes, app)
}

/// For the administrator of the machine itself: the same API, already authorised.
pub fn local_router(app: App, uid: u32) -> Router {
    let caller = Caller::with_all_roles(Actor::Local { uid });
    finish(api(), app).layer(Extension(caller))
}

/// JSON APIs: Defender's paths and Moat's own administration.
fn api() -> Router<App> {
    // Defender's versions: the unversioned path is the newest, and v1.0 is the only other.
    Router::new()
        .nest("/api", defender())
        .nest("/api/v1.0", defender())
        .nest("/admin", admin())
}

/// Microsoft Defender for Endpoint's API.
fn defender() -> Router<App> {
    use indicators::defender as i;
    Router::new()
        .route("/indicators", post(i::create).get(i::list))
        .route("/indicators/import", post(i::import))
        .route("/indicators/BatchDelete", post(i::batch_delete))
        .route("/indicators/{id}", get(i::get).delete(i::delete))
}

/// Moat's own administration.
fn admin() -> Router<App> {
    Router::new()
        .route("/clients", post(clients::admin::create).get(clients::admin::list))
        .route("/clients/{id}", delete(clients::admin::disable))
        .route("/indicators/explain", post(indicators::admin::explain))
        .route("/indicators/import-csv", post(indicators::admin::import_csv))
}

/// OAuth 2.0 for API clients, at the paths of Entra ID.
fn sign_in() -> Router<App> {
    use clients::oauth;
    Router::new()
        .route("/{tenant}/oauth2/v2.0/token", post(oauth::token_v2))
        .route("/{tenant}/oauth2/token", post(oauth::token_v1))
        .route(
            "/{tenant}/v2.0/.well-known/openid-configuration",
            get(oauth::configuration),
        )
        .route("/{tenant}/discovery/v2.0/keys", get(oauth::keys))
}

fn finish(routes: Router<App>, app: App) -> Router {
    routes
        .with_state(app)
        .layer(RequestBodyLimitLayer::new(MAX_BODY))
        .layer(CatchPanicLayer::new())
        .layer(middleware::from_fn(json::shape_errors))
        .layer(TraceLayer::new_for_http())
}

async fn healthz() -> &'static str {
    "ok\n"
}
