//! The console's doors: set-up, sign-in, forms from elsewhere, addresses where nothing is.

use http::Method;
use moat_server::Role;
use rustls_pki_types::{CertificateDer, pem::PemObject as _};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::world::{Answer, EVENT_TIME, World};

pub const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
pub const PASSWORD: &str = "correct horse battery";

pub async fn post(world: &World, path: &str, headers: &[(&str, &str)], fields: &str) -> Answer {
    let headers = [&[FORM], headers].concat();
    world.send(Method::POST, path, &headers, fields).await
}

pub async fn set_up(world: &World) -> String {
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
pub struct Browser<'a> {
    world: &'a World,
    cookie: String,
}

impl Browser<'_> {
    pub async fn start(world: &World) -> Browser<'_> {
        set_up(world).await;
        Self::of(world, "ana").await
    }

    pub async fn of<'a>(world: &'a World, name: &str) -> Browser<'a> {
        let answer = sign_in(world, name, PASSWORD).await;
        let cookie = answer.headers["set-cookie"].to_str().unwrap();
        Browser {
            world,
            cookie: cookie.split(';').next().unwrap().to_string(),
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.world
            .send(Method::GET, path, &[("cookie", &self.cookie)], "")
            .await
    }

    /// The token that forms of this session carry.
    async fn csrf(&self) -> String {
        let page = self.get("/devices").await.text;
        let token = page.split("name=\"csrf\" value=\"").nth(1).unwrap();
        token.split('"').next().unwrap().to_string()
    }

    /// Sends a form with a file: its parts, as browsers write them.
    pub async fn send_parts(&self, path: &str, boundary: &str, parts: &str) -> Answer {
        let csrf = self.csrf().await;
        let token = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\n{csrf}\r\n");
        self.send_parts_without_token(path, boundary, &(token + parts)).await
    }

    pub async fn send_parts_without_token(&self, path: &str, boundary: &str, parts: &str) -> Answer {
        let kind = format!("multipart/form-data; boundary={boundary}");
        let headers = [("content-type", kind.as_str()), ("cookie", &self.cookie)];
        self.world.send(Method::POST, path, &headers, parts).await
    }

    pub async fn post(&self, path: &str, fields: &str) -> Answer {
        let csrf = self.csrf().await;
        let fields = format!("csrf={csrf}&{fields}").replace(' ', "+");
        post(self.world, path, &[("cookie", &self.cookie)], &fields).await
    }
}

