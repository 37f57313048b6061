//! Nothing acknowledged is lost: the server is killed in a loop under load, and what it acknowledged is compared with what it has.

use std::{collections::BTreeSet, time::Duration};

use serde_json::{Value, json};

use crate::{
    client::{Client, Device},
    server::{Data, Server},
};

const ROUNDS: u64 = 8;
const DEVICES: usize = 3;

/// What the server said it had stored.
#[derive(Default)]
struct Acknowledged {
    indicators: BTreeSet<String>,
    devices: BTreeSet<String>,
    reports: BTreeSet<String>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_kill_9() {
    let data = Data::new();
    let server = data.serve(&[]);
    let credentials = data.json(&["client", "add", "loader", "--role", "Ti.ReadWrite.All"]);
    let token = data.json(&["enroll", "token", "--uses", "100000"])["token"]
        .as_str()
        .unwrap()
        .to_string();
    let mut devices = Vec::new();
    let mut enroller = client(&data, &server);
    for _ in 0..DEVICES {
        devices.push(Device::enroll(&mut enroller, &token).await.unwrap());
    }
    let mut known = Acknowledged::default();
    known.devices.extend(devices.iter().map(|device| device.id.clone()));
    let mut server = Some(server);

    for round in 0..ROUNDS {
        let running = server.take().unwrap_or_else(|| data.serve(&[]));
        load_until_killed(&data, running, round, &credentials, &token, &mut devices, &mut known).await;
        let running = data.serve(&[]);
        compare(&data, &known, round);
        server = Some(running);
    }
    assert!(
        known.indicators.len() > 20 && known.reports.len() > 20,
        "the load was too small to prove anything"
    );
}

/// Loads the server from several sides at once, kills it in the middle and notes what it acknowledged before.
async fn load_until_killed(
    data: &Data,
    server: Server,
    round: u64,
    credentials: &Value,
    token: &str,
    devices: &mut [Device],
    known: &mut Acknowledged,
) {
    let (main, device_address, ca) = (client(data, &server), server.device, data.ca());
    let indicators = tokio::spawn(add_indicators(main, round, credentials.clone()));
    let enrolments = tokio::spawn(enroll_devices(client(data, &server), token.to_string()));
    let reports = devices.iter_mut().map(|device| {
        let client = device.connect(device_address, &ca);
        report_sites(device, client, round)
    });
    let reports = futures_util::future::join_all(reports);
    let killed = async {
        tokio::time::sleep(Duration::from_millis(400 + 97 * (round % 5))).await;
        tokio::task::spawn_blocking(|| server.kill()).await.unwrap();
    };
    let (reports, ()) = tokio::join!(reports, killed);
    known.reports.extend(reports.into_iter().flatten());
    known.indicators.extend(indicators.await.unwrap());
    known.devices.extend(enrolments.await.unwrap());
}

async fn add_indicators(mut client: Client, round: u64, credentials: Value) -> Vec<String> {
    let mut acknowledged = Vec::new();
    if client.sign_in(&credentials).await.is_none() {
        return acknowledged;
    }
    for n in 0.. {
        let value = format!("r{round}n{n}.example");
        let body = json!({"indicatorValue": value, "indicatorType": "DomainName", "action": "Block", "title": "t", "description": "d"});
        match client.post("/api/indicators", &body).await {
            Some((status, _)) if status == 200 => acknowledged.push(value),
            // The documented limit of requests per minute: part of the load, nothing was acknowledged.
            Some((status, _)) if status == 429 => tokio::time::sleep(Duration::from_millis(20)).await,
            Some((status, answer)) => panic!("{status}: {answer}"),
            None => break,
        }
    }
    acknowledged
}

async fn enroll_devices(mut client: Client, token: String) -> Vec<String> {
    let mut acknowledged = Vec::new();
    while let Some(device) = Device::enroll(&mut client, &token).await {
        acknowledged.push(device.id);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    acknowledged
}

async fn report_sites(device: &mut Device, mut client: Client, round: u64) -> Vec<String> {
    let mut acknowledged = Vec::new();
    for n in 0.. {
        let urls: Vec<String> = (0..3)
            .map(|i| format!("https://{}.example/{round}/{n}/{i}", device.id))
            .collect();
        let Some(up_to) = device.report_sites(&mut client, &urls).await else {
            break;
        };
        assert_eq!(
            up_to, device.last_seq,
            "the whole check-in is acknowledged or none of it"
        );
        acknowledged.extend(urls);
    }
    acknowledged
}

fn compare(data: &Data, known: &Acknowledged, round: u64) {
    let all = |args: &[&str], field: &str| -> BTreeSet<String> {
        let answer = data.json(args);
        answer["value"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row[field].as_str().unwrap().to_string())
            .collect()
    };
    let lost = |what: &str, known: &BTreeSet<String>, there: &BTreeSet<String>| {
        let lost: Vec<_> = known.difference(there).take(5).collect();
        assert!(
            lost.is_empty(),
            "round {round}: acknowledged {what} were lost: {lost:?}"
        );
    };
    lost(
        "indicators",
        &known.indicators,
        &all(&["indicators", "list"], "indicatorValue"),
    );
    lost("devices", &known.devices, &all(&["devices", "list"], "id"));
    lost("reports", &known.reports, &all(&["reports", "list"], "url"));
}

fn client(data: &Data, server: &Server) -> Client {
    let address = server.url.trim_start_matches("https://").parse().unwrap();
    Client::new(address, &data.ca(), None)
}
