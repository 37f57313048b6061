//! The Graph face, spoken to as clients speak.

mod actions;
mod app_access;
mod app_protection;
mod commands;
mod compliance;
mod conditional_access;
mod conventions;
mod directory;
mod etags;
mod facts;
mod notifications;
mod rights;
mod states;

use moat_server::Role;
use serde_json::{Value, json};

use crate::world::{Answer, Client, Device, World};

/// An administrator's script: every role of Graph.
pub async fn administrator(world: &World) -> Client<'_> {
    let roles: Vec<Role> = Role::ALL
        .iter()
        .copied()
        .filter(|role| *role != Role::TiReadWrite)
        .collect();
    world.client("administrator", &roles).await
}

pub fn id(answer: &Answer) -> String {
    assert!(answer.status.is_success(), "{}", answer.text);
    answer.body["id"].as_str().unwrap().to_string()
}

pub async fn user(client: &Client<'_>, name: &str) -> String {
    let body = json!({"accountEnabled": true, "displayName": name, "mailNickname": name,
        "userPrincipalName": format!("{name}@corp.example"), "passwordProfile": {"password": "x"}});
    id(&client.post("/v1.0/users", body).await)
}

pub async fn group(client: &Client<'_>, name: &str, members: &[&str]) -> String {
    let body = json!({"displayName": name, "mailEnabled": false, "mailNickname": name, "securityEnabled": true});
    let group = id(&client.post("/v1.0/groups", body).await);
    for member in members {
        let reference = json!({"@odata.id": format!("https://graph.microsoft.com/v1.0/directoryObjects/{member}")});
        let answer = client
            .post(&format!("/v1.0/groups/{group}/members/$ref"), reference)
            .await;
        assert_eq!(answer.status, 204, "{}", answer.text);
    }
    group
}

/// A policy that blocks jailbroken devices and asks for the threat level Low.
pub fn policy(name: &str, grace_hours: u32) -> Value {
    json!({
        "@odata.type": "#microsoft.graph.iosCompliancePolicy",
        "displayName": name,
        "scheduledActionsForRule": [{"ruleName": "PasswordRequired", "scheduledActionConfigurations": [
            {"actionType": "block", "gracePeriodHours": grace_hours, "notificationMessageCCList": [], "notificationTemplateId": ""}
        ]}],
        "deviceThreatProtectionEnabled": true,
        "deviceThreatProtectionRequiredSecurityLevel": "low",
        "securityBlockJailbrokenDevices": true,
    })
}

pub async fn assign(client: &Client<'_>, policy: &str, group: &str) {
    let target = json!({"@odata.type": "#microsoft.graph.groupAssignmentTarget", "groupId": group});
    let path = format!("/v1.0/deviceManagement/deviceCompliancePolicies/{policy}/assign");
    let answer = client.post(&path, json!({"assignments": [{"target": target}]})).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.body["value"][0]["target"]["groupId"], *group);
}

pub const OWN: &str = "/v1.0/deviceManagement/mobileThreatDefenseConnectors/fc780465-2017-40d4-a0c5-307022471b92";

pub async fn managed(client: &Client<'_>, device: &Device) -> Value {
    let answer = client
        .get(&format!("/beta/deviceManagement/managedDevices/{}", device.id))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.body
}

pub async fn give(client: &Client<'_>, device: &Device, user: &str) {
    let reference = json!({"@odata.id": format!("https://h/beta/users/{user}")});
    let path = format!("/beta/deviceManagement/managedDevices/{}/users/$ref", device.id);
    assert_eq!(client.post(&path, reference).await.status, 204);
}