#[tokio::test]
async fn an_administrator_may_do_what_the_role_says() {
    let world = World::start().await;
    set_up(&world).await;
    for (name, role) in [
        ("rita", "Security reader"),
        ("otto", "Security operator"),
        ("hans", "Helpdesk"),
    ] {
        let new = json!({"name": name, "password": PASSWORD, "role": role});
        world.local(Method::POST, "/admin/administrators", new).await;
    }
    let block = "value=evil.example&action=Block&severity=High&title=t";
    for (name, pages, status) in [
        ("rita", ["/devices", "/alerts", "/indicators"], 403),
        ("otto", ["/devices", "/alerts", "/indicators"], 303),
    ] {
        let browser = Browser::of(&world, name).await;
        for page in pages {
            assert_eq!(browser.get(page).await.status, 200, "{name} {page}");
        }
        // Of the settings they may see the notifications.
        let settings = browser.get("/settings").await;
        assert_eq!(
            (settings.status.as_u16(), &settings.headers["location"]),
            (303, &"/settings/notifications".parse().unwrap())
        );
        let shown = browser.get("/settings/notifications").await.text;
        assert!(
            shown.contains(">Settings</a>") && !shown.contains("href=\"/settings/clients\""),
            "{name}"
        );
        assert_eq!(browser.get("/settings/clients").await.status, 403, "{name}");
        assert_eq!(browser.post("/indicators", block).await.status, status, "{name}");
    }
    let helpdesk = Browser::of(&world, "hans").await;
    assert_eq!(helpdesk.get("/devices").await.status, 200);
    for page in ["/alerts", "/reports", "/settings", "/alerts/suppression", "/indicators"] {
        assert_eq!(helpdesk.get(page).await.status, 403, "{page}");
    }
    let shown = helpdesk.get("/devices").await.text;
    for (link, seen) in [
        ("/people/users", true),
        ("/alerts", false),
        ("/reports", false),
        ("/indicators", false),
        ("/settings", false),
        ("/retire-list", false),
        ("/enrollment", false),
    ] {
        assert_eq!(shown.contains(&format!("href=\"{link}\"")), seen, "{link}");
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
            "/settings/clients",
            "Client secret",
        ),
        ("/settings/gateways", "name=intranet", "/settings/gateways", "<dt>Key"),
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
async fn what_was_typed_stays_and_the_error_stands_at_its_field() {
    let world = World::start().await;
    let browser = Browser::start(&world).await;
    let refused = browser
        .post("/indicators", "value=bad+domain&action=Warn&severity=High&title=mine")
        .await;
    assert!(refused.text.contains("value=\"bad domain\"") && refused.text.contains("<option value=\"Warn\" selected>"));
    assert!(
        !refused.text.contains("name=\"generateAlert\" checked"),
        "it was not ticked"
    );
    assert_eq!(wrong(&refused), ["add-value"]);
    let refused = browser
        .post("/indicators", "value=good.example&action=Block&expires=tomorrow")
        .await;
    assert_eq!(wrong(&refused), ["add-expires"]);
    assert!(refused.text.contains("<details open><summary>More") && refused.text.contains("Ends: "));
    let refused = browser.post("/enrollment", "hours=0&uses=many&group=kept").await;
    assert_eq!(wrong(&refused), ["link-hours", "link-uses"]);
    assert!(refused.text.contains("value=\"many\"") && refused.text.contains("value=\"kept\""));
    let refused = browser.post("/settings/clients", "name=siem").await;
    assert_eq!(wrong(&refused), ["client-role"]);
    assert!(refused.text.contains("<details open><summary>Make API client") && refused.text.contains("value=\"siem\""));
    let settings =
        "organisation=Acme&helpUrl=javascript:x&checkInSeconds=often&postureIntervalSeconds=60&bypassDurationHours=24";
    let refused = browser.post("/settings", settings).await;
    assert_eq!(wrong(&refused), ["settings-helpUrl", "settings-checkInSeconds"]);
    for kept in ["Acme", "javascript:x", "often"] {
        assert!(refused.text.contains(&format!("value=\"{kept}\"")), "{kept}");
    }
    assert!(
        !browser.get("/settings").await.text.contains("Acme"),
        "nothing was saved"
    );
}

/// The inputs that a page says are wrong; the first of them must have the focus.
pub fn wrong(page: &Answer) -> Vec<&str> {
    let texts: Vec<_> = page.text.split("class=\"wrong\" id=\"wrong-").skip(1).collect();
    let names: Vec<_> = texts.iter().filter_map(|text| text.split('"').next()).collect();
    let mark = format!("aria-describedby=\"wrong-{}\" autofocus", names[0]);
    assert!(page.text.contains(&mark), "{mark} in {}", page.text);
    names
}

#[tokio::test]
async fn an_import_keeps_its_text_until_every_line_is_good() {
    let world = World::start().await;
    let browser = Browser::start(&world).await;
    let header = "indicatorType%2CindicatorValue%2Caction%2Ctitle%2Cdescription%0A";
    let file = browser.post("/indicators/import", "csv=colour%0Ared").await;
    assert!(file.text.contains("<details open><summary>Import CSV") && file.text.contains("no column"));
    assert!(file.text.contains("colour\nred</textarea>"));
    let rows = format!("csv={header}DomainName%2Cgood.example%2CBlock%2Ct%2Cd%0ADomainName%2Cbad+name%2CBlock%2Ct%2Cd");
    let some = browser.post("/indicators/import", &rows).await;
    assert!(some.text.contains("1 rows are in force, 1 were refused."));
    assert!(
        some.text.contains("Line 3: <code>bad name</code>: ") && some.text.contains("DomainName,good.example,Block")
    );
    let all = browser
        .post("/indicators/import", &rows.replace("bad+name", "better.example"))
        .await;
    assert!(all.text.contains("2 rows are in force, 0 were refused.") && !all.text.contains("DomainName,good.example"));
}

#[tokio::test]
async fn filters_stay_in_links_and_unknown_ones_are_said() {
    let world = World::start().await;
    let browser = Browser::start(&world).await;
    let devices = browser.get("/devices?q=a+b&filter=high").await.text;
    assert!(
        devices.contains("href=\"/devices?q=a%20b&#38;filter=medium\""),
        "{devices}"
    );
    assert!(devices.contains("href=\"/devices?filter=high\"") && devices.contains("href=\"/devices?q=a%20b\""));
    for page in [
        "/devices?filter=odd",
        "/alerts?status=odd",
        "/alerts?severity=odd",
        "/indicators?id=odd",
        "/reports?show=odd",
    ] {
        assert!(browser.get(page).await.text.contains("Unknown filter “odd”"), "{page}");
    }
    let none = browser.get("/indicators?id=7").await.text;
    assert!(none.contains("Indicator 7") && none.contains("None fits"));
}

#[tokio::test]
async fn a_removed_device_leaves_no_open_alerts_and_its_own_list() {
    let world = World::start().await;
    let browser = Browser::start(&world).await;
    let device = world.device("lost-phone", "").await;
    device
        .check_in(json!([{"seq": 1, "time": EVENT_TIME, "event": {"kind": "bundleRefused", "reason": "r"}}]))
        .await;
    let page = format!("/devices/{}", device.id);
    assert!(browser.get("/alerts").await.text.contains("lost-phone"));
    let refused = browser.post(&format!("{page}/revoke"), "confirm=other").await;
    assert_eq!(wrong(&refused), ["revoke-confirm"]);
    assert!(
        refused.text.contains(&format!("data-live=\"{page}\"")),
        "it refreshes from where it can be read"
    );
    assert_eq!(
        browser
            .post(&format!("{page}/revoke"), "confirm=lost-phone")
            .await
            .status,
        303
    );
    assert!(!browser.get("/alerts").await.text.contains("lost-phone"));
    let resolved = browser.get("/alerts?status=resolved").await.text;
    let alert = resolved
        .split("<a class=\"row\"")
        .nth(1)
        .unwrap()
        .split("href=\"")
        .nth(1)
        .unwrap();
    let history = browser.get(alert.split('"').next().unwrap()).await.text;
    assert!(history.contains("the device was removed") && history.contains("administrator ana"));
    assert!(!browser.get("/devices").await.text.contains("lost-phone"));
    assert!(browser.get("/devices?filter=removed").await.text.contains("lost-phone"));
    assert!(browser.get("/").await.text.contains("0 open alerts"));
}

#[tokio::test]
async fn lists_are_come_back_to_and_nowhere_else() {
    let world = World::start().await;
    let browser = Browser::start(&world).await;
    let none = browser
        .post("/alerts/triage", "back=/alerts?severity=High&quick=resolve")
        .await;
    assert!(none.status == 200 && none.text.contains("value=\"/alerts?severity=High\""));
    let device = world.device("phone", "").await;
    device
        .check_in(json!([{"seq": 1, "time": EVENT_TIME, "event": {"kind": "bundleRefused", "reason": "r"}}]))
        .await;
    let list = browser.get("/alerts").await.text;
    assert!(!list.contains("Tick the alerts"));
    let id = list
        .split("name=\"id\" value=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let none = browser.post("/alerts/triage", "back=/alerts&quick=resolve").await;
    assert!(none.text.contains("Tick the alerts that this is about."));
    for (back, location) in [
        ("/alerts?severity=Medium", "/alerts?severity=Medium"),
        ("//evil.example", "/alerts"),
    ] {
        let fields = format!("id={id}&quick=resolve&back={back}");
        let done = browser.post("/alerts/triage", &fields).await;
        assert_eq!(done.headers["location"], location);
    }
    for (form, page) in [
        ("/devices/abc/revoke", "/devices/abc"),
        ("/alerts/triage", "/alerts"),
        ("/devices/abc/wipe", "/devices/abc"),
        ("/start/compliance", "/"),
        ("/indicators/7/delete", "/indicators"),
        ("/reports/abc/decide", "/reports"),
        ("/reports/decide", "/reports"),
        ("/alerts/suppression/abc/switch", "/alerts/suppression/abc"),
        ("/alerts/suppression/preview", "/alerts/suppression"),
        ("/alerts/views/abc/delete", "/alerts"),
        ("/devices/views/abc/delete", "/devices"),
        ("/settings/clients/abc/disable", "/settings/clients"),
        ("/people/users/abc/wipe", "/people/users/abc"),
        ("/connectors/abc/delete", "/connectors/abc"),
        ("/enrollment/abc/revoke", "/enrollment"),
    ] {
        let answer = browser.get(form).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.headers["location"]),
            (303, &page.parse().unwrap()),
            "{form}"
        );
    }
}

