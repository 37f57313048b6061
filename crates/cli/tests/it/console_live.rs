//! What the console does between two clicks: live parts, rows, headers, refused forms, an ended session.

use fantoccini::Locator;
use moat_model::sync::{DeviceEvent, ReportKind};
use serde_json::json;

use crate::{
    browser::{Browser, enroll, jailbreak},
    client,
    server::{Data, Server},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_live_refresh_takes_nothing_away() {
    let Some(browser) = Browser::start(false, 1280).await else {
        return;
    };
    let data = Data::new();
    let server = data.serve(&[]);
    browser.set_up(&data).await;
    let mut device = enroll(&data, &server).await;
    browser.open(&server, "/devices").await;
    browser.shows(client::NAME).await;
    let row = format!("to-{}", device.id);
    browser.ask(&format!("document.getElementById('{row}').focus()")).await;
    send(&mut device, &data, &server, vec![jailbreak()]).await;
    browser.shows("▲ confirmed").await;
    enroll(&data, &server).await;
    browser
        .becomes_true("return document.querySelectorAll('tbody tr').length === 2")
        .await;
    assert_eq!(
        browser.ask("return document.activeElement.id").await,
        json!(row),
        "focus stays"
    );
    assert_eq!(
        browser.ask("return document.querySelectorAll('#live').length").await,
        json!(1)
    );

    browser.open(&server, "/alerts").await;
    browser
        .client
        .find(Locator::Css("input[name=id]"))
        .await
        .unwrap()
        .click()
        .await
        .unwrap();
    send(
        &mut device,
        &data,
        &server,
        vec![DeviceEvent::BundleRefused {
            reason: "signature".into(),
        }],
    )
    .await;
    browser.shows("Device refused its policy").await;
    let ticked = "return document.querySelector('input[name=id]:checked').ariaLabel";
    let ticked = browser.ask(ticked).await.to_string();
    assert!(ticked.contains("Device is jailbroken"), "{ticked}");

    let reset = data.moat_with(&["administrator", "reset", "ada"], "another horse battery\n");
    assert!(reset.status.success());
    browser.shows("Sign in to Moat").await;
    browser.fill("name", "ada").await;
    browser.fill("password", "another horse battery").await;
    browser.press("Sign in").await;
    browser.shows("Device refused its policy").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_open_headers_stick_and_refused_forms_keep_what_was_typed() {
    let Some(browser) = Browser::start(true, 1280).await else {
        return;
    };
    let data = Data::new();
    let server = data.serve(&[]);
    browser.set_up(&data).await;
    let mut device = enroll(&data, &server).await;
    send(&mut device, &data, &server, vec![reported("javascript:alert(1)")]).await;
    browser.open(&server, "/devices").await;
    browser.point_at("tbody td:last-child").await;
    browser.shows("May reach corporate applications").await;

    an_import_from_a_file(&browser, &data, &server).await;
    let stuck = "const list = document.querySelector('.scroll'); list.scrollTop = 600; \
                 return list.scrollTop > 0 && Math.abs(list.querySelector('th').getBoundingClientRect().top - list.getBoundingClientRect().top) < 3";
    browser.open(&server, "/indicators").await;
    assert_eq!(browser.ask(stuck).await, json!(true), "the header stays in sight");
    browser.open(&server, "/indicators?q=n7.example").await;
    browser
        .client
        .find(Locator::Css("tbody summary"))
        .await
        .unwrap()
        .click()
        .await
        .unwrap();
    browser.press("Really delete").await;
    browser.shows("None fits").await;

    browser.open(&server, "/reports").await;
    browser.press("Block").await;
    browser.shows("No indicator can be made of this address").await;
    let in_row =
        "return document.querySelector('tbody tr .wrong') !== null && document.querySelector('tbody form') !== null";
    assert_eq!(browser.ask(in_row).await, json!(true), "the error stands in its row");
    // The address is that of the form; loading it leads to the list.
    let address = browser.client.current_url().await.unwrap();
    assert!(address.path().ends_with("/decide"));
    browser.client.goto(address.as_str()).await.unwrap();
    assert_eq!(browser.client.current_url().await.unwrap().path(), "/reports");
    browser.close().await;
}

async fn an_import_from_a_file(browser: &Browser, data: &Data, server: &Server) {
    let mut csv = String::from("indicatorType,indicatorValue,action,title,description\n");
    for n in 0..60 {
        csv.push_str(&format!("DomainName,n{n}.example,Block,t,d\n"));
    }
    csv.push_str("DomainName,not a name,Block,t,d\n");
    let file = data.path().join("names.csv");
    std::fs::write(&file, &csv).unwrap();
    browser.open(server, "/indicators").await;
    browser
        .client
        .find(Locator::XPath("//summary[.='Import CSV']"))
        .await
        .unwrap()
        .click()
        .await
        .unwrap();
    let chooser = browser.client.find(Locator::Css("input[type=file]")).await.unwrap();
    chooser.send_keys(file.to_str().unwrap()).await.unwrap();
    browser
        .becomes_true("return document.getElementById('csv').value.includes('n59.example')")
        .await;
    browser.press("Import").await;
    browser.shows("60 rows are in force, 1 were refused.").await;
    browser.shows("Line 62").await;
    let kept = browser.ask("return document.getElementById('csv').value").await;
    assert_eq!(
        kept.as_str().unwrap().trim(),
        csv.trim(),
        "the text stays, to be mended"
    );
}

fn reported(url: &str) -> DeviceEvent {
    DeviceEvent::SiteReported {
        url: url.into(),
        comment: String::new(),
        report: ReportKind::Unsafe,
    }
}

async fn send(device: &mut client::Device, data: &Data, server: &Server, events: Vec<DeviceEvent>) {
    let mut connection = device.connect(server.device, &data.ca());
    device.send(&mut connection, events).await.unwrap();
}
