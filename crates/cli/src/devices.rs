use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::{admin::Target, output};

#[derive(Subcommand)]
pub enum Command {
    /// List the devices
    List {
        #[command(flatten)]
        target: Target,
    },
    /// Show one device
    Show {
        #[command(flatten)]
        target: Target,
        /// Device id or name
        device: String,
    },
    /// Take a device's certificate away, at once
    Revoke {
        #[command(flatten)]
        target: Target,
        id: String,
    },
    /// Ask a device to run its posture rules now
    Check {
        #[command(flatten)]
        target: Target,
        id: String,
    },
    /// Order a device to lock its screen
    Lock {
        #[command(flatten)]
        target: Target,
        /// Device id or name
        device: String,
    },
    /// Order a device to leave the organisation: everything of it goes from the device
    Retire(Leave),
    /// The same, and the work data in its apps is destroyed
    Wipe(Leave),
    /// Show the user of a device a message
    Notify {
        #[command(flatten)]
        target: Target,
        /// Device id or name
        device: String,
        title: String,
        body: String,
    },
    /// What a device was ordered, and what came of it
    Orders {
        #[command(flatten)]
        target: Target,
        /// Device id or name
        device: String,
    },
    /// Add a tag to a device
    Tag {
        #[command(flatten)]
        target: Target,
        id: String,
        tag: String,
        /// Take the tag away instead
        #[arg(long)]
        remove: bool,
    },
}

#[derive(Args)]
pub struct Leave {
    #[command(flatten)]
    target: Target,
    /// Device id or name
    device: String,
    /// The device's name, typed once more: this cannot be taken back
    #[arg(long, value_name = "NAME")]
    confirm: String,
}

pub async fn run(command: Command) -> Result<()> {
    match command {
        Command::List { target } => list(&target).await,
        Command::Show { target, device } => {
            output::json(&target.get(&format!("/api/machines/{}", path_segment(&device))).await?)
        }
        Command::Revoke { target, id } => {
            let path = format!("/admin/devices/{}/revoke", path_segment(&id));
            target.post(&path, json!({})).await?;
            if target.json {
                return output::json(&json!({"id": id, "revoked": true}));
            }
            output::line("the device's certificate no longer works")
        }
        Command::Check { target, id } => {
            let answer = target
                .post(&format!("/admin/devices/{}/posture", path_segment(&id)), json!({}))
                .await?;
            if target.json {
                return output::json(&answer);
            }
            let delivered = answer["delivered"].as_bool() == Some(true);
            output::line(if delivered {
                "the device runs its rules now"
            } else {
                "the device is not connected: it runs its rules when it comes back"
            })
        }
        Command::Lock { target, device } => order(&target, &device, None, "lock", json!({})).await,
        Command::Retire(leave) => order(&leave.target, &leave.device, Some(&leave.confirm), "retire", json!({})).await,
        Command::Wipe(leave) => order(&leave.target, &leave.device, Some(&leave.confirm), "wipe", json!({})).await,
        Command::Notify {
            target,
            device,
            title,
            body,
        } => order(&target, &device, None, "notify", json!({"title": title, "body": body})).await,
        Command::Orders { target, device } => orders(&target, &device).await,
        Command::Tag {
            target,
            id,
            tag,
            remove,
        } => {
            let action = if remove { "Remove" } else { "Add" };
            let answer = target
                .post(
                    &format!("/api/machines/{}/tags", path_segment(&id)),
                    json!({"Value": tag, "Action": action}),
                )
                .await?;
            if target.json {
                output::json(&answer)
            } else {
                output::line("done")
            }
        }
    }
}

async fn order(target: &Target, device: &str, confirm: Option<&str>, action: &str, body: Value) -> Result<()> {
    let machine = target.get(&format!("/api/machines/{}", path_segment(device))).await?;
    let id = machine["id"].as_str().context("the server answered no device")?;
    let name = machine["computerDnsName"].as_str().unwrap_or_default();
    if confirm.is_some_and(|confirm| confirm != name) {
        bail!("--confirm must be the device's name, {name}");
    }
    target.post(&format!("/admin/devices/{id}/{action}"), body).await?;
    if target.json {
        return output::json(&json!({"id": id, "ordered": action}));
    }
    output::line("ordered: `moat devices orders` shows what comes of it")
}

async fn orders(target: &Target, device: &str) -> Result<()> {
    let machine = target.get(&format!("/api/machines/{}", path_segment(device))).await?;
    let id = machine["id"].as_str().context("the server answered no device")?;
    let answer = target.get(&format!("/admin/devices/{id}/orders")).await?;
    if target.json {
        return output::json(&answer);
    }
    let columns = [
        ("ORDERED", "orderedAt"),
        ("ACTION", "action"),
        ("STATE", "state"),
        ("BY", "orderedBy"),
        ("DETAIL", "detail"),
    ];
    output::table(&answer, &columns, "Nothing was ordered.")
}

async fn list(target: &Target) -> Result<()> {
    let answer = target.list("/api/machines").await;
    // Defender answers 404 when there is no machine; for a person that is an empty list.
    let answer = match answer {
        Err(error) if error.to_string().contains("(ResourceNotFound)") => json!({"value": []}),
        answer => answer?,
    };
    if target.json {
        return output::json(&answer);
    }
    let columns = [
        ("ID", "id"),
        ("NAME", "computerDnsName"),
        ("PLATFORM", "osPlatform"),
        ("RISK", "riskScore"),
        ("HEALTH", "healthStatus"),
        ("LAST SEEN", "lastSeen"),
        ("TAGS", "machineTags"),
    ];
    output::table(
        &answer,
        &columns,
        "There are no devices. Enrol one: `moat enroll token`.",
    )
}

/// Escapes what may not stand in a path segment.
pub fn path_segment(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    text.bytes()
        .map(|b| {
            if plain(b) {
                char::from(b).to_string()
            } else {
                format!("%{b:02X}")
            }
        })
        .collect()
}
