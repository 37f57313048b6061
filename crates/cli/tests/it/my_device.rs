//! The page "My device" of a real `moat-agent`, over HTTP as a browser speaks it.

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
};

use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::phone::{Phone, World};

#[tokio::test]
async fn the_user_sees_and_decides_on_one_page() {
    let Some(world) = World::new("page") else { return };
    let phone = world.enroll(&[]);
    let _agent = Ended(phone.agent(&["run"]).stderr(Stdio::null()).spawn().unwrap());
    phone.moat(&["indicators", "add", "phish.example", "--title", "Phishing site"]);
    phone.moat(&[
        "indicators",
        "add",
        "odd.example",
        "--action",
        "Warn",
        "--title",
        "Unusual",
        "--bypass-hours",
        "2",
    ]);
    phone.until("both are in force", || phone.status()["indicators"].as_u64() >= Some(2));
    phone.until("protection is on", || phone.status()["webProtection"] == "on");
    let page = Browser::open(&phone).await;

    let home = page.get("").await;
    assert!(home.contains("✓</span> Protected"), "{home}");
    assert!(home.contains("Nothing was blocked since"), "{home}");
    phone.until("the server lets it in", || phone.status()["accessAllowed"] == true);
    assert!(page.get("").await.contains("Nothing keeps this device outside"));
    assert!(page.get("sent").await.contains("What this device said of itself"));
    let german = page
        .ask(Method::GET, "", "", &[("accept-language", "de-AT,de;q=0.9")])
        .await
        .1;
    assert!(
        german.contains("Geschützt") && german.contains("Zuletzt blockiert"),
        "{german}"
    );

    let _internet = Internet::behind(&world);
    for name in ["phish.example", "odd.example"] {
        phone.opens(name);
    }
    let home = page.get("").await;
    for text in [
        "phish.example",
        "Phishing site",
        "Report a mistake",
        "Go on for 2 hours",
    ] {
        assert!(home.contains(text), "{text}: {home}");
    }
    assert_eq!(
        page.post("mistake", "site=phish.example&once=1").await,
        "./?said=mistake"
    );
    assert_eq!(page.post("bypass", "site=odd.example&once=2").await, "./?said=bypassed");
    let home = page.get("").await;
    assert!(
        home.contains("Reported as a mistake") && home.contains("Open until"),
        "{home}"
    );
    phone.until("the server has the report", || {
        world.data.json(&["reports", "list"])["value"][0]["kind"] == "mistake"
    });
    assert!(page.get("report").await.contains("You reported a mistake"));

    assert_eq!(page.post("pause", "minutes=15").await, "./?said=paused");
    assert_eq!(phone.status()["webProtection"], "off");
    assert!(!world.ip(&["rule"]).contains("7474"), "nothing enters the tunnel");
    let home = page.get("").await;
    assert!(
        home.contains("Nothing is blocked until") && home.contains("Start protection"),
        "{home}"
    );
    assert_eq!(page.post("start", "").await, "./?said=started");
    assert_eq!(phone.status()["webProtection"], "on");
    assert!(world.ip(&["rule"]).contains("7474"));

    let foreign = page
        .ask(Method::POST, "pause", "", &[("origin", "http://evil.example")])
        .await;
    let rebound = page.ask(Method::GET, "", "", &[("host", "evil.example")]).await;
    let stranger = page.ask(Method::GET, "", "", &[("cookie", "")]).await;
    assert_eq!(
        [foreign.0, rebound.0, stranger.0],
        [
            StatusCode::FORBIDDEN,
            StatusCode::MISDIRECTED_REQUEST,
            StatusCode::FORBIDDEN
        ]
    );
    assert_eq!(phone.status()["webProtection"], "on");

    phone.until("all of it is in the ledger", || phone.status()["waitingEvents"] == 0);
    let sent = page.get("sent").await;
    for text in [
        "Enrolment",
        "Check-in",
        "A site was blocked",
        "You reported a mistake",
        "Web protection went off",
    ] {
        assert!(sent.contains(text), "{text}: {sent}");
    }
}

#[tokio::test]
async fn why_access_is_closed_and_what_opens_it() {
    let Some(world) = World::new("why") else { return };
    let phone = world.enroll(&[]);
    let root = phone.path("root");
    std::fs::create_dir_all(root.join("Applications")).unwrap();
    std::fs::create_dir_all(root.join("var")).unwrap();
    let mut run = phone.agent(&["run", "--posture-root", root.to_str().unwrap()]);
    let _agent = Ended(run.stderr(Stdio::null()).spawn().unwrap());
    phone.until("access is open", || phone.status()["accessAllowed"] == true);
    let page = Browser::open(&phone).await;
    assert!(page.get("").await.contains("No signs of a jailbreak"));
    std::os::unix::fs::symlink("/private/preboot/jb", root.join("var/jb")).unwrap();
    assert!(phone.agent(&["check", "--json"]).output().unwrap().status.success());
    phone.until("access is closed", || phone.status()["accessAllowed"] == false);
    let home = page.get("").await;
    let explained = &phone.status()["accessExplained"][0];
    for text in [
        "At risk",
        "Jailbroken",
        "What opens it again",
        "jailbroken",
        "the alert is resolved",
    ] {
        assert!(home.contains(text), "{text}: {explained} {home}");
    }
}

