//! The pages of named locations.

use askama::Template;
use axum::{
    extract::{Path, State},
    http::Uri,
    response::{IntoResponse as _, Redirect, Response},
};
use moat_model::conditional_access::{CountryNamedLocation, IpNamedLocation, IpRange, NamedLocation};
use serde_json::json;

use super::location_of;
use crate::{
    App,
    accounts::{
        Session,
        session::{Fields, Form},
    },
    conditional_access::{READ, WRITE},
    console::{ConsoleError, Frame, Html, Pager, Wrong, here, words},
    edition::Expected,
    error::{Error, Result},
    language::Language,
    odata,
    policies::{
        self, Kind, PolicyRow,
        console::{
            self as pages, About, PAGE, PolicyPage, Subject,
            form::{self, Field, Kind::*, Part, field},
        },
    },
};

const IP: &str = "ip";
const COUNTRY: &str = "country";

const NETWORK: &[Field] = &[
    field("ipRanges", "location-ranges", "location-ranges-hint", Lines),
    field(
        "isTrusted",
        "location-trusted",
        "location-trusted-hint",
        Switch("choice-no", "choice-yes"),
    ),
];
const COUNTRIES: &[Field] = &[
    field(
        "countriesAndRegions",
        "location-countries",
        "location-countries-hint",
        Lines,
    ),
    field(
        "includeUnknownCountriesAndRegions",
        "location-unknown",
        "",
        Switch("choice-no", "choice-yes"),
    ),
];

const PARTS: &[Part] = &[
    Part {
        title: "location-network",
        text: "location-network-text",
        fields: NETWORK,
    },
    Part {
        title: "location-country",
        text: "location-country-text",
        fields: COUNTRIES,
    },
];

pub const ABOUT: About = About {
    kind: Kind::NamedLocation,
    base: "/policies/locations",
    all: "location-all",
    new: "location-new",
    form_lead: "location-form-lead",
    outcome: ("", ""),
    previews: false,
    parts: PARTS,
};

#[derive(Template)]
#[template(path = "locations.html")]
struct ListPage {
    frame: Frame,
    rows: Vec<Row>,
    writable: bool,
    pager: Pager,
}

struct Row {
    policy: PolicyRow,
    kind: String,
    text: String,
    trusted: bool,
}

pub async fn list(State(app): State<App>, session: Session, uri: Uri) -> Result<Response, ConsoleError> {
    let caller = session.caller();
    caller.require_any(READ)?;
    let skip = Fields::of_address(&here(&uri)).get("skip").parse().unwrap_or(0);
    let query = odata::Query::parse(Some(&format!("$top={PAGE}&$skip={skip}")))?;
    let page = policies::store::page(&app.db, Kind::NamedLocation, &query).await?;
    let frame = Frame::new(&session, ABOUT.base);
    let rows: Result<Vec<Row>> = page.rows.into_iter().map(|row| told(row, &frame.language)).collect();
    Html(ListPage {
        rows: rows?,
        frame,
        writable: caller.require_any(WRITE).is_ok(),
        pager: Pager::new(ABOUT.base, &[], skip, PAGE, page.has_more),
    })
    .respond()
}

fn told(row: PolicyRow, language: &Language) -> Result<Row> {
    Ok(match location_of(&row)? {
        NamedLocation::Ip(ip) => Row {
            policy: row,
            kind: language.t("location-network"),
            text: ip.ip_ranges.iter().map(cidr).collect::<Vec<_>>().join(", "),
            trusted: ip.is_trusted,
        },
        NamedLocation::Country(country) => Row {
            policy: row,
            kind: language.t("location-country"),
            text: codes(&country).join(", "),
            trusted: false,
        },
    })
}

fn cidr(range: &IpRange) -> &str {
    let (IpRange::V4 { cidr_address } | IpRange::V6 { cidr_address }) = range;
    cidr_address
}

fn codes(country: &CountryNamedLocation) -> Vec<String> {
    country.countries_and_regions.iter().map(ToString::to_string).collect()
}

