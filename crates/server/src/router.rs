//! Every route of the server, in one place.

mod graph;

use std::time::Duration;

use axum::{
    Extension, Router,
    extract::{MatchedPath, Request},
    middleware::{self, Next},
    response::Response,
    routing::{delete, get, post},
};
use tower_http::{
    catch_panic::CatchPanicLayer, compression::CompressionLayer, limit::RequestBodyLimitLayer,
    timeout::RequestBodyTimeoutLayer, trace::TraceLayer,
};

use crate::{
    Actor, App, Caller, access, accounts, admin, alerts, app_protection, audit, backup, bundles, clients, compliance,
    conditional_access, connectors, console, devices, enrollment, feeds, gateways, graph as face, groups, indicators,
    json::{self, MAX_BODY, MAX_JSON},
    notifications, outbox, reports, retire_list, rules, starter, users, web_activity,
};

pub use graph::{ROUTES as GRAPH_ROUTES, Route as GraphRoute, coverage as graph_coverage};

/// Longest wait for the next part of a request's body.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// For people and API clients; never asks for a certificate.
pub fn main_router(app: App) -> Router {
    let routes = Router::new()
        .route("/healthz", get(healthz))
        .route("/device/v1/enroll", post(enrollment::device::enroll))
        .route("/access/check", get(access::check))
        .route("/{tenant}/oauth2/v2.0/token", post(clients::oauth::token_v2))
        .route("/{tenant}/oauth2/token", post(clients::oauth::token_v1))
        .route("/{tenant}/oauth2/v2.0/authorize", get(clients::oauth::authorize))
        .route(
            "/{tenant}/v2.0/.well-known/openid-configuration",
            get(clients::oauth::configuration),
        )
        .route("/{tenant}/discovery/v2.0/keys", get(clients::oauth::keys))
        .route("/subscriptions", get(clients::oauth::subscriptions))
        .merge(api())
        .merge(console(&app));
    canonical(finish(routes, app))
}

/// For enrolled devices, over mutual TLS.
pub fn device_router(app: App) -> Router {
    let routes = Router::new()
        .route("/healthz", get(healthz))
        .route("/device/v1/check-in", post(devices::device::check_in))
        .route("/device/v1/renew", post(devices::device::renew))
        .route("/device/v1/push", get(devices::device::push))
        .route("/device/v1/bundle", get(bundles::get))
        .route("/device/v1/apps/check-in", post(app_protection::device::check_in));
    finish(routes, app)
}

/// For the administrator of the machine itself: the same API, already authorised.
pub fn local_router(app: App, uid: u32) -> Router {
    let caller = Caller::with_all_roles(Actor::Local { uid });
    canonical(finish(api().merge(local_administration()), app)).layer(Extension(caller))
}

/// The Graph routes alone, for the requests inside a batch.
pub fn graph(app: App) -> Router {
    canonical(finish(graph::router(), app))
}

/// Writes the paths of Graph requests as the routes have them, before they are routed.
fn canonical(routes: Router) -> Router {
    static WORDS: std::sync::LazyLock<Vec<&'static str>> = std::sync::LazyLock::new(graph::words);
    async fn rewrite(mut request: Request, next: Next) -> Response {
        if let std::borrow::Cow::Owned(path) = face::canonical(request.uri().path(), &WORDS) {
            let mut parts = request.uri().clone().into_parts();
            let query = request
                .uri()
                .query()
                .map(|query| format!("?{query}"))
                .unwrap_or_default();
            parts.path_and_query = format!("{path}{query}").parse().ok();
            if let Ok(uri) = http::Uri::from_parts(parts) {
                *request.uri_mut() = uri;
            }
        }
        next.run(request).await
    }
    Router::new()
        .fallback_service(routes)
        .layer(middleware::from_fn(rewrite))
}

