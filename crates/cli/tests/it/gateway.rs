//! A corporate application behind real nginx, with the configuration that `moat gateway` prints.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command},
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    app::{Phone, api},
    server::Data,
};

const APPLICATION: &str = "the corporate application";

/// nginx in front of an application that is nginx, too.
pub struct Corporate {
    process: Child,
    folder: PathBuf,
    pub url: String,
}

impl Corporate {
    /// Adds the gateway with these options and starts nginx with what is printed.
    pub fn start(data: &Data, name: &str, options: &[&str]) -> Self {
        let folder = data.path().join(name);
        fs::create_dir(&folder).unwrap();
        let headers = folder.join("headers.conf");
        let add = ["gateway", "add", name, "--nginx", headers.to_str().unwrap()];
        let output = data.moat(&[&add, options].concat());
        let said = String::from_utf8(output.stdout).unwrap();
        let wrong = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{wrong}");
        let (port, inside) = (free_port(), free_port());
        let start = said.find("ssl_client_certificate").expect(&said);
        let end = said.rfind("\n}").unwrap() + 2;
        let server = said[start..end]
            .replace("/etc/nginx/moat-ca.pem", data.path().join("ca.pem").to_str().unwrap())
            .replace("127.0.0.1:8080", &format!("127.0.0.1:{inside}"));
        let identity = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
        fs::write(folder.join("app.pem"), identity.cert.pem()).unwrap();
        fs::write(folder.join("app.key"), identity.signing_key.serialize_pem()).unwrap();
        let file = folder.join("nginx.conf");
        fs::write(&file, configuration(&folder, port, inside, &server)).unwrap();
        // nginx stands where a user's PATH does not look on Debian.
        let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap());
        let process = Command::new("nginx")
            .env("PATH", path)
            .arg("-e")
            .arg(folder.join("error.log"))
            .arg("-c")
            .arg(&file)
            .spawn()
            .expect("this test needs nginx");
        let corporate = Self {
            process,
            folder,
            url: format!("https://localhost:{port}/"),
        };
        corporate.wait_for(port);
        corporate
    }

    pub fn ca(&self) -> PathBuf {
        self.folder.join("app.pem")
    }

    /// What curl shows of an answer: the headers and the body.
    pub fn browse(&self, certificate: Option<&Path>, more: &[&str]) -> String {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "-i", "--max-time", "20"])
            .arg("--cacert")
            .arg(self.ca());
        if let Some(device) = certificate {
            curl.arg("--cert").arg(device.join("device.pem"));
            curl.arg("--key").arg(device.join("device.key"));
        }
        let output = curl.args(more).arg(&self.url).output().expect("this test needs curl");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn wait_for(&self, port: u16) {
        let end = Instant::now() + Duration::from_secs(30);
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            let log = fs::read_to_string(self.folder.join("error.log")).unwrap_or_default();
            assert!(Instant::now() < end, "nginx does not listen: {log}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Corporate {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn configuration(folder: &Path, port: u16, inside: u16, server: &str) -> String {
    let at = folder.display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {at}/{kind};\n"))
        .concat();
    // The application shows what reaches it.
    format!(
        "daemon off; master_process off; pid {at}/pid;\n\
         events {{ worker_connections 256; }}\n\
         http {{\naccess_log off;\n{temporary}\
         server {{ listen 127.0.0.1:{inside}; default_type text/plain;\n\
         location / {{ return 200 \"{APPLICATION} app=[$http_x_moat_app] unreachable=[$http_x_moat_unreachable]\\n\"; }} }}\n\
         server {{ listen 127.0.0.1:{port} ssl; server_name localhost;\n\
         ssl_certificate {at}/app.pem; ssl_certificate_key {at}/app.key;\n\
         {server}\n}}\n}}\n"
    )
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or(answer)
}

#[tokio::test]
async fn a_proxy_that_cannot_ask_is_closed_or_open_as_it_was_told() {
    let data = Data::new();
    let server = data.serve(&[]);
    let closed = Corporate::start(&data, "closed", &[]);
    let open = Corporate::start(&data, "open", &["--when-unreachable", "open"]);
    let listed = data.json(&["gateway", "list"]);
    assert_eq!(
        (
            &listed["value"][0]["onUnreachable"],
            &listed["value"][1]["onUnreachable"]
        ),
        (&json!("closed"), &json!("open"))
    );
    let ada = json!({"displayName": "Ada", "userPrincipalName": "ada@example.com"});
    api(&data, "POST", "/v1.0/users", Some(&ada));
    let phone = Phone::enroll(&data, &server).await;
    let device = Some(phone.folder());

    for corporate in [&closed, &open] {
        let answer = corporate.browse(device, &["-H", "X-Moat-App: x", "-H", "X-Moat-Unreachable: yes"]);
        assert!(answer.contains(&format!("{APPLICATION} app=[]")), "{answer}");
        let stranger = corporate.browse(None, &[]);
        assert!(status(&stranger) == "302" && stranger.contains("/enroll"), "{stranger}");
    }
    let answer = open.browse(device, &["-H", "X-Moat-Unreachable: yes"]);
    assert!(
        answer.contains("unreachable=[]") && !answer.contains("X-Moat-Unreachable"),
        "{answer}"
    );
    // Nothing that a client makes up reaches Moat, so none is let in for an error that it provokes.
    let large = format!("X-Large: {}", "x".repeat(7_000));
    let many: Vec<String> = (0..120).map(|n| format!("X-Many-{n}: x")).collect();
    let many: Vec<&str> = many.iter().flat_map(|header| ["-H", header.as_str()]).collect();
    data.json(&["devices", "revoke", &phone.device.id]);
    for more in [&["-H", large.as_str()][..], many.as_slice()] {
        let answer = open.browse(device, more);
        assert_eq!(status(&answer), "302", "{answer}");
    }

    server.stop();
    let answer = closed.browse(device, &[]);
    assert_eq!(status(&answer), "500", "{answer}");
    let answer = open.browse(device, &[]);
    assert!(answer.contains("unreachable=[yes]"), "{answer}");
    assert!(
        answer.contains("X-Moat-Unreachable: yes"),
        "the user's side too: {answer}"
    );
    let stranger = open.browse(None, &[]);
    assert_eq!(status(&stranger), "403", "no certificate: {stranger}");
    let log = fs::read_to_string(open.folder.join("error.log")).unwrap();
    assert!(log.contains("connect() failed"), "{log}");

    let printed = data.moat(&["gateway", "set", "open", "--when-unreachable", "closed"]);
    let printed = String::from_utf8(printed.stdout).unwrap();
    assert!(
        printed.contains("auth_request") && !printed.contains("moat_unreachable"),
        "{printed}"
    );
    let listed = data.json(&["gateway", "list"]);
    assert_eq!(listed["value"][1]["onUnreachable"], "closed");
}