pub async fn blank(State(app): State<App>, session: Session, uri: Uri) -> Result<Response, ConsoleError> {
    let caller = session.caller();
    caller.require_any(WRITE)?;
    let query = Fields::of_address(&here(&uri));
    let from = query.text("from").map(|id| pages::parse(ABOUT.kind, &id)).transpose()?;
    let typed = match from {
        Some(id) => {
            let row = super::get(&app, &caller, id).await?;
            let name = pages::copy_of(&row.display_name, &session.language);
            shown(&location_of(&row)?, &name)
        }
        None if query.is("kind", COUNTRY) => shown(&NamedLocation::Country(CountryNamedLocation::default()), ""),
        None => shown(&NamedLocation::Ip(IpNamedLocation::default()), ""),
    };
    open(&app, &session, &Subject::new(from), &typed).await?.respond()
}

pub async fn edit(
    State(app): State<App>,
    session: Session,
    Path(id): Path<String>,
    uri: Uri,
) -> Result<Response, ConsoleError> {
    let row = super::get(&app, &session.caller(), pages::parse(ABOUT.kind, &id)?).await?;
    let mut page = stored(&app, &session, &row).await?;
    page.saved = Fields::of_address(&here(&uri)).is("saved", "1");
    page.respond()
}

async fn stored(app: &App, session: &Session, row: &PolicyRow) -> Result<PolicyPage> {
    let typed = shown(&location_of(row)?, &row.display_name);
    open(app, session, &Subject::of(row)?, &typed).await
}

/// A location as it stands in the form.
fn shown(location: &NamedLocation, name: &str) -> Fields {
    let mut value = json!(location);
    let kind = match location {
        NamedLocation::Ip(ip) => {
            value["ipRanges"] = ip.ip_ranges.iter().map(cidr).collect();
            IP
        }
        NamedLocation::Country(_) => COUNTRY,
    };
    let mut fields = form::show(PARTS, &value);
    fields.push(("displayName".into(), name.to_string()));
    fields.push(("kind".into(), kind.into()));
    fields.into_iter().collect()
}

async fn open(app: &App, session: &Session, subject: &Subject, typed: &Fields) -> Result<PolicyPage> {
    let language = &session.language;
    let part = &PARTS[usize::from(typed.is("kind", COUNTRY))];
    let steps = vec![
        pages::basics("policy-basics", typed, false, language),
        form::step(part, typed, language),
    ];
    let title = match subject.id {
        Some(id) => super::get(app, &session.caller(), id).await?.display_name,
        None => language.t(ABOUT.new),
    };
    let mut page = pages::page(&ABOUT, session, subject, title, steps);
    page.hidden.push(("kind", typed.get("kind").to_string()));
    Ok(page)
}

/// The location that is typed, or what is wrong with it.
fn read(typed: &Fields, language: &Language) -> Result<Result<NamedLocation, Wrong>> {
    let mut wrong = Wrong::new(form::FORM);
    let display_name = typed.get("displayName").trim().to_string();
    if display_name.is_empty() {
        wrong.add("displayName", language.t("policy-wrong-no-name"));
    }
    let location = match typed.get("kind") {
        COUNTRY => {
            let mut codes = Vec::new();
            for code in typed.get("countriesAndRegions").split([',', '\n', ' ']).map(str::trim) {
                match code.to_ascii_uppercase().parse() {
                    _ if code.is_empty() => {}
                    Ok(code) => codes.push(code),
                    Err(_) => {
                        let shown: String = code.chars().take(80).collect();
                        let text = language.with("location-wrong-country", [("code", &shown)]);
                        wrong.add("countriesAndRegions", text);
                    }
                }
            }
            NamedLocation::Country(CountryNamedLocation {
                display_name,
                countries_and_regions: codes,
                include_unknown_countries_and_regions: typed.is("includeUnknownCountriesAndRegions", "true"),
                ..CountryNamedLocation::default()
            })
        }
        IP => NamedLocation::Ip(IpNamedLocation {
            display_name,
            is_trusted: typed.is("isTrusted", "true"),
            ip_ranges: form::lines(typed.get("ipRanges")).map(range).collect(),
            ..IpNamedLocation::default()
        }),
        _ => return Err(Error::invalid("BadRequest", "kind: ip or country")),
    };
    Ok(match wrong.is_empty() {
        true => Ok(location),
        false => Err(wrong),
    })
}