#[tokio::test]
async fn an_ended_session_is_told_to_pages_and_to_scripts() {
    let world = World::start().await;
    let page = world.send(Method::GET, "/devices?q=a", &[], "").await;
    assert_eq!(
        (page.status.as_u16(), &page.headers["location"]),
        (303, &"/sign-in?next=/devices%3Fq%3Da".parse().unwrap())
    );
    let part = world
        .send(Method::GET, "/devices?q=a", &[("hx-request", "true")], "")
        .await;
    assert_eq!(
        (part.status.as_u16(), &part.headers["hx-redirect"]),
        (401, &"/sign-in?next=/devices%3Fq%3Da".parse().unwrap())
    );
    let browser = Browser::start(&world).await;
    assert_eq!(browser.get("/devices").await.status, 200);
    let new = json!({"password": "another horse battery"});
    let ended = world
        .local(Method::POST, "/admin/administrators/ana/password", new.clone())
        .await;
    // The set-up opened one, the sign-in another.
    assert_eq!(ended["endedSessions"], 2);
    assert_eq!(browser.get("/devices").await.status, 303);
    assert_eq!(sign_in(&world, "ana", PASSWORD).await.status, 401);
    assert_eq!(sign_in(&world, "ana", "another horse battery").await.status, 303);
    let client = world.client("all", Role::ALL).await;
    let remote = client.post("/admin/administrators/ana/password", new).await;
    assert_eq!(remote.outcome(), "404 NotFound", "only over the admin socket");
}

