use anyhow::Result;
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
        ReportsCommand::Decide { target, id, decision } => {
            let decision = match decision {
                Decision::Block => "block",
                Decision::Allow => "allow",
                Decision::Dismiss => "dismiss",
            };
            let answer = target
                .post(
                    &format!("/admin/reports/{}/decide", path_segment(&id)),
                    json!({"decision": decision}),
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
    /// How many entries
    #[arg(long, default_value_t = 50)]
    top: u32,
}

pub async fn run_audit(args: AuditArgs) -> Result<()> {
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
