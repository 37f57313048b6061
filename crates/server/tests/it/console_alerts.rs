//! Suppression rules, saved views of lists, and what whoever reported a site hears.

use http::Method;
use moat_server::Role;
use serde_json::{Value, json};

use crate::{
    console::{Browser, PASSWORD, set_up, wrong},
    world::{Answer, Client, EVENT_TIME, World},
};

const RULES: &str = "/alerts/suppression";

async fn indicator(world: &World, value: &str) -> u64 {
    let body = json!({"indicatorValue": value, "indicatorType": "DomainName", "action": "Block", "title": format!("Site {value}"),
        "description": "d", "severity": "High", "generateAlert": true});
    let made = world.local(Method::POST, "/api/indicators", body).await;
    made["id"].as_str().unwrap().parse().unwrap()
}

async fn alerts(client: &Client<'_>) -> Vec<Value> {
    let mut all = client.get("/api/alerts").await.body["value"]
        .as_array()
        .unwrap()
        .clone();
    all.reverse();
    all
}

async fn risk(client: &Client<'_>, device: &str) -> String {
    let machine = client.get(&format!("/api/machines/{device}")).await;
    machine.body["riskScore"].as_str().unwrap().to_string()
}

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

/// The address of the rule with this name.
async fn rule_named(browser: &Browser<'_>, name: &str) -> String {
    let list = browser.get(RULES).await.text;
    let before = list.split(&format!("\">{name}</a>")).next().unwrap();
    let address = before.rsplit("href=\"").next().unwrap();
    assert!(address.starts_with(RULES), "{address}");
    address.to_string()
}

async fn reader<'a>(world: &'a World, name: &str, role: &str) -> Browser<'a> {
    let new = json!({"name": name, "password": PASSWORD, "role": role});
    world.local(Method::POST, "/admin/administrators", new).await;
    Browser::of(world, name).await
}

const API: &[Role] = &[Role::AlertReadWriteAll, Role::MachineReadAll];

