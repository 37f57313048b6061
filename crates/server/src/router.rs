//! Every route of the server, in one place.

use axum::{Extension, Router, routing::get};
use tower_http::{catch_panic::CatchPanicLayer, limit::RequestBodyLimitLayer, trace::TraceLayer};

use crate::{Actor, App, Caller};

/// Largest body of any request; imports of 500 indicators and check-ins of 500 events stay far below.
const MAX_BODY: usize = 8 << 20;

/// For people and API clients; never asks for a certificate.
pub fn main_router(app: App) -> Router {
    let routes = Router::new().route("/healthz", get(healthz)).merge(api());
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
    Router::new()
}

fn finish(routes: Router<App>, app: App) -> Router {
    routes
        .with_state(app)
        .layer(RequestBodyLimitLayer::new(MAX_BODY))
        .layer(CatchPanicLayer::new())
        .layer(TraceLayer::new_for_http())
}

async fn healthz() -> &'static str {
    "ok\n"
}
