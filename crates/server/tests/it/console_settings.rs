//! The pages under Settings, and the audit log's.

use http::Method;
use serde_json::{Value, json};

use crate::{
    console::{Browser, PASSWORD, wrong},
    world::{Answer, World},
};

fn location(answer: &Answer) -> &str {
    assert_eq!(answer.status, 303, "{}", answer.text);
    answer.headers["location"].to_str().unwrap()
}

/// What stands between two texts of a page.
fn between<'a>(page: &'a str, before: &str, after: &str) -> &'a str {
    let rest = page
        .split(before)
        .nth(1)
        .unwrap_or_else(|| panic!("no {before} in {page}"));
    rest.split(after).next().unwrap()
}

/// The edition that the form of a page was filled from.
fn version(page: &str) -> &str {
    between(page, "name=\"version\" value=\"", "\"")
}

async fn id_of(world: &World, name: &str) -> String {
    let all = world.local(Method::GET, "/admin/administrators", Value::Null).await;
    let all = all["value"].as_array().unwrap().clone();
    let row = all.iter().find(|row| row["name"] == name).unwrap();
    row["id"].as_str().unwrap().to_string()
}

const ADMINISTRATORS: &str = "/settings/administrators";

#[tokio::test]
async fn an_administrator_gets_a_link_and_chooses_a_password() {
    let world = World::start().await;
    let browser = Browser::start(&world).await;
    assert_eq!(
        wrong(&browser.post(ADMINISTRATORS, "name=&role=Helpdesk").await),
        ["add-name"]
    );
    let made = browser.post(ADMINISTRATORS, "name=rita&role=Security reader").await;
    assert_eq!(location(&made), ADMINISTRATORS);
    let shown = browser.get(ADMINISTRATORS).await.text;
    let link = format!("/setup/{}", between(&shown, "/setup/", "<"));
    assert!(shown.contains("waits for the set-up link"));
    assert!(
        !browser.get(ADMINISTRATORS).await.text.contains("/setup/"),
        "shown once"
    );
    assert_eq!(world.form("/sign-in", "name=rita&password=").await.status, 401);
    let page = world.send(Method::GET, &link, &[], "").await.text;
    assert!(page.contains("value=\"rita\"") && page.contains("readonly"));
    let short = world.form(&link, "name=x&password=short&again=short").await;
    assert!(short.text.contains("Use at least 12 characters."));
    let form = format!("name=ana&password={PASSWORD}&again={PASSWORD}").replace(' ', "+");
    assert_eq!(world.form(&link, &form).await.status, 303);
    assert_eq!(world.form(&link, &form).await.status, 200, "used up");
    let rita = Browser::of(&world, "rita").await;
    assert_eq!(
        (
            rita.get("/devices").await.status.as_u16(),
            rita.get("/settings").await.status.as_u16()
        ),
        (200, 303)
    );
    assert_eq!(rita.get(ADMINISTRATORS).await.status, 403);
    assert_eq!(rita.post(ADMINISTRATORS, "name=eve&role=Helpdesk").await.status, 403);

    let row = format!("{ADMINISTRATORS}/{}", id_of(&world, "rita").await);
    assert_eq!(
        location(&browser.post(&format!("{row}/role"), "role=Helpdesk").await),
        ADMINISTRATORS
    );
    assert_eq!(rita.get("/alerts").await.status, 403, "at once");
    assert_eq!(
        location(&browser.post(&format!("{row}/reset"), "name=rita").await),
        ADMINISTRATORS
    );
    assert_eq!(rita.get("/devices").await.status, 303, "signed out");
    let form = format!("name=rita&password={PASSWORD}").replace(' ', "+");
    assert_eq!(world.form("/sign-in", &form).await.status, 401);
    let again = browser.get(ADMINISTRATORS).await.text;
    let link = format!("/setup/{}", between(&again, "/setup/", "<"));
    assert_eq!(
        location(&browser.post(&format!("{row}/remove"), "").await),
        ADMINISTRATORS
    );
    let closed = world.send(Method::GET, &link, &[], "").await.text;
    assert!(!closed.contains("value=\"rita\""), "{closed}");
}

#[tokio::test]
async fn the_last_global_administrator_stays_one() {
    let world = World::start().await;
    let browser = Browser::start(&world).await;
    // An invited one who cannot sign in yet does not count.
    browser.post(ADMINISTRATORS, "name=gil&role=Global administrator").await;
    let own = format!("{ADMINISTRATORS}/{}", id_of(&world, "ana").await);
    for (what, fields) in [("role", "role=Helpdesk"), ("reset", "name=ana"), ("remove", "")] {
        let refused = browser.post(&format!("{own}/{what}"), fields).await;
        assert!(
            refused.text.contains("the only Global administrator"),
            "{what}: {}",
            refused.text
        );
    }
    let new = json!({"name": "otto", "password": PASSWORD, "role": "Global administrator"});
    world.local(Method::POST, "/admin/administrators", new).await;
    assert_eq!(
        location(&browser.post(&format!("{own}/role"), "role=Security reader").await),
        ADMINISTRATORS
    );
    assert_eq!(browser.get(ADMINISTRATORS).await.status, 403);
}

