use anyhow::Result;
use clap::Subcommand;
use serde_json::json;

use crate::{admin::Target, devices::path_segment, output};

#[derive(Subcommand)]
pub enum ClientCommand {
    /// Make an API client; its secret is shown once
    Add {
        #[command(flatten)]
        target: Target,
        name: String,
        /// Role such as Ti.ReadWrite.All or Alert.Read.All; may be given several times
        #[arg(long = "role", required = true, num_args = 1.., value_name = "ROLE")]
        roles: Vec<String>,
    },
    /// List the API clients
    List {
        #[command(flatten)]
        target: Target,
    },
    /// Switch an API client off
    Disable {
        #[command(flatten)]
        target: Target,
        client_id: String,
    },
}

pub async fn run(command: ClientCommand) -> Result<()> {
    match command {
        ClientCommand::Add { target, name, roles } => {
            let client = target
                .post("/admin/clients", json!({"name": name, "roles": roles}))
                .await?;
            if target.json {
                return output::json(&client);
            }
            let text = |field: &str| client[field].as_str().unwrap_or_default().to_string();
            output::line(&format!("tenant         {}", text("tenant")))?;
            output::line(&format!("client id      {}", text("client_id")))?;
            output::line(&format!("client secret  {}   (shown only now)", text("client_secret")))
        }
        ClientCommand::List { target } => {
            let columns = [
                ("CLIENT ID", "client_id"),
                ("NAME", "name"),
                ("ROLES", "roles"),
                ("MADE", "createdAt"),
                ("OFF SINCE", "disabledAt"),
            ];
            list(&target, "/admin/clients", &columns, "There are no API clients.").await
        }
        ClientCommand::Disable { target, client_id } => {
            target
                .delete(&format!("/admin/clients/{}", path_segment(&client_id)))
                .await?;
            if target.json {
                return output::json(&json!({"client_id": client_id, "disabled": true}));
            }
            output::line("the client can no longer sign in")
        }
    }
}

#[derive(clap::Args)]
pub struct SetupLinkArgs {
    #[command(flatten)]
    target: Target,
}

pub async fn run_setup_link(args: SetupLinkArgs) -> Result<()> {
    let answer = args.target.post("/admin/setup-link", json!({})).await?;
    if args.target.json {
        return output::json(&answer);
    }
    match answer["link"].as_str() {
        Some(link) => output::line(link),
        None => output::line("there is an administrator already: sign in to the console"),
    }
}

pub async fn list(target: &Target, path: &str, columns: &[(&str, &str)], none: &str) -> Result<()> {
    let answer = target.get(path).await?;
    if target.json {
        output::json(&answer)
    } else {
        output::table(&answer, columns, none)
    }
}
