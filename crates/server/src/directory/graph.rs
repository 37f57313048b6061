//! `/directoryObjects`, and memberships of users and groups, in Graph's shape.

use axum::{
    extract::{Path, State},
    response::Response,
};
use moat_model::GroupId;
use serde_json::{Value, json};

use super::{Kind, ObjectRow, Of};
use crate::{
    App,
    caller::Caller,
    error::Result,
    graph::{self, FEW, Graph, texts},
    groups::{self, GroupRow},
    json::{ApiResult, Body, time, time_or_null},
    odata::Query,
    users::{self, UserRow},
};

const SET: &str = "directoryObjects";
/// Ids of one `getByIds`, as in Graph.
const MAX_IDS: usize = 1_000;

pub async fn get(State(app): State<App>, caller: Caller, graph: Graph, Path(id): Path<String>) -> ApiResult {
    let object = super::get(&app, &caller, &id).await?;
    Ok(graph.entity(SET, render(&caller, &object)))
}

/// `POST /directoryObjects/getByIds` with `{"ids": […], "types": ["user"]}`.
pub async fn get_by_ids(State(app): State<App>, caller: Caller, graph: Graph, Body(body): Body<Value>) -> ApiResult {
    let fields = graph::object(body)?;
    let ids: Vec<String> = texts(&fields, "ids", MAX_IDS)?
        .into_iter()
        .map(|id| id.to_lowercase())
        .collect();
    let types = match fields.get("types") {
        None | Some(Value::Null) => Vec::new(),
        Some(_) => texts(&fields, "types", 100)?,
    };
    let wanted = |object: &&ObjectRow| {
        types.is_empty()
            || types
                .iter()
                .any(|kind| kind == "directoryObject" || kind.eq_ignore_ascii_case(&object.kind))
    };
    let found = super::by_ids(&app, &caller, &ids).await?;
    let value = found
        .iter()
        .filter(wanted)
        .map(|object| render(&caller, object))
        .collect();
    Ok(graph.whole(SET, value))
}

pub async fn members(app: State<App>, caller: Caller, graph: Graph, id: Path<String>) -> ApiResult {
    list_members(app, caller, graph, id, Of::Members, None).await
}

pub async fn member_users(app: State<App>, caller: Caller, graph: Graph, id: Path<String>) -> ApiResult {
    list_members(app, caller, graph, id, Of::Members, Some(Kind::User)).await
}

pub async fn member_groups(app: State<App>, caller: Caller, graph: Graph, id: Path<String>) -> ApiResult {
    list_members(app, caller, graph, id, Of::Members, Some(Kind::Group)).await
}

pub async fn member_devices(app: State<App>, caller: Caller, graph: Graph, id: Path<String>) -> ApiResult {
    list_members(app, caller, graph, id, Of::Members, Some(Kind::Device)).await
}

pub async fn transitive_members(app: State<App>, caller: Caller, graph: Graph, id: Path<String>) -> ApiResult {
    list_members(app, caller, graph, id, Of::TransitiveMembers, None).await
}

pub async fn transitive_member_users(app: State<App>, caller: Caller, graph: Graph, id: Path<String>) -> ApiResult {
    list_members(app, caller, graph, id, Of::TransitiveMembers, Some(Kind::User)).await
}

pub async fn transitive_member_groups(app: State<App>, caller: Caller, graph: Graph, id: Path<String>) -> ApiResult {
    list_members(app, caller, graph, id, Of::TransitiveMembers, Some(Kind::Group)).await
}

pub async fn transitive_member_devices(app: State<App>, caller: Caller, graph: Graph, id: Path<String>) -> ApiResult {
    list_members(app, caller, graph, id, Of::TransitiveMembers, Some(Kind::Device)).await
}

pub async fn count_members(app: State<App>, caller: Caller, graph: Graph, id: Path<String>) -> ApiResult {
    count(app, caller, graph, id, Of::Members).await
}

pub async fn count_transitive_members(app: State<App>, caller: Caller, graph: Graph, id: Path<String>) -> ApiResult {
    count(app, caller, graph, id, Of::TransitiveMembers).await
}

async fn list_members(
    State(app): State<App>,
    caller: Caller,
    graph: Graph,
    Path(id): Path<String>,
    of: fn(GroupId) -> Of,
    kind: Option<Kind>,
) -> ApiResult {
    let group = groups::graph::parse(&id)?;
    let query = graph.query()?;
    query.check_expand(&[])?;
    let of = of(group);
    let page = super::members(&app, &caller, &of, kind, &query).await?;
    let value = page.rows.iter().map(|object| render(&caller, object)).collect();
    let relation = match of {
        Of::Members(_) => "members",
        _ => "transitiveMembers",
    };
    let cast = kind.map(|kind| format!("/graph.{}", kind.as_str())).unwrap_or_default();
    let path = format!("groups/{group}/{relation}{cast}");
    Ok(graph.page(set(kind), &path, &page, value, &query))
}