#[tokio::test]
async fn an_expected_alert_is_stored_resolved_and_raises_no_risk() {
    let world = World::start().await;
    let browser = Browser::start(&world).await;
    let client = world.client("c", API).await;
    let (phone, other) = (world.device("phone", "").await, world.device("tablet", "").await);
    let id = indicator(&world, "scan.example").await;
    phone.hits(1, id, "scan.example", "192.0.2.9").await;
    other.hits(1, id, "scan.example", "192.0.2.9").await;
    assert_eq!(risk(&client, &phone.id).await, "High");
    let of = |alerts: &[Value], device: &str| -> Vec<Value> {
        let fits = alerts.iter().filter(|alert| alert["machineId"] == *device);
        fits.cloned().collect()
    };
    let open = of(&alerts(&client).await, &phone.id).remove(0);
    let alert = format!("/alerts/{}", open["id"].as_str().unwrap());
    let link = format!("{RULES}/new?from={}", open["id"].as_str().unwrap());
    assert!(browser.get(&alert).await.text.contains(&format!("href=\"{link}\"")));

    // The form is filled, and says what it would resolve.
    let form = browser.get(&link).await.text;
    for part in [
        "value=\"Site scan.example on phone\"",
        "<option value=\"WebThreat\" selected>",
        "name=\"value\" value=\"scan.example\"",
        "<option value=\"device\" selected>",
        "name=\"who\" value=\"phone\"",
        "1 open alert matches now: resolve it too",
    ] {
        assert!(form.contains(part), "{part} in {form}");
    }
    let fields = "name=Scanner&kind=WebThreat&value=scan.example&scope=device&who=phone&note=Red+team";
    let tried = browser
        .post(
            &format!("{RULES}/preview"),
            &fields.replace("scope=device&who=phone", "scope=everyone"),
        )
        .await;
    assert!(
        tried.text.contains("2 open alerts match now: resolve them too"),
        "{}",
        tried.text
    );
    let saved = browser.post(RULES, &format!("{fields}&resolve=on")).await;
    assert_eq!(location(&saved), RULES);
    let list = browser.get(RULES).await.text;
    assert!(
        list.contains("1 open alert was resolved.") && list.contains("Red team"),
        "{list}"
    );
    let suppressed = of(&alerts(&client).await, &phone.id).remove(0);
    assert_eq!(suppressed["status"], "Resolved");
    assert_eq!(suppressed["investigationState"], "SuppressedAlert");
    assert_eq!(suppressed["classification"], "InformationalExpectedActivity");
    assert_eq!(risk(&client, &phone.id).await, "None");
    assert_eq!(risk(&client, &other.id).await, "High", "the rule is for one device");
    // A second click makes no second rule.
    let again = browser.post(RULES, fields).await;
    assert_eq!(wrong(&again), ["rule-name"]);

    // What comes now adds to the suppressed alert; another site opens one.
    phone.hits(2, id, "scan.example", "192.0.2.9").await;
    let now = of(&alerts(&client).await, &phone.id);
    assert_eq!((now.len(), &now[0]["moatCount"]), (1, &json!(2)));
    let news = indicator(&world, "evil.example").await;
    phone.hits(3, news, "evil.example", "192.0.2.8").await;
    let now = of(&alerts(&client).await, &phone.id);
    assert_eq!((now.len(), &now[1]["status"]), (2, &json!("New")));
    assert_eq!(risk(&client, &phone.id).await, "High");

    // Why it is suppressed stands on its page, and the rule counts.
    let shown = browser.get(&alert).await.text;
    assert!(
        shown.contains("Suppressed by the rule") && shown.contains(">Scanner</a>: Red team"),
        "{shown}"
    );
    assert!(shown.contains("<b>Suppressed by rule</b> Scanner"), "{shown}");
    let page = rule_named(&browser, "Scanner").await;
    let rule = browser.get(&page).await.text;
    assert!(rule.contains(">2 times</a>"), "{rule}");
    let id_of_rule = page.rsplit('/').next().unwrap();
    let hits = browser.get(&format!("/alerts?status=all&rule={id_of_rule}")).await.text;
    assert!(hits.contains("Site scan.example") && !hits.contains("Site evil.example"));
    let list = browser.get("/alerts?status=suppressed").await.text;
    assert!(list.contains("Site scan.example") && !list.contains("Site evil.example"));

    // Opened again by hand, it is an alert like others.
    let reopened = client
        .call(
            Method::PATCH,
            &format!("/api{alert}"),
            Some(json!({"status": "InProgress"})),
        )
        .await;
    assert_eq!(
        reopened.body["investigationState"], "UnsupportedAlertType",
        "{}",
        reopened.text
    );
    assert!(!browser.get(&alert).await.text.contains("Suppressed by the rule"));

    // Without an indicator to ask, the form takes the site that was met.
    other.hits(2, 999_999, "www.gone.example", "192.0.2.9").await;
    let gone = alerts(&client).await.last().unwrap()["id"]
        .as_str()
        .unwrap()
        .to_string();
    let form = browser.get(&format!("{RULES}/new?from={gone}")).await.text;
    assert!(form.contains("name=\"value\" value=\"www.gone.example\""), "{form}");
    assert!(form.contains("1 open alert matches now"), "{form}");
}

