//! Whom a policy reaches, and what its conditional launch would make of their apps now: a draft's too, storing nothing.

use std::{collections::BTreeSet, sync::Arc};

use moat_policy::{Reason, app_protection::LaunchAction};

use super::{Draft, READ, lease::Applying};
use crate::{
    App,
    access::Known,
    app::now,
    caller::Caller,
    error::{Error, Result},
    policies,
};

/// What a policy would do to the apps that checked in.
#[derive(Debug, Default)]
pub struct Reach {
    /// Apps that checked in, of every device in use.
    pub all: usize,
    pub apps: usize,
    pub users: usize,
    pub devices: usize,
    pub warned: usize,
    pub blocked: usize,
    pub wiped: usize,
    /// The first of the reached, the harshest outcome first.
    pub first: Vec<ReachedApp>,
}

#[derive(Debug, Clone)]
pub struct ReachedApp {
    pub device_id: String,
    pub device_name: String,
    pub bundle_id: String,
    pub app_version: String,
    pub action: LaunchAction,
    /// When it checked in last, in microseconds.
    pub last_check_in: i64,
    pub reasons: Vec<Reason>,
}

/// Judges every app that checked in by the draft alone; `most` bounds how many are named.
pub async fn of(app: &App, caller: &Caller, draft: Draft, most: usize) -> Result<Reach> {
    caller.require_any(READ)?;
    draft.body.checked()?;
    let policy = Applying::new(
        policies::new_id(),
        draft.display_name,
        draft.body,
        draft.targets.unwrap_or_default(),
    );
    let snapshot = app.access.snapshot();
    let judge = move || {
        let (mut reach, mut found, mut users) = (Reach::default(), Vec::new(), BTreeSet::new());
        for known in snapshot.known.iter().filter(|known| !known.revoked) {
            let reached = apps_of(&mut reach, known, &policy, &snapshot.protection);
            if !reached.is_empty() {
                reach.devices += 1;
                users.extend(known.user.as_ref().map(|user| user.id));
            }
            found.extend(reached);
        }
        reach.users = users.len();
        found.sort_by(|a, b| (b.action, &a.device_name, &a.bundle_id).cmp(&(a.action, &b.device_name, &b.bundle_id)));
        found.truncate(most);
        reach.first = found;
        reach
    };
    tokio::task::spawn_blocking(judge).await.map_err(Error::internal)
}

fn apps_of(
    reach: &mut Reach,
    known: &Arc<Known>,
    policy: &Applying,
    protection: &crate::access::apps::Protection,
) -> Vec<ReachedApp> {
    let Some(apps) = known.apps.as_deref() else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for app in apps.registered.values() {
        reach.all += 1;
        let Some(decision) = apps.under(app, known.holder(), policy, protection, now()) else {
            continue;
        };
        reach.apps += 1;
        match decision.action {
            LaunchAction::Allow => {}
            LaunchAction::Warn | LaunchAction::ResetPin => reach.warned += 1,
            LaunchAction::Block => reach.blocked += 1,
            LaunchAction::Wipe => reach.wiped += 1,
        }
        found.push(ReachedApp {
            device_id: known.id.to_string(),
            device_name: known.device.attributes.display_name.clone().unwrap_or_default(),
            bundle_id: app.bundle_id.clone(),
            app_version: app.app_version.clone(),
            action: decision.action,
            last_check_in: app.last_check_in.as_micros(),
            reasons: decision.findings.into_iter().map(|finding| finding.reason).collect(),
        });
    }
    found
}