/// Pages for people: the console, and those that need no sign-in.
fn console(app: &App) -> Router<App> {
    Router::new()
        .route("/enroll", get(enrollment::device::page))
        .route("/ca.pem", get(enrollment::device::authority))
        .route("/why/{token}", get(access::why::page))
        .route("/", get(console::overview))
        // Pages are not compressed: their length would tell of the secrets in their forms (BREACH).
        .route(
            "/static/{version}/{name}",
            get(console::asset).layer(CompressionLayer::new()),
        )
        .route("/events", get(console::events))
        .route("/go", get(console::go))
        .route("/start/{what}", post(starter::console::start))
        .route(
            "/setup/{token}",
            get(accounts::console::setup_page).post(accounts::console::setup),
        )
        .route(
            "/sign-in",
            get(accounts::console::sign_in_page).post(accounts::console::do_sign_in),
        )
        .route("/sign-out", post(accounts::console::sign_out))
        .route("/devices", get(devices::console::list))
        .route("/devices/views", post(devices::console::save_view))
        .route("/devices/views/{id}/delete", post(devices::console::delete_view))
        .route("/devices/{id}", get(devices::console::show))
        .route("/devices/{id}/check", post(devices::console::check))
        .route("/devices/{id}/sync", post(devices::console::sync))
        .route("/devices/{id}/lock", post(devices::console::lock))
        .route("/devices/{id}/retire", post(devices::console::retire))
        .route("/devices/{id}/wipe", post(devices::console::wipe))
        .route("/devices/{id}/user", post(devices::console::set_user))
        .route("/devices/{id}/revoke", post(devices::console::revoke))
        .route("/alerts", get(alerts::console::list))
        .route(
            "/retire-list",
            get(retire_list::console::list).post(retire_list::console::decide),
        )
        .route("/alerts/triage", post(alerts::console::triage_many))
        .route("/alerts/views", post(alerts::console::save_view))
        .route("/alerts/views/{id}/delete", post(alerts::console::delete_view))
        .merge(suppression())
        .route("/alerts.csv", get(alerts::console::export))
        .route("/alerts/{id}", get(alerts::console::show).post(alerts::console::update))
        .route(
            "/indicators",
            get(indicators::console::list).post(indicators::console::add),
        )
        .route("/indicators/import", post(indicators::console::import))
        .route("/indicators/{id}/delete", post(indicators::console::delete))
        .route("/activity", get(web_activity::console::page))
        .route("/activity/decide", post(web_activity::console::decide))
        .merge(feeds())
        .route("/reports", get(reports::console::list))
        .route("/reports/decide", post(reports::console::decide_all))
        .route("/reports/{id}/decide", post(reports::console::decide))
        .route(
            "/enrollment",
            get(enrollment::console::list).post(enrollment::console::create),
        )
        .route("/enrollment/{id}/revoke", post(enrollment::console::revoke))
        .merge(policies())
        .route("/people/users", get(users::console::list).post(users::console::create))
        .route(
            "/people/users/{id}",
            get(users::console::show).post(users::console::update),
        )
        .route("/people/users/{id}/wipe", post(users::console::wipe))
        .route("/people/users/{id}/delete", post(users::console::delete))
        .route(
            "/people/groups",
            get(groups::console::list).post(groups::console::create),
        )
        .route(
            "/people/groups/{id}",
            get(groups::console::show).post(groups::console::update),
        )
        .route("/people/groups/{id}/members", post(groups::console::add_member))
        .route(
            "/people/groups/{id}/members/{member}/remove",
            post(groups::console::remove_member),
        )
        .route("/people/groups/{id}/delete", post(groups::console::delete))
        .route(
            "/connectors",
            get(connectors::console::list).post(connectors::console::create),
        )
        .route(
            "/connectors/{id}",
            get(connectors::console::show).post(connectors::console::update),
        )
        .route("/connectors/{id}/client", post(connectors::console::make_client))
        .route("/connectors/{id}/delete", post(connectors::console::delete))
        .route("/settings", get(console::settings).post(console::save_settings))
        .route(
            "/settings/notifications",
            get(notifications::console::list).post(notifications::console::create),
        )
        .route(
            "/settings/notifications/outbox/{id}/retry",
            post(notifications::console::retry),
        )
        .route(
            "/settings/notifications/{id}",
            get(notifications::console::show).post(notifications::console::update),
        )
        .route(
            "/settings/notifications/{id}/test",
            post(notifications::console::send_test),
        )
        .route(
            "/settings/notifications/{id}/delete",
            post(notifications::console::delete),
        )
        .route(
            "/settings/notifications/{id}/messages/{message}",
            get(notifications::console::message::show).post(notifications::console::message::save),
        )
        .route(
            "/settings/notifications/{id}/messages/{message}/delete",
            post(notifications::console::message::delete),
        )
        .route(
            "/settings/administrators",
            get(accounts::administrators::page).post(accounts::administrators::add),
        )
        .route(
            "/settings/administrators/{id}/role",
            post(accounts::administrators::set_role),
        )
        .route(
            "/settings/administrators/{id}/reset",
            post(accounts::administrators::reset),
        )
        .route(
            "/settings/administrators/{id}/remove",
            post(accounts::administrators::remove),
        )
        .route(
            "/settings/clients",
            get(clients::console::page).post(clients::console::create),
        )
        .route("/settings/clients/{id}/disable", post(clients::console::disable))
        .route(
            "/settings/gateways",
            get(gateways::console::list).post(gateways::console::create),
        )
        .route(
            "/settings/gateways/{id}",
            get(gateways::console::show).post(gateways::console::update),
        )
        .route("/settings/gateways/{id}/disable", post(gateways::console::disable))
        .route(
            "/settings/backup",
            get(backup::console::page).post(backup::console::download),
        )
        .route("/settings/health", get(console::health))
        .route("/audit", get(audit::console::page))
        .route("/audit/export.csv", get(audit::console::csv))
        .route("/audit/export.jsonl", get(audit::console::json_lines))
        .fallback(console::not_found)
        .method_not_allowed_fallback(console::only_forms)
        .layer(middleware::from_fn_with_state(app.clone(), console::same_origin))
        .layer(middleware::from_fn_with_state(app.clone(), console::errors_as_pages))
        .layer(middleware::from_fn(console::secure_headers))
}

