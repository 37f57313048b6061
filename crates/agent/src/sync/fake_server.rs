//! A server that answers check-ins as a test wants.

use std::{convert::Infallible, sync::Arc};

use bytes::Bytes;
use ed25519_dalek::SigningKey;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use moat_indicators::{Bundle, BundleContent, seal};
use moat_model::{
    DeviceId, Management, Order, Settings, Timestamp,
    sync::{Access, CheckIn, CheckInReply},
};
use rustls_pki_types::{PrivateKeyDer, pem::PemObject as _};
use tokio::net::TcpListener;

use crate::{
    data_folder::{CA, CERTIFICATE, DataFolder, Identity, KEY},
    run::Agent,
};

const BUNDLE_KEY: [u8; 32] = [7; 32];

/// What the server makes of a check-in: the status, and up to which number it has the events.
pub type Answer = fn(&CheckIn) -> (StatusCode, u64);

/// What the server answers to a check-in.
pub struct Reply {
    pub status: StatusCode,
    pub acknowledged: u64,
    pub orders: Vec<Order>,
}

impl From<(StatusCode, u64)> for Reply {
    fn from((status, acknowledged): (StatusCode, u64)) -> Self {
        Self {
            status,
            acknowledged,
            orders: Vec::new(),
        }
    }
}

/// A bundle for that agent, without indicators and with these settings.
pub fn sealed(version: u64, settings: Settings) -> Vec<u8> {
    let content = BundleContent {
        version,
        created: Timestamp::from_micros(1),
        tenant: "t".into(),
        settings,
        jailbreak_rules: moat_policy::jailbreak::BUILT_IN.to_vec(),
        indicators: moat_indicators::compile(&[] as &[moat_indicators::Entry], [0; 16]).unwrap(),
        feeds: Vec::new().into(),
    };
    seal(&content, &SigningKey::from_bytes(&BUNDLE_KEY))
}

pub fn open(sealed: Vec<u8>) -> Bundle {
    Bundle::open(sealed, &SigningKey::from_bytes(&BUNDLE_KEY).verifying_key()).unwrap()
}

fn hex(key: &SigningKey) -> String {
    let digits = key.verifying_key().to_bytes().map(|byte| format!("{byte:02x}"));
    digits.concat()
}

/// An enrolled agent whose server answers so, and the folder that it lives in.
pub async fn agent<R: Into<Reply>>(
    answer: impl Fn(&CheckIn) -> R + Send + Sync + 'static,
) -> (Agent, tempfile::TempDir) {
    let answer: Answering = Arc::new(move |check_in| answer(check_in).into());
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(["localhost".to_string()])
        .unwrap()
        .self_signed(&key)
        .unwrap();
    let port = serve(&certificate, &key, answer).await;
    let dir = tempfile::tempdir().unwrap();
    let data = DataFolder::create(dir.path()).unwrap();
    let url = format!("https://localhost:{port}");
    data.write(KEY, key.serialize_pem().as_bytes()).unwrap();
    for name in [CERTIFICATE, CA] {
        data.write(name, certificate.pem().as_bytes()).unwrap();
    }
    let identity = Identity {
        device_id: DeviceId(uuid::Uuid::from_u128(1)),
        tenant: "t".into(),
        management: Management::Managed,
        server_url: url.clone(),
        device_url: url,
        bundle_key: hex(&SigningKey::from_bytes(&BUNDLE_KEY)),
        name: Some("given".into()),
    };
    data.write_identity(&identity).unwrap();
    (Agent::open(data, None).unwrap(), dir)
}

type Answering = Arc<dyn Fn(&CheckIn) -> Reply + Send + Sync>;

async fn serve(certificate: &rcgen::Certificate, key: &rcgen::KeyPair, answer: Answering) -> u16 {
    let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("localhost:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(stream) = acceptor.accept(stream).await else {
                continue;
            };
            let answer = answer.clone();
            let service = service_fn(move |request| respond(request, answer.clone()));
            let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            tokio::spawn(connection);
        }
    });
    port
}

async fn respond(request: Request<Incoming>, answer: Answering) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let Reply {
        status,
        acknowledged,
        orders,
    } = answer(&serde_json::from_slice(&body).unwrap());
    if status == StatusCode::FORBIDDEN {
        let problem = r#"{"code": "deviceRevoked", "message": "not enrolled"}"#;
        return Ok(Response::builder().status(status).body(Full::from(problem)).unwrap());
    }
    let reply = CheckInReply {
        acknowledged,
        bundle_version: 0,
        commands: Vec::new(),
        orders,
        app_inventory: moat_model::AppInventory::None,
        access: Access {
            allowed: true,
            reasons: Vec::new(),
            explained: Vec::new(),
        },
    };
    let body = Full::from(serde_json::to_vec(&reply).unwrap());
    Ok(Response::builder().status(status).body(body).unwrap())
}