#[tokio::test]
async fn a_gateway_s_page_has_what_nginx_needs() {
    let world = World::start().await;
    let browser = Browser::start(&world).await;
    browser
        .post("/settings/gateways", "name=intranet&onUnreachable=closed")
        .await;
    let list = browser.get("/settings/gateways").await.text;
    assert!(list.contains("<dt>Key") && list.contains("never"));
    let page = format!(
        "/settings/gateways/{}",
        between(&list, "href=\"/settings/gateways/", "\"")
    );
    let shown = browser.get(&page).await.text;
    assert!(shown.contains("auth_request /moat-access") && !shown.contains("X-Moat-Unreachable $moat_unreachable"));
    assert_eq!(
        location(
            &browser
                .post(
                    &page,
                    &format!("version={}&onUnreachable=open&assertsMfa=on", version(&shown))
                )
                .await
        ),
        page
    );
    let stale = format!("version={}&onUnreachable=closed&assertsCountry=on", version(&shown));
    let stale = browser.post(&page, &stale).await.text;
    for text in [
        "Nothing was saved",
        "<td class=\"text\">open</td><td class=\"text\">closed</td>",
    ] {
        assert!(stale.contains(text), "{text}: {stale}");
    }
    assert!(
        stale.contains("name=\"assertsCountry\" checked"),
        "what was typed stays"
    );
    let shown = browser.get(&page).await.text;
    assert!(!shown.contains("name=\"assertsCountry\" checked"));
    assert!(shown.contains("X-Moat-Unreachable $moat_unreachable") && shown.contains("X-Client-Mfa $moat_mfa"));
    assert!(shown.contains("removed devices and devices at High risk too"));
    for _ in 0..2 {
        assert_eq!(
            location(&browser.post(&format!("{page}/disable"), "").await),
            "/settings/gateways"
        );
    }
}

#[tokio::test]
async fn a_template_is_written_previewed_and_kept() {
    let world = World::start().await;
    let browser = Browser::start(&world).await;
    let list = "/settings/notifications";
    assert!(browser.get(list).await.text.contains("No mail server is configured"));
    assert_eq!(wrong(&browser.post(list, "displayName=").await), ["add-displayName"]);
    let made = browser.post(list, "displayName=Reminder&description=").await;
    let page = location(&made).to_string();
    let new = format!("{page}/messages/new");
    let refused = browser
        .post(&new, "locale=de-DE&subject=Hallo&message=Hallo+{{Name}}&do=preview")
        .await;
    assert_eq!(wrong(&refused), ["message-message"]);
    assert!(refused.text.contains("Hallo {{Name}}</textarea>"));
    let text = "locale=de-DE&subject=Ihr+{{DeviceName}}&message=Hallo+{{UserName}},%0D%0A<b>bitte</b>";
    let preview = browser.post(&new, &format!("{text}&do=preview")).await.text;
    assert!(preview.contains("<b>Ihr DeviceName</b>"), "{preview}");
    assert!(preview.contains("Hallo UserName,") && !preview.contains("<b>bitte</b>"));
    assert!(
        browser.get(&page).await.text.contains("No message yet"),
        "a preview keeps nothing"
    );
    assert_eq!(location(&browser.post(&new, &format!("{text}&do=save")).await), page);
    let shown = browser.get(&page).await.text;
    assert!(shown.contains(">de-DE</a>") && shown.contains(">default<"));
    let message = format!(
        "{page}/messages/{}",
        between(&shown, &format!("{page}/messages/"), "\"")
    );
    assert!(
        browser.get(&message).await.text.contains("Hallo UserName,"),
        "the preview of what is kept"
    );
    let details = "displayName=Reminder&description=d&defaultLocale=de-DE&branding=includeCompanyName&branding=includeDeviceDetails";
    let details = format!("version={}&{details}", version(&shown));
    assert_eq!(location(&browser.post(&page, &details).await), page);
    let stale = details
        .replace("description=d", "description=e")
        .replace("&branding=includeCompanyName", "");
    let stale = browser.post(&page, &stale).await.text;
    for text in [
        "Nothing was saved",
        "<td class=\"text\">d</td><td class=\"text\">e</td>",
        "<td class=\"text\">Name of the organisation, Details of the device</td><td class=\"text\">Details of the device</td>",
    ] {
        assert!(stale.contains(text), "{text}: {stale}");
    }
    assert!(
        browser.get(&page).await.text.contains("value=\"d\""),
        "nothing was saved"
    );
    let before = browser.get(&message).await.text;
    let again = |text: &str| format!("version={}&locale=de-DE&subject={text}&message=Hallo", version(&before));
    let preview = browser
        .post(&message, &format!("{}&do=preview", again("eins")))
        .await
        .text;
    assert_eq!(version(&preview), version(&before), "a preview forgets nothing");
    assert_eq!(
        location(&browser.post(&message, &format!("{}&do=save", again("eins"))).await),
        page
    );
    let stale = browser.post(&message, &format!("{}&do=save", again("zwei"))).await.text;
    assert!(
        stale.contains("<td class=\"text\">eins</td><td class=\"text\">zwei</td>"),
        "{stale}"
    );
    let now_typed = format!(
        "version={}&locale=de-DE&subject=zwei&message=Hallo&do=save",
        version(&stale)
    );
    assert_eq!(
        location(&browser.post(&message, &now_typed).await),
        page,
        "saved knowingly"
    );
    assert!(
        browser
            .get(&page)
            .await
            .text
            .contains("value=\"includeDeviceDetails\" checked")
    );
    assert!(browser.get(&message).await.text.contains("DeviceName"));
    let test = browser.post(&format!("{page}/test"), "").await;
    assert!(test.text.contains("no mail server is configured") || test.text.contains("No mail server is configured"));
    assert_eq!(location(&browser.post(&format!("{message}/delete"), "").await), page);
    assert_eq!(
        wrong(&browser.post(&format!("{page}/delete"), "confirm=x").await),
        ["delete-confirm"]
    );
    assert_eq!(
        location(&browser.post(&format!("{page}/delete"), "confirm=Reminder").await),
        list
    );
}

