//! Chromium, driven over WebDriver, and what the tests of the console do in it again and again.

use std::{
    process::{Child, Command, Stdio},
    time::Duration,
};

use fantoccini::{
    Client, ClientBuilder, Locator,
    actions::{InputSource as _, MouseActions, PointerAction},
};
use moat_model::{Assessment, Finding, JailbreakLevel, sync::DeviceEvent};
use serde_json::{Value, json};

use crate::{
    client,
    server::{Data, Server},
};

const PATIENCE: Duration = Duration::from_secs(15);

/// Chromium and its driver, ended with the test.
pub struct Browser {
    driver: Child,
    pub client: Client,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// None, said aloud, where there is no chromedriver; with MOAT_REQUIRE_BROWSER set that fails the test.
    pub async fn start(dark: bool, width: u32) -> Option<Self> {
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

    pub async fn fill(&self, name: &str, text: &str) {
        let field = self
            .client
            .find(Locator::Css(&format!("main [name={name}]")))
            .await
            .unwrap();
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// Presses the button with this text and waits for the next page.
    pub async fn press(&self, text: &str) {
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
    pub async fn shows(&self, text: &str) {
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

    /// What a script in the page returns.
    pub async fn ask(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap()
    }

    /// Waits until a script in the page returns true.
    pub async fn becomes_true(&self, script: &str) {
        for _ in 0..PATIENCE.as_millis() / 100 {
            if self.ask(script).await == json!(true) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("it does not become true: {script}");
    }

    /// Presses the mouse in the middle of what the selector finds, whatever lies there.
    pub async fn point_at(&self, selector: &str) {
        let script = format!(
            "const r = document.querySelector({selector:?}).getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]"
        );
        let place: Vec<f64> = serde_json::from_value(self.ask(&script).await).unwrap();
        let there = PointerAction::MoveTo {
            duration: None,
            x: place[0],
            y: place[1],
        };
        let button = fantoccini::actions::MOUSE_BUTTON_LEFT;
        let mouse = MouseActions::new("mouse".into())
            .then(there)
            .then(PointerAction::Down { button })
            .then(PointerAction::Up { button });
        self.client.perform_actions(mouse).await.unwrap();
    }

    pub async fn open(&self, server: &Server, path: &str) {
        self.client.goto(&format!("{}{path}", server.url)).await.unwrap();
    }

    /// Makes the first administrator and is signed in.
    pub async fn set_up(&self, data: &Data) {
        let link = data.json(&["setup-link"])["link"].as_str().unwrap().to_string();
        self.client.goto(&link).await.unwrap();
        create_administrator(self).await;
        self.shows("Needs you now").await;
    }

    /// Saves a picture where MOAT_SCREENSHOTS says.
    pub async fn picture(&self, name: &str) {
        if let Some(folder) = std::env::var_os("MOAT_SCREENSHOTS") {
            let png = self.client.screenshot().await.unwrap();
            std::fs::write(std::path::Path::new(&folder).join(format!("{name}.png")), png).unwrap();
        }
    }

    pub async fn close(mut self) {
        let _ = self.client.clone().close().await;
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

pub async fn create_administrator(browser: &Browser) {
    browser.fill("name", "ada").await;
    browser.fill("password", "correct horse battery").await;
    browser.fill("again", "correct horse battery").await;
    browser.press("Create administrator").await;
}

pub async fn enroll(data: &Data, server: &Server) -> client::Device {
    let token = data.json(&["enroll", "token"])["token"].as_str().unwrap().to_string();
    let mut main = client::Client::new(
        server.url.trim_start_matches("https://").parse().unwrap(),
        &data.ca(),
        None,
    );
    client::Device::enroll(&mut main, &token).await.unwrap()
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

pub async fn no_page_asks_another_host(browser: &Browser) {
    let script = "return performance.getEntriesByType('resource').map(e => new URL(e.name).host).filter(h => h !== location.host).length";
    assert_eq!(browser.client.execute(script, Vec::new()).await.unwrap(), json!(0));
    let inline = browser
        .client
        .find_all(Locator::Css("script:not([src]), [style], [onclick]"))
        .await
        .unwrap();
    assert!(inline.is_empty(), "inline script or style");
}
