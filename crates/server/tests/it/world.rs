use std::sync::Arc;

use http::{Method, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use moat_server::{App, Config, DataFolder, Listeners, Role};
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject as _};
use serde_json::{Value, json};
use tokio::{net::TcpStream, sync::watch};
use tokio_rustls::TlsConnector;

/// A server with its own data folder, listening on loopback.
pub struct World {
    pub app: App,
    address: std::net::SocketAddr,
    device_address: std::net::SocketAddr,
    roots: Arc<rustls::RootCertStore>,
    tls: TlsConnector,
    _stop: watch::Sender<bool>,
    _data: tempfile::TempDir,
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: http::HeaderMap,
    pub body: Value,
    pub text: String,
    pub bytes: Vec<u8>,
}

impl Answer {
    /// `400 InvalidInput`, or `200`.
    pub fn outcome(&self) -> String {
        match self.body["error"]["code"].as_str() {
            Some(code) => format!("{} {code}", self.status.as_u16()),
            None => self.status.as_u16().to_string(),
        }
    }

    pub fn message(&self) -> &str {
        self.body["error"]["message"].as_str().unwrap_or_default()
    }
}

/// An enrolled device.
pub struct Device {
    pub id: String,
    info: Value,
    /// As the server issued it, PEM.
    pub certificate: String,
    address: std::net::SocketAddr,
    tls: TlsConnector,
}

impl Device {
    /// Calls the device listener with the device's certificate.
    pub async fn call(&self, method: Method, path: &str, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Answer {
        send(&self.tls, self.address, method, path, headers, body.into()).await
    }

    /// The bytes behind a path of the device listener.
    pub async fn bytes(&self, path: &str) -> Vec<u8> {
        let answer = self.call(Method::GET, path, &[], "").await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.bytes
    }

    /// Opens the push connection.
    pub async fn push(&self) -> Push {
        let socket = TcpStream::connect(self.address).await.unwrap();
        let stream = self
            .tls
            .connect(ServerName::try_from("localhost").unwrap(), socket)
            .await
            .unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .unwrap();
        tokio::spawn(connection);
        let request = http::Request::get("/device/v1/push").header(header::HOST, "localhost");
        let response = sender
            .send_request(request.body(Full::<bytes::Bytes>::default()).unwrap())
            .await
            .unwrap();
        assert_eq!(response.status(), 200);
        Push {
            body: response.into_body(),
            _sender: sender,
        }
    }

    /// Checks in with these events.
    pub async fn check_in(&self, events: Value) -> Value {
        let answer = self.try_check_in(json!({}), events).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.body
    }

    /// Checks in after a posture run that came to this level.
    pub async fn reports(&self, events: Value, level: &str) -> Value {
        self.check_in_after(assessment(level, json!([])), events).await
    }

    /// A posture run finds the device jailbroken.
    pub async fn jailbreaks(&self, seq: u64, finding: Value) -> Value {
        let assessment = assessment("confirmed", json!([finding]));
        let event = json!({"kind": "jailbreak", "level": "confirmed", "assessment": assessment});
        let events = json!([{"seq": seq, "time": EVENT_TIME, "event": event}]);
        self.check_in_after(assessment, events).await
    }

    /// A posture run finds traces of a jailbreak.
    pub async fn suspected(&self, seq: u64, finding: Value) -> Value {
        let assessment = assessment("suspected", json!([finding]));
        let event = json!({"kind": "jailbreak", "level": "suspected", "assessment": assessment});
        let events = json!([{"seq": seq, "time": EVENT_TIME, "event": event}]);
        self.check_in_after(assessment, events).await
    }

    /// A posture run finds the device clean again.
    pub async fn clears(&self, seq: u64) -> Value {
        let assessment = assessment("none", json!([]));
        let event = json!({"kind": "jailbreakCleared", "assessment": assessment});
        let events = json!([{"seq": seq, "time": EVENT_TIME, "event": event}]);
        self.check_in_after(assessment, events).await
    }

    async fn check_in_after(&self, posture: Value, events: Value) -> Value {
        let answer = self.try_check_in(json!({"posture": posture}), events).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.body
    }

    /// Checks in with these events; `state` says what is not as usual.
    pub async fn try_check_in(&self, state: Value, events: Value) -> Answer {
        let mut usual = json!({
            "time": 1_764_000_000_000_000_i64, "webProtection": "on", "otherVpn": null, "bundleVersion": 1, "posture": null,
            "addresses": ["192.0.2.7"],
        });
        for (name, value) in state.as_object().unwrap() {
            usual[name] = value.clone();
        }
        let body = json!({"device": self.info, "state": usual, "events": events, "dropped": 0});
        let headers = [("content-type", "application/json")];
        self.call(Method::POST, "/device/v1/check-in", &headers, body.to_string())
            .await
    }

    /// Reports that a flow to a site hit an indicator.
    pub async fn hits(&self, seq: u64, indicator: u64, site: &str, ip: &str) {
        let site = json!({"value": site, "seenIn": "dns", "remoteIp": ip});
        let event = json!({"kind": "webThreat", "indicator": indicator, "action": "Block", "site": site, "count": 1});
        self.check_in(json!([{"seq": seq, "time": EVENT_TIME, "event": event}]))
            .await;
    }
}

fn assessment(level: &str, findings: Value) -> Value {
    json!({"level": level, "score": 0.0, "findings": findings, "rulesVersion": "1", "answered": 1, "unanswered": 0, "unknown": 0})
}

/// An open push connection.
pub struct Push {
    body: hyper::body::Incoming,
    _sender: hyper::client::conn::http1::SendRequest<Full<bytes::Bytes>>,
}

impl Push {
    /// The next push; none when the server ended the connection.
    pub async fn next(&mut self) -> Option<Value> {
        loop {
            let data = self.body.frame().await?.ok()?.into_data().ok()?;
            let text = String::from_utf8_lossy(&data).into_owned();
            if let Some(push) = text.lines().find_map(|line| line.strip_prefix("data:")) {
                return Some(serde_json::from_str(push.trim()).unwrap());
            }
        }
    }
}

/// When the events of [`Device::hits`] happened: 2025-11-24T16:00:00Z.
pub const EVENT_TIME: i64 = 1_764_000_000_000_000;

/// An API client of a world, with its access token.
pub struct Client<'a> {
    world: &'a World,
    pub id: String,
    pub secret: String,
    pub token: String,
}

