//! Listeners: TLS for people, API clients and devices; a Unix socket for the machine's own administrator.

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use axum::{Extension, Router};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{
        conn::auto,
        graceful::{GracefulShutdown, Watcher},
    },
    service::TowerToHyperService,
};
use rustls::{ServerConfig, server::WebPkiClientVerifier};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, UnixListener},
    sync::{Semaphore, watch},
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

use crate::{
    App,
    pki::{PeerCertificate, ServerIdentity},
};

const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
const HEADER_TIMEOUT: Duration = Duration::from_secs(20);
/// Time that open requests get to finish at a stop.
const GRACE: Duration = Duration::from_secs(5);
/// Open connections per listener; more wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 60_000;

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
    mut stop: watch::Receiver<bool>,
) {
    let acceptor = TlsAcceptor::from(tls);
    let graceful = GracefulShutdown::new();
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(slot) = slots.clone().acquire_owned().await else {
            break;
        };
        let (socket, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors or memory: closing connections will free some.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let _ = socket.set_nodelay(true);
        let (app, acceptor, router, watcher) = (app.clone(), acceptor.clone(), router.clone(), graceful.watcher());
        tokio::spawn(async move {
            let _slot = slot;
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

/// Opens a Unix socket that only the owner of the data folder can use; the one of a killed server is replaced.
pub fn bind_local(path: &Path) -> Result<UnixListener> {
    use std::os::unix::fs::PermissionsExt as _;
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
    loop {
        let socket = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((socket, _)) => socket,
                Err(error) => {
                    tracing::warn!(%error, "cannot accept on the admin socket");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let Ok(credentials) = socket.peer_cred() else { continue };
        tokio::spawn(serve_connection(
            socket,
            make_router(credentials.uid()),
            graceful.watcher(),
        ));
    }
    finish_open(graceful).await;
}

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
    let connection = server
        .serve_connection_with_upgrades(TokioIo::new(stream), TowerToHyperService::new(router))
        .into_owned();
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%error, "a connection ended early");
    }
}

async fn finish_open(graceful: GracefulShutdown) {
    if timeout(GRACE, graceful.shutdown()).await.is_err() {
        tracing::debug!("some connections were still open at the stop");
    }
}
