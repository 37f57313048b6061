use anyhow::{Result, bail};
use clap::{Args, Subcommand, ValueEnum};
use http::Method;
use serde_json::{Value, json};

use crate::{
    admin::{Body, Target},
    devices::path_segment,
    output,
};

#[derive(Subcommand)]
pub enum Command {
    /// List alerts, newest first
    List {
        #[command(flatten)]
        target: Target,
        /// Only alerts that are not resolved
        #[arg(long)]
        open: bool,
    },
    /// Show one alert with its evidence
    Show {
        #[command(flatten)]
        target: Target,
        id: String,
    },
    /// Resolve an alert
    Resolve {
        #[command(flatten)]
        target: Target,
        id: String,
        #[arg(long)]
        comment: Option<String>,
    },
}

pub async fn run(command: Command) -> Result<()> {
    match command {
        Command::List { target, open } => {
            let filter = if open { "?$filter=status+ne+'Resolved'" } else { "" };
            let answer = target.list(&format!("/api/alerts{filter}")).await?;
            if target.json {
                return output::json(&answer);
            }
            let columns = [
                ("ID", "id"),
                ("SEVERITY", "severity"),
                ("STATUS", "status"),
                ("TITLE", "title"),
                ("DEVICE", "computerDnsName"),
                ("LAST", "lastEventTime"),
            ];
            output::table(&answer, &columns, "There are no alerts.")
        }
        Command::Show { target, id } => output::json(&target.get(&format!("/api/alerts/{}", path_segment(&id))).await?),
        Command::Resolve { target, id, comment } => {
            let mut change = json!({"status": "Resolved"});
            if let Some(comment) = comment {
                change["comment"] = comment.into();
            }
            let answer = target
                .call(
                    Method::PATCH,
                    &format!("/api/alerts/{}", path_segment(&id)),
                    Body::Json(change),
                )
                .await?;
            if target.json {
                output::json(&answer)
            } else {
                output::line("resolved")
            }
        }
    }
}

#[derive(Subcommand)]
pub enum ReportsCommand {
    /// List reported sites, newest first
    List {
        #[command(flatten)]
        target: Target,
    },
    /// Decide about a reported site
    Decide {
        #[command(flatten)]
        target: Target,
        id: String,
        decision: Decision,
        /// A word to whoever reported it
        #[arg(long, default_value = "")]
        message: String,
    },
}

#[derive(Clone, Copy, ValueEnum)]
pub enum Decision {
    /// Make an indicator that blocks the site
    Block,
    /// Make an indicator that allows the site
    Allow,
    /// Do nothing and close the report
    Dismiss,
}

pub async fn run_reports(command: ReportsCommand) -> Result<()> {
    match command {
        ReportsCommand::List { target } => {
            let answer = target.get("/admin/reports").await?;
            if target.json {
                return output::json(&answer);
            }
            let columns = [
                ("ID", "id"),
                ("REPORTED", "reportedAt"),
                ("AS", "kind"),
                ("SITE", "url"),
                ("DEVICE", "deviceName"),
                ("STATUS", "status"),
                ("COMMENT", "comment"),
            ];
            output::table(&answer, &columns, "No site was reported.")
        }
        ReportsCommand::Decide {
            target,
            id,
            decision,
            message,
        } => {
            let decision = match decision {
                Decision::Block => "block",
                Decision::Allow => "allow",
                Decision::Dismiss => "dismiss",
            };
            let answer = target
                .post(
                    &format!("/admin/reports/{}/decide", path_segment(&id)),
                    json!({"decision": decision, "message": message}),
                )
                .await?;
            if target.json {
                return output::json(&answer);
            }
            let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
            let made = &answer["indicator"];
            if made.is_null() {
                return output::line(&text(&answer["status"]));
            }
            output::line(&format!(
                "{}: indicator {} for {} {}",
                text(&answer["status"]),
                text(&made["id"]),
                text(&made["indicatorType"]),
                text(&made["indicatorValue"])
            ))?;
            match answer["note"].as_str() {
                Some(note) => output::line(note),
                None => Ok(()),
            }
        }
    }
}

#[derive(Args)]
pub struct AuditArgs {
    #[command(flatten)]
    target: Target,
    /// `verify` checks that no entry was altered, deleted or slipped in, and names the first that was
    #[arg(value_enum, default_value_t = What::List)]
    what: What,
    /// How many entries
    #[arg(long, default_value_t = 50)]
    top: u32,
    /// With verify: an entry as an earlier check printed it, to find out a log that was written anew
    #[arg(long, value_name = "NUMBER:HASH")]
    known: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum What {
    List,
    Verify,
}

pub async fn run_audit(args: AuditArgs) -> Result<()> {
    match args.what {
        What::List => list_audit(args).await,
        What::Verify => verify_audit(args).await,
    }
}

async fn verify_audit(args: AuditArgs) -> Result<()> {
    let query = args.known.map(|known| format!("?known={}", path_segment(&known)));
    let path = format!("/admin/audit/verify{}", query.unwrap_or_default());
    let answer = args.target.get(&path).await?;
    if args.target.json {
        output::json(&answer)?;
    }
    let broken = &answer["firstBroken"];
    if !broken.is_null() {
        let id = broken["id"].as_str().map(|id| format!(" ({id})")).unwrap_or_default();
        let problem = broken["problem"].as_str().unwrap_or_default();
        bail!("the audit log was changed: row {}{id}: {problem}", broken["seq"]);
    }
    if args.target.json {
        return Ok(());
    }
    let hash = answer["hash"].as_str().unwrap_or_default();
    output::line(&format!(
        "{} rows are as they were written. Note this outside the server, for --known:\n{}:{hash}",
        answer["rows"], answer["last"]
    ))
}

async fn list_audit(args: AuditArgs) -> Result<()> {
    let answer = args.target.get(&format!("/admin/audit?top={}", args.top)).await?;
    if args.target.json {
        return output::json(&answer);
    }
    let columns = [
        ("WHEN", "at"),
        ("WHO", "actor"),
        ("DID", "action"),
        ("TO", "noun"),
        ("ID", "nounId"),
    ];
    output::table(&answer, &columns, "Nothing was changed yet.")
}