async fn count(
    State(app): State<App>,
    caller: Caller,
    graph: Graph,
    Path(id): Path<String>,
    of: fn(GroupId) -> Of,
) -> ApiResult {
    let of = of(groups::graph::parse(&id)?);
    let page = super::members(&app, &caller, &of, None, &graph.query()?.counting()).await?;
    Ok(graph::count(page.count.unwrap_or_default()))
}

/// The set that the answers of a list are of.
const fn set(kind: Option<Kind>) -> &'static str {
    match kind {
        Some(Kind::User) => "users",
        Some(Kind::Group) => "groups",
        Some(Kind::Device) => "devices",
        None => SET,
    }
}

pub async fn groups_of_user(app: State<App>, caller: Caller, graph: Graph, key: Path<String>) -> ApiResult {
    of_user(app, caller, graph, key, Of::Memberships, "memberOf").await
}

pub async fn all_groups_of_user(app: State<App>, caller: Caller, graph: Graph, key: Path<String>) -> ApiResult {
    of_user(app, caller, graph, key, Of::AllMemberships, "transitiveMemberOf").await
}

async fn of_user(
    State(app): State<App>,
    caller: Caller,
    graph: Graph,
    Path(key): Path<String>,
    of: fn(String) -> Of,
    relation: &str,
) -> ApiResult {
    let query = graph.query()?;
    query.check_expand(&[])?;
    let page = super::groups_of_user(&app, &caller, &key, of, &query).await?;
    let value = page.rows.iter().map(|object| render(&caller, object)).collect();
    let path = format!("users/{}/{relation}", graph::segment(&key));
    Ok(graph.page(SET, &path, &page, value, &query))
}

pub async fn groups_of_group(app: State<App>, caller: Caller, graph: Graph, id: Path<String>) -> ApiResult {
    of_group(app, caller, graph, id, Of::Memberships, "memberOf").await
}

pub async fn all_groups_of_group(app: State<App>, caller: Caller, graph: Graph, id: Path<String>) -> ApiResult {
    of_group(app, caller, graph, id, Of::AllMemberships, "transitiveMemberOf").await
}

async fn of_group(
    State(app): State<App>,
    caller: Caller,
    graph: Graph,
    Path(id): Path<String>,
    of: fn(String) -> Of,
    relation: &str,
) -> ApiResult {
    let group = groups::graph::parse(&id)?;
    let query = graph.query()?;
    query.check_expand(&[])?;
    let page = super::groups_of_group(&app, &caller, group, of, &query).await?;
    let value = page.rows.iter().map(|object| render(&caller, object)).collect();
    Ok(graph.page(SET, &format!("groups/{group}/{relation}"), &page, value, &query))
}

pub async fn count_groups_of_user(app: State<App>, caller: Caller, graph: Graph, key: Path<String>) -> ApiResult {
    count_of_user(app, caller, graph, key, Of::Memberships).await
}

pub async fn count_all_groups_of_user(app: State<App>, caller: Caller, graph: Graph, key: Path<String>) -> ApiResult {
    count_of_user(app, caller, graph, key, Of::AllMemberships).await
}

async fn count_of_user(
    State(app): State<App>,
    caller: Caller,
    graph: Graph,
    Path(key): Path<String>,
    of: fn(String) -> Of,
) -> ApiResult {
    let page = super::groups_of_user(&app, &caller, &key, of, &graph.query()?.counting()).await?;
    Ok(graph::count(page.count.unwrap_or_default()))
}

/// `POST /users/{id}/checkMemberGroups` with `{"groupIds": […]}`: those of them that the user is in, also through others.
pub async fn check_groups_of_user(
    State(app): State<App>,
    caller: Caller,
    graph: Graph,
    Path(key): Path<String>,
    Body(body): Body<Value>,
) -> ApiResult {
    let asked = asked_groups(body)?;
    let all = super::group_ids_of_user(&app, &caller, &key).await?;
    Ok(render_ids(
        &graph,
        asked.into_iter().filter(|id| all.contains(id)).collect(),
    ))
}

/// `POST /users/{id}/getMemberGroups`: every group is a security group, so `securityEnabledOnly` makes no difference.
pub async fn group_ids_of_user(
    State(app): State<App>,
    caller: Caller,
    graph: Graph,
    Path(key): Path<String>,
    Body(body): Body<Value>,
) -> ApiResult {
    graph::flag(&graph::object(body)?, "securityEnabledOnly")?;
    Ok(render_ids(&graph, super::group_ids_of_user(&app, &caller, &key).await?))
}

