//! `POST /identity/conditionalAccess/evaluate`: What If.

use axum::extract::State;
use moat_model::{
    UserId,
    conditional_access::{SignInIdentity, WhatIfRequest},
};
use moat_policy::conditional_access::{User, WhatIfResult};
use serde_json::{Value, json};

use super::{READ, graph::render};
use crate::{
    App,
    access::Member,
    accounts,
    caller::Caller,
    error::{Error, Result},
    graph::{self, Graph},
    json::{ApiResult, Body},
    policies::{self, Kind, PolicyRow},
    users,
};

pub async fn evaluate(State(app): State<App>, caller: Caller, graph: Graph, Body(body): Body<Value>) -> ApiResult {
    let mut fields = graph::object(body)?;
    fields.retain(|name, _| !name.starts_with("@odata"));
    let request: WhatIfRequest = serde_json::from_value(Value::Object(fields))
        .map_err(|error| Error::invalid("BadRequest", format!("the request is not understood: {error}")))?;
    let mut value = Vec::new();
    for (row, result) in ask(&app, &caller, &request).await? {
        let mut entity = render(&app, &row)?;
        entity["@odata.type"] = "#microsoft.graph.whatIfAnalysisResult".into();
        entity["policyApplies"] = result.policy_applies.into();
        entity["analysisReasons"] = json!(result.analysis_reasons);
        value.push(entity);
    }
    Ok(graph.whole("Collection(microsoft.graph.whatIfAnalysisResult)", value))
}

/// Which policies would apply to a sign-in, and why the others would not.
pub async fn ask(app: &App, caller: &Caller, request: &WhatIfRequest) -> Result<Vec<(PolicyRow, WhatIfResult)>> {
    caller.require_any(READ)?;
    let found = match &request.sign_in_identity {
        SignInIdentity::User { user_id, .. } => Some(member(app, *user_id).await?),
        SignInIdentity::ServicePrincipal { .. } => None,
    };
    let user = found.as_ref().map(|member| User {
        id: member.id,
        groups: &member.groups,
        roles: &member.roles,
        guest: false,
    });
    let mut rows = Vec::new();
    for result in app.access.policies().what_if(request, user) {
        rows.push((
            policies::get(app, Kind::ConditionalAccess, result.policy).await?,
            result,
        ));
    }
    Ok(rows)
}

async fn member(app: &App, user: UserId) -> Result<Member> {
    let row = users::find(app, &user.to_string())
        .await
        .map_err(|_| Error::invalid("BadRequest", format!("signInIdentity.userId: there is no user {user}")))?;
    let mut connection = app.db.read().acquire().await?;
    Ok(Member {
        id: user,
        groups: super::groups_of(&mut connection, &row.id).await?,
        roles: accounts::roles_of_users(&mut connection)
            .await?
            .remove(&row.id)
            .unwrap_or_default(),
    })
}
