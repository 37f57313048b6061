//! What the pages of policies share: guided forms with steps, assignments, who is affected, versions, export.

pub mod form;
pub mod targets;
mod versions;
mod yaml;

use askama::Template;
use axum::response::{IntoResponse as _, Redirect, Response};
use moat_model::PolicyId;
use serde_json::Value;

use super::{
    Kind, PolicyRow,
    versions::{Difference, TARGETS},
};
use crate::{
    App,
    accounts::{Session, session::Fields},
    caller::Caller,
    console::{ConsoleError, Frame, Html, Wrong},
    edition::Expected,
    error::{Error, Result},
    groups,
    language::Language,
    odata,
};
use form::{FORM, Input, Part, Shape, Step};

pub use versions::{page as versions_page, restore};
pub use yaml::download;

/// Devices or apps that a preview names.
pub const NAMED: usize = 20;
/// Policies of a page of a list.
pub const PAGE: u64 = 100;

/// What the pages of one kind of policy are called, and where they are.
pub struct About {
    pub kind: Kind,
    /// Address of the list.
    pub base: &'static str,
    /// Messages: the title of the list, that of a new policy, the sentence of the form.
    pub all: &'static str,
    pub new: &'static str,
    pub form_lead: &'static str,
    /// A page of what the policy came to: its address below the policy, and its message. Empty for none.
    pub outcome: (&'static str, &'static str),
    /// Whether a draft can be tried.
    pub previews: bool,
    /// The settings that are told in a table.
    pub parts: &'static [Part],
}

impl About {
    /// What a property is called; its last part where it has no label.
    pub fn label(&self, path: &str, language: &Language) -> String {
        let name = path.rsplit('.').next().unwrap_or(path);
        let mut fields = self.parts.iter().flat_map(|part| part.fields);
        match fields.find(|field| field.name == name) {
            Some(field) => language.t(field.label),
            None if name == "displayName" => language.t("policy-name"),
            None if name == "description" => language.t("policy-description"),
            None if name == TARGETS => language.t("policy-assign-title"),
            None => path.trim_start_matches("body.").to_string(),
        }
    }
}

/// The form of a policy.
#[derive(Template)]
#[template(path = "policy.html")]
pub struct PolicyPage {
    pub frame: Frame,
    pub about: &'static About,
    pub title: String,
    /// Of the stored policy; none for a new one.
    pub id: Option<String>,
    /// The id that a new one gets.
    pub fresh: String,
    /// The policy that a new one is a copy of.
    pub from: String,
    /// The edition that the form was filled from.
    pub edition: i64,
    pub steps: Vec<Step>,
    pub writable: bool,
    pub wrong: Wrong,
    /// What somebody else saved meanwhile: label, stored now, typed here.
    pub conflicts: Vec<(String, String, String)>,
    pub affected: Option<Affected>,
    /// What keeps it from doing what it says.
    pub notes: Vec<String>,
    pub locked_out: Option<String>,
    pub saved: bool,
    /// What else goes with the form.
    pub hidden: Vec<(&'static str, String)>,
}

/// Who is affected by what is typed.
#[derive(Default)]
pub struct Affected {
    pub counts: Vec<Count>,
    /// Sentences below the counts.
    pub texts: Vec<String>,
    pub rows: Vec<AffectedRow>,
    /// What is wrong with the draft, so that nothing can be told.
    pub wrong: String,
}

pub struct Count {
    pub number: usize,
    pub label: String,
    /// A class and a shape of its mark; empty for none.
    pub class: &'static str,
    pub shape: &'static str,
}

pub struct AffectedRow {
    pub link: String,
    pub name: String,
    pub class: &'static str,
    pub shape: &'static str,
    pub word: String,
    pub why: String,
}

/// What a form is about, as it was sent: a stored policy, or a new one.
pub struct Subject {
    pub id: Option<PolicyId>,
    /// The id that a new one gets.
    pub fresh: PolicyId,
    pub from: Option<PolicyId>,
    pub edition: i64,
}

impl Subject {
    pub fn new(from: Option<PolicyId>) -> Self {
        Self {
            id: None,
            fresh: super::new_id(),
            from,
            edition: 0,
        }
    }

    pub fn of(row: &PolicyRow) -> Result<Self> {
        Ok(Self {
            id: Some(row.id.parse().map_err(Error::internal)?),
            fresh: super::new_id(),
            from: None,
            edition: row.updated_at,
        })
    }

    /// As the hidden inputs of a form say.
    pub fn typed(fields: &Fields, id: Option<PolicyId>) -> Self {
        let parse = |name: &str| fields.get(name).parse::<PolicyId>().ok();
        Self {
            id: id.or_else(|| parse("policy")),
            fresh: parse("fresh").unwrap_or_else(super::new_id),
            from: parse("from"),
            edition: fields.get("edition").parse().unwrap_or(0),
        }
    }

    /// The stored policy that the form began with.
    pub fn base(&self) -> Option<PolicyId> {
        self.id.or(self.from)
    }

