use std::{
    fs::{File, Permissions},
    io::Write as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use clap::Subcommand;
use serde_json::{Value, json};

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

#[derive(Subcommand)]
pub enum GatewayCommand {
    /// Make the key with which a reverse proxy authenticates itself; shown once
    Add {
        #[command(flatten)]
        target: Target,
        name: String,
        /// Write an nginx snippet with the key to this file (mode 0600) instead of printing the key
        #[arg(long, value_name = "FILE")]
        nginx: Option<PathBuf>,
        /// Id by which conditional access policies name the application; without it the gateway's own id
        #[arg(long, value_name = "ID")]
        application: Option<String>,
    },
    /// List the gateways
    List {
        #[command(flatten)]
        target: Target,
    },
    /// Switch a gateway off
    Disable {
        #[command(flatten)]
        target: Target,
        id: String,
    },
}

pub async fn run_gateway(command: GatewayCommand) -> Result<()> {
    match command {
        GatewayCommand::Add {
            target,
            name,
            nginx,
            application,
        } => {
            // Before the key is made: one that cannot be written would be lost.
            let snippet = nginx.as_deref().map(open_private).transpose()?;
            let body = json!({"name": name, "applicationId": application});
            let gateway = target.post("/admin/gateways", body).await?;
            match nginx.zip(snippet) {
                Some((path, file)) => write_nginx_snippet(&target, &path, file, &gateway),
                None if target.json => output::json(&gateway),
                None => output::line(&format!(
                    "key  {}   (shown only now)",
                    gateway["key"].as_str().unwrap_or_default()
                )),
            }
        }
        GatewayCommand::List { target } => {
            let columns = [
                ("ID", "id"),
                ("NAME", "name"),
                ("APPLICATION", "applicationId"),
                ("LAST USED", "lastUsedAt"),
                ("MADE", "createdAt"),
                ("OFF SINCE", "disabledAt"),
            ];
            list(
                &target,
                "/admin/gateways",
                &columns,
                "There are no gateways. Make one with `moat gateway add NAME`.",
            )
            .await
        }
        GatewayCommand::Disable { target, id } => {
            target.delete(&format!("/admin/gateways/{}", path_segment(&id))).await?;
            if target.json {
                return output::json(&json!({"gateway": id, "disabled": true}));
            }
            output::line("the gateway can no longer ask")
        }
    }
}

/// Opens a file for a secret: only its owner can read it, also when it was there before. What is in it stays until then.
fn open_private(path: &Path) -> Result<File> {
    use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
    let open = || {
        let file = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)?;
        file.set_permissions(Permissions::from_mode(0o600))?;
        Ok::<_, std::io::Error>(file)
    };
    open().with_context(|| format!("cannot write {}; no key was made", path.display()))
}

/// The header that nginx sends with its subrequest, to be included where it asks Moat.
fn write_nginx_snippet(target: &Target, path: &Path, mut file: File, gateway: &Value) -> Result<()> {
    let key = gateway["key"].as_str().unwrap_or_default();
    file.set_len(0)?;
    writeln!(file, "proxy_set_header Authorization \"Bearer {key}\";")?;
    writeln!(file, "proxy_set_header X-Client-Cert $ssl_client_escaped_cert;")?;
    writeln!(file, "proxy_set_header X-Client-Ip $remote_addr;")?;
    file.sync_all()?;
    if target.json {
        return output::json(&json!({"id": gateway["id"], "name": gateway["name"], "file": path}));
    }
    output::line(&format!(
        "wrote {}: include it in the location that asks /access/check",
        path.display()
    ))
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

async fn list(target: &Target, path: &str, columns: &[(&str, &str)], none: &str) -> Result<()> {
    let answer = target.get(path).await?;
    if target.json {
        output::json(&answer)
    } else {
        output::table(&answer, columns, none)
    }
}
