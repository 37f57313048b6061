//! `moat gateway`: reverse proxies that ask whether a device may come in.

use std::{
    fs::{File, Permissions},
    io::Write as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use clap::Subcommand;
use http::Method;
use moat_model::conditional_access::OnUnreachable;
use moat_server::nginx;
use serde_json::{Value, json};

use crate::{
    admin::{Body, Target},
    clients::list,
    devices::path_segment,
    output,
};

#[derive(Subcommand)]
pub enum GatewayCommand {
    /// Make the key with which a reverse proxy authenticates itself; shown once
    Add {
        #[command(flatten)]
        target: Target,
        name: String,
        /// Write the headers that nginx sends to this file (mode 0600) instead of printing the key, and print what else nginx needs
        #[arg(long, value_name = "FILE")]
        nginx: Option<PathBuf>,
        /// Id by which conditional access policies name the application; without it the gateway's own id
        #[arg(long, value_name = "ID")]
        application: Option<String>,
        /// What the proxy does when Moat does not answer: closed, or open for devices with a certificate
        #[arg(long, value_name = "open|closed", default_value_t = OnUnreachable::Closed)]
        when_unreachable: OnUnreachable,
        /// The proxy signs users in: believe it that one showed a second factor
        #[arg(long)]
        asserts_mfa: bool,
        /// The proxy knows where requests come from: believe it the country
        #[arg(long)]
        asserts_country: bool,
    },
    /// Change what a gateway does when Moat does not answer, and what it is believed; prints what nginx needs then
    Set {
        #[command(flatten)]
        target: Target,
        /// Id or name
        id: String,
        #[arg(long, value_name = "open|closed")]
        when_unreachable: Option<OnUnreachable>,
        #[arg(long, value_name = "true|false")]
        asserts_mfa: Option<bool>,
        #[arg(long, value_name = "true|false")]
        asserts_country: Option<bool>,
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

pub async fn run(command: GatewayCommand) -> Result<()> {
    match command {
        GatewayCommand::Add {
            target,
            name,
            nginx,
            application,
            when_unreachable,
            asserts_mfa,
            asserts_country,
        } => {
            let body = json!({
                "name": name, "applicationId": application, "onUnreachable": when_unreachable,
                "assertsMfa": asserts_mfa, "assertsCountry": asserts_country,
            });
            add(&target, nginx.as_deref(), body).await
        }
        GatewayCommand::Set {
            target,
            id,
            when_unreachable,
            asserts_mfa,
            asserts_country,
        } => {
            let change = json!({"onUnreachable": when_unreachable, "assertsMfa": asserts_mfa, "assertsCountry": asserts_country});
            set(&target, &id, change).await
        }
        GatewayCommand::List { target } => {
            let columns = [
                ("ID", "id"),
                ("NAME", "name"),
                ("APPLICATION", "applicationId"),
                ("WHEN UNREACHABLE", "onUnreachable"),
                ("SAYS MFA", "assertsMfa"),
                ("SAYS COUNTRY", "assertsCountry"),
                ("LAST USED", "lastUsedAt"),
                ("MADE", "createdAt"),
                ("OFF SINCE", "disabledAt"),
            ];
            let none = "There are no gateways. Make one with `moat gateway add NAME`.";
            list(&target, "/admin/gateways", &columns, none).await
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

async fn add(target: &Target, nginx: Option<&Path>, body: Value) -> Result<()> {
    // Before the key is made: one that cannot be written would be lost.
    let file = nginx.map(open_private).transpose()?;
    let gateway = target.post("/admin/gateways", body).await?;
    let Some((path, mut file)) = nginx.zip(file) else {
        if target.json {
            return output::json(&gateway);
        }
        let key = gateway["key"].as_str().unwrap_or_default();
        output::line(&format!("key  {key}   (shown only now)"))?;
        return warn_when_open(&gateway);
    };
    file.set_len(0)?;
    file.write_all(nginx::headers(&gateway).as_bytes())?;
    file.sync_all()?;
    if target.json {
        let mut shown = gateway;
        if let Some(fields) = shown.as_object_mut() {
            fields.remove("key");
            fields.insert("file".into(), json!(path));
        }
        return output::json(&shown);
    }
    output::line(&format!(
        "wrote {}. In the server block of the application:\n",
        path.display()
    ))?;
    output::line(&nginx::server(&gateway, path))?;
    warn_when_open(&gateway)
}

async fn set(target: &Target, id: &str, change: Value) -> Result<()> {
    let path = format!("/admin/gateways/{}", path_segment(id));
    let gateway = target.call(Method::PATCH, &path, Body::Json(change)).await?;
    if target.json {
        return output::json(&gateway);
    }
    output::line("kept. nginx does it when its configuration says so:\n")?;
    let file = Path::new("/etc/nginx/moat-gateway.conf");
    output::line(&format!("# {}, besides Authorization:", file.display()))?;
    output::line(&nginx::assertions(&gateway))?;
    output::line(&nginx::server(&gateway, file))?;
    warn_when_open(&gateway)
}

fn warn_when_open(gateway: &Value) -> Result<()> {
    if gateway["onUnreachable"] != "open" {
        return Ok(());
    }
    output::line(
        "While Moat does not answer, whoever shows a certificate of its authority comes in: removed devices and devices at\n\
         High risk too. Requests that came in that way carry X-Moat-Unreachable.",
    )
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