impl World {
    pub async fn start() -> Self {
        Self::with(|_| ()).await
    }

    pub async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut config = Config {
            listen: ([127, 0, 0, 1], 0).into(),
            requests_per_minute: 100_000,
            requests_per_hour: 1_000_000,
            ..Config::default()
        };
        change(&mut config);
        let (stop, stopped) = watch::channel(false);
        let (ready, started) = std::sync::mpsc::channel();
        let folder = DataFolder::open(data.path()).unwrap();
        // On a thread of its own, as the program runs it.
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let app = App::open(folder, config).await.unwrap();
                let listeners = Listeners::bind(&app).await.unwrap();
                ready
                    .send((app.clone(), listeners.main().unwrap(), listeners.device().unwrap()))
                    .unwrap();
                moat_server::serve(app, listeners, stopped).await.unwrap();
            });
        });
        let (app, address, device_address) = started.recv().unwrap();
        let roots = roots(&data.path().join("ca.pem"));
        Self {
            tls: connector(&roots),
            roots,
            device_address,
            app,
            address,
            _stop: stop,
            _data: data,
        }
    }

    /// How a browser names this server.
    pub fn origin(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }

    /// Sends one request on a new connection.
    pub async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Answer {
        send(&self.tls, self.address, method, path, headers, body.into()).await
    }

    /// Enrols a device that then speaks mutual TLS.
    pub async fn device(&self, name: &str, group: &str) -> Device {
        let new = json!({"lifetimeSeconds": 3600, "maxUses": 1, "management": "managed", "deviceGroup": group});
        self.device_by(name, new).await
    }

    /// Enrols a device with such a token.
    pub async fn device_by(&self, name: &str, new: Value) -> Device {
        let info =
            json!({"name": name, "osPlatform": "Linux", "osVersion": "13", "model": "m", "agentVersion": "0.1.0"});
        self.enrolled(new, info).await
    }

    /// Enrols an iPhone with this build of its system.
    pub async fn iphone(&self, management: &str, build: &str) -> Device {
        let info = json!({"name": "iphone", "osPlatform": "iOS", "osVersion": "18.6", "osBuild": build, "model": "iPhone15,3",
            "agentVersion": "0.1.0"});
        let new = json!({"lifetimeSeconds": 3600, "maxUses": 1, "management": management, "deviceGroup": ""});
        self.enrolled(new, info).await
    }

    async fn enrolled(&self, new: Value, info: Value) -> Device {
        let token = self.local(Method::POST, "/admin/enrollment-tokens", new).await;
        let key = rcgen::KeyPair::generate().unwrap();
        let csr = rcgen::CertificateParams::default()
            .serialize_request(&key)
            .unwrap()
            .pem()
            .unwrap();
        let enroll = json!({"token": token["token"], "csr": csr, "device": info});
        let headers = [("content-type", "application/json")];
        let answer = self
            .send(Method::POST, "/device/v1/enroll", &headers, enroll.to_string())
            .await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let pem = answer.body["certificate"].as_str().unwrap();
        let chain = CertificateDer::pem_slice_iter(pem.as_bytes())
            .collect::<Result<Vec<_>, _>>()
            .unwrap();
        let key = rustls_pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = rustls::ClientConfig::builder().with_root_certificates(self.roots.clone());
        Device {
            id: answer.body["deviceId"].as_str().unwrap().into(),
            info,
            certificate: pem.to_string(),
            address: self.device_address,
            tls: TlsConnector::from(Arc::new(config.with_client_auth_cert(chain, key).unwrap())),
        }
    }

    pub async fn form(&self, path: &str, form: &str) -> Answer {
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        self.send(Method::POST, path, &headers, form).await
    }

    /// Calls the admin API as the administrator of the machine does.
    pub async fn local(&self, method: Method, path: &str, body: Value) -> Value {
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", "application/json");
        let response = moat_server::local::call(&self.app, request.body(body.to_string().into()).unwrap())
            .await
            .unwrap();
        assert!(response.status().is_success(), "{path}: {:?}", response.body());
        serde_json::from_slice(response.body()).unwrap_or(Value::Null)
    }

    /// Makes an API client and gets it a token.
    pub async fn client(&self, name: &str, roles: &[Role]) -> Client<'_> {
        let roles: Vec<_> = roles.iter().map(|r| r.as_str()).collect();
        let issued = self
            .local(Method::POST, "/admin/clients", json!({"name": name, "roles": roles}))
            .await;
        let text = |field: &str| issued[field].as_str().unwrap().to_string();
        let mut client = Client {
            world: self,
            id: text("client_id"),
            secret: text("client_secret"),
            token: String::new(),
        };
        let answer = client.ask_for_token().await;
        client.token = answer.body["access_token"]
            .as_str()
            .unwrap_or_else(|| panic!("{}", answer.text))
            .into();
        client
    }
}

