//! Listeners: TLS for people, API clients and devices; a Unix socket for the machine's own administrator.

use std::{
    convert::Infallible,
    net::SocketAddr,
    path::Path,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use axum::{Extension, Router, body::Body};
use bytes::Bytes;
use http::Request;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{
        conn::auto,
        graceful::{GracefulShutdown, Watcher},
    },
    service::TowerToHyperService,
};
use rustls::{ServerConfig, server::WebPkiClientVerifier};
use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, UnixListener},
    sync::watch,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

use crate::{
    App,
    pki::{PeerCertificate, ServerIdentity},
    places::Places,
};

const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// From the handshake to the first request with all its headers.
const FIRST_REQUEST_TIMEOUT: Duration = Duration::from_secs(20);
const HEADER_TIMEOUT: Duration = Duration::from_secs(20);
/// Between requests. Longer than devices wait between check-ins by default, so that they need no new connection for each.
const IDLE_TIMEOUT: Duration = Duration::from_secs(75);
/// How long what was sent may stay unacknowledged or unread (RFC 5482).
const UNANSWERED: Duration = Duration::from_secs(60);
/// Linux: `sun_path` less its closing zero.
const MAX_SOCKET_PATH: usize = 107;
/// Time that open requests get to finish at a stop.
const GRACE: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Address of the other end of a connection, as a request extension.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// TLS for the console and the APIs: no certificate is asked for.
pub fn main_tls(identity: ServerIdentity) -> Result<Arc<ServerConfig>> {
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(identity.chain, identity.key);
    finish(config.context("the certificate and its key do not belong together")?)
}

/// TLS for devices: only with a certificate that our authority signed.
pub fn device_tls(identity: ServerIdentity, roots: Arc<rustls::RootCertStore>) -> Result<Arc<ServerConfig>> {
    let verifier = WebPkiClientVerifier::builder(roots).build()?;
    finish(
        ServerConfig::builder()
            .with_client_cert_verifier(verifier)
            .with_single_cert(identity.chain, identity.key)?,
    )
}

fn finish(mut config: ServerConfig) -> Result<Arc<ServerConfig>> {
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Serves `router` over TLS until `stop` turns true, then lets open requests finish.
pub async fn serve_tls(
    app: App,
    listener: TcpListener,
    tls: Arc<ServerConfig>,
    router: Router,
    places: Places,
    mut stop: watch::Receiver<bool>,
) {
    let acceptor = TlsAcceptor::from(tls);
    let graceful = GracefulShutdown::new();
    let mut trouble = Trouble::default();
    loop {
        let slot = tokio::select! {
            slot = places.slot() => slot,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let Some(slot) = slot else { break };
        let (socket, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    trouble.wait(&error).await;
                    continue;
                }
            },
            _ = stop.wait_for(|stop| *stop) => break,
        };
        trouble.is_over();
        let Some(place) = places.take(slot, peer.ip()) else {
            tracing::debug!(%peer, "an address holds as many connections as it may");
            continue;
        };
        let _ = socket.set_nodelay(true);
        // A peer that is gone, or that takes nothing of what it asked for, would hold its place for ever.
        let _ = SockRef::from(&socket).set_tcp_user_timeout(Some(UNANSWERED));
        let (app, acceptor, router, watcher) = (app.clone(), acceptor.clone(), router.clone(), graceful.watcher());
        tokio::spawn(async move {
            let _place = place;
            let Ok(Ok(stream)) = timeout(HANDSHAKE_TIMEOUT, acceptor.accept(socket)).await else {
                return;
            };
            let certificate = stream
                .get_ref()
                .1
                .peer_certificates()
                .and_then(|chain| chain.first().cloned());
            let peer_certificate: Option<PeerCertificate> = certificate.and_then(|der| app.authority.verify(&der));
            let router = router.layer(Extension(Peer(peer))).layer(Extension(peer_certificate));
            serve_connection(stream, router, watcher).await;
        });
    }
    finish_open(graceful).await;
}

