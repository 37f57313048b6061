//! A server of lists, over real TLS.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// What is answered at a path: status, headers, body.
type Answers = HashMap<String, (u16, Vec<(&'static str, String)>, Vec<u8>)>;

/// Paths that were asked for, each with its `If-None-Match`.
type Questions = Vec<(String, Option<String>)>;

/// It runs as long as the test's runtime does.
pub struct Lists {
    port: u16,
    answers: Arc<Mutex<Answers>>,
    asked: Arc<Mutex<Questions>>,
    folder: tempfile::TempDir,
}

impl Lists {
    pub async fn start() -> Self {
        let identity = rcgen::generate_simple_self_signed(["localhost".to_string()]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), identity.cert.pem()).unwrap();
        let chain = vec![CertificateDer::from(identity.cert.der().to_vec())];
        let key = PrivateKeyDer::try_from(identity.signing_key.serialize_der()).unwrap();
        let config = rustls::ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let lists = Self {
            port: listener.local_addr().unwrap().port(),
            answers: Arc::default(),
            asked: Arc::default(),
            folder,
        };
        let (answers, asked) = (lists.answers.clone(), lists.asked.clone());
        let acceptor = TlsAcceptor::from(Arc::new(config));
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (acceptor, answers, asked) = (acceptor.clone(), answers.clone(), asked.clone());
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(socket).await else {
                        return;
                    };
                    let answer = service_fn(|request| {
                        let response = answer(&request, &answers, &asked);
                        async move { Ok::<_, std::convert::Infallible>(response) }
                    });
                    let connection = hyper::server::conn::http1::Builder::new();
                    let _ = connection.serve_connection(TokioIo::new(stream), answer).await;
                });
            }
        });
        lists
    }

    pub fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port)
    }

    /// The authority that the server's certificate comes from.
    pub fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    pub fn put(&self, path: &str, body: &str) {
        self.answer_with(path, 200, vec![], body.as_bytes());
    }

    /// Puts a list that the server knows by a tag.
    pub fn put_tagged(&self, path: &str, tag: &str, body: &str) {
        self.answer_with(path, 200, vec![("etag", tag.into())], body.as_bytes());
    }

    pub fn answer_with(&self, path: &str, status: u16, headers: Vec<(&'static str, String)>, body: &[u8]) {
        let answer = (status, headers, body.to_vec());
        self.answers.lock().unwrap().insert(path.into(), answer);
    }

    pub fn asked(&self, path: &str) -> Vec<Option<String>> {
        let asked = self.asked.lock().unwrap();
        let of_path = asked.iter().filter(|(known, _)| known == path);
        of_path.map(|(_, tag)| tag.clone()).collect()
    }
}

fn answer(
    request: &Request<hyper::body::Incoming>,
    answers: &Mutex<Answers>,
    asked: &Mutex<Questions>,
) -> Response<Full<Bytes>> {
    let path = request.uri().path().to_string();
    let tag = request.headers().get("if-none-match");
    let tag = tag.map(|tag| tag.to_str().unwrap().to_string());
    asked.lock().unwrap().push((path.clone(), tag.clone()));
    let answers = answers.lock().unwrap();
    let Some((status, headers, body)) = answers.get(&path) else {
        let response = Response::builder().status(StatusCode::NOT_FOUND);
        return response.body(Full::default()).unwrap();
    };
    let known = headers
        .iter()
        .any(|(name, value)| *name == "etag" && Some(value) == tag.as_ref());
    let mut response = Response::builder().status(if known { 304 } else { *status });
    for (name, value) in headers {
        response = response.header(*name, value.as_str());
    }
    let body = if known { Bytes::new() } else { Bytes::from(body.clone()) };
    response.body(Full::new(body)).unwrap()
}
