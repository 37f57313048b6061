use moat_server::Role;
use serde_json::{Value, json};

use crate::world::{Client, World};

async fn fill(client: &Client<'_>) {
    for (value, kind, action, severity, groups, title) in [
        ("a.example", "DomainName", "Block", "High", json!(["sales"]), "it's"),
        (
            "b.example",
            "DomainName",
            "Warn",
            "Low",
            json!(["sales", "staff"]),
            "beta",
        ),
        ("192.0.2.1", "IpAddress", "Block", "Medium", json!([]), "Gamma"),
        (
            "https://c.example/x",
            "Url",
            "AlertAndBlock",
            "Informational",
            json!(["staff two"]),
            "100% _delta",
        ),
    ] {
        let body = json!({
            "indicatorValue": value, "indicatorType": kind, "action": action, "severity": severity, "rbacGroupNames": groups,
            "title": title, "description": "d",
        });
        let answer = client.post("/api/indicators", body).await;
        assert_eq!(answer.outcome(), "200", "{}", answer.text);
    }
}

fn escape(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric();
    text.bytes()
        .map(|b| {
            if plain(b) {
                char::from(b).to_string()
            } else {
                format!("%{b:02X}")
            }
        })
        .collect()
}

async fn ids(client: &Client<'_>, filter: &str) -> String {
    let answer = client.get(&format!("/api/indicators?$filter={}", escape(filter))).await;
    match answer.body["value"].as_array() {
        Some(list) => list
            .iter()
            .filter_map(|i| i["id"].as_str())
            .collect::<Vec<_>>()
            .join(" "),
        None => format!("{}: {}", answer.outcome(), answer.message()),
    }
}

#[tokio::test]
async fn filters_find_what_they_say() {
    let world = World::start().await;
    let client = world.client("siem", &[Role::TiReadWriteAll]).await;
    fill(&client).await;
    for (filter, found) in [
        ("action eq 'AlertAndBlock'", "4"),
        ("ACTION eq 'block'", "1 3"),
        ("severity ge 'Medium'", "1 3"),
        ("indicatorType in ('Url','IpAddress')", "3 4"),
        ("indicatorValue eq 'c.example/x'", "4"),
        ("indicatorValue eq 'https://c.example/x'", "4"),
        ("title eq 'it''s'", "1"),
        ("title eq 'BETA'", ""),
        ("startswith(title,'Gam')", "3"),
        ("endswith(title,'_delta') and contains(title,'% ')", "4"),
        ("rbacGroupNames/any(g:g eq 'sales')", "1 2"),
        ("rbacGroupNames/any(g: g eq 'staff')", "2"),
        ("rbacGroupNames/any(g: startswith(g,'staff'))", "2 4"),
        ("not rbacGroupNames/any()", "3"),
        ("expirationTime eq null", "1 2 3 4"),
        ("not (expirationTime gt 2030-01-01T00:00:00Z)", "1 2 3 4"),
        ("creationTimeDateTimeUtc gt 2020-01-01T00:00:00Z", "1 2 3 4"),
        ("creationTimeDateTimeUtc lt '2020-01-01'", ""),
        (
            "generateAlert eq true and (severity eq 'Low' or severity eq 'High')",
            "1 2",
        ),
        ("createdByDisplayName eq 'siem'", "1 2 3 4"),
        ("application ne 'x'", "1 2 3 4"),
        ("application eq 'x'", ""),
        ("id eq '2' or id eq 3", "2 3"),
        ("title eq 'x'' OR 1=1 --'", ""),
    ] {
        assert_eq!(ids(&client, filter).await, found, "{filter}");
    }
    let plus = client
        .get("/api/indicators?$filter=action+eq+'Block'&$top=1&$skip=1")
        .await;
    assert_eq!(plus.body["value"][0]["id"], "3", "{}", plus.text);
    assert_eq!(plus.body["@odata.nextLink"], Value::Null);
    let sorted = client
        .get("/api/indicators?$orderby=severity%20desc,id&$select=id,severity&$count=true")
        .await;
    assert_eq!(sorted.body["@odata.count"], 4);
    let shown: Vec<_> = sorted.body["value"]
        .as_array()
        .unwrap()
        .iter()
        .map(|i| i["id"].as_str().unwrap())
        .collect();
    assert_eq!(shown, ["1", "3", "2", "4"]);
    assert_eq!(sorted.body["value"][0], json!({"id": "1", "severity": "High"}));
}