#[tokio::test]
async fn health_says_what_waits_and_where_everything_is() {
    let world = World::start().await;
    let browser = Browser::start(&world).await;
    let page = browser.get("/settings/health").await.text;
    for text in [
        env!("CARGO_PKG_VERSION"),
        "kB",
        "Last backup",
        "180 days",
        &world.app.tenant,
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
}

#[tokio::test]
async fn the_audit_log_is_filtered_compared_and_exported() {
    let world = World::start().await;
    let browser = Browser::start(&world).await;
    for name in ["=1+1 anna", "bert"] {
        let form = format!(
            "displayName={name}&userPrincipalName={}@corp.example",
            name.trim_start_matches("=1+1 ")
        );
        browser.post("/people/users", &form.replace("=1+1", "%3D1%2B1")).await;
    }
    let settings = "organisation=Acme&helpUrl=&checkInSeconds=61&postureIntervalSeconds=300&bypassDurationHours=24&webProtection=on";
    browser.post("/settings", settings).await;
    let page = browser.get("/audit?noun=settings").await.text;
    assert!(
        page.contains("<b>checkInSeconds</b> <del>60</del> → <ins>61</ins>"),
        "{page}"
    );
    assert!(
        !page.contains("<b>webProtection</b>") && page.contains("To: settings") && page.contains("href=\"/audit\"")
    );
    let found = browser.get("/audit?q=BERT@corp").await.text;
    assert!(found.contains("bert@corp.example") && !found.contains("anna@corp.example"));
    assert!(
        browser
            .get("/audit?from=2999-01-01")
            .await
            .text
            .contains("Nothing here")
    );
    assert!(browser.get("/audit?to=1999-01-01").await.text.contains("Nothing here"));
    assert!(browser.get("/audit?from=someday").await.text.contains("someday"));

    let csv = browser.get("/audit/export.csv?noun=user").await;
    assert_eq!(
        csv.headers["content-disposition"],
        "attachment; filename=\"moat-audit.csv\""
    );
    assert!(csv.text.starts_with("number,time,who,did,to,id,before,after,hash") && csv.text.lines().count() == 3);
    let lines = browser.get("/audit/export.jsonl?noun=user").await.text;
    let rows: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), 2);
    assert_eq!(
        (&rows[1]["after"]["displayName"], &rows[1]["actor"]),
        (&json!("=1+1 anna"), &json!("administrator ana"))
    );

    assert!(
        browser
            .get("/audit?check=1")
            .await
            .text
            .contains("rows are as they were written")
    );
    let checked = world.local(Method::GET, "/admin/audit/verify", Value::Null).await;
    assert_eq!(checked["intact"], true);
    let known = format!("/admin/audit/verify?known={}:{}", checked["last"], "0".repeat(64));
    let checked = world.local(Method::GET, &known, Value::Null).await;
    assert_eq!(
        (&checked["intact"], checked["firstBroken"]["problem"].is_string()),
        (&json!(false), true)
    );

    for (name, role, status) in [("rita", "Security reader", 200), ("hans", "Helpdesk", 403)] {
        let new = json!({"name": name, "password": PASSWORD, "role": role});
        world.local(Method::POST, "/admin/administrators", new).await;
        let other = Browser::of(&world, name).await;
        for page in ["/audit", "/audit?check=1", "/audit/export.csv", "/audit/export.jsonl"] {
            assert_eq!(other.get(page).await.status, status, "{name} {page}");
        }
    }
}
