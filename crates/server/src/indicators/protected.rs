//! Protected names: what belongs to the organisation, which no indicator and no feed may block or warn about.

use axum::{Json, extract::State};
use moat_indicators::{Domain, Prefix};
use moat_model::{Action, IndicatorType};
use serde::{Deserialize, Serialize};
use sqlx::{Any, Executor};

use crate::{
    App, Caller, Role, audit,
    db::{self, Transaction},
    error::{Error, Result},
    json::{ApiResult, Body},
};

/// Most names that are set.
const MAX_NAMES: usize = 200;
const FIELD: &str = "protectedNames";

/// Names with everything below them, and addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Protected {
    names: Vec<String>,
    ranges: Vec<Prefix>,
}

impl Protected {
    /// Reads names, addresses and ranges; the first that is none is named.
    pub fn parse(texts: &[String]) -> Result<Self> {
        let mut protected = Self::default();
        for text in texts.iter().map(|text| text.trim()).filter(|text| !text.is_empty()) {
            let text = text.strip_prefix("*.").unwrap_or(text);
            if let Ok(prefix) = Prefix::parse(text) {
                protected.ranges.push(prefix);
                continue;
            }
            match Domain::parse(text) {
                Ok(domain) => protected.names.push(domain.to_string()),
                Err(error) => {
                    let shown: String = text.chars().take(80).collect();
                    let rule = format!(": {shown:?} is neither a name such as corp.example nor an address: {error}");
                    return Err(Error::invalid_field("InvalidInput", FIELD, rule));
                }
            }
        }
        protected.names.sort();
        protected.names.dedup();
        protected.ranges.sort();
        protected.ranges.dedup();
        let count = protected.names.len() + protected.ranges.len();
        match count > MAX_NAMES {
            true => Err(Error::invalid_field(
                "InvalidInput",
                FIELD,
                format!(": {count} are more than {MAX_NAMES}"),
            )),
            false => Ok(protected),
        }
    }

    /// As they are typed: one a line.
    pub fn texts(&self) -> Vec<String> {
        let ranges = self.ranges.iter().map(ToString::to_string);
        self.names.iter().cloned().chain(ranges).collect()
    }

    /// What is protected of that which an indicator names: the name itself, one above it or one below it.
    pub fn touched_by(&self, kind: IndicatorType, canonical: &str) -> Option<String> {
        match kind {
            IndicatorType::DomainName => {
                let touched = |name: &&String| is_at_or_below(name, canonical) || is_at_or_below(canonical, name);
                self.names.iter().find(touched).cloned()
            }
            IndicatorType::Url => {
                let end = canonical.find(['/', '?']).unwrap_or(canonical.len());
                let host = canonical.get(..end).unwrap_or_default();
                match Prefix::parse(host.trim_start_matches('[').trim_end_matches(']')) {
                    Ok(prefix) => self.range_with(prefix),
                    // A URL covers its host, and not what is above or below that.
                    Err(_) => self.names.iter().find(|name| is_at_or_below(host, name)).cloned(),
                }
            }
            IndicatorType::IpAddress => self.range_with(Prefix::parse(canonical).ok()?),
            _ => None,
        }
    }

    fn range_with(&self, prefix: Prefix) -> Option<String> {
        let shared = |range: &&Prefix| range.contains(prefix.addr()) || prefix.contains(range.addr());
        self.ranges.iter().find(shared).map(ToString::to_string)
    }

    /// Refuses an indicator that would keep devices from what is protected.
    pub fn check(&self, kind: IndicatorType, canonical: &str, action: Action) -> Result<()> {
        if !matches!(action.enforced_as(), Action::Block | Action::Warn) {
            return Ok(());
        }
        match self.touched_by(kind, canonical) {
            None => Ok(()),
            Some(name) => {
                let rule = format!(
                    ": {name} is protected, because it belongs to this organisation: nothing at, above or below it may be \
                     blocked or warned about. Allow and Audit are possible; what is protected stands in the settings"
                );
                Err(Error::invalid_field("InvalidInput", "indicatorValue", rule))
            }
        }
    }
}

