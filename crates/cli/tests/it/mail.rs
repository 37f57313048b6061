//! Mail that was queued leaves, whatever happens to the server in between.

use std::time::Duration;

use moat_model::sync::DeviceEvent;
use serde_json::{Value, json};

use crate::{
    client::{Client, Device},
    server::{Data, Server},
    smtp::MailHost,
};

#[tokio::test]
async fn kill_9_loses_no_mail() {
    let (data, host) = (Data::new(), MailHost::new());
    let server = data.serve(&[]);
    make_policy(&data);
    jailbreak(&data, &server).await;
    // Without [mail] it waits and says why.
    let row = outbox_with(&data, |row| row["lastError"].is_string()).await;
    assert!(row["lastError"].as_str().unwrap().contains("[mail]"), "{row}");
    server.kill();

    // With [mail], and nobody there.
    std::fs::write(data.path().join("moat.toml"), host.toml()).unwrap();
    let server = data.serve(&[]);
    outbox_with(&data, |row| row["attempts"].as_i64() > Some(0)).await;
    server.kill();

    // The mail server has it, and its answer never comes.
    let running = host.start(30);
    let server = data.serve(&[]);
    let first = host.wait_for(1).await.remove(0);
    server.kill();
    drop(running);
    assert_eq!(first["recipients"], json!(["anna@corp.example"]));

    // It goes out again, as the same mail.
    let _running = host.start(0);
    let _server = data.serve(&[]);
    let again = host.wait_for(2).await.remove(1);
    assert_eq!(again["headers"]["Message-ID"], first["headers"]["Message-ID"]);
    assert_eq!(again["text"], first["text"]);
    let row = outbox_with(&data, |row| row["state"] == "sent").await;
    assert_eq!(row["lastError"], Value::Null, "{row}");
}

/// A policy against jailbreaks that sends a mail at once.
fn make_policy(data: &Data) {
    let id = |answer: Value| answer["id"].as_str().unwrap().to_string();
    api(
        data,
        "/v1.0/users",
        json!({"displayName": "Anna", "userPrincipalName": "anna@corp.example"}),
    );
    let templates = "/v1.0/deviceManagement/notificationMessageTemplates";
    let template = id(api(data, templates, json!({"displayName": "Not compliant"})));
    let message = json!({"locale": "en", "subject": "{{DeviceName}}", "messageTemplate": "Hello {{UserName}}"});
    api(
        data,
        &format!("{templates}/{template}/localizedNotificationMessages"),
        message,
    );
    let actions = json!([
        {"actionType": "block", "gracePeriodHours": 0},
        {"actionType": "notification", "gracePeriodHours": 0, "notificationTemplateId": template},
    ]);
    let policy = json!({
        "@odata.type": "#microsoft.graph.iosCompliancePolicy", "displayName": "Phones", "securityBlockJailbrokenDevices": true,
        "scheduledActionsForRule": [{"ruleName": "PasswordRequired", "scheduledActionConfigurations": actions}],
    });
    let policies = "/v1.0/deviceManagement/deviceCompliancePolicies";
    let policy = id(api(data, policies, policy));
    let target = json!({"@odata.type": "#microsoft.graph.allDevicesAssignmentTarget"});
    api(
        data,
        &format!("{policies}/{policy}/assign"),
        json!({"assignments": [{"target": target}]}),
    );
}

/// Anna's device reports a jailbreak.
async fn jailbreak(data: &Data, server: &Server) {
    let token = data.json(&["enroll", "token", "--user", "anna@corp.example"]);
    let address = server.url.trim_start_matches("https://").parse().unwrap();
    let mut client = Client::new(address, &data.ca(), None);
    let mut device = Device::enroll(&mut client, token["token"].as_str().unwrap())
        .await
        .unwrap();
    let finding = json!({"rule": "r", "group": "g", "detail": "d", "weight": 0.9, "families": []});
    let assessment = json!({"level": "confirmed", "score": 0.9, "findings": [finding], "rulesVersion": "1", "answered": 1, "unanswered": 0, "unknown": 0});
    let event = json!({"kind": "jailbreak", "level": "confirmed", "assessment": assessment});
    let event: DeviceEvent = serde_json::from_value(event).unwrap();
    let mut client = device.connect(server.device, &data.ca());
    device.send(&mut client, vec![event]).await.unwrap();
}

fn api(data: &Data, path: &str, body: Value) -> Value {
    data.json(&["api", "POST", path, &body.to_string()])
}

/// Waits until the one mail in the outbox looks like this.
async fn outbox_with(data: &Data, looks: impl Fn(&Value) -> bool) -> Value {
    let mut row = Value::Null;
    for _ in 0..300 {
        row = data.json(&["api", "GET", "/admin/outbox"])["value"][0].clone();
        if looks(&row) {
            return row;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("after half a minute: {row}");
}
