use http::Method;
use moat_server::Role;
use serde_json::{Value, json};

use crate::world::World;

fn block(value: &str) -> Value {
    json!({"indicatorValue": value, "indicatorType": "DomainName", "action": "Block", "title": "t", "description": "d"})
}

fn with(mut body: Value, name: &str, value: impl Into<Value>) -> Value {
    body[name] = value.into();
    body
}

fn values(list: &Value) -> Vec<String> {
    let text = |i: &Value| i["indicatorValue"].as_str().unwrap().to_string();
    list["value"].as_array().unwrap().iter().map(text).collect()
}

#[tokio::test]
async fn what_is_submitted_comes_back_in_full() {
    let world = World::start().await;
    let client = world.client("siem", &[Role::TiReadWriteAll]).await;
    let body = json!({
        "indicatorValue": "Evil.Example", "indicatorType": "DomainName", "action": "Warn", "title": "Phish", "description": "d",
        "severity": "High", "expirationTime": "2099-01-31T12:00:00.0Z", "rbacGroupNames": "sales, staff", "generateAlert": true,
        "recommendedActions": "none", "application": "app", "educateUrl": "https://help.example/x", "bypassDurationHours": 2,
        "externalID": "x-1", "mitreTechniques": ["T1566"], "category": 1,
    });
    let answer = client.post("/api/indicators", body).await;
    assert_eq!(answer.outcome(), "200", "{}", answer.text);
    let made = &answer.body;
    assert!(
        made["@odata.context"]
            .as_str()
            .unwrap()
            .ends_with("/api/$metadata#Indicators/$entity")
    );
    for (name, value) in [
        ("id", json!("1")),
        ("indicatorValue", json!("Evil.Example")),
        ("expirationTime", json!("2099-01-31T12:00:00.0000000Z")),
        ("rbacGroupNames", json!(["sales", "staff"])),
        ("externalID", json!("x-1")),
        ("externalId", json!("x-1")),
        ("sourceType", json!("AadApp")),
        ("createdBy", json!(client.id)),
        ("createdByDisplayName", json!("siem")),
        ("createdBySource", json!("PublicApi")),
        ("bypassDurationHours", json!(2)),
        ("category", json!("1")),
        ("additionalInfo", Value::Null),
    ] {
        assert_eq!(made[name], value, "{name}");
    }
    assert_eq!(
        made["creationTimeDateTimeUtc"].as_str().unwrap().len(),
        "2026-11-24T10:00:00.0000000Z".len()
    );
    let again = client.get("/api/v1.0/indicators/1").await;
    assert_eq!(again.body, *made);
}

