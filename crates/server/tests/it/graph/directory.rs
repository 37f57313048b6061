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
