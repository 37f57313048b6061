//! `/api/domains`: which devices met a site. Devices tell names only in alerts, so that is all there is to count.

use std::{collections::BTreeSet, time::Duration};

use axum::{
    Json,
    extract::{Path, RawQuery, State},
};
use moat_indicators::{Domain, UrlPattern};
use moat_model::{Evidence, Timestamp};
use serde_json::{Value, json};

use super::search;
use crate::{
    App,
    app::now,
    caller::{Caller, Role},
    db::Db,
    error::{Error, Result},
    json::{ApiResult, context, time},
    odata::decode_pairs,
};

/// Longest time to look back, and the default: 30 days.
const MAX_HOURS: u64 = 720;

/// `GET /api/domains/{domain}/stats?lookBackHours=`
pub async fn stats(
    State(app): State<App>,
    caller: Caller,
    Path(domain): Path<String>,
    RawQuery(raw): RawQuery,
) -> ApiResult<Json<Value>> {
    caller.require_any(&[Role::UrlReadAll])?;
    let domain = Domain::parse(&domain).map_err(|error| Error::invalid(error.code(), error))?;
    let since = now().saturating_sub(look_back(raw.as_deref().unwrap_or_default())?);
    let seen = seen(&app.db, domain.as_str(), since).await?;
    let devices: BTreeSet<&str> = seen.iter().map(|s| s.device.as_str()).collect();
    let or_null = |at: Option<i64>| at.map_or(Value::Null, |at| time(at).into());
    Ok(Json(json!({
        "@odata.context": context(&app, "microsoft.windowsDefenderATP.api.InOrgDomainStats"),
        "host": domain.as_str(),
        "organizationPrevalence": devices.len(),
        "orgPrevalence": devices.len().to_string(),
        "orgFirstSeen": or_null(seen.iter().map(|s| s.first).min()),
        "orgLastSeen": or_null(seen.iter().map(|s| s.last).max()),
    })))
}

fn look_back(query: &str) -> Result<Duration> {
    let wrong = || {
        Error::invalid(
            "InvalidInput",
            format!("lookBackHours must be a whole number from 1 to {MAX_HOURS}"),
        )
    };
    let pairs = decode_pairs(query).ok_or_else(wrong)?;
    let hours = match pairs
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("lookBackHours"))
    {
        None => MAX_HOURS,
        Some((_, text)) => text
            .parse()
            .ok()
            .filter(|h| (1..=MAX_HOURS).contains(h))
            .ok_or_else(wrong)?,
    };
    Ok(Duration::from_secs(hours * 3600))
}

struct Seen {
    device: String,
    first: i64,
    last: i64,
}

/// Alerts since then whose evidence names the domain or a subdomain.
async fn seen(db: &Db, domain: &str, since: Timestamp) -> Result<Vec<Seen>> {
    let rows = search::evidence_with(db, domain, since).await?;
    let names = |body: &str| match serde_json::from_str::<Evidence>(body) {
        Ok(Evidence::Site { value, .. }) => UrlPattern::parse(&value).is_ok_and(|url| covers(domain, url.host())),
        _ => false,
    };
    let seen = |(device, first, last, body): (String, i64, i64, String)| {
        names(&body).then(|| Seen {
            device,
            first: first.max(since.as_micros()),
            last,
        })
    };
    Ok(rows.into_iter().filter_map(seen).collect())
}

fn covers(domain: &str, host: &str) -> bool {
    host.strip_suffix(domain)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}
