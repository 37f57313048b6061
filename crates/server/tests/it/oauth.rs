use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use http::Method;
use moat_server::Role;
use serde_json::Value;

use crate::world::World;

fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

#[tokio::test]
async fn a_client_gets_a_token_as_from_entra() {
    let world = World::start().await;
    let client = world.client("siem", &[Role::TiReadWriteAll, Role::AlertReadAll]).await;
    let answer = client.ask_for_token().await;
    assert_eq!(answer.outcome(), "200");
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!(answer.body["token_type"], "Bearer");
    assert_eq!(answer.body["expires_in"], 3599);
    assert_eq!(answer.body["ext_expires_in"], 3599);
    let claims = claims(&client.token);
    assert_eq!(claims["appid"], client.id);
    assert_eq!(claims["azp"], client.id);
    assert_eq!(claims["tid"], world.app.tenant);
    assert_eq!(claims["aud"], "https://api.securitycenter.microsoft.com");
    assert_eq!(
        claims["roles"],
        serde_json::json!(["Ti.ReadWrite.All", "Alert.Read.All"])
    );
    assert_eq!(client.get("/api/indicators").await.outcome(), "200");
}

#[tokio::test]
async fn the_older_path_and_basic_credentials_work_too() {
    let world = World::start().await;
    let client = world.client("old", &[Role::TiReadWriteAll]).await;
    let path = format!("/{}/oauth2/token", world.app.tenant);
    let form = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}&resource=https://api.securitycenter.windows.com",
        client.id, client.secret
    );
    let answer = world.form(&path, &form).await;
    assert_eq!(answer.body["expires_in"], "3599", "{}", answer.text);
    assert_eq!(answer.body["resource"], "https://api.securitycenter.windows.com");

    let basic = format!("Basic {}", STANDARD.encode(format!("{}:{}", client.id, client.secret)));
    let headers = [
        ("authorization", basic.as_str()),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    let path = format!("/{}/oauth2/v2.0/token", world.app.tenant);
    let form = "grant_type=client_credentials&scope=https://api.security.microsoft.com/.default";
    assert_eq!(world.send(Method::POST, &path, &headers, form).await.outcome(), "200");
}

#[tokio::test]
async fn refusals_carry_the_oauth_error_and_entras_number() {
    let world = World::start().await;
    let client = world.client("c", &[Role::TiReadWriteAll]).await;
    let (id, secret) = (&client.id, &client.secret);
    let scope = "scope=https://api.security.microsoft.com/.default";
    let ours = format!("/{}/oauth2/v2.0/token", world.app.tenant);
    let foreign = "/00000000-0000-0000-0000-000000000001/oauth2/v2.0/token".to_string();
    let cc = "grant_type=client_credentials";
    let stranger = "11111111-1111-1111-1111-111111111111";
    for (path, form, status, error, number) in [
        (
            &ours,
            format!("{cc}&client_id={id}&client_secret=wrong&{scope}"),
            401,
            "invalid_client",
            7_000_215,
        ),
        (
            &ours,
            format!("{cc}&client_id={stranger}&client_secret={secret}&{scope}"),
            400,
            "unauthorized_client",
            700_016,
        ),
        (
            &ours,
            format!("{cc}&client_id={id}&{scope}"),
            401,
            "invalid_client",
            7_000_216,
        ),
        (
            &ours,
            format!("{cc}&client_secret={secret}&{scope}"),
            400,
            "invalid_request",
            900_144,
        ),
        (
            &ours,
            format!("client_id={id}&client_secret={secret}&{scope}"),
            400,
            "invalid_request",
            900_144,
        ),
        (
            &ours,
            format!("grant_type=password&client_id={id}&client_secret={secret}&{scope}"),
            400,
            "unsupported_grant_type",
            70_003,
        ),
        (
            &ours,
            format!("{cc}&client_id={id}&client_secret={secret}&scope=user.read"),
            400,
            "invalid_scope",
            1_002_012,
        ),
        (
            &ours,
            format!("{cc}&client_id={id}&client_secret={secret}&scope=https://elsewhere.example/.default"),
            400,
            "invalid_scope",
            500_011,
        ),
        (
            &foreign,
            format!("{cc}&client_id={id}&client_secret={secret}&{scope}"),
            400,
            "invalid_request",
            90_002,
        ),
    ] {
        let answer = world.form(path, &form).await;
        assert_eq!(answer.status.as_u16(), status, "{form}: {}", answer.text);
        assert_eq!(answer.body["error"], error, "{form}");
        assert_eq!(answer.body["error_codes"][0], number, "{form}");
        let description = answer.body["error_description"].as_str().unwrap();
        assert!(description.starts_with(&format!("AADSTS{number}: ")), "{description}");
        assert!(!answer.text.contains(secret.as_str()));
    }
}