/// What to do while connections cannot be accepted, as when files or memory run out: closing others will free some.
#[derive(Default)]
struct Trouble {
    pause: Option<Duration>,
}

impl Trouble {
    /// Waits, longer each time; says so once.
    async fn wait(&mut self, error: &std::io::Error) {
        let pause = match self.pause {
            None => {
                tracing::warn!(%error, "cannot accept connections; trying again until it works");
                FIRST_PAUSE
            }
            Some(pause) => (pause * 2).min(LONGEST_PAUSE),
        };
        self.pause = Some(pause);
        tokio::time::sleep(pause).await;
    }

    fn is_over(&mut self) {
        if self.pause.take().is_some() {
            tracing::info!("connections are accepted again");
        }
    }
}

/// Opens a Unix socket that only the owner of the data folder can use; the one of a killed server is replaced.
pub fn bind_local(path: &Path) -> Result<UnixListener> {
    use std::os::unix::fs::PermissionsExt as _;
    if path.as_os_str().len() > MAX_SOCKET_PATH {
        bail!(
            "{} is longer than the {MAX_SOCKET_PATH} bytes that a socket's address can have: give the data folder a shorter path",
            path.display()
        );
    }
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).context("cannot replace the old admin socket");
        }
        _ => {}
    }
    let listener = UnixListener::bind(path).with_context(|| format!("cannot listen on {}", path.display()))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Serves `make_router(uid)` to the processes that connect.
pub async fn serve_local(listener: UnixListener, make_router: impl Fn(u32) -> Router, mut stop: watch::Receiver<bool>) {
    let graceful = GracefulShutdown::new();
    let mut trouble = Trouble::default();
    loop {
        let socket = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((socket, _)) => socket,
                Err(error) => {
                    trouble.wait(&error).await;
                    continue;
                }
            },
            _ = stop.wait_for(|stop| *stop) => break,
        };
        trouble.is_over();
        let Ok(credentials) = socket.peer_cred() else { continue };
        tokio::spawn(serve_connection(
            socket,
            make_router(credentials.uid()),
            graceful.watcher(),
        ));
    }
    finish_open(graceful).await;
}

/// Serves a connection until its peer ends it, or asks for nothing for too long.
async fn serve_connection(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    router: Router,
    watcher: Watcher,
) {
    let mut server = auto::Builder::new(TokioExecutor::new());
    server
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT);
    server
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(64)
        .keep_alive_interval(Some(Duration::from_secs(60)));
    let activity = Activity::default();
    let service = {
        let activity = activity.clone();
        tower::service_fn(move |request: Request<Incoming>| {
            let (busy, router) = (activity.begin(), router.clone());
            async move {
                let response = router.oneshot(request).await?;
                Ok::<_, Infallible>(response.map(|body| BusyBody { body, _busy: busy }))
            }
        })
    };
    let connection = server
        .serve_connection_with_upgrades(TokioIo::new(stream), TowerToHyperService::new(service))
        .into_owned();
    tokio::select! {
        served = watcher.watch(connection) => if let Err(error) = served {
            tracing::debug!(%error, "a connection ended early");
        },
        () = activity.ends() => tracing::debug!("a connection was closed because nothing was asked on it"),
    }
}

/// How many requests of a connection are being answered, to the last byte of the answer.
#[derive(Clone, Default)]
struct Activity(Arc<watch::Sender<usize>>);

/// A request that is being answered.
struct Busy(Activity);

impl Activity {
    fn begin(&self) -> Busy {
        self.0.send_modify(|requests| *requests += 1);
        Busy(self.clone())
    }

