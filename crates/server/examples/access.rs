//! Times of `GET /access/check` over TLS on loopback, as a gateway asks it: requests at a fixed rate over kept connections, whether or
//! not earlier ones are answered, each timed from the moment at which it was due. The server is a process of its own and has
//! one core; this program has another. Run by `script/bench access`; prints JSON. Linux, with `taskset`.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::SocketAddr,
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use http::{Method, Request};
use http_body_util::{BodyExt as _, Empty};
use hyper::{body::Bytes, client::conn::http1::SendRequest};
use hyper_util::rt::TokioIo;
use moat_server::{App, Config, DataFolder, Listeners, local};
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::{
    net::TcpStream,
    sync::{mpsc, watch},
};
use tokio_rustls::TlsConnector;

const RATE: u32 = 5_000;
const SECONDS: u32 = 10;
const WARM_UP: u32 = 2;
const CONNECTIONS: usize = 32;
const POLICIES: usize = 20;
const DEVICES: usize = 10_000;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("serve") => serve().await,
        _ => measure().await,
    }
}

/// The server: says on one line how to ask it, and ends with its standard input.
async fn serve() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let config = Config {
        listen: ([127, 0, 0, 1], 0).into(),
        ..Config::default()
    };
    let app = App::open(DataFolder::open(folder.path())?, config.clone()).await?;
    let certificate = fill(&app).await?;
    app.close().await;
    drop(app);
    // Reads the devices.
    let app = App::open(DataFolder::open(folder.path())?, config).await?;
    let gateway = post(&app, "/admin/gateways", json!({"name": "bench"})).await?;
    for n in 0..POLICIES {
        let path = "/v1.0/identity/conditionalAccess/policies";
        post(&app, path, policy(n, &gateway["applicationId"])).await?;
    }
    let listeners = Listeners::bind(&app).await?;
    let address = listeners.main()?;
    let ca = std::fs::read_to_string(folder.path().join("ca.pem"))?;
    println!(
        "{}",
        json!({"address": address, "key": gateway["key"], "certificate": certificate, "ca": ca})
    );
    std::io::stdout().flush()?;
    let (stop, stopped) = watch::channel(false);
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        let _ = stop.send(true);
    });
    moat_server::serve(app, listeners, stopped).await
}

/// Devices of which one has a certificate that can be shown; answers it as nginx escapes it.
async fn fill(app: &App) -> Result<String> {
    let device = "INSERT INTO devices (id, name, os_platform, os_version, model, agent_version, management, device_group, \
                  enrolled_at, last_seen_at, last_ip, last_external_ip, web_protection, bundle_version, jailbreak_level, posture, \
                  risk, acknowledged_seq, dropped_events) VALUES ($1, $2, 'iOS', '18.1', 'iPhone15,3', '1', 'managed', '', $3, \
                  $3, '', '', 'on', 1, 'none', '{}', 'None', 0, 0)";
    let certificate = "INSERT INTO device_certificates (fingerprint, device_id, serial, created_at, not_after) \
                       VALUES ($1, $2, '', 0, $3)";
    let shown = rcgen::generate_simple_self_signed(vec!["phone".into()])?.cert;
    let mut tx = app.db.begin().await?;
    for n in 0..DEVICES {
        let id = format!("00000000-0000-4000-8000-{n:012x}");
        let query = sqlx::query(device).bind(id.clone()).bind(format!("phone-{n}"));
        query.bind(moat_server::now().as_micros()).execute(&mut *tx).await?;
        let fingerprint = match n {
            0 => hex::encode(Sha256::digest(shown.der())),
            n => format!("{n:064x}"),
        };
        let query = sqlx::query(certificate).bind(fingerprint).bind(id).bind(i64::MAX);
        query.execute(&mut *tx).await?;
    }
    tx.commit().await?;
    Ok(shown.pem().bytes().map(|byte| format!("%{byte:02X}")).collect())
}

/// What this device meets: its platform is not among those that need more.
fn policy(n: usize, application: &Value) -> Value {
    json!({
        "displayName": format!("Other platforms {n}"),
        "state": "enabled",
        "conditions": {
            "clientAppTypes": ["all"],
            "applications": {"includeApplications": [application]},
            "users": {"includeUsers": ["All"]},
            "platforms": {"includePlatforms": ["all"], "excludePlatforms": ["iOS"]},
        },
        "grantControls": {"operator": "OR", "builtInControls": ["compliantDevice"]},
    })
}

async fn post(app: &App, path: &str, body: Value) -> Result<Value> {
    let request = Request::builder().method(Method::POST).uri(path);
    let request = request.header("content-type", "application/json");
    let response = local::call(app, request.body(Bytes::from(body.to_string()))?).await?;
    ensure!(response.status().is_success(), "{path}: {:?}", response.body());
    Ok(serde_json::from_slice(response.body())?)
}

