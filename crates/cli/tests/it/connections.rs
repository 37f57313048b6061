//! Connections that ask for nothing do not keep out those that do.

use std::{
    io::Read as _,
    net::TcpStream,
    os::unix::net::UnixListener,
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use http::Method;
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject as _};

use crate::{
    client::{Client, Device},
    server::{Data, MOAT, Server},
};

/// The server with no more than this many file descriptors.
fn with_few_files(data: &Data, files: u32) -> Server {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("ulimit -n {files}; exec \"$0\" \"$@\""), MOAT]);
    data.start(shell, &[], Stdio::null())
}

/// A connection on which the TLS handshake is done, and nothing else; none when the server did not want it.
fn idle(server: &Server, ca: &str) -> Option<rustls::StreamOwned<rustls::ClientConnection, TcpStream>> {
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(ca.as_bytes()).unwrap())
        .unwrap();
    let config = rustls::ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let address: std::net::SocketAddr = server.url.trim_start_matches("https://").parse().unwrap();
    let connection = rustls::ClientConnection::new(Arc::new(config), ServerName::from(address.ip())).unwrap();
    let socket = TcpStream::connect(address).ok()?;
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut stream = rustls::StreamOwned::new(connection, socket);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock).ok()?;
    }
    Some(stream)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_idle_connections_keep_nobody_out() {
    let data = Data::new();
    let server = with_few_files(&data, 200);
    let ca = data.ca();
    let token = data.json(&["enroll", "token", "--uses", "2"])["token"]
        .as_str()
        .unwrap()
        .to_string();
    let address = server.url.trim_start_matches("https://").parse().unwrap();
    let mut device = Device::enroll(&mut Client::new(address, &ca, None), &token)
        .await
        .unwrap();
    let held: Vec<_> = (0..300).map_while(|_| idle(&server, &ca)).collect();
    assert!(
        !held.is_empty() && held.len() < 300,
        "one address got {} connections",
        held.len()
    );

    let added = data.moat(&["indicators", "add", "evil.example", "--timeout", "20"]);
    assert!(
        added.status.success(),
        "the admin socket: {}",
        String::from_utf8_lossy(&added.stderr)
    );
    let mut connection = device.connect(server.device, &ca);
    let acknowledged = device
        .report_sites(&mut connection, &["https://odd.example/".into()])
        .await;
    assert_eq!(acknowledged, Some(1), "a device");
    drop(held);
    let mut client = Client::new(address, &ca, None);
    for _ in 0..100 {
        if let Some((status, _)) = client.call(Method::GET, "/healthz", "", String::new()).await {
            assert_eq!(status, 200);
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the places of closed connections were not given back");
}

#[test]
fn a_server_that_does_not_answer_is_not_waited_for_forever() {
    let data = Data::new();
    data.serve(&[]).stop();
    let _silent = UnixListener::bind(data.path().join("admin.sock")).unwrap();
    let output = data.moat(&["indicators", "list", "--timeout", "1"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("did not answer within 1 s"), "{said}");
}

#[tokio::test]
async fn a_detailed_log_holds_no_secrets() {
    let data = Data::new();
    let mut log = tempfile::tempfile().unwrap();
    let server = data.start(Command::new(MOAT), &["-v"], Stdio::from(log.try_clone().unwrap()));
    let address = server.url.trim_start_matches("https://").parse().unwrap();
    let mut client = Client::new(address, &data.ca(), None);
    for path in [
        "/setup/a-secret-link",
        "/why/a-secret-link",
        "/nothing?token=a-secret-link",
    ] {
        client.call(Method::GET, path, "", String::new()).await.unwrap();
    }
    server.stop();
    let mut text = String::new();
    std::io::Seek::rewind(&mut log).unwrap();
    log.read_to_string(&mut text).unwrap();
    assert!(text.contains("/setup/{token}"), "requests are logged: {text}");
    assert!(!text.contains("a-secret-link"), "{text}");
}
