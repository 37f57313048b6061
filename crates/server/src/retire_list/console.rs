//! The page of devices that wait for somebody's word.

use askama::Template;
use axum::{
    extract::State,
    http::Uri,
    response::{IntoResponse as _, Redirect, Response},
};

use super::{Decision, ScheduledRow, WRITE, Which};
use crate::{
    App,
    accounts::{Session, session::Fields, session::Form},
    console::{ConsoleError, Frame, Html, Pager, Wrong, here, words},
    error::Error,
    odata,
};

const PAGE: &str = "/retire-list";
const ROWS: u64 = 100;

#[derive(Template)]
#[template(path = "retire_list.html")]
struct Page {
    frame: Frame,
    rows: Vec<ScheduledRow>,
    pager: Pager,
    wrong: Wrong,
    chosen: Vec<String>,
    may_decide: bool,
}

impl Page {
    fn is_chosen(&self, row: &ScheduledRow) -> bool {
        self.chosen.contains(&row.device_id)
    }
}

pub async fn list(State(app): State<App>, session: Session, uri: Uri) -> Result<Response, ConsoleError> {
    let skip = Fields::of_address(&here(&uri)).text("skip");
    let skip = skip.and_then(|skip| skip.parse().ok()).unwrap_or(0);
    render(&app, &session, skip, Wrong::default(), Vec::new()).await
}

/// Confirming takes the word that the page shows; taking off the list needs none.
pub async fn decide(State(app): State<App>, form: Form) -> Result<Response, ConsoleError> {
    let frame = Frame::new(&form.session, PAGE);
    let decision = match form.fields.get("decision") {
        "confirm" => Decision::Confirm,
        "cancel" => Decision::Cancel,
        other => return Err(Error::invalid("InvalidInput", format!("{other:?} is no decision")).into()),
    };
    let chosen = form.fields.all("id");
    let mut wrong = Wrong::new("decide");
    if chosen.is_empty() {
        wrong.add("", frame.t("retire-choose"));
    } else if decision == Decision::Confirm && form.fields.get("confirm").trim() != frame.t("retire-word") {
        wrong.add(
            "confirm",
            frame.with("retire-type", [("word", &frame.t("retire-word"))]),
        );
    }
    if !wrong.is_empty() {
        return render(&app, &form.session, 0, wrong, chosen).await;
    }
    let ids: Result<Vec<_>, _> = chosen.iter().map(|id| id.parse()).collect();
    let ids = ids.map_err(|_| Error::invalid("InvalidInput", "there is no such device"))?;
    match super::decide(&app, &form.session.caller(), decision, Which::These(ids)).await {
        Ok(_) => Ok(Redirect::to(PAGE).into_response()),
        // Off the list meanwhile, as after a second click.
        Err(Error::Invalid { .. }) => {
            let mut wrong = Wrong::new("decide");
            wrong.add("", frame.t("retire-changed"));
            render(&app, &form.session, 0, wrong, chosen).await
        }
        Err(error) => Err(error.into()),
    }
}

async fn render(
    app: &App,
    session: &Session,
    skip: u64,
    wrong: Wrong,
    chosen: Vec<String>,
) -> Result<Response, ConsoleError> {
    let caller = session.caller();
    let query = odata::Query::parse(Some(&format!("$top={ROWS}&$skip={skip}")))?;
    let page = super::list(app, &caller, &query).await?;
    Html(Page {
        frame: Frame::new(session, PAGE),
        pager: Pager::new(PAGE, &[], skip, ROWS, page.has_more),
        rows: page.rows,
        wrong,
        chosen,
        may_decide: caller.require_any(WRITE).is_ok(),
    })
    .respond()
}