/// The console's pages of suppression rules.
fn suppression() -> Router<App> {
    use alerts::suppression::console as rules;
    Router::new()
        .route("/alerts/suppression", get(rules::list).post(rules::create))
        .route("/alerts/suppression/new", get(rules::blank))
        .route("/alerts/suppression/preview", post(rules::preview))
        .route("/alerts/suppression/{id}", get(rules::show).post(rules::update))
        .route("/alerts/suppression/{id}/switch", post(rules::switch))
        .route("/alerts/suppression/{id}/delete", post(rules::delete))
}

/// The console's pages of feeds. Their lists come as files.
fn feeds() -> Router<App> {
    use feeds::console;
    Router::new()
        .route("/feeds", get(console::list).post(console::create))
        .route("/feeds/known-good", post(console::known_good))
        .route("/feeds/suggested/{id}", post(console::suggested))
        .route("/feeds/{id}", get(console::show).post(console::update))
        .route("/feeds/{id}/upload", post(console::upload))
        .route("/feeds/{id}/enable", post(console::enable))
        .route("/feeds/{id}/disable", post(console::disable))
        .route("/feeds/{id}/refresh", post(console::refresh))
        .route("/feeds/{id}/delete", post(console::delete))
        .layer(axum::extract::DefaultBodyLimit::max(MAX_BODY))
}