#[tokio::test]
async fn a_rule_is_changed_switched_off_and_deleted_with_rows_in_the_audit_log() {
    let world = World::start().await;
    let browser = Browser::start(&world).await;
    let client = world.client("c", API).await;
    let device = world.device("phone", "").await;
    let fields = "name=Ads&kind=&value=ads.example&subdomains=on&scope=everyone&note=Harmless";
    browser.post(RULES, fields).await;
    let page = rule_named(&browser, "Ads").await;
    let (sub, apex) = (
        indicator(&world, "x.ads.example").await,
        indicator(&world, "badads.example").await,
    );
    device.hits(1, sub, "x.ads.example", "192.0.2.9").await;
    device.hits(2, apex, "badads.example", "192.0.2.9").await;
    let statuses: Vec<Value> = alerts(&client)
        .await
        .iter()
        .map(|alert| alert["status"].clone())
        .collect();
    assert_eq!(statuses, [json!("Resolved"), json!("New")]);

    // Two people change it: the second sees both and saves nothing.
    let shown = browser.get(&page).await.text;
    let version = between(&shown, "name=\"version\" value=\"", "\"").to_string();
    let changed = format!("{}&version={version}", fields.replace("Harmless", "Still+harmless"));
    assert_eq!(location(&browser.post(&page, &changed).await), RULES);
    let late = browser
        .post(&page, &changed.replace("subdomains=on", "subdomains="))
        .await;
    assert!(late.text.contains("Somebody else changed this"), "{}", late.text);
    assert!(browser.get(&page).await.text.contains("name=\"subdomains\" checked"));

    for (to, status) in [("off", "New"), ("on", "Resolved")] {
        assert_eq!(
            location(&browser.post(&format!("{page}/switch"), &format!("to={to}")).await),
            page
        );
        let id = indicator(&world, &format!("{to}.ads.example")).await;
        device
            .hits(if to == "off" { 3 } else { 4 }, id, "a.ads.example", "192.0.2.9")
            .await;
        assert_eq!(alerts(&client).await.last().unwrap()["status"], status, "{to}");
    }
    for _ in 0..2 {
        assert_eq!(location(&browser.post(&format!("{page}/delete"), "").await), RULES);
    }
    assert_eq!(browser.get(&page).await.status, 404);
    let first = alerts(&client).await[0]["id"].as_str().unwrap().to_string();
    let shown = browser.get(&format!("/alerts/{first}")).await.text;
    assert!(shown.contains("a rule that is deleted") && shown.contains("<b>Suppressed by rule</b> Ads"));
    let audit = world
        .local(Method::GET, "/admin/audit?noun=suppression%20rule", Value::Null)
        .await;
    let rows = audit["value"].as_array().unwrap().iter();
    let actions: Vec<_> = rows
        .filter(|row| row["noun"] == "suppression rule")
        .map(|row| row["action"].as_str().unwrap())
        .collect();
    assert_eq!(actions, ["delete", "update", "update", "update", "create"]);
}

#[tokio::test]
async fn a_jailbreak_is_suppressed_on_one_device_for_a_while() {
    let world = World::start().await;
    let browser = Browser::start(&world).await;
    let client = world.client("c", API).await;
    let device = world.device("lab-phone", "").await;
    let finding = json!({"rule": "r", "group": "g", "detail": "d", "weight": 0.9, "families": []});
    device.jailbreaks(1, finding.clone()).await;
    // A rule for any kind and everything of the device is none for its jailbreak.
    let broad = "name=Lab&kind=&scope=device&who=lab-phone&note=Lab&resolve=on";
    assert_eq!(location(&browser.post(RULES, broad).await), RULES);
    assert_eq!(alerts(&client).await[0]["status"], "New");

    let day = |days: i64| {
        let seconds = moat_server::now().as_micros() / 1_000_000 + days * 86_400;
        jiff::Timestamp::from_second(seconds)
            .unwrap()
            .strftime("%Y-%m-%d")
            .to_string()
    };
    let rule = |scope: &str, until: &str| {
        format!("name=Jailbreak+lab&kind=Jailbreak&{scope}&until={until}&note=Lab&resolve=on")
    };
    let refused = browser.post(RULES, &rule("scope=everyone", "")).await;
    assert_eq!(wrong(&refused), ["rule-scope", "rule-until"]);
    assert!(
        refused.text.contains("for a single device only") && refused.text.contains(&day(29)),
        "{}",
        refused.text
    );
    let of_device = "scope=device&who=lab-phone";
    for until in [day(30), day(-1), "tomorrow".into()] {
        assert_eq!(
            wrong(&browser.post(RULES, &rule(of_device, &until)).await),
            ["rule-until"],
            "{until}"
        );
    }
    assert_eq!(location(&browser.post(RULES, &rule(of_device, &day(29))).await), RULES);
    assert_eq!(risk(&client, &device.id).await, "None");
    // Check-ins and posture runs that find the same open nothing, and the level stays what it is.
    device.reports(json!([]), "confirmed").await;
    device.jailbreaks(2, finding).await;
    let all = alerts(&client).await;
    assert_eq!((all.len(), &all[0]["status"]), (1, &json!("Resolved")), "{all:?}");
    assert_eq!(risk(&client, &device.id).await, "None");
    let shown = browser.get(&format!("/devices/{}", device.id)).await.text;
    assert!(shown.contains("Confirmed") || shown.contains("confirmed"));
    // When the rule is gone, the device raises its alert again.
    let page = rule_named(&browser, "Jailbreak lab").await;
    browser.post(&format!("{page}/switch"), "to=off").await;
    device.reports(json!([]), "confirmed").await;
    assert_eq!(risk(&client, &device.id).await, "High");
}

