//! Fills a new data folder with an organisation: people, groups, devices with all that they report, alerts of every kind,
//! indicators, policies, connectors. The same seed makes the same organisation, but for the moment that it is told from.
//! Usage: organisation DIR [DEVICES] [SEED]; prints JSON. The tests of the console and `script/bench console` are built on it.
//!
//! What administrators make goes through the operations of the server. What devices and people are is written as the server
//! stores it: 100,000 enrolments and check-ins would take an hour.

mod alerts;
mod dice;
mod fleet;
mod people;
mod policies;
mod rows;

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use http::{Method, Request};
use hyper::body::Bytes;
use moat_server::{App, Config, DataFolder, local};
use serde_json::{Value, json};

use dice::Dice;

const PASSWORD: &str = "correct horse battery";
const INDICATORS: usize = 2_000;
/// In one import.
const MOST_INDICATORS: usize = 500;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().context("usage: organisation DIR [DEVICES] [SEED]")?;
    let mut number = |otherwise: u64| -> Result<u64> {
        let given = arguments.next().map(|text| text.parse().context("not a number"));
        given.unwrap_or(Ok(otherwise))
    };
    let (devices, seed) = (usize::try_from(number(10_000)?)?, number(1)?);
    ensure!(
        devices >= 100,
        "at least 100 devices: fewer have no alert of every kind"
    );
    let mut dice = Dice::new(seed);

    let app = open(&folder).await?;
    for (name, role) in [
        ("ada", "Global administrator"),
        ("grace", "Security operator"),
        ("rhea", "Security reader"),
    ] {
        let new = json!({"name": name, "password": PASSWORD, "role": role});
        call(&app, Method::POST, "/admin/administrators", new).await?;
    }
    indicators(&app, &mut dice).await?;
    feed(&app).await?;
    let people = people::fill(&app, devices * 9 / 10, &mut dice).await?;
    // Each change of a policy judges every device: it is cheap while there are none.
    policies::make(&app, &people).await?;
    fleet::fill(&app, devices, &people, &mut dice).await?;
    app.close().await;
    drop(app);

    // Reads the devices.
    let app = open(&folder).await?;
    policies::judge(&app).await?;
    fleet::after_policies(&app, &mut dice).await?;
    app.close().await;
    println!(
        "{}",
        json!({"devices": devices, "users": people.users.len(), "seed": seed, "password": PASSWORD})
    );
    Ok(())
}

async fn open(folder: &str) -> Result<App> {
    App::open(DataFolder::open(Path::new(folder))?, Config::default()).await
}

/// A list of somebody else's, switched on.
async fn feed(app: &App) -> Result<()> {
    let feed = json!({"name": "Phishing names of a partner", "severity": "High"});
    let feed = call(app, Method::POST, "/admin/feeds", feed).await?;
    let path = format!("/admin/feeds/{}", feed["id"].as_str().unwrap_or_default());
    let names: String = (0..500).map(|n| format!("parcel-{n}.lures.example\n")).collect();
    send(app, Method::PUT, &format!("{path}/content"), "text/plain", names).await?;
    call(app, Method::POST, &format!("{path}/enable"), json!({})).await?;
    Ok(())
}

/// One call of the administrator of this machine.
async fn call(app: &App, method: Method, path: &str, body: Value) -> Result<Value> {
    send(app, method, path, "application/json", body.to_string()).await
}

async fn send(app: &App, method: Method, path: &str, content_type: &str, body: String) -> Result<Value> {
    let request = Request::builder().method(method).uri(path);
    let request = request.header("content-type", content_type);
    let response = local::call(app, request.body(Bytes::from(body))?).await?;
    ensure!(response.status().is_success(), "{path}: {:?}", response.body());
    Ok(serde_json::from_slice(response.body()).unwrap_or_default())
}

/// What `alerts` say of a site, by the number of the indicator behind it.
struct Site {
    indicator: i64,
    name: String,
    title: String,
    severity: &'static str,
    action: &'static str,
}

fn sites() -> impl Iterator<Item = Site> {
    const LURES: [&str; 8] = [
        "login",
        "parcel",
        "bank",
        "invoice",
        "update",
        "prize",
        "voicemail",
        "meeting",
    ];
    const WHAT: [&str; 4] = ["Phishing", "Malware", "Command and control", "Scam"];
    (0..INDICATORS).map(|n| Site {
        indicator: n as i64 + 1,
        name: format!("{}-{n}.example", LURES[n % 8]),
        title: format!("{} site {}-{n}.example", WHAT[n % 4], LURES[n % 8]),
        severity: ["Medium", "High", "Low", "Medium", "Informational"][n % 5],
        action: ["Block", "Block", "Warn", "Audit", "Block", "Allowed"][n % 6],
    })
}

async fn indicators(app: &App, dice: &mut Dice) -> Result<()> {
    let mut all = Vec::with_capacity(INDICATORS);
    for site in sites() {
        let (kind, value) = match site.indicator % 10 {
            7 => ("Url", format!("https://{}/account", site.name)),
            8 => ("IpAddress", format!("203.0.113.{}", site.indicator / 10)),
            9 => ("IpAddress", format!("2001:db8:{:x}::/48", site.indicator)),
            _ => ("DomainName", site.name),
        };
        let mut one = json!({
            "indicatorValue": value, "indicatorType": kind, "action": site.action, "title": site.title,
            "description": "Seen in a feed", "severity": site.severity, "generateAlert": true,
        });
        if dice.percent(10) {
            one["expirationTime"] = json!("2099-01-31T12:00:00Z");
        }
        all.push(one);
    }
    for some in all.chunks(MOST_INDICATORS) {
        let answer = call(app, Method::POST, "/api/indicators/import", json!({"Indicators": some})).await?;
        let failed = answer["value"].as_array().into_iter().flatten();
        let failed: Vec<_> = failed.filter(|row| row["isFailed"] == true).collect();
        ensure!(failed.is_empty(), "indicators were refused: {failed:?}");
    }
    Ok(())
}
