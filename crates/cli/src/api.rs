//! `moat api METHOD PATH [JSON]`: any request of the Graph, Defender and admin APIs, over the admin socket.

use anyhow::{Context as _, Result};
use clap::Args;
use http::Method;

use crate::{
    admin::{Body, Target},
    output,
};

#[derive(Args)]
pub struct ApiArgs {
    #[command(flatten)]
    target: Target,
    /// GET, POST, PATCH, PUT or DELETE
    method: String,
    /// Such as /v1.0/deviceManagement/managedDevices
    path: String,
    /// The body, JSON; - reads it from standard input
    body: Option<String>,
}

pub async fn run(args: ApiArgs) -> Result<()> {
    let method: Method = args.method.to_ascii_uppercase().parse().context("METHOD")?;
    let text = match args.body.as_deref() {
        Some("-") => Some(std::io::read_to_string(std::io::stdin())?),
        Some(text) => Some(text.to_string()),
        None => None,
    };
    let body = match text {
        Some(text) => Body::Json(serde_json::from_str(&text).context("the body is no JSON")?),
        None => Body::None,
    };
    let path = args.path.replace(' ', "%20");
    let answer = args.target.call(method, &path, body).await?;
    if answer.is_null() {
        return Ok(());
    }
    output::json(&answer)
}
