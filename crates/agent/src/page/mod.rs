//! The page "My device": what the agent knows, shown in a browser on the same device, while somebody looks at it.
//!
//! A process of its own that asks the running agent over its control socket. Nothing listens when it has ended, and the agent itself
//! never does. `docs/decisions/0017-the-users-page.md` tells why.

mod agent;
mod gate;
mod home;
mod language;
mod report;
mod sent;
mod words;

use std::{
    collections::VecDeque,
    net::Ipv4Addr,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::{Context as _, Result};
use askama::Template;
use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware,
    response::{Html, IntoResponse, Response},
    routing::{get, post},
};
use http::{HeaderName, StatusCode, header};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use moat_model::Timestamp;
use tokio::{net::TcpListener, sync::Semaphore};

use self::{agent::Agent, gate::Gate, language::Language};
use crate::{
    data_folder::{DataFolder, LEDGER, RETIRED},
    retired::Retired,
    run::{MAX_TEXT, lock},
};

const STYLE: &str = include_str!("../../static/page.css");
const ICON: &str = include_str!("../../static/moat.svg");
/// Largest form.
const MAX_BODY: usize = 32 << 10;
const MAX_CONNECTIONS: usize = 64;
/// For the head of a request, and between two of them.
const PATIENCE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(200);
/// Forms that are remembered, so that a second press does nothing twice.
const REMEMBERED: usize = 200;

/// The page before it is served.
pub struct Page {
    listener: TcpListener,
    address: String,
    shared: Arc<Shared>,
}

/// What requests share.
pub(crate) struct Shared {
    data: DataFolder,
    gate: Gate,
    pressed: Mutex<VecDeque<String>>,
}

impl Page {
    /// Listens on a free port of this device alone.
    pub async fn open(path: &Path) -> Result<Self> {
        let data = match path.join(RETIRED).exists() && path.join(LEDGER).exists() {
            // Its ledger stays with the user.
            true => DataFolder::at(path)?,
            false => DataFolder::open(path)?,
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.context("cannot listen on 127.0.0.1")?;
        let (gate, key) = Gate::new(&listener.local_addr()?.to_string())?;
        let address = format!("{}open?key={key}", gate.base());
        let shared = Arc::new(Shared {
            data,
            gate,
            pressed: Mutex::default(),
        });
        Ok(Self {
            listener,
            address,
            shared,
        })
    }

    /// What opens it, once.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Serves until it was not used for `idle`.
    pub async fn serve(self, idle: Duration) -> Result<()> {
        let router = routes(&self.shared);
        tokio::select! {
            () = accept(&self.listener, router) => {}
            () = self.shared.gate.unused_for(idle) => tracing::info!("nobody used the page any more; it has ended"),
        }
        Ok(())
    }
}

impl Shared {
    /// Whether a form comes for the first time: `once` was made with it.
    fn is_first(&self, once: &str, what: &str) -> bool {
        let form = form(once, what);
        let mut pressed = lock(&self.pressed);
        if pressed.contains(&form) {
            return false;
        }
        if pressed.len() >= REMEMBERED {
            pressed.pop_front();
        }
        pressed.push_back(form);
        true
    }

    /// A form that was refused may come again.
    fn forget(&self, once: &str, what: &str) {
        let form = form(once, what);
        lock(&self.pressed).retain(|pressed| *pressed != form);
    }

    async fn agent(&self) -> Option<Agent> {
        Agent::ask(&self.data).await
    }

    /// When this device left its organisation.
    fn left(&self) -> Option<Timestamp> {
        let retired: Option<Retired> = self.data.read_json(RETIRED).ok().flatten();
        retired.map(|retired| retired.time)
    }
}

fn form(once: &str, what: &str) -> String {
    let short = |text: &str| text.chars().take(MAX_TEXT).collect::<String>();
    format!("{} {}", short(once), short(what))
}

fn routes(shared: &Arc<Shared>) -> Router {
    let at = |path: &str| format!("{}{path}", shared.gate.path());
    Router::new()
        .route(&at("open"), get(gate::open))
        .route(&at("page.css"), get(|| asset("text/css; charset=utf-8", STYLE)))
        .route(&at("moat.svg"), get(|| asset("image/svg+xml", ICON)))
        .route(&at(""), get(home::show))
        .route(&at("pause"), post(home::pause))
        .route(&at("start"), post(home::start))
        .route(&at("bypass"), post(home::bypass))
        .route(&at("mistake"), post(home::mistake))
        .route(&at("sent"), get(sent::show))
        .route(&at("report"), get(report::show).post(report::send))
        .fallback(|| async { (StatusCode::NOT_FOUND, "There is no such page.") })
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(middleware::from_fn_with_state(shared.clone(), gate::guard))
        .with_state(shared.clone())
}

async fn asset(kind: &'static str, text: &'static str) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, kind)], text)
}

/// Takes connections for ever.
async fn accept(listener: &TcpListener, router: Router) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else {
            return;
        };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let service = TowerToHyperService::new(router.clone());
        tokio::spawn(async move {
            let mut builder = http1::Builder::new();
            builder.timer(TokioTimer::new()).header_read_timeout(PATIENCE);
            if let Err(error) = builder.serve_connection(TokioIo::new(stream), service).await {
                tracing::debug!(%error, "a connection ended");
            }
            drop(place);
        });
    }
}

/// What every page has.
struct Frame {
    language: &'static Language,
    /// By its name. Without one it is called by a word, and that has forms.
    organisation: Organisation,
    now: Timestamp,
}

struct Organisation {
    name: String,
    /// At the start of a sentence.
    first: String,
    /// After a preposition.
    after: String,
}

impl Frame {
    fn new(language: &'static Language, agent: Option<&Agent>) -> Self {
        let named = agent.map(|agent| agent.settings.organisation.clone());
        let unnamed = moat_model::Settings::default().organisation;
        let named = named.filter(|name| !name.trim().is_empty() && *name != unnamed);
        let form = |form: &str| named.clone().unwrap_or_else(|| language.t(form));
        Self {
            language,
            organisation: Organisation {
                name: form("your-organisation"),
                first: form("your-organisation-first"),
                after: form("your-organisation-after"),
            },
            now: crate::clock::wall(),
        }
    }

    fn t(&self, message: &str) -> String {
        self.language.t(message)
    }

    fn n(&self, message: &str, count: impl std::borrow::Borrow<i64>) -> String {
        self.language.n(message, *count.borrow())
    }

    fn with(&self, message: &str, name: &str, value: impl AsRef<str>) -> String {
        self.language.texts(message, &[(name, value.as_ref())])
    }

    /// A message that names the organisation.
    fn by(&self, message: &str) -> String {
        let Organisation { name, first, after } = &self.organisation;
        let forms: [(&str, &str); 3] = [
            ("organisation", name),
            ("organisationFirst", first),
            ("organisationAfter", after),
        ];
        self.language.texts(message, &forms)
    }

    /// Tells one form from another.
    fn once(&self) -> String {
        gate::random::<8>().unwrap_or_default()
    }
}

fn page(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be made");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Back to a page after a form.
fn see_other(to: &str) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, to.to_string())]).into_response()
}

/// What a browser may do with the answers.
const HEADERS: [(HeaderName, &str); 7] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (header::CACHE_CONTROL, "no-store"),
    // Not "no-referrer": browsers would send forms with an origin of "null".
    (header::REFERRER_POLICY, "same-origin"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

#[cfg(test)]
mod tests;