#[tokio::test]
async fn guessing_secrets_is_stopped() {
    let world = World::start().await;
    let client = world.client("c", &[Role::TiReadWriteAll]).await;
    let path = format!("/{}/oauth2/v2.0/token", world.app.tenant);
    let form = format!(
        "grant_type=client_credentials&client_id={}&client_secret=guess&scope=https://api.security.microsoft.com/.default",
        client.id
    );
    let mut last = world.form(&path, &form).await;
    for _ in 0..25 {
        last = world.form(&path, &form).await;
    }
    assert_eq!(last.status, 429, "{}", last.text);
    assert!(last.headers.contains_key("retry-after"));
    assert_eq!(
        client.ask_for_token().await.status,
        200,
        "who has the right secret is not locked out by a neighbour who guesses"
    );
}

#[tokio::test]
async fn without_a_good_token_nothing_is_answered() {
    let world = World::start().await;
    let client = world.client("c", &[Role::TiReadWriteAll]).await;
    let answer = world.send(Method::GET, "/api/indicators", &[], "").await;
    assert_eq!(answer.outcome(), "401 Unauthorized");
    assert!(
        answer.headers["www-authenticate"]
            .to_str()
            .unwrap()
            .starts_with("Bearer")
    );
    assert!(
        answer.body["error"]["target"]
            .as_str()
            .unwrap()
            .parse::<uuid::Uuid>()
            .is_ok()
    );

    let (head, signature) = client.token.rsplit_once('.').unwrap();
    let mut forged = URL_SAFE_NO_PAD.decode(signature).unwrap();
    forged[10] ^= 1;
    let forged = format!("Bearer {head}.{}", URL_SAFE_NO_PAD.encode(forged));
    let none = format!(
        "Bearer {}.{}.",
        URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#),
        head.split('.').nth(1).unwrap()
    );
    let other_world = World::start().await;
    let other = other_world.client("c", &[Role::TiReadWriteAll]).await;
    let foreign = format!("Bearer {}", other.token);
    for token in [forged.as_str(), &none, &foreign, "Bearer", "Bearer x", "Basic eDp5"] {
        let answer = world
            .send(Method::GET, "/api/indicators", &[("authorization", token)], "")
            .await;
        assert_eq!(answer.outcome(), "401 Unauthorized", "{token}");
    }
}

#[tokio::test]
async fn a_client_that_is_switched_off_loses_its_token_at_once() {
    let world = World::start().await;
    let client = world.client("c", &[Role::TiReadWriteAll]).await;
    let admin = world.client("admin", &[Role::MoatAdministrate]).await;
    assert_eq!(client.get("/api/indicators").await.outcome(), "200");
    let path = format!("/admin/clients/{}", client.id);
    assert_eq!(admin.call(Method::DELETE, &path, None).await.outcome(), "204");
    assert_eq!(client.get("/api/indicators").await.outcome(), "401 Unauthorized");
    let answer = client.ask_for_token().await;
    assert_eq!(
        (answer.status.as_u16(), &answer.body["error_codes"][0]),
        (401, &7_000_112.into())
    );
    let list = admin.get("/admin/clients").await;
    assert!(list.body["value"][0]["disabledAt"].is_string(), "{}", list.text);
    assert!(!list.text.contains(&client.secret));
}

#[tokio::test]
async fn clients_are_made_by_administrators_only_and_once() {
    let world = World::start().await;
    let client = world.client("c", &[Role::TiReadWriteAll]).await;
    let admin = world.client("admin", &[Role::MoatAdministrate]).await;
    let new = serde_json::json!({"name": "n", "roles": ["Ti.ReadWrite"]});
    assert_eq!(
        client.post("/admin/clients", new.clone()).await.outcome(),
        "403 Forbidden"
    );
    assert_eq!(admin.post("/admin/clients", new.clone()).await.outcome(), "200");
    assert_eq!(admin.post("/admin/clients", new).await.outcome(), "409 Conflict");
    let unknown = serde_json::json!({"name": "m", "roles": ["Ti.Everything"]});
    assert_eq!(
        admin.post("/admin/clients", unknown).await.outcome(),
        "400 InvalidInput"
    );
}

#[tokio::test]
async fn the_public_key_verifies_the_tokens() {
    let world = World::start().await;
    let client = world.client("c", &[Role::TiReadWriteAll]).await;
    let tenant = &world.app.tenant;
    let configuration = world
        .send(
            Method::GET,
            &format!("/{tenant}/v2.0/.well-known/openid-configuration"),
            &[],
            "",
        )
        .await;
    let uri = configuration.body["jwks_uri"].as_str().unwrap().to_string();
    let keys = world
        .send(
            Method::GET,
            &format!("/{}", uri.splitn(4, '/').nth(3).unwrap()),
            &[],
            "",
        )
        .await;
    let key = &keys.body["keys"][0];
    let (x, y) = (key["x"].as_str().unwrap(), key["y"].as_str().unwrap());
    let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::ES256);
    validation.set_audience(&["https://api.securitycenter.microsoft.com"]);
    validation.set_issuer(&[configuration.body["issuer"].as_str().unwrap()]);
    let decoding = jsonwebtoken::DecodingKey::from_ec_components(x, y).unwrap();
    let token = jsonwebtoken::decode::<Value>(&client.token, &decoding, &validation).unwrap();
    assert_eq!(token.header.kid.as_deref(), key["kid"].as_str());
}