    /// Resolves when nothing has been asked for too long. An answer that goes on, as a push connection does, is no such time.
    async fn ends(&self) {
        let mut requests = self.0.subscribe();
        let mut limit = FIRST_REQUEST_TIMEOUT;
        loop {
            let busy = *requests.borrow_and_update() > 0;
            let change = requests.changed();
            if busy {
                let _ = change.await;
            } else if timeout(limit, change).await.is_err() {
                return;
            }
            limit = IDLE_TIMEOUT;
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.0.send_modify(|requests| *requests = requests.saturating_sub(1));
    }
}

/// The body of an answer, which keeps its connection busy.
struct BusyBody {
    body: Body,
    _busy: Busy,
}

impl hyper::body::Body for BusyBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

async fn finish_open(graceful: GracefulShutdown) {
    if timeout(GRACE, graceful.shutdown()).await.is_err() {
        tracing::debug!("some connections were still open at the stop");
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::{get, post};
    use futures_util::StreamExt as _;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream},
        time::{Instant, sleep},
    };

    use super::*;
    use crate::router;

    const HOUR: Duration = Duration::from_secs(3600);

    /// The other end of a connection that is served in virtual time, by a server that runs as long as the second is held.
    fn connect() -> (DuplexStream, GracefulShutdown) {
        let ticks = || async {
            let tick = |n: u32| async move {
                sleep(Duration::from_secs(25)).await;
                Some((Ok::<_, Infallible>(Bytes::from_static(b"tick\n")), n + 1))
            };
            Body::from_stream(futures_util::stream::unfold(0, tick).boxed())
        };
        let routes = Router::new()
            .route("/", get(|| async { "hello" }))
            .route("/ticks", get(ticks))
            .route("/echo", post(|body: String| async { body }));
        let (client, server) = tokio::io::duplex(1 << 16);
        let running = GracefulShutdown::new();
        tokio::spawn(serve_connection(server, router::bounded(routes), running.watcher()));
        (client, running)
    }

    /// Everything until the server closes; how long that took.
    async fn until_closed(client: &mut DuplexStream) -> (String, Duration) {
        let (start, mut all) = (Instant::now(), Vec::new());
        let closed = timeout(HOUR, client.read_to_end(&mut all)).await;
        closed.expect("the server closes").unwrap();
        (String::from_utf8(all).unwrap(), start.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_for_nothing_is_closed() {
        for sent in [
            "",
            "G",
            "GET / HT",
            "GET / HTTP/1.1\r\nHost: a\r\nX: ",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        ] {
            let (mut client, _running) = connect();
            client.write_all(sent.as_bytes()).await.unwrap();
            let (_, after) = until_closed(&mut client).await;
            assert!(
                after <= FIRST_REQUEST_TIMEOUT + Duration::from_secs(1),
                "{sent:?}: {after:?}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_may_rest_between_requests_but_not_for_ever() {
        let (mut client, _running) = connect();
        for _ in 0..3 {
            client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
            let mut answer = [0; 4096];
            let read = client.read(&mut answer).await.unwrap();
            let answer = String::from_utf8_lossy(&answer[..read]).into_owned();
            assert!(
                answer.contains("content-length: 5") && answer.ends_with("hello"),
                "{answer}"
            );
        }
        let (_, after) = until_closed(&mut client).await;
        assert!(after <= IDLE_TIMEOUT + Duration::from_secs(1), "{after:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_goes_on_keeps_its_connection() {
        let (mut client, _running) = connect();
        client
            .write_all(b"GET /ticks HTTP/1.1\r\nHost: a\r\n\r\n")
            .await
            .unwrap();
        let (start, mut ticks) = (Instant::now(), 0);
        while start.elapsed() < HOUR {
            let mut some = [0; 4096];
            let read = client.read(&mut some).await.unwrap();
            assert!(read > 0, "closed after {:?}", start.elapsed());
            ticks += String::from_utf8_lossy(&some[..read]).matches("tick").count();
        }
        assert!(ticks > 100, "{ticks}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_is_not_waited_for() {
        let (mut client, _running) = connect();
        let request = b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc";
        client.write_all(request).await.unwrap();
        let (answer, after) = until_closed(&mut client).await;
        assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
        assert!(after < Duration::from_secs(300), "{after:?}");
    }
}
