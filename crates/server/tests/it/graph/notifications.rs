//! Message templates: what is kept, what is refused, and what a test message looks like.

use http::Method;
use moat_server::config::Mail;

use super::*;
use crate::smtp::{MailHost, USER};

pub const TEMPLATES: &str = "/beta/deviceManagement/notificationMessageTemplates";

/// `[mail]` of a server that sends through this host.
pub fn mail(host: &MailHost) -> Mail {
    Mail {
        server: format!("smtp://localhost:{}", host.port),
        port: None,
        from: "Moat <moat@corp.example>".into(),
        username: Some(USER.into()),
        password_file: Some(host.path("password")),
        ca_file: Some(host.path("ca.pem")),
        starttls: Some(moat_server::config::StartTls::Required),
    }
}

/// A template with an English default and a German message.
pub async fn template(client: &Client<'_>, branding: &str) -> String {
    let body = json!({"displayName": "Not compliant", "brandingOptions": branding, "defaultLocale": "en-us"});
    let made = client.post(TEMPLATES, body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let template = id(&made);
    for (locale, subject, text) in [
        (
            "en-us",
            "{{DeviceName}} is not compliant",
            "Hello {{UserName}},\n\nplease look at {{DeviceName}} ({{OSAndVersion}}).",
        ),
        (
            "DE-de",
            "{{DeviceName}} erfüllt die Regeln nicht",
            "Hallo {{UserName}},\n\nbitte prüfen Sie {{DeviceName}} mit {{OSAndVersion}}, Nummer {{DeviceId}}.",
        ),
    ] {
        let path = format!("{TEMPLATES}/{template}/localizedNotificationMessages");
        let made = client
            .post(
                &path,
                json!({"locale": locale, "subject": subject, "messageTemplate": text}),
            )
            .await;
        assert_eq!(made.status, 201, "{}", made.text);
    }
    template
}

#[tokio::test]
async fn a_template_has_one_default_message() {
    let world = World::start().await;
    let client = administrator(&world).await;
    let template = template(&client, "includeDeviceDetails,includeCompanyName").await;
    let path = format!("{TEMPLATES}/{template}");
    let read = client
        .get(&format!("{path}?$expand=localizedNotificationMessages"))
        .await;
    assert_eq!(read.body["brandingOptions"], "includeCompanyName,includeDeviceDetails");
    let messages = read.body["localizedNotificationMessages"].as_array().unwrap().clone();
    let shown: Vec<_> = messages
        .iter()
        .map(|m| (m["locale"].as_str().unwrap(), m["isDefault"] == true))
        .collect();
    assert_eq!(shown, [("de-DE", false), ("en-US", true)], "{}", read.text);
    assert_eq!(read.body["defaultLocale"], "en-US");

    let message = |n: usize| {
        format!(
            "{path}/localizedNotificationMessages/{}",
            messages[n]["id"].as_str().unwrap()
        )
    };
    let answer = client
        .call(Method::PATCH, &message(1), Some(json!({"isDefault": false})))
        .await;
    assert!(answer.message().contains("isDefault"), "{}", answer.text);
    assert_eq!(
        client.call(Method::DELETE, &message(1), None).await.outcome(),
        "409 Conflict"
    );
    let answer = client
        .call(Method::PATCH, &message(0), Some(json!({"isDefault": true})))
        .await;
    assert_eq!(answer.body["isDefault"], true, "{}", answer.text);
    assert_eq!(client.get(&message(1)).await.body["isDefault"], false);
    assert_eq!(client.get(&path).await.body["defaultLocale"], "de-DE");
    let answer = client
        .call(Method::PATCH, &path, Some(json!({"defaultLocale": "fr-FR"})))
        .await;
    assert!(answer.message().contains("fr-FR"), "{}", answer.text);
    let answer = client
        .call(
            Method::PATCH,
            &path,
            Some(json!({"defaultLocale": "en-US", "displayName": "New"})),
        )
        .await;
    assert_eq!(
        (answer.status.as_u16(), &answer.body["displayName"]),
        (200, &json!("New")),
        "{}",
        answer.text
    );
    assert_eq!(client.get(&message(1)).await.body["isDefault"], true);
    assert_eq!(client.call(Method::DELETE, &message(0), None).await.status, 204);
    assert_eq!(client.call(Method::DELETE, &path, None).await.status, 204);
    assert_eq!(client.get(&path).await.status, 404);
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_by_its_field() {
    let world = World::start().await;
    let client = administrator(&world).await;
    let template = template(&client, "none").await;
    let messages = format!("{TEMPLATES}/{template}/localizedNotificationMessages");
    let good = json!({"locale": "fr-FR", "subject": "s", "messageTemplate": "m"});
    for (field, value, named) in [
        ("locale", json!("French"), "locale"),
        ("locale", json!(null), "locale"),
        ("subject", json!("x".repeat(79)), "78"),
        ("subject", json!("a\nBcc: x@y.example"), "subject"),
        ("subject", json!("{{Serial}}"), "{{Serial}}"),
        ("messageTemplate", json!("ü".repeat(2_001)), "2000"),
        ("messageTemplate", json!("Hi {{username}}"), "{{username}}"),
        ("messageTemplate", json!("Hi {{UserName"), "messageTemplate"),
        ("isDefault", json!("yes"), "isDefault"),
        ("isdefault", json!(true), "isDefault"),
    ] {
        let mut body = good.clone();
        body[field] = value;
        let answer = client.post(&messages, body).await;
        assert_eq!(answer.outcome(), "400 BadRequest", "{field}: {}", answer.text);
        assert!(answer.message().contains(named), "{named}: {}", answer.text);
    }
    let mut twice = good.clone();
    twice["locale"] = "DE-DE".into();
    assert_eq!(client.post(&messages, twice).await.outcome(), "409 Conflict");
    let wrong = json!({"displayName": "x", "brandingOptions": "includeLogo"});
    assert!(client.post(TEMPLATES, wrong).await.message().contains("includeLogo"));
    assert_eq!(client.get(&messages).await.body["value"].as_array().unwrap().len(), 2);

    let policies = "/beta/deviceManagement/deviceCompliancePolicies";
    let with = |template: &str, cc: Value| {
        let mut body = policy("Phones", 0);
        let block = body["scheduledActionsForRule"][0]["scheduledActionConfigurations"][0].clone();
        let mail = json!({"actionType": "notification", "gracePeriodHours": 5, "notificationTemplateId": template, "notificationMessageCCList": cc});
        body["scheduledActionsForRule"][0]["scheduledActionConfigurations"] = json!([block, mail]);
        body
    };
    let nobody = "6f0e6a4a-7d5b-4a0e-9d0e-0f3f1c2b3a4d";
    for (body, field) in [
        (with("", json!([])), "notificationTemplateId"),
        (
            with("00000000-0000-0000-0000-000000000000", json!([])),
            "notificationTemplateId",
        ),
        (with(nobody, json!([])), "notificationTemplateId"),
        (with("none", json!([])), "notificationTemplateId"),
        (with(&template, json!([nobody])), "notificationMessageCCList"),
    ] {
        let answer = client.post(policies, body).await;
        assert_eq!(answer.outcome(), "400 BadRequest", "{field}: {}", answer.text);
        assert!(answer.message().contains(field), "{field}: {}", answer.text);
    }
    let sales = group(&client, "Sales", &[]).await;
    let made = client.post(policies, with(&template, json!([sales]))).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let answer = client
        .call(Method::DELETE, &format!("{TEMPLATES}/{template}"), None)
        .await;
    assert_eq!(answer.outcome(), "409 Conflict");
    assert!(answer.message().contains("Phones"), "{}", answer.text);
    let answer = client
        .call(Method::DELETE, &format!("/v1.0/groups/{sales}"), None)
        .await;
    assert!(answer.message().contains("Phones"), "{}", answer.text);

    let test = format!("{TEMPLATES}/{template}/sendTestMessage");
    let answer = client.post(&test, json!({})).await;
    assert_eq!(answer.outcome(), "409 Conflict", "no mail server: {}", answer.text);
    assert!(answer.message().contains("[mail]"), "{}", answer.text);
}

#[tokio::test]
async fn a_test_message_reaches_the_sender() {
    let host = MailHost::new();
    let _running = host.start(0);
    let world = World::with(|config| config.mail = Some(mail(&host))).await;
    let client = administrator(&world).await;
    let template = template(&client, "includeCompanyName,includeDeviceDetails").await;
    let answer = client
        .post(&format!("{TEMPLATES}/{template}/sendTestMessage"), json!({}))
        .await;
    assert_eq!(answer.status, 204, "{}", answer.text);
    let message = host.wait_for(1).await.remove(0);
    assert_eq!(
        (&message["recipients"], &message["tls"], &message["user"]),
        (&json!(["moat@corp.example"]), &json!(true), &json!(USER)),
        "{message}"
    );
    assert_eq!(message["headers"]["Subject"], "DeviceName is not compliant");
    assert_eq!(message["headers"]["From"], "Moat <moat@corp.example>");
    assert_eq!(message["headers"]["Auto-Submitted"], "auto-generated");
    assert!(
        message["text"].as_str().unwrap().contains("System: iOS 18.7"),
        "{message}"
    );
}