#[tokio::test]
async fn the_same_type_value_and_action_updates() {
    let world = World::start().await;
    let client = world.client("c", &[Role::TiReadWriteAll]).await;
    let first = client
        .post("/api/indicators", with(block("evil.example"), "application", "one"))
        .await
        .body;
    let mut revision = world.app.hub.revision();
    let before = *revision.borrow_and_update();
    let changed = with(with(block("EVIL.example."), "title", "new"), "application", "two");
    let second = client.post("/api/indicators", changed).await.body;
    assert_eq!((&second["id"], &second["title"]), (&first["id"], &json!("new")));
    assert_eq!(second["application"], "one", "application is set on creation only");
    assert_eq!(second["creationTimeDateTimeUtc"], first["creationTimeDateTimeUtc"]);
    let told = *revision.borrow_and_update();
    assert!(told > before, "devices are told");
    let same = with(
        with(block("evil.example"), "title", "new"),
        "description",
        "other words",
    );
    assert_eq!(
        client.post("/api/indicators", same.clone()).await.body["description"],
        "other words"
    );
    let import = json!({"Indicators": [same]});
    assert_eq!(client.post("/api/indicators/import", import).await.outcome(), "200");
    assert_eq!(*revision.borrow_and_update(), told, "nothing new for devices");
    let third = client
        .post("/api/indicators", with(block("evil.example"), "action", "Warn"))
        .await
        .body;
    assert_ne!(third["id"], first["id"]);
    assert_eq!(
        client.get("/api/indicators").await.body["value"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[tokio::test]
async fn a_submission_with_an_id_changes_that_indicator() {
    let world = World::start().await;
    let client = world.client("c", &[Role::TiReadWriteAll]).await;
    let first = client.post("/api/indicators", block("evil.example")).await.body;
    let softened = with(
        with(block("evil.example"), "action", "Audit"),
        "id",
        first["id"].clone(),
    );
    let changed = client.post("/api/indicators", softened.clone()).await.body;
    assert_eq!((&changed["id"], &changed["action"]), (&first["id"], &json!("Audit")));
    let other = client.post("/api/indicators", block("other.example")).await.body;
    let clash = with(softened.clone(), "id", other["id"].clone());
    let refused = client.post("/api/indicators", clash.clone()).await;
    assert_eq!(refused.outcome(), "400 InvalidInput");
    let unknown = with(softened, "id", "4711");
    assert_eq!(
        client.post("/api/indicators", unknown.clone()).await.outcome(),
        "404 ResourceNotFound"
    );
    assert_eq!(
        client
            .post("/api/indicators", with(block("x.example"), "id", "x"))
            .await
            .outcome(),
        "400 InvalidInput"
    );
    let import = json!({"Indicators": [clash, unknown, block("third.example")]});
    let results = client.post("/api/indicators/import", import).await.body;
    let failed: Vec<_> = results["value"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| &r["isFailed"])
        .collect();
    assert_eq!(failed, [true, true, false]);
    assert_eq!(
        client.get("/api/indicators").await.body["value"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
    let anothers = world.client("another", &[Role::TiReadWrite]).await;
    let theirs = with(block("evil.example"), "id", first["id"].clone());
    assert_eq!(
        anothers.post("/api/indicators", theirs).await.outcome(),
        "404 ResourceNotFound"
    );
}

#[tokio::test]
async fn an_indicator_that_becomes_another_type_leaves_devices() {
    let world = World::start().await;
    let client = world.client("c", &[Role::TiReadWriteAll]).await;
    let device = world.device("phone", "").await;
    let first = client.post("/api/indicators", block("evil.example")).await.body;
    let file = |id: &Value| {
        with(
            with(block(&"ab".repeat(32)), "indicatorType", "FileSha256"),
            "id",
            id.clone(),
        )
    };
    let blocked = async || {
        let bytes = device.bytes("/device/v1/bundle").await;
        let bundle = moat_indicators::Bundle::open(bytes, &world.app.keys.bundle.verifying_key()).unwrap();
        let now = moat_model::Timestamp::from_micros(crate::world::EVENT_TIME);
        bundle.indicators().lookup_host("evil.example", now).is_some()
    };
    assert!(blocked().await);
    let changed = client.post("/api/indicators", file(&first["id"])).await;
    assert_eq!(changed.outcome(), "200", "{}", changed.text);
    assert!(!blocked().await);
    let mut revision = world.app.hub.revision();
    let before = *revision.borrow_and_update();
    let renamed = with(file(&first["id"]), "title", "new");
    assert_eq!(client.post("/api/indicators", renamed).await.outcome(), "200");
    assert_eq!(*revision.borrow_and_update(), before, "a file concerns no device");
}

#[tokio::test]
async fn every_change_is_in_the_audit_log_with_before_and_after() {
    let world = World::start().await;
    let client = world.client("siem", &[Role::TiReadWriteAll]).await;
    let admin = world.client("admin", &[Role::MoatAdministrate]).await;
    client.post("/api/indicators", block("evil.example")).await;
    client
        .post("/api/indicators", with(block("evil.example"), "title", "new"))
        .await;
    client.call(Method::DELETE, "/api/indicators/1", None).await;
    let audit = admin.get("/admin/audit?top=3").await;
    let rows = audit.body["value"].as_array().unwrap();
    let seen: Vec<_> = rows
        .iter()
        .map(|r| {
            (
                r["action"].as_str().unwrap(),
                r["before"]["title"].as_str(),
                r["after"]["title"].as_str(),
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("delete", Some("new"), None),
            ("update", Some("t"), Some("new")),
            ("create", None, Some("t"))
        ]
    );
    assert_eq!(rows[0]["actor"], "client siem");
    assert_eq!(
        (&rows[0]["noun"], &rows[0]["nounId"]),
        (&json!("indicator"), &json!("1"))
    );
    assert_eq!(client.get("/admin/audit").await.outcome(), "403 Forbidden");
}

#[tokio::test]
async fn ti_read_write_sees_and_changes_only_its_own() {
    let world = World::start().await;
    let all = world.client("all", &[Role::TiReadWriteAll]).await;
    let own = world.client("own", &[Role::TiReadWrite]).await;
    let none = world.client("none", &[Role::AlertReadAll]).await;
    all.post("/api/indicators", block("a.example")).await;
    let mine = own.post("/api/indicators", block("b.example")).await.body;
    assert_eq!(values(&own.get("/api/indicators").await.body), ["b.example"]);
    assert_eq!(
        values(&all.get("/api/indicators").await.body),
        ["a.example", "b.example"]
    );
    assert_eq!(own.get("/api/indicators/1").await.outcome(), "404 ResourceNotFound");
    assert_eq!(
        own.call(Method::DELETE, "/api/indicators/1", None).await.outcome(),
        "404 ResourceNotFound"
    );
    let twin = own.post("/api/indicators", block("a.example")).await.body;
    assert_ne!(twin["id"], "1", "another's indicator is not overwritten");
    assert_eq!(
        own.call(
            Method::DELETE,
            &format!("/api/indicators/{}", mine["id"].as_str().unwrap()),
            None
        )
        .await
        .outcome(),
        "204"
    );
    assert_eq!(none.get("/api/indicators").await.outcome(), "403 Forbidden");
    assert_eq!(
        none.post("/api/indicators", block("c.example")).await.outcome(),
        "403 Forbidden"
    );
    assert_eq!(
        none.post("/api/indicators/import", json!({"Indicators": [1]}))
            .await
            .outcome(),
        "403 Forbidden"
    );
}

#[tokio::test]
async fn an_import_answers_item_by_item() {
    let world = World::start().await;
    let client = world.client("c", &[Role::TiReadWriteAll]).await;
    let items = json!({"Indicators": [block("a.example"), block("not a domain"), 7, block("b.example"), {"indicatorType": "Url"}]});
    let answer = client.post("/api/indicators/import", items).await;
    assert_eq!(answer.outcome(), "200", "{}", answer.text);
    let value = answer.body["value"].as_array().unwrap();
    let failed: Vec<_> = value.iter().map(|i| i["isFailed"].as_bool().unwrap()).collect();
    assert_eq!(failed, [false, true, true, false, true]);
    assert_eq!(
        value[0],
        json!({"id": "1", "indicator": "a.example", "isFailed": false, "failureReason": null})
    );
    assert_eq!(
        (&value[1]["id"], &value[1]["indicator"]),
        (&Value::Null, &json!("not a domain"))
    );
    assert!(
        value[1]["failureReason"]
            .as_str()
            .unwrap()
            .starts_with("InvalidDomainName: ")
    );
    assert!(
        value[4]["failureReason"]
            .as_str()
            .unwrap()
            .contains("indicatorValue is missing")
    );
    assert_eq!(
        values(&client.get("/api/indicators").await.body),
        ["a.example", "b.example"]
    );

    let many = |n: usize| json!({"Indicators": (0..n).map(|n| block(&format!("h{n}.example"))).collect::<Vec<_>>()});
    assert_eq!(
        client.post("/api/indicators/import", many(501)).await.outcome(),
        "400 MaximumBatchSizeExceeded"
    );
    assert_eq!(client.post("/api/indicators/import", many(500)).await.outcome(), "200");
    assert_eq!(
        client.post("/api/indicators/import", many(0)).await.outcome(),
        "400 MissingRequiredParameter"
    );
    assert_eq!(
        client.post("/api/indicators/import", json!({})).await.outcome(),
        "400 MissingRequiredParameter"
    );
    assert_eq!(
        client
            .post("/api/indicators/import", json!({"indicators": []}))
            .await
            .outcome(),
        "400 InvalidRequestBody"
    );
}

#[tokio::test]
async fn a_batch_is_deleted_whole_or_not_at_all() {
    let world = World::start().await;
    let client = world.client("c", &[Role::TiReadWriteAll]).await;
    for name in ["a", "b", "c"] {
        client.post("/api/indicators", block(&format!("{name}.example"))).await;
    }
    let delete = async |ids: Value| {
        client
            .post("/api/indicators/BatchDelete", json!({"IndicatorIds": ids}))
            .await
            .outcome()
    };
    assert_eq!(delete(json!(["1", "99"])).await, "404 ResourceNotFound");
    assert_eq!(delete(json!(["1", "x"])).await, "400 InvalidInput");
    assert_eq!(delete(json!([])).await, "400 MissingRequiredParameter");
    assert_eq!(
        delete(json!((1..=501).map(|n| n.to_string()).collect::<Vec<_>>())).await,
        "400 MaximumBatchSizeExceeded"
    );
    assert_eq!(values(&client.get("/api/indicators").await.body).len(), 3);
    assert_eq!(delete(json!(["1", "2", "2"])).await, "204");
    assert_eq!(values(&client.get("/api/indicators").await.body), ["c.example"]);
    let made = client.post("/api/indicators", block("d.example")).await.body;
    assert_eq!(made["id"], "4", "numbers are not given twice");
}

#[tokio::test]
async fn wrong_requests_get_defenders_error_body() {
    let world = World::start().await;
    let client = world.client("c", &[Role::TiReadWriteAll]).await;
    for (body, outcome, names) in [
        (
            json!({"indicatorType": "Url"}),
            "400 MissingRequiredParameter",
            "indicatorValue",
        ),
        (
            with(block("x.example"), "title", Value::Null),
            "400 MissingRequiredParameter",
            "title",
        ),
        (block(" "), "400 InvalidInput", "Received an empty indicator value."),
        (block("http://x.example/"), "400 InvalidDomainName", "URL"),
        (
            with(block("x"), "indicatorType", "IpAddress"),
            "400 InvalidIpAddress",
            "IPv4",
        ),
        (
            with(block("ftp://x.example/"), "indicatorType", "Url"),
            "400 InvalidUrl",
            "indicatorValue",
        ),
        (
            with(block("zz"), "indicatorType", "FileSha256"),
            "400 InvalidHashValue",
            "64",
        ),
        (
            with(block("x.example"), "action", "BlockAndRemediate"),
            "400 InvalidInput",
            "BlockAndRemediate",
        ),
        (
            with(block("x.example"), "Severity", "High"),
            "400 InvalidRequestBody",
            "severity",
        ),
        (
            with(block("x.example"), "rbacGroupNames", 7),
            "400 InvalidRequestBody",
            "rbacGroupNames",
        ),
        (json!([1]), "400 InvalidRequestBody", "map"),
    ] {
        let answer = client.post("/api/indicators", body.clone()).await;
        assert_eq!(answer.outcome(), outcome, "{body}: {}", answer.text);
        assert!(answer.message().contains(names), "{body}: {}", answer.message());
        assert!(answer.body["error"]["target"].is_string());
    }
    let raw = async |method, path: &str, content_type: &str, body: Vec<u8>| {
        client.raw(method, path, content_type, body).await.outcome()
    };
    assert_eq!(
        raw(Method::POST, "/api/indicators", "application/json", b"{".to_vec()).await,
        "400 InvalidRequestBody"
    );
    let with_mark = format!("\u{feff}{}", block("x.example")).into_bytes();
    assert_eq!(
        raw(
            Method::POST,
            "/api/indicators",
            "application/json; charset=utf-8",
            with_mark
        )
        .await,
        "200"
    );
    assert_eq!(
        raw(Method::POST, "/api/indicators", "text/plain", b"{}".to_vec()).await,
        "415 InvalidRequestBody"
    );
    assert_eq!(
        raw(Method::POST, "/api/indicators", "application/json", vec![b' '; 9 << 20]).await,
        "413 InvalidRequestBody"
    );
    assert_eq!(raw(Method::GET, "/api/nothing", "", vec![]).await, "404 NotFound");
    assert_eq!(raw(Method::PUT, "/api/indicators", "", vec![]).await, "405 BadRequest");
    assert_eq!(
        raw(Method::GET, "/api/indicators/abc", "", vec![]).await,
        "404 ResourceNotFound"
    );
}

#[tokio::test]
async fn file_types_are_stored_and_say_that_they_are_not_enforced() {
    let world = World::start().await;
    let client = world.client("c", &[Role::TiReadWriteAll]).await;
    let file = with(
        with(block(&"AB".repeat(20)), "indicatorType", "FileSha1"),
        "action",
        "BlockAndRemediate",
    );
    let answer = client.post("/api/indicators", file).await;
    assert_eq!(answer.outcome(), "200", "{}", answer.text);
    assert!(answer.body["additionalInfo"].as_str().unwrap().contains("not enforced"));
    let legacy = client
        .post("/api/indicators", with(block("x.example"), "action", "AlertAndBlock"))
        .await
        .body;
    assert!(legacy["additionalInfo"].as_str().unwrap().contains("enforced as Block"));
    let internal = with(block("10.0.0.0/8"), "indicatorType", "IpAddress");
    let answer = client.post("/api/indicators", internal.clone()).await;
    assert!(
        answer.body["additionalInfo"]
            .as_str()
            .unwrap()
            .contains("internal address")
    );

    let strict = World::with(|config| config.allow_internal_addresses = false).await;
    let client = strict.client("c", &[Role::TiReadWriteAll]).await;
    assert_eq!(
        client.post("/api/indicators", internal).await.outcome(),
        "400 InvalidIpAddress"
    );
}

#[tokio::test]
async fn a_csv_file_goes_in_row_by_row() {
    let world = World::start().await;
    let client = world.client("c", &[Role::TiReadWriteAll]).await;
    let csv = "\u{feff}action,indicatorValue,indicatorType,title,description,rbacGroups,mitretechniques,GenerateAlert,severity,expirationTime\n\
               Block,a.example,DomainName,\"A, quoted\",\"two\nlines\",\"sales,staff\",T1566,False,High,2099-01-01T00:00:00.0Z\n\
               Allow,b.example,DomainName,t,d,,,,,\n\
               Block,not a domain,DomainName,t,d,,,,,\n\
               Warn,https://c.example/x,Url,t,d,,,,,\n";
    let answer = client
        .raw(Method::POST, "/admin/indicators/import-csv", "text/csv", csv)
        .await;
    assert_eq!(answer.outcome(), "200", "{}", answer.text);
    assert_eq!(
        (&answer.body["imported"], &answer.body["failed"]),
        (&json!(3), &json!(1))
    );
    let bad = &answer.body["value"][2];
    assert_eq!(
        (&bad["line"], &bad["isFailed"], &bad["indicator"]),
        (&json!(5), &json!(true), &json!("not a domain"))
    );
    let first = client.get("/api/indicators/1").await.body;
    assert_eq!(
        (&first["title"], &first["rbacGroupNames"]),
        (&json!("A, quoted"), &json!(["sales", "staff"]))
    );
    assert_eq!(
        (&first["generateAlert"], &first["severity"]),
        (&json!(false), &json!("High"))
    );
    let headless = client
        .raw(Method::POST, "/admin/indicators/import-csv", "text/csv", "a,b\n1,2\n")
        .await;
    assert_eq!(headless.outcome(), "400 MissingRequiredParameter");
}

#[tokio::test]
async fn an_unclosed_quote_costs_its_own_row_only() {
    let world = World::start().await;
    let client = world.client("c", &[Role::TiReadWriteAll]).await;
    let csv = "indicatorType,indicatorValue,action,title,description\n\
               DomainName,a.example,Block,t,d\n\
               DomainName,b.example,Block,\"t,d\n\
               DomainName,c.example,Block,t,d\n\
               DomainName,d.example,Block,\"a, b\",\"two\nlines\"\n\
               DomainName,e.example,Block,t,d\n";
    let import = async |csv: &str| {
        let path = "/admin/indicators/import-csv";
        client.raw(Method::POST, path, "text/csv", csv.to_string()).await
    };
    let answer = import(csv).await;
    assert_eq!(
        (&answer.body["imported"], &answer.body["failed"]),
        (&json!(4), &json!(1)),
        "{}",
        answer.text
    );
    let bad = &answer.body["value"][1];
    assert_eq!((&bad["line"], &bad["isFailed"]), (&json!(3), &json!(true)));
    assert!(bad["failureReason"].as_str().unwrap().contains("quote"), "{bad}");
    assert_eq!(
        values(&client.get("/api/indicators?$orderby=id").await.body),
        ["a.example", "c.example", "d.example", "e.example"]
    );
    for (header, names) in [
        ("indicatorType,indicatorValue,action,title,description,Title\n", "title"),
        (
            "indicatorType,indicatorValue,action,title,description,rbacGroups,rbacGroupNames\n",
            "rbacgroupnames",
        ),
        ("indicatorType,\"indicatorValue,action,title,description\n", "quote"),
    ] {
        let answer = import(header).await;
        assert_eq!(answer.outcome(), "400 InvalidInput", "{header}");
        assert!(answer.message().contains(names), "{}", answer.message());
    }
}

#[tokio::test]
async fn the_end_of_time_is_a_time() {
    let world = World::start().await;
    let client = world.client("c", &[Role::TiReadWriteAll]).await;
    for end in ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59.9999999Z", "9999-12-31"] {
        let answer = client
            .post("/api/indicators", with(block("x.example"), "expirationTime", end))
            .await;
        assert_eq!(answer.outcome(), "200", "{end}: {}", answer.text);
        assert!(answer.body["expirationTime"].as_str().unwrap().starts_with("9999-12-3"));
    }
}

#[tokio::test]
async fn explain_names_the_indicator_that_decides() {
    let world = World::start().await;
    let client = world.client("c", &[Role::TiReadWriteAll]).await;
    client.post("/api/indicators", block("evil.example")).await;
    client
        .post(
            "/api/indicators",
            with(
                with(block("good.evil.example"), "action", "Allowed"),
                "rbacGroupNames",
                json!(["sales"]),
            ),
        )
        .await;
    let ask = async |value: &str, group: &str| {
        let answer = client
            .post(
                "/admin/indicators/explain",
                json!({"value": value, "deviceGroup": group}),
            )
            .await;
        assert_eq!(answer.outcome(), "200", "{}", answer.text);
        answer.body
    };
    assert_eq!(ask("a.good.evil.example", "").await["decision"]["action"], "Block");
    let sales = ask("https://good.evil.example/x", "sales").await;
    assert_eq!(sales["decision"]["action"], "Allowed");
    assert_eq!(sales["candidates"].as_array().unwrap().len(), 2);
    assert_eq!(
        (&sales["candidates"][0]["id"], &sales["candidates"][0]["wins"]),
        (&json!("2"), &json!(true))
    );
    assert_eq!(ask("192.0.2.1", "").await["candidates"], json!([]));
    let wrong = client
        .post("/admin/indicators/explain", json!({"value": "ht tp"}))
        .await;
    assert_eq!(wrong.outcome(), "400 InvalidUrl");
}

#[tokio::test]
async fn too_many_requests_are_told_when_to_come_back() {
    let world = World::with(|config| (config.requests_per_minute, config.requests_per_hour) = (10, 1500)).await;
    let client = world.client("c", &[Role::TiReadWriteAll]).await;
    let other = world.client("d", &[Role::TiReadWriteAll]).await;
    for _ in 0..10 {
        assert_eq!(client.get("/api/indicators").await.outcome(), "200");
    }
    let refused = client.get("/api/v1.0/indicators?$top=1").await;
    assert_eq!(refused.outcome(), "429 TooManyRequests");
    let wait: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(
        other.get("/api/indicators").await.outcome(),
        "200",
        "each client has its own count"
    );
    let import = json!({"Indicators": [block("a.example")]});
    for _ in 0..3 {
        assert_eq!(
            client.post("/api/indicators/import", import.clone()).await.outcome(),
            "200"
        );
    }
    assert_eq!(
        client.post("/api/indicators/import", import).await.outcome(),
        "429 TooManyRequests"
    );
}

#[tokio::test]
async fn submissions_at_the_same_time_make_one_indicator() {
    let world = World::start().await;
    let client = world.client("c", &[Role::TiReadWriteAll]).await;
    let submit = |n: usize| client.post("/api/indicators", with(block("evil.example"), "title", n.to_string()));
    let answers = futures_util::future::join_all((0..20).map(submit)).await;
    assert!(answers.iter().all(|a| a.status == 200));
    assert_eq!(
        client.get("/api/indicators").await.body["value"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );
}