    pub fn expected(&self) -> Expected {
        Expected::OneOf(vec![self.edition])
    }
}

/// A form that is shown, before anything is said about it.
pub fn page(
    about: &'static About,
    session: &Session,
    subject: &Subject,
    title: String,
    steps: Vec<Step>,
) -> PolicyPage {
    PolicyPage {
        frame: Frame::new(session, about.base),
        title,
        id: subject.id.map(|id| id.to_string()),
        fresh: subject.fresh.to_string(),
        from: subject.from.map(|id| id.to_string()).unwrap_or_default(),
        edition: subject.edition,
        steps,
        writable: session
            .caller()
            .require_any(super::versions::write_roles(about.kind))
            .is_ok(),
        wrong: Wrong::default(),
        conflicts: Vec::new(),
        affected: None,
        notes: Vec::new(),
        locked_out: None,
        saved: false,
        hidden: Vec::new(),
        about,
    }
}

impl PolicyPage {
    pub fn respond(self) -> Result<Response, ConsoleError> {
        Html(self).respond()
    }

    /// Says what was refused at the inputs that can mend it.
    pub fn refuse(&mut self, error: Error) -> Result<()> {
        self.wrong = form::refused(&self.steps, error, &self.frame.language)?;
        Ok(())
    }

    /// Shows what somebody else stored meanwhile beside what was typed. Saving again is then knowing.
    pub fn conflict(&mut self, stored: &PolicyRow, before: &Value, typed: &Value) {
        let differences = super::versions::differences(before, typed);
        self.edition = stored.updated_at;
        self.conflicts = differences
            .into_iter()
            .map(|Difference { path, before, after }| {
                let said = |value: Option<String>| value.unwrap_or_else(|| "–".into());
                (self.label(&path), said(before), said(after))
            })
            .collect();
        self.wrong = Wrong::new(FORM);
        self.wrong.add("", self.frame.t("policy-changed-meanwhile"));
    }

    /// Whether something in the step was refused.
    fn is_wrong(&self, step: &Step) -> bool {
        step.inputs
            .iter()
            .any(|input| self.wrong.at(FORM, input.name).is_some())
    }

    fn label(&self, path: &str) -> String {
        let name = path.rsplit('.').next().unwrap_or(path);
        let mut inputs = self.steps.iter().flat_map(|step| &step.inputs);
        let input = inputs.find(|input| input.name == name);
        input.map_or_else(|| path.to_string(), |input| input.label.clone())
    }
}

/// Back to the policy after it was saved.
pub fn saved(about: &About, id: &impl std::fmt::Display) -> Response {
    Redirect::to(&format!("{}/{id}?saved=1", about.base)).into_response()
}

/// The first step: what every policy is called.
pub fn basics(title: &str, fields: &Fields, with_description: bool, language: &Language) -> Step {
    let text = |name: &'static str, label: &str| Input {
        name,
        label: language.t(label),
        hint: String::new(),
        shape: Shape::Text {
            value: fields.get(name).to_string(),
            numeric: false,
        },
    };
    let mut inputs = vec![text("displayName", "policy-name")];
    if with_description {
        inputs.push(text("description", "policy-description"));
    }
    Step {
        title: language.t(title),
        inputs,
        ..Step::default()
    }
}

/// A copy's name.
pub fn copy_of(name: &str, language: &Language) -> String {
    language.with("policy-copy-of", [("name", name)])
}

/// Whether the name that must be typed to delete it was typed.
pub fn confirmed(fields: &Fields, row: &PolicyRow, language: &Language) -> Result<(), Wrong> {
    if fields.get("confirm").trim() == row.display_name.trim() {
        return Ok(());
    }
    let mut wrong = Wrong::new("delete");
    wrong.add(
        "confirm",
        language.with("policy-wrong-name", [("name", &row.display_name)]),
    );
    Err(wrong)
}

/// The id in an address.
pub fn parse(kind: Kind, id: &str) -> Result<PolicyId> {
    let shown = || id.chars().take(80).collect::<String>();
    id.parse().map_err(|_| Error::not_found(kind.noun(), shown()))
}

/// Groups that can be chosen, by name.
pub async fn groups(app: &App, caller: &Caller) -> Result<Vec<(String, String)>> {
    let query = odata::Query::parse(Some("$top=1000"))?;
    let page = groups::list(app, caller, &query).await?;
    Ok(page
        .rows
        .into_iter()
        .map(|group| (group.id, group.display_name))
        .collect())
}

/// Whom policies are assigned to, for people.
pub fn assigned(targets: &[moat_model::Target], groups: &[(String, String)], language: &Language) -> String {
    use moat_model::Target;
    let name = |id: &moat_model::GroupId| {
        let id = id.to_string();
        let group = groups.iter().find(|(group, _)| *group == id);
        group.map_or(id.clone(), |(_, name)| name.clone())
    };
    let words: Vec<String> = targets
        .iter()
        .map(|target| match target {
            Target::AllUsers => language.t("policy-assign-all-users"),
            Target::AllDevices => language.t("policy-assign-all-devices"),
            Target::Group { group_id } => name(group_id),
            Target::ExcludedGroup { group_id } => language.with("policy-assign-not", [("group", &name(group_id))]),
        })
        .collect();
    match words.as_slice() {
        [] => language.t("policy-assign-nobody"),
        words => words.join(", "),
    }
}
