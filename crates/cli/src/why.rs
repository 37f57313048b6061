//! `moat why DEVICE`: the chain from the evidence to the decision, as a tree.

use anyhow::Result;
use clap::Args;
use serde_json::Value;

use crate::{admin::Target, devices::path_segment, output};

#[derive(Args)]
pub struct WhyArgs {
    #[command(flatten)]
    target: Target,
    /// Device id or name
    device: String,
}

pub async fn run(args: WhyArgs) -> Result<()> {
    let path = format!("/admin/devices/{}/why", path_segment(&args.device));
    let answer = args.target.get(&path).await?;
    if args.target.json {
        return output::json(&answer);
    }
    let text = |name: &str| answer[name].as_str().unwrap_or_default();
    output::line(&format!(
        "{}: risk {}, compliance {}, access {}",
        text("deviceName"),
        text("risk"),
        text("complianceState"),
        text("access")
    ))?;
    for (title, name) in [("Access", "accessReasons"), ("Compliance", "complianceReasons")] {
        let reasons = answer[name].as_array().map(Vec::as_slice).unwrap_or_default();
        if !reasons.is_empty() {
            output::line(&format!("\n{title}"))?;
        }
        for reason in reasons {
            print(reason, 1)?;
        }
    }
    Ok(())
}

fn print(reason: &Value, depth: usize) -> Result<()> {
    let indent = "  ".repeat(depth);
    output::line(&format!("{indent}{}", reason["text"].as_str().unwrap_or_default()))?;
    if let Some(remedy) = reason["remedy"].as_str() {
        output::line(&format!("{indent}→ {remedy}"))?;
    }
    for cause in reason["because"].as_array().map(Vec::as_slice).unwrap_or_default() {
        print(cause, depth + 1)?;
    }
    Ok(())
}
