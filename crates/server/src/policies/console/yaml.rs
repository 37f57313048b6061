use axum::{
    http::header,
    response::{IntoResponse as _, Response},
};
use serde_json::Value;

use crate::{
    console::ConsoleError,
    error::{Error, Result},
};

/// A policy as a file: what Graph takes to make it, as YAML.
pub fn download(name: &str, policy: &Value) -> Result<Response, ConsoleError> {
    let text = serde_saphyr::to_string(policy).map_err(Error::internal)?;
    let headers = [
        (header::CONTENT_TYPE, "application/yaml; charset=utf-8".to_string()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{}.yaml\"", file_name(name)),
        ),
    ];
    Ok((headers, text).into_response())
}

/// A name that every system takes.
fn file_name(name: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || c == '-' {
            c.to_ascii_lowercase()
        } else {
            '-'
        }
    };
    let name: String = name.chars().take(80).map(plain).collect();
    let name = name.trim_matches('-');
    if name.is_empty() { "policy".into() } else { name.into() }
}