/// The console's pages of policies.
fn policies() -> Router<App> {
    use app_protection::console as apps;
    use compliance::console as devices;
    use conditional_access::{console as access, locations::console as locations};
    Router::new()
        .route("/policies/apps", get(apps::list).post(apps::create))
        .route("/policies/apps/new", get(apps::blank))
        .route("/policies/apps/preview", post(apps::preview))
        .route("/policies/apps/{id}", get(apps::edit).post(apps::save))
        .route("/policies/apps/{id}/delete", post(apps::delete))
        .route("/policies/apps/{id}/registrations", get(apps::registrations))
        .route("/policies/apps/{id}/versions", get(apps::versions))
        .route("/policies/apps/{id}/restore", post(apps::restore))
        .route("/policies/apps/{id}/export", get(apps::export))
        .route("/policies/access", get(access::list).post(access::create))
        .route("/policies/access/new", get(access::blank))
        .route("/policies/access/what-if", get(access::what_if))
        .route("/policies/access/preview", post(access::preview))
        .route("/policies/access/{id}", get(access::edit).post(access::save))
        .route("/policies/access/{id}/delete", post(access::delete))
        .route("/policies/access/{id}/versions", get(access::versions))
        .route("/policies/access/{id}/restore", post(access::restore))
        .route("/policies/access/{id}/export", get(access::export))
        .route("/policies/locations", get(locations::list).post(locations::create))
        .route("/policies/locations/new", get(locations::blank))
        .route("/policies/locations/{id}", get(locations::edit).post(locations::save))
        .route("/policies/locations/{id}/delete", post(locations::delete))
        .route("/policies/locations/{id}/versions", get(locations::versions))
        .route("/policies/locations/{id}/restore", post(locations::restore))
        .route("/policies/locations/{id}/export", get(locations::export))
        .route("/policies/compliance", get(devices::list).post(devices::create))
        .route("/policies/compliance/new", get(devices::blank))
        .route("/policies/compliance/preview", post(devices::preview))
        .route("/policies/compliance/{id}", get(devices::edit).post(devices::save))
        .route("/policies/compliance/{id}/delete", post(devices::delete))
        .route("/policies/compliance/{id}/devices", get(devices::devices))
        .route("/policies/compliance/{id}/versions", get(devices::versions))
        .route("/policies/compliance/{id}/restore", post(devices::restore))
        .route("/policies/compliance/{id}/export", get(devices::export))
}

/// JSON APIs: Defender's paths, with and without version, and Moat's own administration.
fn api() -> Router<App> {
    Router::new()
        .nest("/api", defender())
        .nest("/api/v1.0", defender())
        .nest("/admin", administration())
        .nest("/partner/v1", partner())
        .merge(graph::router())
}

fn defender() -> Router<App> {
    Router::new()
        .route(
            "/indicators",
            get(indicators::defender::list).post(indicators::defender::create),
        )
        .route("/indicators/import", post(indicators::defender::import))
        .route("/indicators/BatchDelete", post(indicators::defender::batch_delete))
        .route(
            "/indicators/{id}",
            get(indicators::defender::get).delete(indicators::defender::delete),
        )
        .route("/alerts", get(alerts::defender::list))
        .route("/alerts/batchUpdate", post(alerts::defender::batch_update))
        .route(
            "/alerts/CreateAlertByReference",
            post(alerts::defender::create_by_reference),
        )
        .route("/alerts/{id}/machine", get(alerts::defender::machine))
        .route("/alerts/{id}/domains", get(alerts::defender::domains))
        .route("/alerts/{id}/ips", get(alerts::defender::ips))
        .route("/alerts/{id}/files", get(alerts::defender::files))
        .route("/alerts/{id}/user", get(alerts::defender::user))
        .route(
            "/alerts/{id}",
            get(alerts::defender::get).patch(alerts::defender::update),
        )
        .route("/domains/{domain}/stats", get(alerts::domains::stats))
        .route("/machines", get(devices::defender::list))
        .route("/machines/findbytag", get(devices::defender::find_by_tag))
        .route(
            "/machines/AddOrRemoveTagForMultipleMachines",
            post(devices::defender::tag_many),
        )
        .route("/machines/{id}", get(devices::defender::get))
        .route("/machines/{id}/alerts", get(alerts::defender::of_machine))
        .route("/machines/{id}/tags", post(devices::defender::tag))
}

/// What third-party partners of threat defence send.
fn partner() -> Router<App> {
    Router::new()
        .route("/connectors/{id}/heartbeat", post(connectors::partner::heartbeat))
        .route(
            "/connectors/{id}/devices/{device}",
            get(connectors::partner::get).put(connectors::partner::report),
        )
}

