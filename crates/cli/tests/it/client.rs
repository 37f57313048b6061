//! Clients of the server: an API client with a token, and a device with its certificate.

use std::{net::SocketAddr, path::Path, sync::Arc};

use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Bytes, client::conn::http1::SendRequest};
use hyper_util::rt::TokioIo;
use moat_model::{
    Timestamp, WebProtection,
    sync::{CheckIn, CheckInReply, DeviceEvent, DeviceState, OutboxEntry, ReportKind},
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// One kept-alive connection over TLS; broken connections give `None`, never an answer that was not sent.
pub struct Client {
    address: SocketAddr,
    tls: TlsConnector,
    connection: Option<SendRequest<Full<Bytes>>>,
    pub bearer: Option<String>,
}

impl Client {
    pub fn new(address: SocketAddr, ca: &str, identity: Option<(&str, &str)>) -> Self {
        let mut roots = rustls::RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(ca.as_bytes()).unwrap())
            .unwrap();
        let config = rustls::ClientConfig::builder().with_root_certificates(roots);
        let config = match identity {
            None => config.with_no_client_auth(),
            Some((certificate, key)) => {
                let chain = CertificateDer::pem_slice_iter(certificate.as_bytes())
                    .collect::<Result<_, _>>()
                    .unwrap();
                config
                    .with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap())
                    .unwrap()
            }
        };
        Self {
            address,
            tls: TlsConnector::from(Arc::new(config)),
            connection: None,
            bearer: None,
        }
    }

    pub async fn call(
        &mut self,
        method: Method,
        path: &str,
        content_type: &str,
        body: String,
    ) -> Option<(StatusCode, Value)> {
        let answer = self.try_call(method, path, content_type, body).await;
        if answer.is_none() {
            self.connection = None;
        }
        answer
    }

    pub async fn post(&mut self, path: &str, body: &Value) -> Option<(StatusCode, Value)> {
        self.call(Method::POST, path, "application/json", body.to_string())
            .await
    }

    async fn try_call(
        &mut self,
        method: Method,
        path: &str,
        content_type: &str,
        body: String,
    ) -> Option<(StatusCode, Value)> {
        if self.connection.as_ref().is_none_or(SendRequest::is_closed) {
            let socket = TcpStream::connect(self.address).await.ok()?;
            let stream = self
                .tls
                .connect(ServerName::from(self.address.ip()), socket)
                .await
                .ok()?;
            let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.ok()?;
            tokio::spawn(connection);
            self.connection = Some(sender);
        }
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", self.address.to_string())
            .header("content-type", content_type);
        if let Some(bearer) = &self.bearer {
            request = request.header("authorization", format!("Bearer {bearer}"));
        }
        let sender = self.connection.as_mut()?;
        sender.ready().await.ok()?;
        let response = sender
            .send_request(request.body(Full::from(body)).unwrap())
            .await
            .ok()?;
        let status = response.status();
        let bytes = response.into_body().collect().await.ok()?.to_bytes();
        Some((status, serde_json::from_slice(&bytes).unwrap_or(Value::Null)))
    }

    /// Signs in with client credentials, as Defender's clients do.
    pub async fn sign_in(&mut self, credentials: &Value) -> Option<()> {
        let text = |name: &str| credentials[name].as_str().unwrap();
        let form = format!(
            "grant_type=client_credentials&client_id={}&client_secret={}&scope=https%3A%2F%2Fapi.securitycenter.microsoft.com%2F.default",
            text("client_id"),
            text("client_secret")
        );
        let path = format!("/{}/oauth2/v2.0/token", text("tenant"));
        let (status, answer) = self
            .call(Method::POST, &path, "application/x-www-form-urlencoded", form)
            .await?;
        assert_eq!(status, 200, "{answer}");
        self.bearer = Some(answer["access_token"].as_str().unwrap().to_string());
        Some(())
    }
}

/// A device as the server sees one: key, certificate, and the number of its last event.
pub struct Device {
    pub id: String,
    certificate: String,
    key: String,
    bundle_key: String,
    pub last_seq: u64,
}

impl Device {
    pub async fn enroll(client: &mut Client, token: &str) -> Option<Self> {
        let key = rcgen::KeyPair::generate().unwrap();
        let csr = rcgen::CertificateParams::default()
            .serialize_request(&key)
            .unwrap()
            .pem()
            .unwrap();
        let body = json!({"token": token, "csr": csr, "device": device_info()});
        let (status, answer) = client.post("/device/v1/enroll", &body).await?;
        assert_eq!(status, 200, "{answer}");
        let text = |name: &str| answer[name].as_str().unwrap().to_string();
        Some(Self {
            id: text("deviceId"),
            certificate: text("certificate"),
            key: key.serialize_pem(),
            bundle_key: text("bundleKey"),
            last_seq: 0,
        })
    }

    pub fn connect(&self, address: SocketAddr, ca: &str) -> Client {
        Client::new(address, ca, Some((&self.certificate, &self.key)))
    }

    /// Writes what `moat-agent enroll` writes, as far as apps on the device read it.
    pub fn write(&self, folder: &Path, ca: &str, server: SocketAddr) {
        let identity = json!({
            "deviceId": self.id,
            "deviceUrl": format!("https://{server}"),
            "bundleKey": self.bundle_key,
        });
        for (name, text) in [
            ("device.pem", &self.certificate),
            ("device.key", &self.key),
            ("ca.pem", &ca.to_string()),
            ("identity.json", &identity.to_string()),
        ] {
            std::fs::write(folder.join(name), text).unwrap();
        }
    }

    /// Reports the sites and gives the number up to which the server acknowledged.
    pub async fn report_sites(&mut self, client: &mut Client, urls: &[String]) -> Option<u64> {
        let event = |url: &String| DeviceEvent::SiteReported {
            url: url.clone(),
            comment: String::new(),
            report: ReportKind::Unsafe,
        };
        self.send(client, urls.iter().map(event).collect()).await
    }

    /// Checks in with these events and gives the number up to which the server acknowledged.
    pub async fn send(&mut self, client: &mut Client, events: Vec<DeviceEvent>) -> Option<u64> {
        let time = Timestamp::from_micros(jiff::Timestamp::now().as_microsecond());
        let first = self.last_seq + 1;
        self.last_seq += events.len() as u64;
        let assessment = events.iter().rev().find_map(|event| match event {
            DeviceEvent::Jailbreak { assessment, .. } | DeviceEvent::JailbreakCleared { assessment } => {
                Some(assessment.clone())
            }
            _ => None,
        });
        let check_in = CheckIn {
            device: serde_json::from_value(device_info()).unwrap(),
            state: DeviceState {
                time,
                web_protection: WebProtection::On,
                other_vpn: None,
                bundle_version: 0,
                posture: assessment,
                addresses: Vec::new(),
                problems: Vec::new(),
                configuration: None,
            },
            events: events
                .into_iter()
                .zip(first..)
                .map(|(event, seq)| OutboxEntry { seq, time, event })
                .collect(),
            dropped: 0,
        };
        let (status, answer) = client
            .post("/device/v1/check-in", &serde_json::to_value(check_in).unwrap())
            .await?;
        assert_eq!(status, 200, "{answer}");
        Some(serde_json::from_value::<CheckInReply>(answer).unwrap().acknowledged)
    }
}

/// Name of the devices that tests enrol.
pub const NAME: &str = "ada-phone";

fn device_info() -> Value {
    json!({"name": NAME, "osPlatform": "Linux", "osVersion": "6", "model": "test", "agentVersion": "0"})
}
