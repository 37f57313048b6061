//! The console in a real browser: Chromium, driven over WebDriver, against the real server.

use std::{
    process::{Child, Command, Stdio},
    time::Duration,
};

use fantoccini::{Client, ClientBuilder, Locator};
use moat_model::{
    Action, Assessment, Finding, IndicatorId, JailbreakLevel,
    sync::{DeviceEvent, ReportKind, Site},
};
use serde_json::json;

use crate::{
    client,
    server::{Data, Server},
};

const PATIENCE: Duration = Duration::from_secs(15);

/// Chromium and its driver, ended with the test.
struct Browser {
    driver: Child,
    client: Client,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// None, said aloud, where there is no chromedriver; with MOAT_REQUIRE_BROWSER set that fails the test.
    async fn start(dark: bool, width: u32) -> Option<Self> {
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let driver = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(driver) = driver else {
            assert!(
                std::env::var_os("MOAT_REQUIRE_BROWSER").is_none(),
                "chromedriver is missing"
            );
            eprintln!("SKIPPED: there is no chromedriver here, so the console was not tried in a browser");
            return None;
        };
        let profile = tempfile::tempdir().unwrap();
        let mut args = vec![
            "--headless=new".to_string(),
            "--no-sandbox".into(),
            "--disable-gpu".into(),
            "--disable-dev-shm-usage".into(),
            "--disable-background-networking".into(),
            "--disable-component-update".into(),
            "--disable-sync".into(),
            "--no-first-run".into(),
            format!("--window-size={width},900"),
            format!("--user-data-dir={}", profile.path().display()),
        ];
        if dark {
            args.push("--blink-settings=preferredColorScheme=0".into());
            args.push("--force-dark-mode".into());
        }
        let capabilities = json!({"acceptInsecureCerts": true, "goog:chromeOptions": {"args": args}, "goog:loggingPrefs": {"browser": "ALL"}});
        let capabilities = capabilities.as_object().unwrap().clone();
        let url = format!("http://127.0.0.1:{port}");
        for _ in 0..100 {
            if let Ok(client) = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new())
                .capabilities(capabilities.clone())
                .connect(&url)
                .await
            {
                return Some(Self {
                    driver,
                    client,
                    _profile: profile,
                });
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("chromedriver did not start a browser");
    }

    async fn fill(&self, name: &str, text: &str) {
        let field = self
            .client
            .find(Locator::Css(&format!("main [name={name}]")))
            .await
            .unwrap();
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// Presses the button with this text and waits for the next page.
    async fn press(&self, text: &str) {
        let button =
            format!("//main//button[normalize-space()='{text}'] | //header//button[normalize-space()='{text}']");
        self.client
            .find(Locator::XPath(&button))
            .await
            .unwrap()
            .click()
            .await
            .unwrap();
    }

    /// Waits until the page shows the text.
    async fn shows(&self, text: &str) {
        let xpath = format!("//body//*[contains(normalize-space(.), \"{text}\")]");
        let found = self
            .client
            .wait()
            .at_most(PATIENCE)
            .for_element(Locator::XPath(&xpath))
            .await;
        if found.is_err() {
            panic!(
                "the page does not show {text:?}:\n{}",
                self.client
                    .find(Locator::Css("body"))
                    .await
                    .unwrap()
                    .text()
                    .await
                    .unwrap()
            );
        }
    }

    /// Saves a picture where MOAT_SCREENSHOTS says.
    async fn picture(&self, name: &str) {
        if let Some(folder) = std::env::var_os("MOAT_SCREENSHOTS") {
            let png = self.client.screenshot().await.unwrap();
            std::fs::write(std::path::Path::new(&folder).join(format!("{name}.png")), png).unwrap();
        }
    }

    async fn close(mut self) {
        let _ = self.client.clone().close().await;
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_evening_of_an_administrator() {
    let Some(browser) = Browser::start(false, 1280).await else {
        return;
    };
    let data = Data::new();
    let server = data.serve(&[]);
    set_up_and_sign_in(&browser, &data, &server).await;
    indicators(&browser, &server).await;
    let device = a_device_appears_by_itself(&browser, &data, &server).await;
    triage(&browser, &server, &device).await;
    reported_sites(&browser, &server).await;
    sign_out(&browser, &server).await;
    no_page_asks_another_host(&browser).await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_in_the_dark_and_on_a_phone() {
    let data = Data::new();
    let server = data.serve(&[]);
    data.json(&[
        "indicators",
        "add",
        "phish.example",
        "--title",
        "Phishing site",
        "--severity",
        "High",
    ]);
    let mut device = enroll(&data, &server).await;
    report(&mut device, &data, &server, jailbreak()).await;
    let link = data.json(&["setup-link"])["link"].as_str().unwrap().to_string();
    for (dark, width, name) in [(false, 1280, "light"), (true, 1280, "dark"), (false, 360, "phone")] {
        let Some(browser) = Browser::start(dark, width).await else {
            return;
        };
        if name == "light" {
            browser.client.goto(&link).await.unwrap();
            create_administrator(&browser).await;
        } else {
            browser.client.goto(&server.url).await.unwrap();
            browser.fill("name", "ada").await;
            browser.fill("password", "correct horse battery").await;
            browser.press("Sign in").await;
        }
        browser.shows("Needs you now").await;
        let device_page = format!("devices/{}", device.id);
        for page in [
            "",
            "devices",
            device_page.as_str(),
            "alerts",
            "indicators",
            "reports",
            "enrollment",
            "settings",
            "audit",
        ] {
            browser.client.goto(&format!("{}/{page}", server.url)).await.unwrap();
            let file = page.split('/').collect::<Vec<_>>();
            let label = match file.as_slice() {
                [""] => "overview",
                [one] => one,
                _ => "device",
            };
            browser.picture(&format!("{label}-{name}")).await;
            let overflow = "return document.documentElement.scrollWidth - window.innerWidth";
            let overflow = browser
                .client
                .execute(overflow, Vec::new())
                .await
                .unwrap()
                .as_i64()
                .unwrap();
            assert!(overflow <= 0, "{label} at {width} is {overflow} px too wide");
            let headings = browser.client.find_all(Locator::Css("h1")).await.unwrap().len();
            assert_eq!(headings, 1, "{label} has one title");
        }
        browser.close().await;
    }
}

async fn set_up_and_sign_in(browser: &Browser, data: &Data, server: &Server) {
    browser.client.goto(&server.url).await.unwrap();
    browser.shows("Sign in to Moat").await;
    let link = data.json(&["setup-link"])["link"].as_str().unwrap().to_string();
    browser.client.goto(&link).await.unwrap();
    browser.fill("name", "ada").await;
    browser.fill("password", "short").await;
    browser.fill("again", "short").await;
    browser.press("Create administrator").await;
    browser.shows("Use at least 12 characters.").await;
    let kept = browser
        .client
        .find(Locator::Css("[name=name]"))
        .await
        .unwrap()
        .prop("value")
        .await
        .unwrap();
    assert_eq!(kept.as_deref(), Some("ada"), "what was typed stays");
    create_administrator(browser).await;
    browser.shows("Enrol the first device").await;
    browser.client.goto(&link).await.unwrap();
    browser.shows("was used or has expired").await;
}

async fn create_administrator(browser: &Browser) {
    browser.fill("name", "ada").await;
    browser.fill("password", "correct horse battery").await;
    browser.fill("again", "correct horse battery").await;
    browser.press("Create administrator").await;
}

async fn indicators(browser: &Browser, server: &Server) {
    browser
        .client
        .goto(&format!("{}/indicators", server.url))
        .await
        .unwrap();
    browser.fill("value", "not a domain").await;
    browser.press("Add indicator").await;
    browser.shows("may not stand there").await;
    browser.fill("value", "phish.example").await;
    browser.fill("title", "Phishing site").await;
    browser.press("Add indicator").await;
    browser.shows("phish.example").await;
    browser.fill("explain", "www.phish.example").await;
    browser.press("Explain").await;
    browser.shows("parent domain phish.example").await;
    browser
        .client
        .find(Locator::XPath("//summary[.='Import CSV']"))
        .await
        .unwrap()
        .click()
        .await
        .unwrap();
    let csv = "indicatorType,indicatorValue,action,title,description\nDomainName,good.example,Allowed,t,d\nDomainName,,Block,t,d\n";
    browser.fill("csv", csv).await;
    browser.press("Import").await;
    browser.shows("1 rows are in force, 1 were refused.").await;
    browser.shows("Line 3").await;
}

/// The list is open in the browser; the device enrols through the real call and shows up without a click.
async fn a_device_appears_by_itself(browser: &Browser, data: &Data, server: &Server) -> client::Device {
    browser
        .client
        .goto(&format!("{}/enrollment", server.url))
        .await
        .unwrap();
    browser.press("Make link").await;
    browser.shows("Your enrolment link").await;
    browser.client.goto(&format!("{}/devices", server.url)).await.unwrap();
    browser.shows("No device here").await;
    let mut device = enroll(data, server).await;
    browser.shows(client::NAME).await;
    report(&mut device, data, server, jailbreak()).await;
    device
}

async fn triage(browser: &Browser, server: &Server, device: &client::Device) {
    browser
        .client
        .goto(&format!("{}/devices/{}", server.url, device.id))
        .await
        .unwrap();
    browser.shows("May not reach corporate applications").await;
    browser.shows("/var/jb is there (symlink)").await;
    browser
        .client
        .find(Locator::LinkText("this alert"))
        .await
        .unwrap()
        .click()
        .await
        .unwrap();
    browser.shows("Triage").await;
    browser.fill("comment", "Asked the user").await;
    browser
        .client
        .find(Locator::Css("select[name=status]"))
        .await
        .unwrap()
        .select_by_label("Resolved")
        .await
        .unwrap();
    browser.press("Save").await;
    browser.shows("Asked the user").await;
    browser
        .client
        .goto(&format!("{}/devices/{}", server.url, device.id))
        .await
        .unwrap();
    browser.shows("May reach corporate applications").await;
}

async fn reported_sites(browser: &Browser, server: &Server) {
    browser.client.goto(&format!("{}/reports", server.url)).await.unwrap();
    browser.shows("https://odd.example/login").await;
    browser.press("Block").await;
    browser.shows("blocked (indicator").await;
}

async fn sign_out(browser: &Browser, server: &Server) {
    browser.press("Sign out").await;
    browser.shows("Sign in to Moat").await;
    browser.client.goto(&format!("{}/settings", server.url)).await.unwrap();
    browser.shows("Sign in to Moat").await;
    browser.fill("name", "ada").await;
    browser.fill("password", "wrong password here").await;
    browser.press("Sign in").await;
    browser.shows("The name or the password is wrong.").await;
    browser.fill("password", "correct horse battery").await;
    browser.press("Sign in").await;
    browser.shows("What devices get").await;
}

async fn no_page_asks_another_host(browser: &Browser) {
    let script = "return performance.getEntriesByType('resource').map(e => new URL(e.name).host).filter(h => h !== location.host).length";
    assert_eq!(browser.client.execute(script, Vec::new()).await.unwrap(), json!(0));
    let inline = browser
        .client
        .find_all(Locator::Css("script:not([src]), [style], [onclick]"))
        .await
        .unwrap();
    assert!(inline.is_empty(), "inline script or style");
}

async fn enroll(data: &Data, server: &Server) -> client::Device {
    let token = data.json(&["enroll", "token"])["token"].as_str().unwrap().to_string();
    let mut main = client::Client::new(
        server.url.trim_start_matches("https://").parse().unwrap(),
        &data.ca(),
        None,
    );
    client::Device::enroll(&mut main, &token).await.unwrap()
}

async fn report(device: &mut client::Device, data: &Data, server: &Server, event: DeviceEvent) {
    let mut connection = device.connect(server.device, &data.ca());
    let site = Site {
        value: "phish.example".into(),
        seen_in: "dns".into(),
        remote_ip: None,
    };
    let hit = DeviceEvent::WebThreat {
        indicator: IndicatorId(1),
        action: Action::Block,
        site: Some(site),
        count: 3,
    };
    let reported = DeviceEvent::SiteReported {
        url: "https://odd.example/login".into(),
        comment: "asks for my password".into(),
        report: ReportKind::Unsafe,
    };
    device.send(&mut connection, vec![hit, event, reported]).await.unwrap();
}

pub fn jailbreak() -> DeviceEvent {
    let finding = Finding {
        rule: "fs.var_jb.symlink".into(),
        group: "rootless".into(),
        detail: "/var/jb is there (symlink)".into(),
        weight: 0.9,
        families: vec!["dopamine".into()],
    };
    let assessment = Assessment {
        level: JailbreakLevel::Confirmed,
        score: 0.9,
        findings: vec![finding],
        rules_version: "2026.11.24".into(),
        answered: 101,
        unanswered: 61,
        unknown: 0,
    };
    DeviceEvent::Jailbreak {
        level: JailbreakLevel::Confirmed,
        assessment,
    }
}