async fn measure() -> Result<()> {
    let mut server = Command::new("taskset")
        .args(["--cpu-list", "0"])
        .arg(std::env::current_exe()?)
        .arg("serve")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start taskset")?;
    let mut line = String::new();
    BufReader::new(server.stdout.take().context("no output")?).read_line(&mut line)?;
    let told: Value = serde_json::from_str(&line).context("the server ended before it was ready")?;
    let asked = Asked::of(&told)?;
    let mut connections = Vec::with_capacity(CONNECTIONS);
    for _ in 0..CONNECTIONS {
        connections.push(asked.connect().await?);
    }
    let (times, done) = mpsc::unbounded_channel();
    let queues: Vec<_> = connections
        .into_iter()
        .map(|connection| {
            let (queue, due) = mpsc::unbounded_channel();
            tokio::spawn(ask(asked.clone(), connection, due, times.clone()));
            queue
        })
        .collect();
    drop(times);
    send_all(&queues).await;
    drop(queues);
    let measured = collect(done).await?;
    drop(server.stdin.take());
    server.wait()?;
    println!("{measured}");
    Ok(())
}

/// Hands each request out when it is due. It looks at the clock all the time: a timer of a millisecond would be late.
async fn send_all(queues: &[mpsc::UnboundedSender<Instant>]) {
    let start = Instant::now();
    let between = Duration::from_secs(1) / RATE;
    for n in 0..RATE * (WARM_UP + SECONDS) {
        let due = start + between * n;
        while Instant::now() < due {
            tokio::task::yield_now().await;
        }
        let _ = queues[n as usize % queues.len()].send(due);
    }
}

/// Asks on one connection, one question after the other; what is due meanwhile waits, and its time runs.
async fn ask(
    asked: Asked,
    mut connection: SendRequest<Empty<Bytes>>,
    mut due: mpsc::UnboundedReceiver<Instant>,
    times: mpsc::UnboundedSender<Result<Duration>>,
) {
    while let Some(due) = due.recv().await {
        let answer = asked.ask(&mut connection).await;
        let _ = times.send(answer.map(|()| due.elapsed()));
    }
}

async fn collect(mut done: mpsc::UnboundedReceiver<Result<Duration>>) -> Result<Value> {
    let mut times = Vec::with_capacity((RATE * (WARM_UP + SECONDS)) as usize);
    while let Some(time) = done.recv().await {
        times.push(time?.as_secs_f64() * 1e3);
    }
    // Warm-up requests come first.
    let mut times = times.split_off((RATE * WARM_UP) as usize);
    times.sort_by(f64::total_cmp);
    let at = |share: usize| times[(times.len() - 1) * share / 1_000];
    Ok(json!({
        "benchmark": "access",
        "requests_per_second": RATE,
        "seconds": SECONDS,
        "connections": CONNECTIONS,
        "devices": DEVICES,
        "conditional_access_policies": POLICIES,
        "server_cores": 1,
        "p50_ms": at(500),
        "p99_ms": at(990),
        "p999_ms": at(999),
        "max_ms": at(1_000),
    }))
}

#[derive(Clone)]
struct Asked {
    address: SocketAddr,
    tls: TlsConnector,
    key: Arc<str>,
    certificate: Arc<str>,
}

impl Asked {
    fn of(told: &Value) -> Result<Self> {
        let text = |name: &str| told[name].as_str().unwrap_or_default();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(text("ca").as_bytes())?)?;
        let tls = rustls::ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self {
            address: text("address").parse()?,
            tls: TlsConnector::from(Arc::new(tls)),
            key: format!("Bearer {}", text("key")).into(),
            certificate: text("certificate").into(),
        })
    }

    async fn connect(&self) -> Result<SendRequest<Empty<Bytes>>> {
        let socket = TcpStream::connect(self.address).await?;
        socket.set_nodelay(true)?;
        let stream = self.tls.connect(ServerName::try_from("localhost")?, socket).await?;
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(sender)
    }

    async fn ask(&self, connection: &mut SendRequest<Empty<Bytes>>) -> Result<()> {
        let request = Request::get("/access/check")
            .header("host", "localhost")
            .header("authorization", &*self.key)
            .header("x-client-cert", &*self.certificate)
            .header("x-client-ip", "192.0.2.1")
            .body(Empty::new())?;
        connection.ready().await?;
        let answer = connection.send_request(request).await?;
        ensure!(answer.status() == 200, "answered {}", answer.status());
        answer.into_body().collect().await?;
        Ok(())
    }
}
