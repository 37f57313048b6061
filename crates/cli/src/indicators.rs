use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

use crate::{
    admin::{Body, Target},
    devices::path_segment,
    output,
};

#[derive(Subcommand)]
pub enum Command {
    /// Add an indicator, or update the one with the same value, type and action
    Add(Box<AddArgs>),
    /// Import a CSV file with Defender's columns
    Import {
        #[command(flatten)]
        target: Target,
        file: PathBuf,
    },
    /// List indicators
    List {
        #[command(flatten)]
        target: Target,
        /// OData filter, such as "action eq 'Block'"
        #[arg(long)]
        filter: Option<String>,
    },
    /// Delete indicators by id or value
    Delete {
        #[command(flatten)]
        target: Target,
        #[arg(required = true, value_name = "ID|VALUE")]
        indicators: Vec<String>,
    },
    /// Would this be blocked, and why?
    Explain {
        #[command(flatten)]
        target: Target,
        /// Host, URL or IP address
        value: String,
        /// As a device of this group sees it
        #[arg(long, default_value = "")]
        group: String,
    },
}

#[derive(Args)]
pub struct AddArgs {
    #[command(flatten)]
    target: Target,
    /// Domain, URL, IP address or CIDR range
    value: String,
    /// Block, Warn, Audit or Allowed
    #[arg(long, default_value = "Block")]
    action: String,
    /// DomainName, Url, IpAddress … [default: what the value looks like]
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    #[arg(long)]
    title: Option<String>,
    #[arg(long)]
    description: Option<String>,
    /// Informational, Low, Medium or High
    #[arg(long, default_value = "Medium")]
    severity: String,
    /// Only for devices of this group; may be given several times
    #[arg(long = "group", value_name = "GROUP")]
    groups: Vec<String>,
    /// When it ends, such as 2027-01-31T12:00:00Z
    #[arg(long, value_name = "TIME")]
    expires: Option<String>,
    /// Raise no alert when it is hit
    #[arg(long)]
    no_alert: bool,
    /// Hours that a bypassed warning lasts
    #[arg(long, value_name = "HOURS")]
    bypass_hours: Option<u32>,
    /// Page that explains the warning to the user
    #[arg(long, value_name = "URL")]
    educate_url: Option<String>,
}

pub async fn run(command: Command) -> Result<()> {
    match command {
        Command::Add(args) => add(*args).await,
        Command::Import { target, file } => import(&target, &file).await,
        Command::List { target, filter } => {
            let query = filter
                .map(|f| format!("?$filter={}", path_segment(&f)))
                .unwrap_or_default();
            let answer = target.list(&format!("/api/indicators{query}")).await?;
            if target.json {
                return output::json(&answer);
            }
            let columns = [
                ("ID", "id"),
                ("ACTION", "action"),
                ("TYPE", "indicatorType"),
                ("VALUE", "indicatorValue"),
                ("SEVERITY", "severity"),
                ("TITLE", "title"),
                ("EXPIRES", "expirationTime"),
            ];
            output::table(
                &answer,
                &columns,
                "There are no indicators. Add one: `moat indicators add NAME`.",
            )
        }
        Command::Delete { target, indicators } => delete(&target, &indicators).await,
        Command::Explain { target, value, group } => explain(&target, &value, &group).await,
    }
}

async fn add(args: AddArgs) -> Result<()> {
    let kind = args.kind.unwrap_or_else(|| guess_type(&args.value).into());
    let mut body = json!({
        "indicatorValue": args.value,
        "indicatorType": kind,
        "action": args.action,
        "title": args.title.unwrap_or_else(|| format!("{} {}", args.action, args.value)),
        "description": args.description.unwrap_or_else(|| "Added on the command line".into()),
        "severity": args.severity,
        "generateAlert": !args.no_alert,
        "rbacGroupNames": args.groups,
    });
    let optional = [
        ("expirationTime", args.expires.map(Value::from)),
        ("bypassDurationHours", args.bypass_hours.map(Value::from)),
        ("educateUrl", args.educate_url.map(Value::from)),
    ];
    for (field, value) in optional {
        if let Some(value) = value {
            body[field] = value;
        }
    }
    let indicator = args.target.post("/api/indicators", body).await?;
    if args.target.json {
        return output::json(&indicator);
    }
    let text = |field: &str| indicator[field].as_str().unwrap_or_default().to_string();
    output::line(&format!(
        "indicator {}: {} {} {}",
        text("id"),
        text("action"),
        text("indicatorType"),
        text("indicatorValue")
    ))
}

