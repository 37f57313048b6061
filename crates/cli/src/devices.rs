use anyhow::Result;
use clap::Subcommand;
use serde_json::json;

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