#[tokio::test]
async fn rules_for_people_and_groups_and_who_may_make_them() {
    let world = World::start().await;
    let browser = Browser::start(&world).await;
    let client = world.client("c", API).await;
    let (mine, others) = (world.device("mine", "").await, world.device("others", "").await);
    browser
        .post("/people/users", "userPrincipalName=eva@example.org&displayName=Eva")
        .await;
    let user = browser.get("/people/users?q=eva").await.text;
    let user = between(&user, "href=\"/people/users/", "\"").to_string();
    browser
        .post(&format!("/devices/{}/user", mine.id), "user=eva@example.org")
        .await;
    browser.post("/people/groups", "displayName=Testers").await;
    let groups = browser.get("/people/groups").await.text;
    let group = format!("/people/groups/{}", between(&groups, "href=\"/people/groups/", "\""));
    browser
        .post(&format!("{group}/members"), &format!("member={user}"))
        .await;
    let base = "kind=WebThreat&note=n";
    for (name, scope) in [
        ("user", "scope=user&who=EVA@example.org"),
        ("group", "scope=group&who=testers"),
    ] {
        let made = browser.post(RULES, &format!("name={name}&{base}&{scope}")).await;
        assert_eq!(location(&made), RULES, "{name}");
        let id = indicator(&world, &format!("{name}.example")).await;
        let seq = if name == "user" { 1 } else { 2 };
        mine.hits(seq, id, "a.example", "192.0.2.9").await;
        others.hits(seq, id, "a.example", "192.0.2.9").await;
        let page = rule_named(&browser, name).await;
        browser.post(&format!("{page}/switch"), "to=off").await;
    }
    for alert in alerts(&client).await {
        let status = if alert["machineId"] == *mine.id {
            "Resolved"
        } else {
            "New"
        };
        assert_eq!(alert["status"], status, "{alert}");
    }
    // What is wrong stands at its field, and what was typed stays.
    let refused = browser
        .post(
            RULES,
            "name=&kind=&value=*.example.com&subdomains=on&scope=device&who=nobody&until=x&note=",
        )
        .await;
    let mut fields = wrong(&refused);
    fields.sort_unstable();
    assert_eq!(
        fields,
        ["rule-name", "rule-note", "rule-until", "rule-value", "rule-who"],
        "{}",
        refused.text
    );
    assert!(refused.text.contains("value=\"*.example.com\"") && refused.text.contains("value=\"nobody\""));
    assert_eq!(
        wrong(&browser.post(RULES, "name=all&scope=everyone&note=n").await),
        ["rule-kind"]
    );
    world.device("others", "").await;
    let twice = browser
        .post(RULES, &format!("name=t&{base}&scope=device&who=others"))
        .await;
    assert!(wrong(&twice) == ["rule-who"] && twice.text.contains("Several have this name"));

    let rita = reader(&world, "rita", "Security reader").await;
    let page = rule_named(&browser, "user").await;
    let seen = rita.get(&page).await;
    assert!(
        seen.status == 200
            && seen.text.contains("<fieldset class=\"whole\" disabled>")
            && !seen.text.contains("/switch")
    );
    assert!(!rita.get(RULES).await.text.contains("New suppression rule"));
    assert_eq!(rita.get(&format!("{RULES}/new")).await.status, 403);
    for path in [
        RULES.to_string(),
        page.clone(),
        format!("{page}/switch"),
        format!("{page}/delete"),
        format!("{RULES}/preview"),
    ] {
        let fields = format!("name=x&{base}&scope=everyone&to=on");
        assert_eq!(rita.post(&path, &fields).await.status, 403, "{path}");
    }
    let otto = reader(&world, "otto", "Security operator").await;
    assert_eq!(
        location(&otto.post(RULES, &format!("name=x&{base}&scope=everyone")).await),
        RULES
    );
}

