use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

use crate::{
    admin::{Body, Target},
    output,
};

#[derive(Subcommand)]
pub enum Command {
    /// List feeds
    List {
        #[command(flatten)]
        target: Target,
    },
    /// Add a feed, switched off: by the address of a list, or from a file
    Add(Box<AddArgs>),
    /// What a feed holds, and how it stands to indicators, other feeds, protected and well-known names
    Show {
        #[command(flatten)]
        target: Target,
        #[arg(value_name = "ID|NAME")]
        feed: String,
    },
    /// Switch a feed on for all devices
    Enable {
        #[command(flatten)]
        target: Target,
        #[arg(value_name = "ID|NAME")]
        feed: String,
    },
    /// Switch a feed off
    Disable {
        #[command(flatten)]
        target: Target,
        #[arg(value_name = "ID|NAME")]
        feed: String,
    },
    /// Fetch a feed now
    Refresh {
        #[command(flatten)]
        target: Target,
        #[arg(value_name = "ID|NAME")]
        feed: String,
    },
    /// Replace the entries of a feed that was made from a file
    Upload {
        #[command(flatten)]
        target: Target,
        #[arg(value_name = "ID|NAME")]
        feed: String,
        file: PathBuf,
    },
    /// Delete a feed
    Delete {
        #[command(flatten)]
        target: Target,
        #[arg(value_name = "ID|NAME")]
        feed: String,
    },
}

#[derive(Args)]
pub struct AddArgs {
    #[command(flatten)]
    target: Target,
    name: String,
    /// Address of the list, https
    #[arg(long, conflicts_with = "file", required_unless_present = "file")]
    url: Option<String>,
    /// A list of this machine
    #[arg(long)]
    file: Option<PathBuf>,
    /// Block, Warn or Audit
    #[arg(long, default_value = "Block")]
    action: String,
    /// Informational, Low, Medium or High
    #[arg(long, default_value = "Medium")]
    severity: String,
    /// Raise no alert when an entry is hit
    #[arg(long)]
    no_alert: bool,
    /// Hours between refreshes
    #[arg(long, value_name = "HOURS", default_value_t = 24)]
    interval: u32,
}

pub async fn run(command: Command) -> Result<()> {
    match command {
        Command::List { target } => list(&target).await,
        Command::Add(args) => add(*args).await,
        Command::Show { target, feed } => {
            let path = find(&target, &feed).await?;
            show(&target, &target.get(&path).await?)
        }
        Command::Enable { target, feed } => switch(&target, &feed, "enable").await,
        Command::Disable { target, feed } => switch(&target, &feed, "disable").await,
        Command::Refresh { target, feed } => {
            let path = find(&target, &feed).await?;
            target
                .call(Method::POST, &format!("{path}/refresh"), Body::None)
                .await?;
            match target.json {
                true => output::json(&json!({"refreshing": feed})),
                false => output::line("the server fetches it now; `moat feeds show` says what came of it"),
            }
        }
        Command::Upload { target, feed, file } => {
            let path = find(&target, &feed).await?;
            show(&target, &upload(&target, &path, &file).await?)
        }
        Command::Delete { target, feed } => {
            let path = find(&target, &feed).await?;
            target.delete(&path).await?;
            match target.json {
                true => output::json(&json!({"deleted": feed})),
                false => output::line("deleted"),
            }
        }
    }
}

async fn list(target: &Target) -> Result<()> {
    let answer = target.get("/admin/feeds").await?;
    if target.json {
        return output::json(&answer);
    }
    let columns = [
        ("ID", "id"),
        ("NAME", "name"),
        ("STATE", "state"),
        ("ACTION", "action"),
        ("SEVERITY", "severity"),
        ("ENTRIES", "entries"),
        ("HITS", "hits"),
        ("REFRESHED", "fetchedAt"),
        ("ERROR", "error"),
    ];
    let none = "There are no feeds. Add one: `moat feeds add NAME --url URL`.";
    output::table(&answer, &columns, none)
}

async fn add(args: AddArgs) -> Result<()> {
    let new = json!({
        "name": args.name,
        "url": args.url,
        "action": args.action,
        "severity": args.severity,
        "generateAlert": !args.no_alert,
        "intervalHours": args.interval,
    });
    let made = args.target.post("/admin/feeds", new).await?;
    let Some(file) = &args.file else {
        return show(&args.target, &made);
    };
    let path = path(made["id"].as_str().unwrap_or_default());
    match upload(&args.target, &path, file).await {
        Ok(feed) => show(&args.target, &feed),
        Err(error) => {
            // A feed without entries would be in the way of the next try.
            args.target.delete(&path).await?;
            Err(error)
        }
    }
}

async fn upload(target: &Target, path: &str, file: &std::path::Path) -> Result<Value> {
    let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    target
        .call(Method::PUT, &format!("{path}/content"), Body::Csv(bytes))
        .await
}

async fn switch(target: &Target, feed: &str, what: &str) -> Result<()> {
    let path = find(target, feed).await?;
    let feed = target.call(Method::POST, &format!("{path}/{what}"), Body::None).await?;
    show(target, &feed)
}

fn path(id: &str) -> String {
    format!("/admin/feeds/{id}")
}

/// The path of a feed, by its number or name.
async fn find(target: &Target, feed: &str) -> Result<String> {
    if feed.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(path(feed));
    }
    let all = target.get("/admin/feeds").await?;
    let mut rows = all["value"].as_array().into_iter().flatten();
    let named = rows.find(|row| row["name"].as_str().is_some_and(|name| name.eq_ignore_ascii_case(feed)));
    match named.and_then(|row| row["id"].as_str()) {
        Some(id) => Ok(path(id)),
        None => bail!("there is no feed {feed}"),
    }
}

fn show(target: &Target, feed: &Value) -> Result<()> {
    if target.json {
        return output::json(feed);
    }
    let text = |field: &str| feed[field].as_str().unwrap_or_default();
    output::line(&format!(
        "feed {}: {}, {}, {}, {} entries, {} hits",
        text("id"),
        text("name"),
        text("state"),
        text("action"),
        feed["entries"],
        feed["hits"]
    ))?;
    if let Some(error) = feed["error"].as_str() {
        output::line(&format!("the last refresh failed: {error}"))?;
    }
    let report = &feed["report"];
    if report.is_null() {
        return Ok(());
    }
    output::line(&format!("only here: {}", report["check"]["new"]))?;
    for (what, noted) in [
        ("protected names, left out", &report["check"]["protected"]),
        ("well-known names", &report["check"]["knownGood"]),
        ("allowed by indicators", &report["check"]["allowed"]),
        ("too broad, left out", &report["found"]["tooBroad"]),
        ("internal addresses, left out", &report["found"]["internal"]),
        ("lines that cannot be read", &report["found"]["unreadable"]),
        ("rules for browsers, left out", &report["found"]["unsupported"]),
    ] {
        let first: Vec<&str> = noted["first"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        if noted["count"].as_u64().is_some_and(|count| count > 0) {
            let first = first.iter().take(3).copied().collect::<Vec<_>>().join("; ");
            output::line(&format!("{what}: {} ({})", noted["count"], output::printable(&first)))?;
        }
    }
    Ok(())
}
