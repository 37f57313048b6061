//! `/go`: one line that leads to pages and devices, and blocks a site. The page behind `Ctrl-K`.

use askama::Template;
use axum::{extract::State, http::Uri, response::Response};

use super::{ConsoleError, Frame, Html, here, words};
use crate::{
    App,
    accounts::{Session, session::Fields},
    caller::{Caller, Role},
    devices::list::{ListedRow, Narrowed, Place, page as devices_page},
    error::Result,
};

/// Devices that are offered.
const DEVICES: usize = 8;
/// The longest line that is read.
const MAX_LINE: usize = 500;

#[derive(Template)]
#[template(path = "go.html")]
struct Page {
    frame: Frame,
    line: String,
    act: Option<Act>,
    /// What it would be asked about: a name or address.
    asked: Option<String>,
    /// Label and address.
    pages: Vec<(String, &'static str)>,
    devices: Vec<ListedRow>,
    /// Whether the way leads to why a device may come in or not.
    why: bool,
}

impl Page {
    fn is_empty(&self) -> bool {
        self.act.is_none() && self.asked.is_none() && self.pages.is_empty() && self.devices.is_empty()
    }
}

/// An indicator that one click makes.
struct Act {
    action: &'static str,
    /// The message of its button.
    message: &'static str,
    value: String,
}

/// What a line asks for.
#[derive(Debug, PartialEq, Eq)]
enum Wish<'a> {
    Make(&'static str, &'a str),
    Ask(&'a str),
    Why(&'a str),
    Find(&'a str),
}

/// The first word says what is wished, in English or German.
fn read(line: &str) -> Wish<'_> {
    let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let rest = rest.trim();
    if rest.is_empty() {
        return Wish::Find(line);
    }
    match word.to_lowercase().as_str() {
        "block" | "blockiere" | "sperre" => Wish::Make("Block", rest),
        "allow" | "erlaube" => Wish::Make("Allowed", rest),
        "warn" | "warne" => Wish::Make("Warn", rest),
        "audit" | "beobachte" => Wish::Make("Audit", rest),
        "check" | "prüfe" => Wish::Ask(rest),
        "why" | "warum" => Wish::Why(rest),
        _ => Wish::Find(line),
    }
}

/// A single word with a dot or a colon in it may be a name or an address.
fn may_be_site(text: &str) -> bool {
    !text.contains(char::is_whitespace) && text.contains(['.', ':'])
}

pub async fn page(State(app): State<App>, session: Session, uri: Uri) -> Result<Response, ConsoleError> {
    let (frame, caller) = (Frame::new(&session, "/go"), session.caller());
    let line: String = Fields::of_address(&here(&uri))
        .get("q")
        .trim()
        .chars()
        .take(MAX_LINE)
        .collect();
    let wish = read(&line);
    let (act, asked, name) = match wish {
        Wish::Make(action, value) => (Some((action, value)), None, None),
        Wish::Ask(value) => (None, Some(value), None),
        Wish::Why(name) => (None, None, Some(name)),
        Wish::Find(text) if may_be_site(text) => (Some(("Block", text)), Some(text), Some(text)),
        Wish::Find(text) => (None, None, Some(text)),
    };
    let may_block = caller.require_any(&[Role::TiReadWriteAll, Role::TiReadWrite]).is_ok();
    let may_ask = caller.require_any(&[Role::TiReadWriteAll, Role::TiReadAll]).is_ok();
    let why = matches!(wish, Wish::Why(_));
    Html(Page {
        act: act.filter(|_| may_block).map(|(action, value)| Act {
            action,
            message: match action {
                "Allowed" => "go-allow",
                "Warn" => "go-warn",
                "Audit" => "go-audit",
                _ => "go-block",
            },
            value: value.to_string(),
        }),
        asked: asked.filter(|_| may_ask).map(String::from),
        pages: match (why, name) {
            (false, Some(text)) => pages(&frame, text),
            _ => Vec::new(),
        },
        devices: devices(&app, &caller, name.unwrap_or_default()).await?,
        why,
        frame,
        line: line.clone(),
    })
    .respond()
}

/// Pages whose name, or whose section's name, has the text in it.
fn pages(frame: &Frame, text: &str) -> Vec<(String, &'static str)> {
    let text = text.to_lowercase();
    let all = frame.sections().into_iter().flat_map(|(section, _)| {
        let pages = frame.tabs(section).into_iter();
        pages.map(|page| (section.name, page.name, page.path))
    });
    let fits = all.filter_map(|(section, name, path)| {
        let (section, name) = (frame.t(section), frame.t(name));
        let label = if section == name {
            name
        } else {
            format!("{section}: {name}")
        };
        label.to_lowercase().contains(&text).then_some((label, path))
    });
    fits.collect()
}

async fn devices(app: &App, caller: &Caller, name: &str) -> Result<Vec<ListedRow>> {
    if name.is_empty()
        || caller
            .require_any(&[Role::MachineReadAll, Role::MachineReadWriteAll])
            .is_err()
    {
        return Ok(Vec::new());
    }
    let narrowed = Narrowed {
        search: name.to_string(),
        ..Narrowed::default()
    };
    Ok(devices_page(&app.db, &narrowed, &Place::First, DEVICES).await?.rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_says_what_is_wished() {
        for (line, wish) in [
            ("block evil.example", Wish::Make("Block", "evil.example")),
            ("Sperre  evil.example", Wish::Make("Block", "evil.example")),
            ("why Ana's phone", Wish::Why("Ana's phone")),
            ("prüfe evil.example", Wish::Ask("evil.example")),
            ("why", Wish::Find("why")),
            ("block", Wish::Find("block")),
            ("Ana's phone", Wish::Find("Ana's phone")),
            ("", Wish::Find("")),
        ] {
            assert_eq!(read(line), wish, "{line}");
        }
        assert!(may_be_site("evil.example") && may_be_site("2001:db8::1"));
        assert!(!may_be_site("phone") && !may_be_site("a phone v1.2"));
    }
}
