//! Saved views over a list: links, a form to save the present filters, and a way to delete.

use super::{List, ViewRow};
use crate::{
    App,
    accounts::{
        Session,
        session::{Fields, Form},
    },
    caller::Actor,
    console::{Frame, Inputs, Wrong, address, back_to},
    error::{Error, Result},
};

pub const FORM: &str = "view";
const INPUTS: Inputs = &[("name", "viewName", "view-name"), ("address", "", "view-filters")];

/// What only says where in a list one is.
const PLACE: [&str; 3] = ["skip", "after", "before"];

/// The address of a list with its filters in one order, and without the place in it.
fn filtered(list: List, here: &str) -> String {
    let pairs = Fields::of_address(here);
    let mut pairs: Vec<_> = pairs
        .iter()
        .filter(|(name, value)| !PLACE.contains(name) && !value.is_empty())
        .collect();
    pairs.sort_unstable();
    address(list.path(), &pairs)
}

/// The views of a list as its page shows them.
pub struct Views {
    pub list: &'static str,
    pub shown: Vec<Shown>,
    /// The list as it is filtered now; nothing when it is not.
    pub now: Option<String>,
    pub may_share: bool,
    pub name: String,
    pub share: bool,
}

pub struct Shown {
    pub view: ViewRow,
    /// Whether the list shows it now.
    pub on: bool,
    pub own: bool,
    pub may_delete: bool,
}

impl Views {
    pub async fn of(app: &App, session: &Session, list: List, here: &str, typed: &Fields) -> Result<Self> {
        let caller = session.caller();
        let (now, may_share) = (filtered(list, here), super::may_share(&caller, list));
        let shown = |view: ViewRow| {
            let own = matches!(&caller.actor, Actor::Administrator { id, .. } if *id == view.administrator_id);
            Shown {
                on: view.address == now,
                own,
                may_delete: own || may_share,
                view,
            }
        };
        Ok(Self {
            list: list.path(),
            shown: super::list(app, &caller, list).await?.into_iter().map(shown).collect(),
            may_share,
            name: typed.get("viewName").to_string(),
            share: typed.is("viewShared", "on"),
            now: Some(now).filter(|now| now != list.path()),
        })
    }

    pub fn may_delete_any(&self) -> bool {
        self.shown.iter().any(|shown| shown.may_delete)
    }
}

/// Saves the filters of the page that a form was sent from: where to go then, or what is wrong.
pub async fn save(app: &App, form: &Form, list: List) -> Result<Result<String, Wrong>> {
    let back = back_to(list.path(), form.fields.get("back"));
    let (caller, fields) = (form.session.caller(), &form.fields);
    let (address, shared) = (filtered(list, &back), fields.is("viewShared", "on"));
    match super::save(app, &caller, list, fields.get("viewName"), &address, shared).await {
        Ok(()) => Ok(Ok(address)),
        Err(error) => {
            let frame = Frame::new(&form.session, list.path());
            Wrong::said(&frame, FORM, error, INPUTS).map(Err)
        }
    }
}

/// Deletes a view and says where to go then.
pub async fn delete(app: &App, form: &Form, list: List, id: &str) -> Result<String> {
    match super::delete(app, &form.session.caller(), list, id).await {
        // A second click on the same button: it is gone, as wanted.
        Ok(()) | Err(Error::NotFound(_)) => Ok(back_to(list.path(), form.fields.get("back"))),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_is_its_filters_in_one_order_and_no_place() {
        for (here, expected) in [
            ("/alerts?severity=High&q=a+b&skip=100", "/alerts?q=a%20b&severity=High"),
            ("/alerts?q=a%20b&severity=High", "/alerts?q=a%20b&severity=High"),
            ("/alerts?status=&skip=100", "/alerts"),
            ("https://evil.example/x?q=a", "/alerts?q=a"),
        ] {
            assert_eq!(filtered(List::Alerts, here), expected);
        }
        let device = filtered(List::Devices, "/devices?after=x&filter=high");
        assert_eq!(device, "/devices?filter=high");
    }
}