fn range(text: &str) -> IpRange {
    let cidr_address = text.to_string();
    match text.contains(':') {
        true => IpRange::V6 { cidr_address },
        false => IpRange::V4 { cidr_address },
    }
}

pub async fn create(State(app): State<App>, sent: Form) -> Result<Response, ConsoleError> {
    let subject = Subject::typed(&sent.fields, None);
    let made = match read(&sent.fields, &sent.session.language)? {
        Ok(location) => super::create(&app, &sent.session.caller(), subject.fresh, &location).await,
        Err(wrong) => return refused(&app, &sent, &subject, Err(wrong)).await,
    };
    match made {
        // A second click on the same button: it is made, as wanted.
        Ok(_) | Err(Error::Conflict(_)) => Ok(pages::saved(&ABOUT, &subject.fresh)),
        Err(error) => refused(&app, &sent, &subject, Ok(error)).await,
    }
}

pub async fn save(State(app): State<App>, Path(id): Path<String>, sent: Form) -> Result<Response, ConsoleError> {
    let (caller, id) = (sent.session.caller(), pages::parse(ABOUT.kind, &id)?);
    let subject = Subject::typed(&sent.fields, Some(id));
    let location = match read(&sent.fields, &sent.session.language)? {
        Ok(location) => location,
        Err(wrong) => return refused(&app, &sent, &subject, Err(wrong)).await,
    };
    let typed = json!(location);
    match super::update(&app, &caller, id, &subject.expected(), |_| Ok(location)).await {
        Ok(_) => Ok(pages::saved(&ABOUT, &id)),
        Err(Error::Changed) => {
            let row = super::get(&app, &caller, id).await?;
            let mut page = open(&app, &sent.session, &subject, &sent.fields).await?;
            page.conflict(&row, &json!(location_of(&row)?), &typed);
            page.respond()
        }
        Err(error) => refused(&app, &sent, &subject, Ok(error)).await,
    }
}

async fn refused(
    app: &App,
    sent: &Form,
    subject: &Subject,
    why: Result<Error, Wrong>,
) -> Result<Response, ConsoleError> {
    let mut page = open(app, &sent.session, subject, &sent.fields).await?;
    match why {
        Ok(error) => page.refuse(error)?,
        Err(wrong) => page.wrong = wrong,
    }
    page.respond()
}

pub async fn delete(State(app): State<App>, Path(id): Path<String>, sent: Form) -> Result<Response, ConsoleError> {
    let (caller, id) = (sent.session.caller(), pages::parse(ABOUT.kind, &id)?);
    let row = super::get(&app, &caller, id).await?;
    let wrong = match pages::confirmed(&sent.fields, &row, &sent.session.language) {
        Err(wrong) => wrong,
        Ok(()) => match super::delete(&app, &caller, id, &Expected::Any).await {
            Ok(()) => return Ok(Redirect::to(ABOUT.base).into_response()),
            // A policy names it.
            Err(Error::Invalid { message, .. }) => {
                let mut wrong = Wrong::new("delete");
                wrong.add("confirm", message);
                wrong
            }
            Err(error) => return Err(error.into()),
        },
    };
    let mut page = stored(&app, &sent.session, &row).await?;
    page.wrong = wrong;
    page.respond()
}

pub async fn versions(
    State(app): State<App>,
    session: Session,
    Path(id): Path<String>,
) -> Result<Response, ConsoleError> {
    pages::versions_page(&app, &session, &ABOUT, &id).await
}

pub async fn restore(State(app): State<App>, Path(id): Path<String>, sent: Form) -> Result<Response, ConsoleError> {
    pages::restore(&app, &sent, &ABOUT, &id).await
}

pub async fn export(
    State(app): State<App>,
    session: Session,
    Path(id): Path<String>,
) -> Result<Response, ConsoleError> {
    let row = super::get(&app, &session.caller(), pages::parse(ABOUT.kind, &id)?).await?;
    pages::download(&row.display_name, &json!(location_of(&row)?))
}