#[tokio::test]
async fn wrong_queries_say_what_and_where() {
    let world = World::start().await;
    let client = world.client("c", &[Role::TiReadWriteAll]).await;
    for (filter, problem) in [
        ("action eq", "at position 9"),
        ("colour eq 'red'", "\"colour\" is not a property to filter on"),
        ("action eq 'Delete'", "action is compared with one of Allowed, "),
        ("(action eq 'Block'", "expected ')'"),
    ] {
        let found = ids(&client, filter).await;
        assert!(
            found.starts_with("400 ODataError: $filter: ") && found.contains(problem),
            "{filter}: {found}"
        );
    }
    for query in [
        "$top=10001",
        "$top=x",
        "$skip=-1",
        "$orderby=rbacGroupNames",
        "$apply=x",
        "$expand=evidence",
        "$filter=%zz",
    ] {
        assert_eq!(
            client.get(&format!("/api/indicators?{query}")).await.outcome(),
            "400 ODataError",
            "{query}"
        );
    }
}

/// Any filter that parses is either refused with a reason or becomes SQL that the database takes.
#[tokio::test]
async fn no_filter_reaches_the_database_broken() {
    use proptest::{prelude::*, strategy::ValueTree as _, test_runner::TestRunner};
    let world = World::start().await;
    let client = world.client("c", &[Role::TiReadWriteAll]).await;
    fill(&client).await;
    let property = prop::sample::select(vec![
        "id",
        "indicatorValue",
        "action",
        "severity",
        "title",
        "generateAlert",
        "expirationTime",
        "rbacGroupNames",
        "category",
        "nope",
    ]);
    let literal = prop::sample::select(vec![
        "'Block'",
        "'High'",
        "5",
        "-1",
        "null",
        "true",
        "2026-01-01",
        "'it''s'",
        "'%_\\'",
        "'\"'",
        "019ab000-0000-7000-8000-000000000000",
        "''",
    ]);
    let operator = prop::sample::select(vec!["eq", "ne", "gt", "ge", "lt", "le"]);
    let test = prop::sample::select(vec!["startswith", "endswith", "contains"]);
    let fit = prop::sample::select(vec![
        "action ne 'Block'",
        "severity lt 'High'",
        "title gt 'a'",
        "category eq null",
        "expirationTime le 2026-01-01",
        "generateAlert eq true",
        "contains(title,'%_\\')",
        "rbacGroupNames/any(x:x in ('\"','a'))",
        "indicatorValue ne ''",
        "id in ('5',-1)",
    ]);
    let leaf = prop_oneof![
        4 => fit.prop_map(String::from),
        1 => (property.clone(), operator.clone(), literal.clone()).prop_map(|(p, o, l)| format!("{p} {o} {l}")),
        1 => (property.clone(), literal.clone(), literal.clone()).prop_map(|(p, a, b)| format!("{p} in ({a},{b})")),
        1 => (test.clone(), property.clone(), literal.clone()).prop_map(|(t, p, l)| format!("{t}({p},{l})")),
        1 => (property.clone(), operator, literal.clone()).prop_map(|(p, o, l)| format!("{p}/any(x:x {o} {l})")),
        1 => (property, test, literal).prop_map(|(p, t, l)| format!("{p}/any(x:{t}(x,{l}) or x eq 'a')")),
    ];
    let filter = leaf.prop_recursive(3, 12, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) and ({b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) or {b}")),
            inner.prop_map(|a| format!("not ({a})")),
        ]
    });
    let mut runner = TestRunner::deterministic();
    let mut found = 0;
    for _ in 0..400 {
        let filter = filter.new_tree(&mut runner).unwrap().current();
        let answer = client
            .get(&format!("/api/indicators?$count=true&$filter={}", escape(&filter)))
            .await;
        match answer.outcome().as_str() {
            "200" => found += 1,
            other => assert_eq!(other, "400 ODataError", "{filter}: {}", answer.message()),
        }
    }
    assert!(found > 40, "only {found} of the filters were fit");
    let many = vec!["id eq 1"; 500].join(" or ");
    assert_eq!(ids(&client, &many).await, "1");
}
