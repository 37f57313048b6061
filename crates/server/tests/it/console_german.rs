//! German pages speak German where a decision or an operation has the word. APIs go on in English.

use http::Method;
use serde_json::{Value, json};

use crate::{
    console::{FORM, PASSWORD, set_up},
    world::{Answer, World},
};

/// A signed-in browser that asks for German.
struct German<'a> {
    world: &'a World,
    cookie: String,
}

impl<'a> German<'a> {
    async fn start(world: &'a World) -> Self {
        set_up(world).await;
        let form = format!("name=ana&password={PASSWORD}").replace(' ', "+");
        let answer = world.form("/sign-in", &form).await;
        let cookie = answer.headers["set-cookie"].to_str().unwrap();
        Self {
            world,
            cookie: cookie.split(';').next().unwrap().to_string(),
        }
    }

    async fn get(&self, path: &str) -> Answer {
        let headers = [("cookie", self.cookie.as_str()), ("accept-language", "de-AT,de;q=0.9")];
        self.world.send(Method::GET, path, &headers, "").await
    }

    async fn post(&self, path: &str, fields: &str) -> Answer {
        let page = self.get("/devices").await.text;
        let csrf = page.split("name=\"csrf\" value=\"").nth(1).unwrap();
        let fields = format!("csrf={}&{fields}", csrf.split('"').next().unwrap()).replace(' ', "+");
        let headers = [FORM, ("cookie", self.cookie.as_str()), ("accept-language", "de")];
        self.world.send(Method::POST, path, &headers, fields).await
    }
}

fn has(answer: &Answer, texts: &[&str]) {
    let page = answer
        .text
        .replace("&quot;", "\"")
        .replace("&#34;", "\"")
        .replace("&#39;", "'");
    for text in texts {
        assert!(page.contains(text), "{text}: {page}");
    }
}

#[tokio::test]
async fn why_a_device_is_closed_and_not_compliant() {
    let world = World::start().await;
    let browser = German::start(&world).await;
    let device = world.device("annas-phone", "").await;
    let policy = json!({"@odata.type": "#microsoft.graph.iosCompliancePolicy", "displayName": "Telefone",
        "securityBlockJailbrokenDevices": true, "passcodeRequired": true,
        "scheduledActionsForRule": [{"ruleName": "x", "scheduledActionConfigurations": [{"actionType": "block", "gracePeriodHours": 0}]}]});
    let made = world
        .local(Method::POST, "/v1.0/deviceManagement/deviceCompliancePolicies", policy)
        .await;
    let path = format!(
        "/v1.0/deviceManagement/deviceCompliancePolicies/{}/assign",
        made["id"].as_str().unwrap()
    );
    let all = json!({"assignments": [{"target": {"@odata.type": "#microsoft.graph.allDevicesAssignmentTarget"}}]});
    world.local(Method::POST, &path, all).await;
    let finding = json!({"rule": "r", "group": "g", "detail": "d", "weight": 0.9, "families": []});
    device.jailbreaks(1, finding).await;
    let page = browser.get(&format!("/devices/{}", device.id)).await;
    has(
        &page,
        &[
            "Die Konformitätsrichtlinie „Telefone“ blockiert Geräte mit Jailbreak. Das Gerät hat einen Jailbreak (Warnung „Device is jailbroken“).",
            "Stellen Sie das System des Geräts wieder her",
            "Das Risiko des Geräts ist hoch wegen der Warnung „Device is jailbroken“.",
            "Sobald die Warnung gelöst ist, ist der Zugriff wieder offen.",
            "Die Einstellung ist für iOS; auf dem Gerät läuft Linux.",
        ],
    );
    let statuses = browser
        .get(&format!(
            "/policies/compliance/{}/devices",
            made["id"].as_str().unwrap()
        ))
        .await;
    has(
        &statuses,
        &["Die Konformitätsrichtlinie „Telefone“ blockiert Geräte mit Jailbreak."],
    );

    let why = world
        .local(Method::GET, &format!("/admin/devices/{}/why", device.id), Value::Null)
        .await;
    assert_eq!(
        why["complianceReasons"][0]["text"],
        "Compliance policy \"Telefone\" blocks jailbroken devices."
    );
    assert_eq!(
        why["complianceReasons"][0]["because"][0]["text"],
        "The device is jailbroken (alert \"Device is jailbroken\")."
    );
    let states = format!(
        "/v1.0/deviceManagement/managedDevices/{}/deviceCompliancePolicyStates",
        device.id
    );
    let states = world.local(Method::GET, &states, Value::Null).await.to_string();
    assert!(
        states.contains("blocks jailbroken devices") && !states.contains("blockiert"),
        "{states}"
    );
}

#[tokio::test]
async fn what_is_wrong_with_a_form() {
    let world = World::start().await;
    let browser = German::start(&world).await;
    for (path, fields, text) in [
        (
            "/people/users",
            "displayName=A&userPrincipalName=a",
            "muss NAME@DOMÄNE sein",
        ),
        (
            "/people/groups",
            "displayName=",
            "muss 1 bis 256 Bytes und keine Steuerzeichen haben",
        ),
        ("/settings/clients", "name=", "muss 1 bis 100 Zeichen haben"),
        ("/settings/clients", "name=x", "muss mindestens eine Rolle nennen"),
        (
            "/settings/gateways",
            "name=",
            "muss 1 bis 100 Bytes und keine Steuerzeichen haben",
        ),
        (
            "/settings/notifications",
            "displayName=",
            "muss 1 bis 256 Bytes und keine Steuerzeichen haben",
        ),
        (
            "/enrollment",
            "hours=0&uses=1",
            "muss eine ganze Zahl von 1 bis 8784 sein.",
        ),
        ("/settings/backup", "passphrase=a&again=a", "mindestens 12 Zeichen"),
    ] {
        let refused = browser.post(path, fields).await;
        has(&refused, &["role=\"alert\"", text]);
    }
    browser
        .post("/people/users", "displayName=A&userPrincipalName=a@corp.example")
        .await;
    let twice = browser
        .post("/people/users", "displayName=A&userPrincipalName=a@corp.example")
        .await;
    has(&twice, &["Es gibt schon einen Benutzer a@corp.example"]);
    let access = "displayName=X&state=enabled&who=selected&what=All&grant=block&operator=AND";
    let refused = browser.post("/policies/access", access).await;
    has(
        &refused,
        &["Sagen Sie, für welche Benutzer, Gruppen oder Rollen die Richtlinie ist"],
    );
}

#[tokio::test]
async fn what_is_not_there_or_not_allowed() {
    let world = World::start().await;
    let browser = German::start(&world).await;
    let missing = browser.get("/devices/00000000-0000-0000-0000-000000000000").await;
    assert_eq!(missing.status, 404);
    has(&missing, &["<html lang=\"de\">", "Nicht gefunden", "Zur Übersicht"]);
    let headers = [("accept-language", "de")];
    let why = world.send(Method::GET, "/no/such/page", &headers, "").await;
    has(&why, &["Nicht gefunden"]);
    let english = world.send(Method::GET, "/no/such/page", &[], "").await;
    has(
        &english,
        &["Not found", "There is no page at this address.", "To the overview"],
    );
}
