//! Well-known names: where a feed lists one, somebody should look before it is switched on.

use std::collections::HashSet;

use moat_indicators::Domain;
use serde::Serialize;

use crate::{
    App, Caller, audit,
    error::{Error, Result},
};

/// The list that comes with Moat; its head says where from.
const BUILT_IN: &str = include_str!("known_good.txt");
/// The organisation's own, in the data folder.
pub const FILE: &str = "known-good.txt";
const MAX_NAMES: usize = 1_000_000;

/// Both lists.
pub fn read(app: &App) -> HashSet<String> {
    let own = app.data.read(FILE).unwrap_or_else(|error| {
        tracing::error!(
            error = format!("{error:#}"),
            "the list of well-known names cannot be read"
        );
        None
    });
    let lines = own.as_deref().unwrap_or_default().lines().chain(BUILT_IN.lines());
    lines.filter(|line| !line.starts_with('#')).map(String::from).collect()
}

/// Names of the organisation's own list.
pub fn own_count(app: &App) -> usize {
    let own = app.data.read(FILE).ok().flatten();
    own.map_or(0, |text| text.lines().count())
}

#[derive(Serialize)]
struct Record {
    names: usize,
}

/// Replaces the organisation's own list; an empty one takes it away. Lines that are no names are left out, and counted.
pub async fn replace(app: &App, caller: &Caller, text: &str) -> Result<(usize, usize)> {
    caller.require_any(super::WRITE)?;
    let (mut names, mut bad) = (HashSet::new(), 0);
    let lines = text.lines().map(|line| line.trim_start_matches('\u{feff}').trim());
    for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
        // Rankings come as `1,example.com`.
        let name = line.rsplit(',').next().unwrap_or(line);
        match Domain::parse(name) {
            Ok(domain) => _ = names.insert(domain.to_string()),
            Err(_) => bad += 1,
        }
    }
    if names.len() > MAX_NAMES {
        return Err(Error::invalid(
            "InvalidInput",
            format!("{} names are more than {MAX_NAMES}", names.len()),
        ));
    }
    if names.is_empty() && bad > 0 {
        return Err(Error::invalid("InvalidInput", "no line of this file is a domain name"));
    }
    let mut sorted: Vec<&str> = names.iter().map(String::as_str).collect();
    sorted.sort_unstable();
    let mut tx = app.db.begin().await?;
    let change = audit::Change {
        action: "update",
        noun: "feed",
        id: "known-good list",
        before: Some(&Record { names: own_count(app) }),
        after: Some(&Record { names: names.len() }),
    };
    audit::record(&mut tx, &caller.actor, change).await?;
    let written = match sorted.is_empty() {
        true => app.data.remove(FILE),
        false => app.data.write_private(FILE, sorted.join("\n").as_bytes()),
    };
    written.map_err(Error::Internal)?;
    tx.commit().await?;
    super::check_again(app).await?;
    Ok((names.len(), bad))
}

/// What is known to be good of that which an entry covers.
pub fn covered<'a>(
    known: &'a HashSet<String>,
    above: &HashSet<&str>,
    kind: moat_model::IndicatorType,
    value: &'a str,
) -> bool {
    use moat_model::IndicatorType as T;
    match kind {
        T::DomainName => known.contains(value) || above.contains(value),
        T::Url => value.strip_suffix('/').is_some_and(|host| known.contains(host)),
        _ => false,
    }
}

/// Every name above a well-known one.
pub fn above(known: &HashSet<String>) -> HashSet<&str> {
    known
        .iter()
        .flat_map(|name| super::parse::parents(name).skip(1))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_that_comes_with_moat_is_canonical() {
        let names: Vec<&str> = BUILT_IN.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(names.len(), 1000);
        for name in names {
            assert_eq!(Domain::parse(name).unwrap().as_str(), name);
        }
    }
}