/// What a value looks like; the server checks it.
fn guess_type(value: &str) -> &'static str {
    let address = value.split('/').next().unwrap_or(value);
    if address.parse::<std::net::IpAddr>().is_ok() {
        "IpAddress"
    } else if value.contains('/') {
        "Url"
    } else {
        "DomainName"
    }
}

async fn import(target: &Target, file: &std::path::Path) -> Result<()> {
    let csv = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let answer = target
        .call(Method::POST, "/admin/indicators/import-csv", Body::Csv(csv))
        .await?;
    let failed = answer["failed"].as_u64().unwrap_or(0);
    if target.json {
        output::json(&answer)?;
    } else {
        for row in answer["value"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|row| row["isFailed"] == true)
        {
            let text = |field: &str| row[field].as_str().unwrap_or_default().to_string();
            output::line(&format!(
                "line {}: {}: {}",
                row["line"],
                text("indicator"),
                text("failureReason")
            ))?;
        }
        output::line(&format!("{} imported, {failed} refused", answer["imported"]))?;
    }
    if failed > 0 {
        bail!("{failed} rows were refused; the others are in force");
    }
    Ok(())
}

async fn delete(target: &Target, indicators: &[String]) -> Result<()> {
    let mut ids = Vec::new();
    for indicator in indicators {
        if indicator.bytes().all(|b| b.is_ascii_digit()) {
            ids.push(indicator.clone());
            continue;
        }
        let filter = format!("indicatorValue eq '{}'", indicator.replace('\'', "''"));
        let found = target
            .get(&format!("/api/indicators?$filter={}", path_segment(&filter)))
            .await?;
        let before = ids.len();
        ids.extend(
            found["value"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|i| i["id"].as_str().map(String::from)),
        );
        if ids.len() == before {
            bail!("there is no indicator with the value {indicator}");
        }
    }
    target
        .post("/api/indicators/BatchDelete", json!({"IndicatorIds": ids}))
        .await?;
    if target.json {
        output::json(&json!({"deleted": ids}))
    } else {
        output::line(&format!("{} deleted", ids.len()))
    }
}

async fn explain(target: &Target, value: &str, group: &str) -> Result<()> {
    let answer = target
        .post(
            "/admin/indicators/explain",
            json!({"value": value, "deviceGroup": group}),
        )
        .await?;
    if target.json {
        return output::json(&answer);
    }
    let decision = &answer["decision"];
    output::line(&format!(
        "{value}: {}. {}",
        decision["action"].as_str().unwrap_or_default(),
        decision["reason"].as_str().unwrap_or_default()
    ))?;
    let candidates = json!({"value": answer["candidates"]});
    let columns = [
        ("ID", "id"),
        ("ACTION", "action"),
        ("TYPE", "type"),
        ("VALUE", "value"),
        ("BECAUSE", "specificity"),
        ("WINS", "wins"),
        ("TITLE", "title"),
    ];
    output::table(&candidates, &columns, "No indicator matches.")
}

#[cfg(test)]
mod tests {
    use super::guess_type;

    #[test]
    fn types_are_guessed_from_the_value() {
        for (value, kind) in [
            ("192.0.2.1", "IpAddress"),
            ("192.0.2.0/24", "IpAddress"),
            ("2001:db8::/32", "IpAddress"),
            ("evil.example", "DomainName"),
            ("https://evil.example/login", "Url"),
            ("evil.example/login", "Url"),
        ] {
            assert_eq!(guess_type(value), kind, "{value}");
        }
    }
}