#[tokio::test]
async fn filters_are_saved_under_a_name() {
    let world = World::start().await;
    let browser = Browser::start(&world).await;
    let rita = reader(&world, "rita", "Security reader").await;
    let chip = |address: &str, name: &str, on: bool| {
        let current = if on { " aria-current=\"true\"" } else { "" };
        format!("<a class=\"chip\" href=\"{address}\"{current}>{name}")
    };
    for (list, here, filtered) in [
        ("/alerts", "/alerts?severity=High%26skip=100", "/alerts?severity=High"),
        ("/devices", "/devices?filter=silent%26after=x", "/devices?filter=silent"),
    ] {
        assert!(
            !browser.get(list).await.text.contains("name=\"viewName\""),
            "there is nothing to save"
        );
        assert_eq!(
            wrong(
                &browser
                    .post(&format!("{list}/views"), &format!("back={here}&viewName="))
                    .await
            ),
            ["view-viewName"]
        );
        let nothing = browser
            .post(&format!("{list}/views"), &format!("back={list}&viewName=all"))
            .await;
        assert!(nothing.text.contains("choose filters first"), "{}", nothing.text);
        for _ in 0..2 {
            let saved = browser
                .post(&format!("{list}/views"), &format!("back={here}&viewName=Mine"))
                .await;
            assert_eq!(location(&saved), filtered);
        }
        let shown = browser.get(list).await.text;
        assert_eq!(shown.matches(&chip(filtered, "Mine", false)).count(), 1, "{shown}");
        assert!(browser.get(filtered).await.text.contains(&chip(filtered, "Mine", true)));
        assert!(!rita.get(list).await.text.contains(">Mine<"));
        let id = between(&shown, &format!("action=\"{list}/views/"), "/delete").to_string();
        rita.post(&format!("{list}/views/{id}/delete"), "").await;
        assert!(
            browser.get(list).await.text.contains(">Mine<"),
            "others' own views are theirs"
        );

        // For everybody: by whoever may write.
        let shared = format!("back={here}&viewName=Ours&viewShared=on");
        assert_eq!(rita.post(&format!("{list}/views"), &shared).await.status, 403);
        browser.post(&format!("{list}/views"), &shared).await;
        let seen = rita.get(list).await.text;
        assert!(
            seen.contains(&chip(filtered, "Ours", false)) && !seen.contains("/delete\""),
            "{seen}"
        );
        let ours = browser.get(list).await.text;
        for id in ours.split(&format!("action=\"{list}/views/")).skip(1) {
            let id = id.split("/delete").next().unwrap();
            let delete = format!("{list}/views/{id}/delete");
            assert_eq!(
                location(&browser.post(&delete, &format!("back={filtered}")).await),
                filtered
            );
        }
        let left = browser.get(list).await.text;
        assert!(!left.contains(">Mine<") && !left.contains(">Ours<"));
    }
    for n in 0..50 {
        rita.post("/alerts/views", &format!("back=/alerts?q={n}&viewName=v{n}"))
            .await;
    }
    let refused = rita.post("/devices/views", "back=/devices?q=a&viewName=one+more").await;
    assert!(refused.text.contains("You have 50 saved views") && refused.text.contains("value=\"one more\""));
    assert_eq!(
        location(&rita.post("/alerts/views", "back=/alerts?q=new&viewName=v7").await),
        "/alerts?q=new"
    );
}

/// Files a report from the device.
fn reported(seq: u64, url: &str, kind: &str) -> Value {
    json!({"seq": seq, "time": EVENT_TIME, "event": {"kind": "siteReported", "url": url, "comment": "", "report": kind}})
}

