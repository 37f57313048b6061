//! Users and groups.

use http::Method;

use super::*;

#[tokio::test]
async fn groups_nest_and_never_contain_themselves() {
    let world = World::start().await;
    let client = administrator(&world).await;
    let anna = user(&client, "anna").await;
    let a = group(&client, "a", &[&anna]).await;
    let b = group(&client, "b", &[&a]).await;
    let c = group(&client, "c", &[&b]).await;
    for (into, member) in [(&a, &c), (&a, &a), (&b, &c)] {
        let reference = json!({"@odata.id": format!("https://h/v1.0/directoryObjects/{member}")});
        let answer = client
            .post(&format!("/v1.0/groups/{into}/members/$ref"), reference)
            .await;
        assert_eq!(answer.outcome(), "400 BadRequest", "{}", answer.text);
    }
    let members = client.get(&format!("/v1.0/groups/{c}/transitiveMembers")).await;
    assert_eq!(members.body["value"].as_array().unwrap().len(), 3, "{}", members.text);
    let of = client
        .get("/v1.0/users/ANNA%40corp.example/transitiveMemberOf/graph.group")
        .await;
    let names: Vec<_> = of.body["value"]
        .as_array()
        .unwrap()
        .iter()
        .map(|g| g["displayName"].clone())
        .collect();
    assert_eq!(names, ["a", "b", "c"]);
    let answer = client
        .call(Method::DELETE, &format!("/v1.0/groups/{a}/members/{anna}/$ref"), None)
        .await;
    assert_eq!(answer.status, 204);
    assert_eq!(
        client.get(&format!("/v1.0/users/{anna}/transitiveMemberOf")).await.body["value"],
        json!([])
    );
}

