//! Times of the policy plane with a large fleet: judging every device after a policy edit, and access decisions.
//! Run by `script/bench fleet`; prints JSON.

use std::time::Instant;

use http::{Method, Request};
use hyper::body::Bytes;
use moat_model::conditional_access::ApplicationId;
use moat_server::{App, Asked, Config, DataFolder, local};
use serde_json::{Value, json};

const DEVICES: usize = 100_000;
const DECISIONS: usize = 200_000;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let app = open(&folder).await?;
    fill(&app).await?;
    app.close().await;
    drop(app);
    // Reads the devices.
    let app = open(&folder).await?;
    let policy = call(
        &app,
        Method::POST,
        "/v1.0/deviceManagement/deviceCompliancePolicies",
        policy(),
    )
    .await?;
    let policy = format!(
        "/v1.0/deviceManagement/deviceCompliancePolicies/{}",
        text(&policy["id"])
    );
    let everything =
        json!({"assignments": [{"target": {"@odata.type": "#microsoft.graph.allDevicesAssignmentTarget"}}]});

    let start = Instant::now();
    call(&app, Method::POST, &format!("{policy}/assign"), everything).await?;
    let all_change = start.elapsed();
    let start = Instant::now();
    let note = json!({"description": "nothing that devices notice"});
    call(&app, Method::PATCH, &policy, note).await?;
    let none_change = start.elapsed();
    for n in 0..20 {
        call(
            &app,
            Method::POST,
            "/v1.0/identity/conditionalAccess/policies",
            access_policy(n),
        )
        .await?;
    }
    let (p50, p99) = decisions(&app);
    let impact_ms = impact(&app).await?;
    println!(
        "{}",
        json!({
            "benchmark": "fleet",
            "devices": DEVICES,
            "edit_that_changes_every_device_ms": all_change.as_secs_f64() * 1e3,
            "edit_that_changes_no_device_ms": none_change.as_secs_f64() * 1e3,
            "conditional_access_policies": 20,
            "decision_p50_us": p50,
            "decision_p99_us": p99,
            "impact_of_a_draft_ms": impact_ms,
        })
    );
    Ok(())
}

async fn open(folder: &tempfile::TempDir) -> anyhow::Result<App> {
    App::open(DataFolder::open(folder.path())?, Config::default()).await
}

/// Devices that reported once, each with its certificate.
async fn fill(app: &App) -> anyhow::Result<()> {
    let device = "INSERT INTO devices (id, name, os_platform, os_version, model, agent_version, management, device_group, \
                  enrolled_at, last_seen_at, last_ip, last_external_ip, web_protection, bundle_version, jailbreak_level, posture, \
                  risk, acknowledged_seq, dropped_events) VALUES ($1, $2, 'iOS', '18.1', 'iPhone15,3', '1', 'managed', '', $3, \
                  $3, '', '', 'on', 1, 'none', '{}', $4, 0, 0)";
    let certificate = "INSERT INTO device_certificates (fingerprint, device_id, serial, created_at, not_after) \
                       VALUES ($1, $2, '', 0, $3)";
    let mut tx = app.db.begin().await?;
    for n in 0..DEVICES {
        let id = format!("00000000-0000-4000-8000-{n:012x}");
        let risk = ["None", "None", "None", "Low", "Medium"][n % 5];
        let query = sqlx::query(device).bind(id.clone()).bind(format!("phone-{n}"));
        query
            .bind(moat_server::now().as_micros())
            .bind(risk)
            .execute(&mut *tx)
            .await?;
        let query = sqlx::query(certificate).bind(format!("{n:064x}")).bind(id);
        query.bind(i64::MAX).execute(&mut *tx).await?;
    }
    tx.commit().await?;
    Ok(())
}

fn policy() -> Value {
    let block = json!({"actionType": "block", "gracePeriodHours": 0});
    json!({
        "@odata.type": "#microsoft.graph.iosCompliancePolicy",
        "displayName": "Phones",
        "scheduledActionsForRule": [{"ruleName": "PasswordRequired", "scheduledActionConfigurations": [block]}],
        "securityBlockJailbrokenDevices": true,
        "osMinimumVersion": "17.0",
    })
}

fn access_policy(n: usize) -> Value {
    json!({
        "displayName": format!("Compliant devices {n}"),
        "state": "enabled",
        "conditions": {
            "clientAppTypes": ["all"],
            "applications": {"includeApplications": ["All"]},
            "users": {"includeUsers": ["All"]},
        },
        "grantControls": {"operator": "OR", "builtInControls": ["compliantDevice"]},
    })
}

/// What a draft would change for every device and one application, asked as an administrator asks it.
async fn impact(app: &App) -> anyhow::Result<f64> {
    let mut draft = access_policy(20);
    draft["grantControls"]["builtInControls"] = json!(["mfa"]);
    let body = json!({"policy": draft, "applicationId": uuid::Uuid::from_u128(7)});
    let start = Instant::now();
    let told = call(app, Method::POST, "/admin/conditional-access/impact", body).await?;
    let took = start.elapsed();
    anyhow::ensure!(told["devices"] == DEVICES, "{told}");
    Ok(took.as_secs_f64() * 1e3)
}

async fn call(app: &App, method: Method, path: &str, body: Value) -> anyhow::Result<Value> {
    let request = Request::builder().method(method).uri(path);
    let request = request.header("content-type", "application/json");
    let response = local::call(app, request.body(Bytes::from(body.to_string()))?).await?;
    anyhow::ensure!(response.status().is_success(), "{path}: {:?}", response.body());
    Ok(serde_json::from_slice(response.body()).unwrap_or_default())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Microseconds of one decision in process: median and 99th percentile.
fn decisions(app: &App) -> (f64, f64) {
    let application = ApplicationId(uuid::Uuid::from_u128(7));
    let mut times = Vec::with_capacity(DECISIONS);
    for n in 0..DECISIONS {
        let device = (n * 7919) % DEVICES;
        let mut fingerprint = [0_u8; 32];
        fingerprint[24..].copy_from_slice(&(device as u64).to_be_bytes());
        let start = Instant::now();
        let asked = Asked {
            certificate: Some(fingerprint),
            ..Asked::default()
        };
        std::hint::black_box(app.access.decide(application, &asked, moat_server::now()));
        times.push(start.elapsed().as_secs_f64() * 1e6);
    }
    times.sort_by(f64::total_cmp);
    (times[DECISIONS / 2], times[DECISIONS * 99 / 100])
}