#[tokio::test]
async fn whoever_reported_a_site_hears_what_came_of_it() {
    let world = World::start().await;
    let browser = Browser::start(&world).await;
    let phone = world.device("phone", "").await;
    let tablet = world.device("tablet", "").await;
    browser
        .post(
            "/people/users",
            "userPrincipalName=eva@example.org&displayName=Eva&preferredLanguage=de-AT",
        )
        .await;
    browser
        .post(&format!("/devices/{}/user", tablet.id), "user=eva@example.org")
        .await;
    phone
        .check_in(json!([
            reported(1, "http://bad.example/a", "unsafe"),
            reported(2, "http://good.example/", "unsafe")
        ]))
        .await;
    tablet
        .check_in(json!([reported(1, "http://bad.example/b", "mistake")]))
        .await;

    let page = browser.get("/reports").await.text;
    let card = between(&page, "<h2 class=\"mono\">bad.example</h2>", "</section>");
    assert!(card.contains("2 reports") && card.contains("Block all 2"), "{card}");
    let ids: Vec<&str> = card
        .split("name=\"id\" value=\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
        .collect();
    let all = format!("id={}&id={}&decision=block&message=Thank+you", ids[0], ids[1]);
    let long = "x".repeat(501);
    let refused = browser.post("/reports/decide", &all.replace("Thank+you", &long)).await;
    assert!(refused.text.contains("at most 500 characters") && refused.text.contains(&long));
    assert_eq!(location(&browser.post("/reports/decide", &all).await), "/reports");
    assert!(browser.get("/reports").await.text.contains("2 reports are blocked"));
    assert_eq!(
        location(&browser.post("/reports/decide", &all).await),
        "/reports",
        "a second click"
    );
    let page = browser.get("/reports").await.text;
    let good = between(&page, "id=\"report-", "\"").to_string();
    let allowed = "decision=allow&message=It+is+our+own+shop";
    assert_eq!(
        location(&browser.post(&format!("/reports/{good}/decide"), allowed).await),
        "/reports"
    );

    let notes = |reply: &Value| -> Vec<String> {
        let orders = reply["orders"].as_array().unwrap().iter();
        orders
            .map(|order| order["action"]["body"].as_str().unwrap().to_string())
            .collect()
    };
    let reply = phone.check_in(json!([])).await;
    assert_eq!(
        notes(&reply),
        [
            "You reported http://bad.example/a: it is now blocked. Thank you",
            "You reported http://good.example/: it stays allowed. It is our own shop"
        ]
    );
    assert_eq!(reply["orders"][0]["action"]["title"], "Your report of a site");
    let reply = tablet.check_in(json!([])).await;
    assert_eq!(
        notes(&reply),
        ["Sie haben http://bad.example/b gemeldet: Die Website bleibt blockiert. Thank you"]
    );
    // Over Graph the answer stands in the results.
    let client = world.client("c", &[Role::ThreatAssessmentReadAll]).await;
    let path = format!("/v1.0/informationProtection/threatAssessmentRequests/{good}?$expand=results");
    let request = client.get(&path).await;
    assert_eq!(
        request.body["results"][0]["message"], "The site is allowed. It is our own shop",
        "{}",
        request.text
    );
}

#[tokio::test]
async fn a_removed_device_hears_nothing_and_its_report_is_decided() {
    let world = World::start().await;
    set_up(&world).await;
    let device = world.device("phone", "").await;
    device
        .check_in(json!([reported(1, "http://bad.example/a", "unsafe")]))
        .await;
    let browser = Browser::of(&world, "ana").await;
    browser
        .post(&format!("/devices/{}/revoke", device.id), "confirm=phone")
        .await;
    let page = browser.get("/reports").await.text;
    let id = between(&page, "id=\"report-", "\"").to_string();
    assert_eq!(
        location(&browser.post(&format!("/reports/{id}/decide"), "decision=dismiss").await),
        "/reports"
    );
    let list = world.local(Method::GET, "/admin/reports", Value::Null).await;
    assert_eq!(list["value"][0]["status"], "dismissed");
}