fn names(answer: &Answer) -> Vec<&str> {
    let value = answer.body["value"]
        .as_array()
        .unwrap_or_else(|| panic!("{}", answer.text));
    value.iter().map(|one| one["displayName"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn members_are_cast_counted_filtered_and_expanded() {
    let world = World::start().await;
    let client = administrator(&world).await;
    let (anna, bert) = (user(&client, "anna").await, user(&client, "bert").await);
    let device = world.device("phone", "").await;
    let inner = group(&client, "inner", &[&bert]).await;
    let outer = group(&client, "outer", &[&anna, &inner, &device.id]).await;
    let get = async |path: &str| client.get(&format!("/v1.0{path}")).await;
    for (path, expected) in [
        (format!("/groups/{outer}/members"), vec!["anna", "inner", "phone"]),
        (format!("/groups/{outer}/members/graph.user"), vec!["anna"]),
        (format!("/groups/{outer}/members/microsoft.graph.group"), vec!["inner"]),
        (format!("/groups/{outer}/members/microsoft.graph.device"), vec!["phone"]),
        (
            format!("/groups/{outer}/transitiveMembers/microsoft.graph.user"),
            vec!["anna", "bert"],
        ),
        (
            format!("/groups/{outer}/members?$filter=startswith(displayName,'p')"),
            vec!["phone"],
        ),
        (
            format!("/groups/{outer}/members?$orderby=displayName%20desc&$top=1"),
            vec!["phone"],
        ),
        (format!("/groups/{inner}/memberOf"), vec!["outer"]),
        (format!("/groups/{inner}/transitiveMemberOf/graph.group"), vec!["outer"]),
        (format!("/users/{bert}/memberOf"), vec!["inner"]),
        (
            "/users/bert@corp.example/transitiveMemberOf/microsoft.graph.group".into(),
            vec!["inner", "outer"],
        ),
    ] {
        assert_eq!(names(&get(&path).await), expected, "{path}");
    }
    assert_eq!(get(&format!("/users/{bert}/memberOf/$count")).await.text, "1");
    assert_eq!(get(&format!("/users/{bert}/transitiveMemberOf/$count")).await.text, "2");
    assert_eq!(get(&format!("/groups/{outer}/members/$count")).await.text, "3");
    assert_eq!(
        get(&format!("/groups/{outer}/transitiveMembers/$count")).await.text,
        "4"
    );
    let page = get(&format!("/groups/{outer}/members?$top=2&$count=true")).await;
    assert_eq!(page.body["@odata.count"], 3);
    let next = page.body["@odata.nextLink"].as_str().unwrap().to_string();
    assert_eq!(
        names(&client.get(next.strip_prefix(&world.origin()).unwrap()).await),
        ["phone"]
    );

    let whole = get(&format!("/groups/{outer}/members/graph.device")).await;
    let phone = &whole.body["value"][0];
    assert_eq!(
        (&phone["@odata.type"], &phone["deviceId"]),
        (&json!("#microsoft.graph.device"), &json!(device.id))
    );
    assert_eq!(phone["operatingSystem"], "Linux", "{phone}");

    let list = get("/groups?$expand=members($select=id)&$filter=displayName%20eq%20'outer'").await;
    let members = list.body["value"][0]["members"].as_array().unwrap();
    assert_eq!(members.len(), 3, "{}", list.text);
    assert!(
        members
            .iter()
            .all(|one| one.get("displayName").is_none() && one["id"].is_string())
    );
    assert_eq!(
        get(&format!("/groups/{inner}?$expand=memberOf")).await.body["memberOf"][0]["id"],
        *outer
    );
    let users = get("/users?$expand=memberOf").await;
    let of: Vec<_> = users.body["value"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["memberOf"][0]["displayName"])
        .collect();
    assert_eq!(of, ["outer", "inner"]);
    let names: Vec<_> = (0..25).map(|n| format!("member{n:02}")).collect();
    for name in &names {
        group(&client, name, &[&anna]).await;
    }
    let anna = get(&format!("/users/{anna}?$expand=memberOf")).await;
    assert_eq!(
        anna.body["memberOf"].as_array().unwrap().len(),
        20,
        "at most, as in Graph"
    );
}

#[tokio::test]
async fn directory_objects_are_found_by_their_ids() {
    let world = World::start().await;
    let client = administrator(&world).await;
    let anna = user(&client, "anna").await;
    let (staff, all) = (
        group(&client, "staff", &[&anna]).await,
        group(&client, "all", &[]).await,
    );
    let reference = json!({"@odata.id": format!("https://h/v1.0/directoryObjects/{staff}")});
    client
        .post(&format!("/v1.0/groups/{all}/members/$ref"), reference)
        .await;
    let device = world.device("phone", "").await;
    let found = client.get(&format!("/v1.0/directoryObjects/{anna}")).await;
    assert_eq!(
        (&found.body["@odata.type"], &found.body["mail"]),
        (&json!("#microsoft.graph.user"), &Value::Null)
    );
    assert_eq!(found.body["userPrincipalName"], "anna@corp.example");
    let none = "00000000-0000-4000-8000-000000000000";
    assert_eq!(
        client.get(&format!("/v1.0/directoryObjects/{none}")).await.outcome(),
        "404 ResourceNotFound"
    );

    let ids = json!({"ids": [anna, staff, device.id, none, anna]});
    let path = "/v1.0/directoryObjects/getByIds";
    assert_eq!(names(&client.post(path, ids.clone()).await), ["anna", "phone", "staff"]);
    let mut only = ids.clone();
    only["types"] = json!(["group", "servicePrincipal"]);
    assert_eq!(
        names(
            &client
                .post("/v1.0/directoryObjects/microsoft.graph.getByIds", only)
                .await
        ),
        ["staff"]
    );
    let many: Vec<_> = (0..1001).map(|_| none).collect();
    assert!(client.post(path, json!({"ids": many})).await.message().contains("1000"));
    // Whoever may not read users learns that there is one, and its name.
    let reader = world.client("groups", &[Role::GroupReadAll]).await;
    let seen = reader.post(path, ids).await;
    let shown = &seen.body["value"][0];
    assert_eq!(
        (shown.get("accountEnabled"), &shown["displayName"]),
        (None, &json!("anna"))
    );
    assert_eq!(seen.body["value"][2]["securityEnabled"], true);

    let check = json!({"groupIds": [all, none]});
    let answer = client
        .post("/v1.0/users/anna@corp.example/checkMemberGroups", check)
        .await;
    assert_eq!(answer.body["value"], json!([all]), "{}", answer.text);
    let every = client
        .post(
            &format!("/v1.0/users/{anna}/getMemberGroups"),
            json!({"securityEnabledOnly": true}),
        )
        .await;
    let mut every: Vec<_> = every.body["value"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    every.sort_unstable();
    let mut expected = [staff.as_str(), all.as_str()];
    expected.sort_unstable();
    assert_eq!(every, expected);
    let check = json!({"groupIds": [all, anna]});
    let of_staff = client
        .post(&format!("/v1.0/groups/{staff}/checkMemberGroups"), check.clone())
        .await;
    assert_eq!(of_staff.body["value"], json!([all]), "{}", of_staff.text);
    let of_phone = client
        .post(
            &format!("/v1.0/directoryObjects/{}/checkMemberGroups", device.id),
            check,
        )
        .await;
    assert_eq!(of_phone.body["value"], json!([]), "{}", of_phone.text);
    let every = client
        .post(&format!("/v1.0/directoryObjects/{anna}/getMemberGroups"), json!({}))
        .await;
    assert_eq!(every.body["value"].as_array().unwrap().len(), 2);
    let many = json!({"groupIds": vec![none; 21]});
    assert!(
        client
            .post(&format!("/v1.0/users/{anna}/checkMemberGroups"), many)
            .await
            .message()
            .contains("20")
    );
}

#[tokio::test]
async fn members_are_bound_all_or_none() {
    let world = World::start().await;
    let client = administrator(&world).await;
    let (anna, bert) = (user(&client, "anna").await, user(&client, "bert").await);
    let at = |id: &str| format!("https://graph.microsoft.com/v1.0/directoryObjects/{id}");
    let body = |name: &str, members: Value| {
        json!({"displayName": name, "mailEnabled": false, "mailNickname": name, "securityEnabled": true,
        "owners@odata.bind": [at(&anna)], "members@odata.bind": members})
    };
    let made = id(&client.post("/v1.0/groups", body("staff", json!([at(&anna)]))).await);
    let path = format!("/v1.0/groups/{made}");
    assert_eq!(names(&client.get(&format!("{path}/members")).await), ["anna"]);
    let change = json!({"description": "d", "members@odata.bind": [at(&bert)]});
    assert_eq!(client.call(Method::PATCH, &path, Some(change)).await.status, 204);
    assert_eq!(names(&client.get(&format!("{path}/members")).await), ["anna", "bert"]);
    let none = "00000000-0000-4000-8000-000000000000";
    let half = json!({"description": "half", "members@odata.bind": [at(&made), at(none)]});
    assert_eq!(
        client.call(Method::PATCH, &path, Some(half)).await.outcome(),
        "400 BadRequest"
    );
    assert_eq!(client.get(&path).await.body["description"], "d", "nothing half-saved");
    let before = client.get("/v1.0/groups/$count").await.text;
    assert_eq!(
        client
            .post("/v1.0/groups", body("x", json!([at(none)])))
            .await
            .outcome(),
        "404 ResourceNotFound"
    );
    let many = client.post("/v1.0/groups", body("x", json!(vec![at(&anna); 21]))).await;
    assert!(many.message().contains("members@odata.bind"), "{}", many.text);
    assert_eq!(client.get("/v1.0/groups/$count").await.text, before);
}

#[tokio::test]
async fn users_and_groups_are_searched_by_the_words_of_their_names() {
    let world = World::start().await;
    let client = administrator(&world).await;
    for (name, principal) in [
        ("Anna Maria Kern", "a.kern@corp.example"),
        ("Bert O'Neill", "bert@corp.example"),
        ("ANNABEL", "x@other.example"),
        ("Örtlich", "o@corp.example"),
    ] {
        let body = json!({"displayName": name, "userPrincipalName": principal, "mail": principal});
        id(&client.post("/v1.0/users", body).await);
    }
    group(&client, "Sales-North", &[]).await;
    let eventual = [("consistencylevel", "eventual")];
    let search = async |set: &str, text: &str| {
        let escaped: String = text.bytes().map(|b| format!("%{b:02X}")).collect();
        client
            .with_headers(
                Method::GET,
                &format!("/v1.0/{set}?$search={escaped}&$count=true"),
                &eventual,
                None,
            )
            .await
    };
    for (text, expected) in [
        ("\"displayName:anna\"", vec!["ANNABEL", "Anna Maria Kern"]),
        ("\"displayName:kern MARIA\"", vec!["Anna Maria Kern"]),
        ("\"displayName:ern\"", vec![]),
        ("\"displayName:ÖRT\"", vec!["Örtlich"]),
        ("\"displayName:o'neill\"", vec!["Bert O'Neill"]),
        (
            "\"mail:kern\" OR \"displayName:bert\"",
            vec!["Anna Maria Kern", "Bert O'Neill"],
        ),
        (
            "\"displayName:anna\" AND (\"userPrincipalName:other\" OR \"mail:nobody\")",
            vec!["ANNABEL"],
        ),
    ] {
        let answer = search("users", text).await;
        assert_eq!(names(&answer), expected, "{text}");
        assert_eq!(answer.body["@odata.count"], expected.len(), "{text}");
    }
    assert_eq!(names(&search("groups", "\"displayName:north\"").await), ["Sales-North"]);
    assert_eq!(search("groups", "\"members:x\"").await.outcome(), "400 BadRequest");
    let without = client.get("/v1.0/users?$search=%22displayName:anna%22").await;
    assert!(without.message().contains("ConsistencyLevel"), "{}", without.text);
}
