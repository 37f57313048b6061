use std::time::Instant;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt as _, Full};
use moat_model::{
    Action, IndicatorId,
    sync::{DeviceEvent, OutboxEntry},
};
use tokio::net::TcpStream;

use super::*;
use crate::{
    control,
    ledger::{self, Entry},
    run::Agent as Running,
    sync::fake_server,
};

/// A browser that came in.
struct Visitor {
    authority: String,
    path: String,
    cookie: String,
}

struct Answer {
    status: StatusCode,
    headers: http::HeaderMap,
    text: String,
}

impl Visitor {
    async fn new(address: &str) -> Self {
        let rest = address.strip_prefix("http://").unwrap();
        let (authority, path) = rest.split_at(rest.find('/').unwrap());
        let mut visitor = Self {
            authority: authority.into(),
            path: String::new(),
            cookie: String::new(),
        };
        let opened = visitor.send(Method::GET, path, &[], "").await;
        assert_eq!(opened.status, StatusCode::SEE_OTHER);
        let cookie = opened.headers["set-cookie"].to_str().unwrap();
        assert!(
            cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"),
            "{cookie}"
        );
        visitor.cookie = cookie.split(';').next().unwrap().into();
        visitor.path = opened.headers["location"].to_str().unwrap().into();
        let again = visitor.send(Method::GET, path, &[("cookie", "device=")], "").await;
        assert_eq!(again.status, StatusCode::FORBIDDEN, "the address works once");
        visitor
    }

    /// A request of the browser; `headers` replace its own.
    async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let own = format!("http://{}", self.authority);
        let mut all = vec![("host", self.authority.as_str()), ("cookie", &self.cookie)];
        if method == Method::POST {
            all.push(("origin", &own));
            all.push(("content-type", "application/x-www-form-urlencoded"));
        }
        all.retain(|(name, _)| headers.iter().all(|(other, _)| other != name));
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in all.iter().chain(headers) {
            request = request.header(*name, *value);
        }
        let stream = TcpStream::connect(&self.authority).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .unwrap();
        tokio::spawn(connection);
        let request = request.body(Full::<Bytes>::from(body.to_string())).unwrap();
        let response = sender.send_request(request).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        Answer {
            status,
            headers,
            text: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    async fn get(&self, path: &str) -> String {
        let answer = self.send(Method::GET, &format!("{}{path}", self.path), &[], "").await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        assert!(
            answer.headers["content-security-policy"]
                .to_str()
                .unwrap()
                .starts_with("default-src 'none'")
        );
        answer.text
    }

    async fn post(&self, path: &str, body: &str) -> Answer {
        self.send(Method::POST, &format!("{}{path}", self.path), &[], body)
            .await
    }
}

async fn serve(data: &DataFolder) -> Visitor {
    let page = Page::open(&data.path("")).await.unwrap();
    let address = page.address().to_string();
    tokio::spawn(page.serve(Duration::from_secs(600)));
    Visitor::new(&address).await
}

/// An agent that answers on its socket.
async fn running() -> (Arc<Running>, tempfile::TempDir) {
    let (agent, dir) = fake_server::agent(|_| (StatusCode::OK, 0)).await;
    let agent = Arc::new(agent);
    tokio::spawn(control::serve(agent.clone()));
    while control::ask(&agent.data.socket(), &control::Command::Waiting)
        .await
        .is_err()
    {
        tokio::task::yield_now().await;
    }
    (agent, dir)
}

#[tokio::test]
async fn without_an_agent_the_page_says_so_and_shows_the_ledger() {
    let (agent, _dir) = fake_server::agent(|_| (StatusCode::OK, 0)).await;
    let threat = DeviceEvent::WebThreat {
        indicator: IndicatorId(7),
        action: Action::Block,
        site: None,
        count: 1,
    };
    let time = crate::clock::wall();
    let entry = Entry {
        events: vec![OutboxEntry {
            seq: 1,
            time,
            event: threat,
        }],
        ..Entry::new(time, "check-in", 321)
    };
    ledger::record(&agent.data, &entry);
    let visitor = serve(&agent.data).await;
    assert!(visitor.get("").await.contains("Not running"));
    let sent = visitor.get("sent").await;
    for text in [
        "321 bytes",
        "A site was blocked",
        "the name stayed on this device",
        "&#34;webThreat&#34;",
    ] {
        assert!(sent.contains(text), "{text}: {sent}");
    }
    let refused = visitor
        .post("report", "url=site.example&comment=kept+text&kind=mistake")
        .await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert!(refused.text.contains("moat-agent is not running") && refused.text.contains("kept text"));
}

#[tokio::test]
async fn what_is_wrong_stands_beside_the_field_and_nothing_happens_twice() {
    let (agent, _dir) = running().await;
    let visitor = serve(&agent.data).await;
    let wrong = visitor
        .post("report", "url=not+a+site&comment=kept+text&kind=mistake")
        .await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.text.contains("This is no address of a site") && wrong.text.contains("kept text"));
    assert_eq!(agent.outbox().len(), 0);
    for _ in 0..2 {
        let thanks = visitor
            .post("report", "url=https://site.example/a&kind=unsafe&once=1")
            .await;
        assert_eq!(thanks.headers["location"], "report?said=thanks");
    }
    assert_eq!(agent.outbox().len(), 1, "pressed twice, reported once");
    let page = visitor.get("report?said=thanks").await;
    assert!(page.contains("Thank you") && page.contains("https://site.example/a"));
    assert!(page.contains("Waits for a connection"));
    let refused = visitor.post("pause", "minutes=soon").await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert!(refused.text.contains("1 to 1440 minutes"), "{}", refused.text);
}

