//! What another set of policies would change: which devices would come in that do not now, and the other way round.

use std::sync::Arc;

use moat_model::{Timestamp, conditional_access::ApplicationId};
use moat_policy::{Reason, conditional_access::PolicySet};

use super::{
    apps::{Client, Protection},
    memory::{Asked, Decision, Known},
};

/// What is assumed of all requests.
#[derive(Debug, Clone, Copy)]
pub struct Assumed {
    /// Address, country, second factor.
    pub asked: Asked,
    /// From an app with app protection, where one on the device would be open now; otherwise from a browser.
    pub from_app: bool,
    pub now: Timestamp,
}

/// The devices in use, as one application's gateway would see them.
#[derive(Debug, Default)]
pub struct Impact {
    pub allowed_before: usize,
    pub allowed_after: usize,
    pub lose: Moved,
    pub gain: Moved,
}

#[derive(Debug, Default)]
pub struct Moved {
    pub count: usize,
    /// The first of them, with the reasons that stand against them: after the change for those that lose, before it for
    /// those that gain.
    pub first: Vec<(Arc<Known>, Vec<Reason>)>,
}

/// Everything that decisions are made from, at one moment.
pub struct Snapshot {
    pub known: Vec<Arc<Known>>,
    pub protection: Arc<Protection>,
    pub before: Arc<PolicySet>,
}

impl Snapshot {
    /// Compares two sets of policies over all devices; `most` bounds how many devices are named each way.
    pub fn compare(&self, after: &PolicySet, application: ApplicationId, assumed: &Assumed, most: usize) -> Impact {
        let mut impact = Impact::default();
        for known in self.known.iter().filter(|known| !known.revoked) {
            if !Decision::baseline(None, &known.subject()).allowed {
                continue;
            }
            let client = match assumed.from_app {
                true => Client::any_app(known.holder(), known.apps.as_deref(), &self.protection, assumed.now),
                false => Client::BROWSER,
            };
            let sign_in = known.sign_in(application, &assumed.asked, &client);
            let (was, is) = (self.before.allows(&sign_in), after.allows(&sign_in));
            impact.allowed_before += usize::from(was);
            impact.allowed_after += usize::from(is);
            let (moved, against) = match (was, is) {
                (true, false) => (&mut impact.lose, after),
                (false, true) => (&mut impact.gain, &*self.before),
                _ => continue,
            };
            moved.count += 1;
            if moved.first.len() < most {
                moved
                    .first
                    .push((Arc::clone(known), against.evaluate(&sign_in).reasons));
            }
        }
        impact
    }
}
