//! The console's doors: set-up, sign-in, forms from elsewhere, addresses where nothing is.

use http::Method;

use crate::world::{Answer, World};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const PASSWORD: &str = "correct horse battery";

async fn post(world: &World, path: &str, headers: &[(&str, &str)], fields: &str) -> Answer {
    let headers = [&[FORM], headers].concat();
    world.send(Method::POST, path, &headers, fields).await
}

async fn set_up(world: &World) -> String {
    let path = setup_path(world).await;
    let fields = format!("name=ana&password={PASSWORD}&again={PASSWORD}").replace(' ', "+");
    let answer = post(world, &path, &[], &fields).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    path
}

async fn setup_path(world: &World) -> String {
    let link = moat_server::setup_link(&world.app).await.unwrap().unwrap();
    link[link.find("/setup/").unwrap()..].to_string()
}

async fn sign_in(world: &World, name: &str, password: &str) -> Answer {
    let fields = format!("name={name}&password={password}").replace(' ', "+");
    post(world, "/sign-in", &[], &fields).await
}

#[tokio::test]
async fn a_wrong_or_used_set_up_link_costs_no_work() {
    let world = World::start().await;
    let used = set_up(&world).await;
    let fields = format!("name=eve&password={PASSWORD}&again={PASSWORD}").replace(' ', "+");
    for path in [used.as_str(), "/setup/guess"] {
        // More than may be hashed or wait at once: none is hashed, so none is asked to come back.
        let tries = (0..60).map(|_| post(&world, path, &[], &fields));
        for answer in futures_util::future::join_all(tries).await {
            assert_eq!(answer.status, 200);
            assert!(answer.text.contains("used"), "{}", answer.text);
        }
    }
    assert_eq!(sign_in(&world, "eve", PASSWORD).await.status, 401);
    assert_eq!(sign_in(&world, "ana", PASSWORD).await.status, 303);
}

#[tokio::test]
async fn wrong_passwords_are_counted_before_they_are_checked() {
    let world = World::start().await;
    set_up(&world).await;
    for _ in 0..15 {
        assert_eq!(
            sign_in(&world, "ana", PASSWORD).await.status,
            303,
            "what succeeds is not counted"
        );
    }
    let tries = (0..40).map(|n| sign_in(&world, if n % 2 == 0 { "ana" } else { " ana" }, "wrong wrong wrong"));
    let answers = futures_util::future::join_all(tries).await;
    let count = |status: u16| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!((count(401), count(429)), (10, 30));
}

#[tokio::test]
async fn forms_from_another_site_are_refused() {
    let world = World::start().await;
    let path = setup_path(&world).await;
    let fields = format!("name=ana&password={PASSWORD}&again={PASSWORD}").replace(' ', "+");
    for header in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        for path in [path.as_str(), "/sign-in", "/sign-out", "/indicators"] {
            assert_eq!(
                post(&world, path, &[header], &fields).await.status,
                403,
                "{header:?} {path}"
            );
        }
    }
    let origin = world.origin();
    let own = [("origin", origin.as_str()), ("sec-fetch-site", "same-origin")];
    assert_eq!(post(&world, &path, &own, &fields).await.status, 303);
}

#[tokio::test]
async fn every_page_has_the_headers_and_a_way_back() {
    let world = World::start().await;
    for (path, status) in [
        ("/enroll", 200),
        ("/why/guess", 404),
        ("/no/such/page", 404),
        ("/sign-out", 404),
        ("/sign-in", 200),
    ] {
        let answer = world.send(Method::GET, path, &[], "").await;
        assert_eq!(answer.status, status, "{path}");
        let header = |name: &str| {
            answer
                .headers
                .get(name)
                .and_then(|v| v.to_str().ok())
                .unwrap_or_default()
        };
        assert!(
            header("content-security-policy").contains("default-src 'none'"),
            "{path}"
        );
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header("cache-control"), "no-store", "{path}");
        assert!(header("content-type").starts_with("text/html"), "{path}");
    }
    let missing = world.send(Method::GET, "/no/such/page", &[], "").await;
    assert!(missing.text.contains("href=\"/\""));
    let api = world.send(Method::GET, "/api/nothing", &[], "").await;
    assert_eq!(api.outcome(), "404 NotFound");
}

/// A signed-in browser, as far as a program is one.
struct Browser<'a> {
    world: &'a World,
    cookie: String,
}

impl Browser<'_> {
    async fn start(world: &World) -> Browser<'_> {
        set_up(world).await;
        let answer = sign_in(world, "ana", PASSWORD).await;
        let cookie = answer.headers["set-cookie"].to_str().unwrap();
        Browser {
            world,
            cookie: cookie.split(';').next().unwrap().to_string(),
        }
    }

    async fn get(&self, path: &str) -> Answer {
        self.world
            .send(Method::GET, path, &[("cookie", &self.cookie)], "")
            .await
    }

    async fn post(&self, path: &str, fields: &str) -> Answer {
        let page = self.get("/settings").await.text;
        let csrf = page
            .split("name=\"csrf\" value=\"")
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap();
        let fields = format!("csrf={csrf}&{fields}").replace(' ', "+");
        post(self.world, path, &[("cookie", &self.cookie)], &fields).await
    }
}

#[tokio::test]
async fn a_secret_is_shown_once_and_made_once() {
    let world = World::start().await;
    let browser = Browser::start(&world).await;
    for (form, fields, page, secret) in [
        (
            "/enrollment",
            "hours=1&uses=1&management=managed&group=",
            "/enrollment",
            "/enroll#",
        ),
        (
            "/settings/clients",
            "name=siem&role=Alert.Read.All",
            "/settings",
            "Client secret",
        ),
        ("/settings/gateways", "name=intranet", "/settings", "<dt>Key"),
    ] {
        let made = browser.post(form, fields).await;
        assert_eq!(
            (made.status.as_u16(), made.headers["location"].to_str().unwrap()),
            (303, page)
        );
        assert!(browser.get(page).await.text.contains(secret), "{form}");
        assert!(!browser.get(page).await.text.contains(secret), "{form}");
    }
}

#[tokio::test]
async fn what_was_typed_stays_and_the_error_stands_beside_it() {
    let world = World::start().await;
    let browser = Browser::start(&world).await;
    let refused = browser
        .post("/indicators", "value=bad+domain&action=Warn&severity=High&title=mine")
        .await;
    assert!(refused.text.contains("value=\"bad domain\"") && refused.text.contains("<option selected>Warn"));
    assert!(
        !refused.text.contains("name=\"generateAlert\" checked"),
        "it was not ticked"
    );
    let file = browser.post("/indicators/import", "csv=colour%0Ared").await;
    assert!(file.text.contains("<details open><summary>Import CSV") && file.text.contains("no column"));
    let settings = "organisation=Acme&helpUrl=&checkInSeconds=often&postureIntervalSeconds=60&bypassDurationHours=24";
    let refused = browser.post("/settings", settings).await;
    assert!(
        refused
            .text
            .contains("The time between check-ins must be a whole number.")
    );
    assert!(refused.text.contains("value=\"Acme\""));
    assert!(
        !browser.get("/settings").await.text.contains("Acme"),
        "nothing was saved"
    );
}