#[tokio::test]
async fn others_are_refused() {
    let (agent, _dir) = running().await;
    let visitor = serve(&agent.data).await;
    let ask = async |method, path: &str, headers: &[(&str, &str)]| {
        let path = format!("{}{path}", visitor.path);
        visitor.send(method, &path, headers, "").await.status
    };
    assert_eq!(ask(Method::GET, "", &[("host", "evil.example")]).await, 421);
    assert_eq!(ask(Method::GET, "", &[("cookie", "device=0")]).await, 403);
    assert_eq!(ask(Method::GET, "", &[("sec-fetch-site", "cross-site")]).await, 403);
    for origin in ["null", "http://evil.example", "http://127.0.0.1:1"] {
        assert_eq!(ask(Method::POST, "pause", &[("origin", origin)]).await, 403, "{origin}");
    }
    assert_eq!(ask(Method::DELETE, "pause", &[]).await, 403, "no origin");
    assert_eq!(ask(Method::GET, "nowhere", &[]).await, 404);
    assert_eq!(visitor.send(Method::GET, "/", &[], "").await.status, 404);
    let long = format!("url={}", "x".repeat(MAX_BODY));
    assert_eq!(
        visitor.post("report", &long).await.status,
        StatusCode::PAYLOAD_TOO_LARGE
    );
    assert!(!crate::run::lock(&agent.state).off, "none of them did anything");
}

#[tokio::test]
async fn the_language_is_the_browser_s() {
    let (agent, _dir) = running().await;
    let visitor = serve(&agent.data).await;
    for path in ["", "sent", "report"] {
        let path = format!("{}{path}", visitor.path);
        let german = visitor
            .send(
                Method::GET,
                &path,
                &[("accept-language", "de-DE,de;q=0.9,en;q=0.8")],
                "",
            )
            .await;
        assert!(german.text.contains("<html lang=\"de\">") && german.text.contains("Mein Gerät"));
        assert!(!german.text.contains("My device"), "{}", german.text);
    }
}

#[tokio::test]
async fn it_ends_when_nobody_uses_it() {
    let (agent, _dir) = fake_server::agent(|_| (StatusCode::OK, 0)).await;
    let page = Page::open(&agent.data.path("")).await.unwrap();
    let idle = Duration::from_millis(300);
    let start = Instant::now();
    let authority = page.listener.local_addr().unwrap();
    page.serve(idle).await.unwrap();
    assert!(start.elapsed() >= idle);
    assert!(TcpStream::connect(authority).await.is_err(), "nothing listens any more");
}

#[tokio::test]
async fn check_ins_that_say_nothing_new_are_one_row_and_pages_follow_each_other() {
    let (agent, _dir) = fake_server::agent(|_| (StatusCode::OK, 0)).await;
    let now = crate::clock::wall();
    let at = |seconds: u64| now.saturating_sub(Duration::from_secs(seconds));
    for n in (0..150).rev() {
        // Each second one says something.
        let event = |n: u64| OutboxEntry {
            seq: n + 1,
            time: at(n),
            event: DeviceEvent::BundleRefused {
                reason: format!("number {n}."),
            },
        };
        let events = if n % 2 == 0 { vec![event(n)] } else { Vec::new() };
        let entry = Entry {
            events,
            ..Entry::new(at(n), "check-in", 100)
        };
        ledger::record(&agent.data, &entry);
    }
    let visitor = serve(&agent.data).await;
    let (mut seen, mut path) = (0, "sent".to_string());
    loop {
        let page = visitor.get(&path).await;
        seen += page.matches("number ").count();
        let Some((_, rest)) = page.split_once("href=\"sent?before=") else {
            break;
        };
        path = format!("sent?before={}", rest.split('"').next().unwrap());
    }
    assert_eq!(seen, 75, "each event stands on one page");
    (0..20).for_each(|n| ledger::record(&agent.data, &Entry::new(at(n), "check-in", 5)));
    let page = visitor.get("sent").await;
    assert!(page.contains("20 times"), "{page}");
}