impl Client<'_> {
    pub async fn ask_for_token(&self) -> Answer {
        let form = format!(
            "grant_type=client_credentials&client_id={}&client_secret={}&scope=https%3A%2F%2Fapi.securitycenter.microsoft.com%2F.default",
            self.id, self.secret
        );
        self.world
            .form(&format!("/{}/oauth2/v2.0/token", self.world.app.tenant), &form)
            .await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.call(Method::POST, path, Some(body)).await
    }

    pub async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let bearer = format!("Bearer {}", self.token);
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        self.world
            .send(method, path, &headers, body.map_or(String::new(), |b| b.to_string()))
            .await
    }

    /// A call with headers of its own.
    pub async fn with_headers(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> Answer {
        let authorization = format!("Bearer {}", self.token);
        let mut all = vec![("authorization", authorization.as_str())];
        all.extend(body.is_some().then_some(("content-type", "application/json")));
        all.extend(headers);
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        self.world.send(method, path, &all, body).await
    }

    pub async fn raw(&self, method: Method, path: &str, content_type: &str, body: impl Into<Vec<u8>>) -> Answer {
        let bearer = format!("Bearer {}", self.token);
        let headers = [("authorization", bearer.as_str()), ("content-type", content_type)];
        self.world.send(method, path, &headers, body).await
    }
}

fn roots(ca: &std::path::Path) -> Arc<rustls::RootCertStore> {
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(ca).unwrap() {
        roots.add(certificate.unwrap()).unwrap();
    }
    Arc::new(roots)
}

fn connector(roots: &Arc<rustls::RootCertStore>) -> TlsConnector {
    let config = rustls::ClientConfig::builder()
        .with_root_certificates(roots.clone())
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

async fn send(
    tls: &TlsConnector,
    address: std::net::SocketAddr,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: Vec<u8>,
) -> Answer {
    let socket = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = tls.connect(name, socket).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .unwrap();
    let connection = tokio::spawn(connection);
    let host = format!("localhost:{}", address.port());
    let mut request = http::Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, host);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(bytes::Bytes::from(body))).unwrap();
    let response = sender.send_request(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    drop(sender);
    connection.abort();
    Answer {
        status: parts.status,
        headers: parts.headers,
        body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        text: String::from_utf8_lossy(&bytes).into_owned(),
        bytes: bytes.to_vec(),
    }
}