/// The same of a user, group or device.
pub async fn check_groups(
    State(app): State<App>,
    caller: Caller,
    graph: Graph,
    Path(id): Path<String>,
    Body(body): Body<Value>,
) -> ApiResult {
    let asked = asked_groups(body)?;
    let all = super::group_ids(&app, &caller, &id).await?;
    Ok(render_ids(
        &graph,
        asked.into_iter().filter(|id| all.contains(id)).collect(),
    ))
}

pub async fn group_ids(
    State(app): State<App>,
    caller: Caller,
    graph: Graph,
    Path(id): Path<String>,
    Body(body): Body<Value>,
) -> ApiResult {
    graph::flag(&graph::object(body)?, "securityEnabledOnly")?;
    Ok(render_ids(&graph, super::group_ids(&app, &caller, &id).await?))
}

fn asked_groups(body: Value) -> Result<Vec<String>> {
    let asked = texts(&graph::object(body)?, "groupIds", FEW)?;
    Ok(asked.into_iter().map(|id| id.to_lowercase()).collect())
}

fn render_ids(graph: &Graph, ids: Vec<String>) -> Response {
    graph.whole("Collection(Edm.String)", ids.into_iter().map(Value::from).collect())
}

/// Fills in `members` and `memberOf` of groups, or `memberOf` of users, as `$expand` asks: at most 20 each.
pub async fn expand(app: &App, caller: &Caller, query: &Query, entities: &mut [Value]) -> Result<()> {
    let ids: Vec<String> = entities
        .iter()
        .filter_map(|entity| entity["id"].as_str().map(String::from))
        .collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    for name in &query.expand {
        let (name, mut found) = match name.eq_ignore_ascii_case("members") {
            true => ("members", super::first_members(app, &ids, FEW).await?),
            false => ("memberOf", super::first_groups(app, &ids, FEW).await?),
        };
        for entity in &mut *entities {
            let objects = found
                .remove(entity["id"].as_str().unwrap_or_default())
                .unwrap_or_default();
            entity[name] = objects.iter().map(|object| render(caller, object)).collect();
        }
    }
    Ok(())
}

/// An object with everything that the caller may read of it.
pub fn render(caller: &Caller, object: &ObjectRow) -> Value {
    let kind = match object.kind.as_str() {
        "user" => Kind::User,
        "group" => Kind::Group,
        _ => Kind::Device,
    };
    if caller.require_any(kind.readers()).is_err() {
        return render_names(object);
    }
    match kind {
        Kind::User => users::graph::render(&user(object)),
        Kind::Group => groups::graph::render(&group(object)),
        Kind::Device => render_device(object),
    }
}

fn render_names(object: &ObjectRow) -> Value {
    let mut value = json!({
        "@odata.type": format!("#microsoft.graph.{}", object.kind),
        "id": object.id,
        "displayName": object.display_name,
    });
    if let Some(name) = &object.user_principal_name {
        value["userPrincipalName"] = name.as_str().into();
    }
    value
}

fn render_device(object: &ObjectRow) -> Value {
    let managed = object.management.as_deref() == Some("managed");
    json!({
        "@odata.type": "#microsoft.graph.device",
        "id": object.id,
        "deviceId": object.id,
        "displayName": object.display_name,
        "accountEnabled": true,
        "operatingSystem": object.os_platform,
        "operatingSystemVersion": object.os_version,
        "model": object.model,
        "deviceOwnership": if managed { "company" } else { "personal" },
        "isManaged": true,
        "isCompliant": match object.compliance_state.as_deref() {
            Some("compliant" | "inGracePeriod") => json!(true),
            Some("unknown") | None => Value::Null,
            Some(_) => json!(false),
        },
        "approximateLastSignInDateTime": time_or_null(object.last_seen_at),
        "registrationDateTime": time(object.created_at),
    })
}

fn user(object: &ObjectRow) -> UserRow {
    UserRow {
        id: object.id.clone(),
        user_principal_name: object.user_principal_name.clone().unwrap_or_default(),
        display_name: object.display_name.clone(),
        preferred_language: object.preferred_language.clone(),
        mail: object.mail.clone(),
        account_enabled: object.account_enabled.unwrap_or_default(),
        break_glass: object.break_glass.unwrap_or_default(),
        created_at: object.created_at,
        updated_at: object.updated_at,
    }
}

fn group(object: &ObjectRow) -> GroupRow {
    GroupRow {
        id: object.id.clone(),
        display_name: object.display_name.clone(),
        description: object.description.clone(),
        mail_nickname: object.mail_nickname.clone().unwrap_or_default(),
        created_at: object.created_at,
        updated_at: object.updated_at,
    }
}
