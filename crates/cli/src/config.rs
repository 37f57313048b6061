use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Subcommand;
use http::Method;
use moat_server::Config;
use serde_json::{Value, json};

use crate::{
    admin::{Body, Target},
    output,
};

#[derive(Subcommand)]
pub enum Command {
    /// Say whether a configuration file is usable, and what is wrong with it if not
    Check {
        file: PathBuf,
        /// Print JSON for programs
        #[arg(long)]
        json: bool,
    },
}

pub fn run(command: Command) -> Result<()> {
    let Command::Check { file, json } = command;
    moat_server::check(&Config::load(&file)?)?;
    if json {
        return output::json(&json!({"file": file, "usable": true}));
    }
    output::line(&format!("{} is usable", file.display()))
}

#[derive(Subcommand)]
pub enum SettingsCommand {
    /// Print the settings
    Get {
        #[command(flatten)]
        target: Target,
    },
    /// Change settings: NAME=VALUE, such as checkInSeconds=30 or organisation=Example
    Set {
        #[command(flatten)]
        target: Target,
        #[arg(required = true, value_name = "NAME=VALUE")]
        changes: Vec<String>,
    },
}

pub async fn run_settings(command: SettingsCommand) -> Result<()> {
    match command {
        SettingsCommand::Get { target } => output::json(&target.get("/admin/settings").await?),
        SettingsCommand::Set { target, changes } => {
            let mut settings = target.get("/admin/settings").await?;
            for change in &changes {
                let (name, value) = change
                    .split_once('=')
                    .with_context(|| format!("{change:?} is not NAME=VALUE"))?;
                let known = settings
                    .get_mut(name)
                    .with_context(|| format!("there is no setting {name:?}"))?;
                *known = match known {
                    Value::String(_) => Value::String(value.into()),
                    _ => serde_json::from_str(value)
                        .with_context(|| format!("{name}: {value:?} is not a number, true or false"))?,
                };
            }
            output::json(
                &target
                    .call(Method::PUT, "/admin/settings", Body::Json(settings))
                    .await?,
            )
        }
    }
}

#[derive(Subcommand)]
pub enum RulesCommand {
    /// Print the rules that devices get
    Show {
        #[command(flatten)]
        target: Target,
    },
    /// Replace the rules by those of a file; devices get them at once
    Set {
        #[command(flatten)]
        target: Target,
        file: PathBuf,
    },
}

pub async fn run_rules(command: RulesCommand) -> Result<()> {
    match command {
        RulesCommand::Show { target } => output::json(&target.get("/admin/jailbreak-rules").await?),
        RulesCommand::Set { target, file } => {
            let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
            let rules: Value =
                serde_json::from_str(&text).with_context(|| format!("{} is not JSON", file.display()))?;
            let answer = target
                .call(Method::PUT, "/admin/jailbreak-rules", Body::Json(rules))
                .await?;
            if target.json {
                return output::json(&json!({"version": answer["version"]}));
            }
            output::line("devices get the new rules now")
        }
    }
}