/// A process that ends with the test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A browser that has opened the page. The page does not need the device's network: it asks the agent over a file.
struct Browser {
    _page: Ended,
    address: SocketAddr,
    path: String,
    cookie: String,
}

impl Browser {
    async fn open(phone: &Phone<'_>) -> Self {
        let program = Path::new(crate::server::MOAT).with_file_name("moat-agent");
        let mut page = Command::new(program)
            .args(["page", "--json", "--data"])
            .arg(phone.path("agent"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(page.stdout.take().unwrap())
            .lines()
            .map_while(Result::ok);
        let said = lines.take_while(|line| line != "}").collect::<String>() + "}";
        let said: Value = serde_json::from_str(&said).unwrap();
        let rest = said["address"].as_str().unwrap().strip_prefix("http://").unwrap();
        let (authority, opening) = rest.split_at(rest.find('/').unwrap());
        let mut browser = Self {
            _page: Ended(page),
            address: authority.parse().unwrap(),
            path: String::new(),
            cookie: String::new(),
        };
        let (status, _, headers) = browser.send(Method::GET, opening, "", &[]).await;
        assert_eq!(status, StatusCode::SEE_OTHER);
        let cookie = headers[header::SET_COOKIE].to_str().unwrap();
        browser.cookie = cookie.split(';').next().unwrap().to_string();
        browser.path = headers[header::LOCATION].to_str().unwrap().to_string();
        browser
    }

    async fn get(&self, path: &str) -> String {
        let (status, text) = self.ask(Method::GET, path, "", &[]).await;
        assert_eq!(status, StatusCode::OK, "{text}");
        text
    }

    /// Presses a button; where that leads.
    async fn post(&self, path: &str, form: &str) -> String {
        let path = format!("{}{path}", self.path);
        let (status, text, headers) = self.send(Method::POST, &path, form, &[]).await;
        assert_eq!(status, StatusCode::SEE_OTHER, "{text}");
        headers[header::LOCATION].to_str().unwrap().to_string()
    }

    async fn ask(&self, method: Method, path: &str, form: &str, headers: &[(&str, &str)]) -> (StatusCode, String) {
        let path = format!("{}{path}", self.path);
        let (status, text, _) = self.send(method, &path, form, headers).await;
        (status, text)
    }

    /// `headers` take the place of the browser's own.
    async fn send(
        &self,
        method: Method,
        path: &str,
        form: &str,
        headers: &[(&str, &str)],
    ) -> (StatusCode, String, http::HeaderMap) {
        let (host, origin) = (self.address.to_string(), format!("http://{}", self.address));
        let own = [
            ("host", host.as_str()),
            ("origin", &origin),
            ("cookie", &self.cookie),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        let own = own
            .iter()
            .filter(|(name, _)| headers.iter().all(|(other, _)| other != name));
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in own.chain(headers) {
            request = request.header(*name, *value);
        }
        let stream = TcpStream::connect(self.address).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .unwrap();
        tokio::spawn(connection);
        let request = request.body(Full::<Bytes>::from(form.to_string())).unwrap();
        let response = sender.send_request(request).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8_lossy(&body).into_owned(), headers)
    }
}

impl Phone<'_> {
    /// Opens a site of [`Internet`] through the tunnel, until the agent has told its user of it.
    fn opens(&self, name: &str) {
        const OPEN: &str = "import http.client, sys\n\
            site = http.client.HTTPConnection(sys.argv[2], 80, timeout=3)\n\
            site.request('GET', '/', headers={'Host': sys.argv[1]})\n\
            print(site.getresponse().status)\n";
        self.until(&format!("{name} is noticed"), || {
            let mut python = self.world.inside(Path::new("python3"));
            let opened = python.args(["-c", OPEN, name, SITES]).output().unwrap();
            let told = self.agent(&["notifications", "--json"]).output().unwrap();
            opened.status.success() && String::from_utf8_lossy(&told.stdout).contains(name)
        });
    }
}

/// Where the sites of the test are.
const SITES: &str = "192.0.2.10";

/// What lies behind the device's network: another namespace, with a web server.
struct Internet {
    name: String,
    _sites: Ended,
}

impl Internet {
    fn behind(world: &World) -> Self {
        let name = format!("{}-far", world.name);
        let ip = |line: &str| {
            assert!(
                Command::new("ip").args(line.split(' ')).status().unwrap().success(),
                "{line}"
            )
        };
        ip(&format!("netns add {name}"));
        ip(&format!("-n {} link set far netns {name}", world.name));
        for line in [
            "link set lo up",
            "link set far up",
            "addr add 198.51.100.1/24 dev far",
            &format!("addr add {SITES}/32 dev lo"),
        ] {
            ip(&format!("-n {name} {line}"));
        }
        let sites = Command::new("ip")
            .args([
                "netns",
                "exec",
                &name,
                "python3",
                "-m",
                "http.server",
                "80",
                "--bind",
                SITES,
            ])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self {
            name,
            _sites: Ended(sites.unwrap()),
        }
    }
}

impl Drop for Internet {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.name]).status();
    }
}