#[tokio::test]
async fn only_the_right_version_of_a_file_is_kept_for_good() {
    let world = World::start().await;
    let page = world.send(Method::GET, "/why/guess", &[], "").await.text;
    let file = page
        .split("rel=\"stylesheet\" href=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let cached = async |path: &str| world.send(Method::GET, path, &[], "").await.headers["cache-control"].clone();
    assert!(cached(file).await.to_str().unwrap().contains("immutable"));
    assert_eq!(cached("/static/-/console.css").await, "no-cache");
    for path in ["/enroll", "/why/guess", "/sign-in"] {
        let page = world.send(Method::GET, path, &[], "").await.text;
        assert!(
            page.contains(file) && page.contains("rel=\"icon\"") && page.contains("<body class=\"plain\">"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn the_authority_is_public_and_its_fingerprint_is_shown() {
    let world = World::start().await;
    let answer = world.send(Method::GET, "/ca.pem", &[], "").await;
    assert_eq!(answer.headers["content-type"], "application/x-pem-file");
    assert_eq!(answer.text, world.app.authority.pem());
    assert!(!answer.text.contains("PRIVATE"));
    let browser = Browser::start(&world).await;
    let der = CertificateDer::from_pem_slice(answer.text.as_bytes()).unwrap();
    let digest: Vec<_> = Sha256::digest(&der).iter().map(|byte| format!("{byte:02X}")).collect();
    assert!(browser.get("/enrollment").await.text.contains(&digest.join(":")));
}

#[tokio::test]
async fn pages_are_told_of_what_they_show_and_of_nothing_else() {
    let world = World::start().await;
    let device = world.device("phone", "").await;
    device.check_in(json!([])).await;
    let mut changes = world.app.hub.changes();
    changes.mark_unchanged();
    device.check_in(json!([])).await;
    assert!(!changes.has_changed().unwrap(), "nothing is new");
    device
        .check_in(json!([{"seq": 1, "time": EVENT_TIME, "event": {"kind": "bundleRefused", "reason": "r"}}]))
        .await;
    assert!(changes.has_changed().unwrap());
}