fn administration() -> Router<App> {
    Router::new()
        .route("/setup-link", post(accounts::admin_setup_link))
        .route("/status", get(admin::status))
        .route("/settings", get(admin::get_settings).put(admin::put_settings))
        .route("/audit", get(audit::admin::list))
        .route("/audit/verify", get(audit::admin::verify))
        .route("/jailbreak-rules", get(rules::get).put(rules::put))
        .route(
            "/enrollment-tokens",
            get(enrollment::admin::list).post(enrollment::admin::create),
        )
        .route("/enrollment-tokens/{id}", delete(enrollment::admin::revoke))
        .route("/clients", get(clients::admin::list).post(clients::admin::create))
        .route("/clients/{id}", delete(clients::admin::disable))
        .route("/gateways", get(gateways::admin_list).post(gateways::admin_create))
        .route(
            "/gateways/{id}",
            delete(gateways::admin_disable).patch(gateways::admin_update),
        )
        .route("/conditional-access/impact", post(conditional_access::impact::impact))
        .route("/devices/{id}/revoke", post(devices::admin::revoke))
        .route("/devices/{id}/posture", post(devices::admin::request_posture))
        .route("/devices/{id}/why", get(devices::admin::why))
        .route("/devices/{id}/lock", post(devices::commands::admin::lock))
        .route("/devices/{id}/retire", post(devices::commands::admin::retire))
        .route("/devices/{id}/wipe", post(devices::commands::admin::wipe))
        .route("/devices/{id}/notify", post(devices::commands::admin::notify))
        .route("/devices/{id}/orders", get(devices::commands::admin::list))
        .route("/reports", get(reports::admin_list))
        .route("/reports/decide", post(reports::console::decide_all))
        .route("/reports/{id}/decide", post(reports::admin_decide))
        .route("/outbox", get(outbox::admin::list))
        .route("/outbox/{id}/retry", post(outbox::admin::retry))
        .route(
            "/retire-list",
            get(retire_list::admin::list).post(retire_list::admin::decide),
        )
        .route("/feeds", get(feeds::admin::list).post(feeds::admin::create))
        .route(
            "/feeds/{id}",
            get(feeds::admin::get)
                .put(feeds::admin::update)
                .delete(feeds::admin::delete),
        )
        .route("/feeds/{id}/content", axum::routing::put(feeds::admin::upload))
        .route("/feeds/{id}/enable", post(feeds::admin::enable))
        .route("/feeds/{id}/disable", post(feeds::admin::disable))
        .route("/feeds/{id}/refresh", post(feeds::admin::refresh))
        .route(
            "/protected-names",
            get(indicators::protected::admin_get).put(indicators::protected::admin_put),
        )
        .route("/indicators/explain", post(indicators::admin::explain))
        .route("/indicators/import-csv", post(indicators::admin::import_csv))
}

/// What only whoever may open the data folder can do.
fn local_administration() -> Router<App> {
    Router::new()
        .route(
            "/admin/administrators",
            get(accounts::admin::list).post(accounts::admin::add),
        )
        .route("/admin/administrators/{name}/password", post(accounts::admin::reset))
        .route("/admin/backup", post(backup::admin::make))
}

fn finish(routes: Router<App>, app: App) -> Router {
    bounded(routes.with_state(app))
        .layer(CatchPanicLayer::new())
        .layer(middleware::from_fn(json::shape_errors))
        .layer(TraceLayer::new_for_http().make_span_with(span))
}

/// What the log says of a request: its route, because an address may hold a secret.
fn span(request: &Request) -> tracing::Span {
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or("no route", MatchedPath::as_str);
    tracing::debug_span!("request", method = %request.method(), route)
}

/// Bounds on the bodies of requests: their size, and the time until more of them comes.
pub(crate) fn bounded(routes: Router) -> Router {
    routes
        .layer(RequestBodyTimeoutLayer::new(BODY_TIMEOUT))
        .layer(RequestBodyLimitLayer::new(MAX_BODY))
        .layer(axum::extract::DefaultBodyLimit::max(MAX_JSON))
}

async fn healthz() -> &'static str {
    "ok\n"
}
