//! The console in a real browser: Chromium, driven over WebDriver, against the real server.

use fantoccini::Locator;
use moat_model::{
    Action, IndicatorId,
    sync::{DeviceEvent, ReportKind, Site},
};

use crate::{
    browser::{Browser, create_administrator, enroll, jailbreak, no_page_asks_another_host},
    client,
    server::{Data, Server},
};

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
    browser.shows("Enrol a device").await;
    browser.client.goto(&link).await.unwrap();
    browser.shows("was used or has expired").await;
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
        .find(Locator::LinkText("because of this alert"))
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
    browser.open(server, "/reports").await;
    browser.shows("https://odd.example/login").await;
    browser.press("Block").await;
    browser.shows("https://odd.example/login was blocked: Indicator").await;
    browser
        .shows("(odd.example). Over HTTPS devices see only the host")
        .await;
    browser.shows("Nothing waits for a decision.").await;
    browser.open(server, "/reports?show=decided").await;
    browser.shows("blocked (Indicator").await;
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