fn is_at_or_below(name: &str, above: &str) -> bool {
    name.strip_suffix(above)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// What administrators set.
pub async fn set_names(executor: impl Executor<'_, Database = Any>) -> Result<Protected> {
    match db::meta(executor, "protected_names").await? {
        Some(json) => Protected::parse(&serde_json::from_str::<Vec<String>>(&json).map_err(Error::internal)?),
        None => Ok(Protected::default()),
    }
}

/// All that is protected: what administrators set, and where this server is reached.
pub async fn all(app: &App, executor: impl Executor<'_, Database = Any>) -> Result<Protected> {
    let mut all = set_names(executor).await?;
    let own = own(app);
    all.names.extend(own.names);
    all.ranges.extend(own.ranges);
    Ok(all)
}

/// The names and addresses of this server itself.
pub fn own(app: &App) -> Protected {
    let base = app.base_url();
    let urls = [Some(&base), app.config.device_url.as_ref()];
    let host = |url: &String| Some(url.parse::<http::Uri>().ok()?.host()?.to_string());
    let hosts = urls
        .into_iter()
        .flatten()
        .filter_map(host)
        .chain(app.config.names.clone());
    let mut own = Protected::default();
    for host in hosts {
        let host = host
            .trim_start_matches("*.")
            .trim_start_matches('[')
            .trim_end_matches(']');
        match Prefix::parse(host) {
            // What a device calls loopback is the device itself.
            Ok(prefix) if !prefix.addr().is_loopback() => own.ranges.push(prefix),
            Ok(_) => {}
            Err(_) => own
                .names
                .extend(Domain::parse(host).ok().map(|domain| domain.to_string())),
        }
    }
    own.names.sort();
    own.names.dedup();
    own.ranges.sort();
    own.ranges.dedup();
    own
}

/// Sets the names. An indicator that blocks one of them already is to be deleted first.
pub async fn set(app: &App, caller: &Caller, texts: &[String]) -> Result<()> {
    caller.require_any(&[Role::MoatAdministrate])?;
    let after = Protected::parse(texts)?;
    let mut tx = app.db.begin().await?;
    let before = set_names(&mut *tx).await?;
    if before == after {
        return Ok(());
    }
    refuse_blocked(&mut tx, &after).await?;
    let json = serde_json::to_string(&after.texts()).map_err(Error::internal)?;
    db::set_meta(&mut tx, "protected_names", &json).await?;
    let change = audit::Change {
        action: "update",
        noun: "settings",
        id: "protected names",
        before: Some(&before.texts()),
        after: Some(&after.texts()),
    };
    audit::record(&mut tx, &caller.actor, change).await?;
    super::commit(app, tx).await
}

async fn refuse_blocked(tx: &mut Transaction, protected: &Protected) -> Result<()> {
    for (id, kind, canonical) in super::store::forbidding(tx).await? {
        let Ok(kind) = kind.parse() else { continue };
        if let Some(name) = protected.touched_by(kind, &canonical) {
            let rule = format!(": indicator {id} ({canonical}) blocks or warns about {name}: delete it first");
            return Err(Error::invalid_field("InvalidInput", FIELD, rule));
        }
    }
    Ok(())
}

/// `/admin/protected-names`
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Names {
    protected_names: Vec<String>,
    /// Where this server is reached: protected always.
    #[serde(skip_deserializing)]
    own: Vec<String>,
}

pub async fn admin_get(State(app): State<App>, caller: Caller) -> ApiResult<Json<Names>> {
    caller.require_any(&[Role::MoatAdministrate])?;
    Ok(Json(Names {
        protected_names: set_names(app.db.read()).await?.texts(),
        own: own(&app).texts(),
    }))
}

pub async fn admin_put(State(app): State<App>, caller: Caller, Body(names): Body<Names>) -> ApiResult<Json<Names>> {
    set(&app, &caller, &names.protected_names).await?;
    admin_get(State(app), caller).await
}

/// Names as they are typed in a form: one a line, or with commas.
pub fn typed(text: &str) -> Vec<String> {
    text.split(['\n', '\r', ',', ' ', '\t']).map(String::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_at_above_or_below_a_protected_name_may_be_blocked() {
        let names = ["Portal.Corp.Example.", "*.own.example", "192.0.2.0/28", ""].map(String::from);
        let protected = Protected::parse(&names).unwrap();
        use IndicatorType::{DomainName as D, IpAddress as I, Url as U};
        for (kind, value, touched) in [
            (D, "portal.corp.example", true),
            (D, "corp.example", true),
            (D, "www.portal.corp.example", true),
            (D, "otherportal.corp.example", false),
            (D, "l.corp.example", false),
            (D, "own.example", true),
            (U, "portal.corp.example/x", true),
            (U, "corp.example/x", false),
            (U, "a.own.example/", true),
            (U, "192.0.2.7/x", true),
            (I, "192.0.2.7", true),
            (I, "192.0.0.0/16", true),
            (I, "198.51.100.1", false),
            (
                IndicatorType::FileSha1,
                "da39a3ee5e6b4b0d3255bfef95601890afd80709",
                false,
            ),
        ] {
            assert_eq!(protected.touched_by(kind, value).is_some(), touched, "{value}");
            let blocked = protected.check(kind, value, Action::AlertAndBlock);
            assert_eq!(blocked.is_err(), touched, "{value}");
            assert!(protected.check(kind, value, Action::Alert).is_ok());
        }
        let wrong = Protected::parse(&["corp".to_string()]).unwrap_err().to_string();
        assert!(wrong.starts_with("protectedNames: \"corp\" is neither"), "{wrong}");
    }
}
