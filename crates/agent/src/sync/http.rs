//! HTTPS to the server: TLS trusted by the pinned authority alone, over sockets that bypass the tunnel.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, client::conn::http1::SendRequest};
use hyper_util::rt::TokioIo;
use moat_model::sync::Problem;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _};
use serde::{Serialize, de::DeserializeOwned};
use tokio::{net::TcpSocket, sync::Mutex, time::timeout};
use tokio_rustls::TlsConnector;

use super::trust::Trust;
use crate::tunnel::routing::MARK;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Largest answer that is read into memory.
const MAX_ANSWER: usize = 1 << 20;

/// The server said no.
#[derive(Debug, thiserror::Error)]
#[error("{message} ({code})")]
pub struct Refused {
    pub status: StatusCode,
    pub code: String,
    pub message: String,
}

/// A request that left this device, or may have.
pub struct Sent<T> {
    pub bytes: u64,
    pub answer: Result<T>,
}

/// A server to speak with, over one kept connection.
pub struct Client {
    base: Uri,
    tls: TlsConnector,
    connection: Mutex<Option<SendRequest<Full<Bytes>>>>,
    /// Addresses that the name resolved to last: good when the resolver is not.
    addresses: Mutex<Vec<SocketAddr>>,
}

/// Certificate and key of an enrolled device, PEM.
pub struct ClientIdentity {
    pub certificate: String,
    pub key: String,
}

impl Client {
    pub fn new(base: &str, ca: &str, identity: Option<&ClientIdentity>) -> Result<Self> {
        let base: Uri = base.parse().with_context(|| format!("{base:?} is no URL"))?;
        if base.scheme_str() != Some("https") || base.host().is_none() {
            bail!("{base} must be https://HOST or https://HOST:PORT");
        }
        let config = rustls::ClientConfig::builder()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Trust::read(ca)?));
        let config = match identity {
            None => config.with_no_client_auth(),
            Some(identity) => {
                let chain =
                    CertificateDer::pem_slice_iter(identity.certificate.as_bytes()).collect::<Result<_, _>>()?;
                let key =
                    PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).context("the device key is damaged")?;
                config.with_client_auth_cert(chain, key)?
            }
        };
        Ok(Self {
            base,
            tls: TlsConnector::from(Arc::new(config)),
            connection: Mutex::default(),
            addresses: Mutex::default(),
        })
    }

    /// Posts JSON and reads JSON. An error: nothing left this device.
    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<Sent<T>> {
        let body = serde_json::to_vec(body)?;
        let bytes = body.len() as u64;
        let request = self
            .request(Method::POST, path, Some("application/json"))?
            .body(Full::from(body))?;
        let mut kept = self.connection.lock().await;
        let mut connection = self.ready(kept.take()).await?;
        let response = timeout(REQUEST_TIMEOUT, connection.send_request(request)).await;
        let response = response.context("the server does not answer");
        let answer = match response.and_then(|response| Ok(response?)) {
            Ok(response) => {
                *kept = Some(connection);
                drop(kept);
                read(response).await
            }
            Err(error) => Err(error),
        };
        Ok(Sent { bytes, answer })
    }

    /// The kept connection, or a new one when the server has closed it.
    async fn ready(&self, kept: Option<SendRequest<Full<Bytes>>>) -> Result<SendRequest<Full<Bytes>>> {
        let mut connection = match kept.filter(|connection| !connection.is_closed()) {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        let ready = timeout(REQUEST_TIMEOUT, connection.ready()).await;
        ready.context("the server does not answer")??;
        Ok(connection)
    }

    /// Gets a path over a connection of its own; the body is read by the caller.
    pub async fn get(&self, path: &str, headers: &[(header::HeaderName, String)]) -> Result<Response<Incoming>> {
        let mut request = self.request(Method::GET, path, None)?;
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let mut connection = self.connect().await?;
        let response = timeout(REQUEST_TIMEOUT, connection.send_request(request.body(Full::default())?)).await;
        let response = response.context("the server does not answer")??;
        if response.status().is_client_error() || response.status().is_server_error() {
            let status = response.status();
            let bytes = http_body_util::Limited::new(response.into_body(), MAX_ANSWER)
                .collect()
                .await;
            return Err(refused(status, &bytes.map(|b| b.to_bytes()).unwrap_or_default()).into());
        }
        Ok(response)
    }

    fn request(&self, method: Method, path: &str, content_type: Option<&str>) -> Result<http::request::Builder> {
        let authority = self.base.authority().context("the URL has no host")?;
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, authority.as_str());
        if let Some(content_type) = content_type {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        Ok(request)
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>> {
        timeout(CONNECT_TIMEOUT, self.try_connect())
            .await
            .with_context(|| format!("{} does not answer", self.base))?
    }

    async fn try_connect(&self) -> Result<SendRequest<Full<Bytes>>> {
        let host = self
            .base
            .host()
            .context("the URL has no host")?
            .trim_matches(['[', ']'])
            .to_string();
        let mut last = None;
        for address in self.resolve(&host).await? {
            match self.handshake(&host, address).await {
                Ok(connection) => return Ok(connection),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| anyhow::anyhow!("{host} has no address")))
    }

    async fn handshake(&self, host: &str, address: SocketAddr) -> Result<SendRequest<Full<Bytes>>> {
        let socket = if address.is_ipv4() {
            TcpSocket::new_v4()?
        } else {
            TcpSocket::new_v6()?
        };
        // Without the right to mark, as at enrolment by an ordinary user, there is no tunnel to bypass either.
        let _ = socket2::SockRef::from(&socket).set_mark(MARK);
        let stream = socket
            .connect(address)
            .await
            .with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from(host.to_string()).with_context(|| format!("{host} is no host name"))?;
        let stream = self
            .tls
            .connect(name, stream)
            .await
            .with_context(|| format!("no trusted TLS with {host}"))?;
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(sender)
    }

    async fn resolve(&self, host: &str) -> Result<Vec<SocketAddr>> {
        let port = self.base.port_u16().unwrap_or(443);
        let mut known = self.addresses.lock().await;
        match tokio::net::lookup_host((host, port)).await {
            Ok(found) => *known = found.collect(),
            Err(error) if known.is_empty() => return Err(error).with_context(|| format!("cannot resolve {host}")),
            Err(_) => {}
        }
        Ok(known.clone())
    }
}

async fn read<T: DeserializeOwned>(response: Response<Incoming>) -> Result<T> {
    let status = response.status();
    let body = http_body_util::Limited::new(response.into_body(), MAX_ANSWER);
    let bytes = timeout(REQUEST_TIMEOUT, body.collect())
        .await
        .context("the server's answer took too long")?
        .map_err(|e| anyhow::anyhow!("the server's answer broke off: {e}"))?
        .to_bytes();
    if !status.is_success() {
        return Err(refused(status, &bytes).into());
    }
    serde_json::from_slice(&bytes).context("the server's answer is not understood")
}

fn refused(status: StatusCode, body: &[u8]) -> Refused {
    match serde_json::from_slice::<Problem>(body) {
        Ok(problem) => Refused {
            status,
            code: problem.code,
            message: problem.message,
        },
        Err(_) => Refused {
            status,
            code: status.as_u16().to_string(),
            message: "the server refused".into(),
        },
    }
}
