//! Static files, inside the program. Their addresses carry a hash, so that browsers keep them for good.

use std::sync::LazyLock;

use axum::{
    extract::Path,
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use sha2::{Digest as _, Sha256};

struct Asset {
    name: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
}

const ASSETS: [Asset; 5] = [
    Asset {
        name: "console.css",
        kind: "text/css; charset=utf-8",
        bytes: include_bytes!("../../static/console.css"),
    },
    Asset {
        name: "console.js",
        kind: "text/javascript; charset=utf-8",
        bytes: include_bytes!("../../static/console.js"),
    },
    Asset {
        name: "htmx.min.js",
        kind: "text/javascript; charset=utf-8",
        bytes: include_bytes!("../../static/htmx.min.js"),
    },
    Asset {
        name: "idiomorph-ext.min.js",
        kind: "text/javascript; charset=utf-8",
        bytes: include_bytes!("../../static/idiomorph-ext.min.js"),
    },
    Asset {
        name: "moat.svg",
        kind: "image/svg+xml",
        bytes: include_bytes!("../../static/moat.svg"),
    },
];

/// What pages put before the names of static files.
pub fn asset_version() -> &'static str {
    &VERSION
}

/// A short hash over all files.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let all = ASSETS
        .iter()
        .fold(Sha256::new(), |hash, asset| hash.chain_update(asset.bytes));
    hex::encode(all.finalize()).chars().take(12).collect()
});

/// Only the version that the file has may be kept for good: an address of an older page gets the newer file.
pub async fn asset(Path((version, name)): Path<(String, String)>) -> Response {
    let keep = match version == asset_version() {
        true => "public, max-age=31536000, immutable",
        false => "no-cache",
    };
    match ASSETS.iter().find(|asset| asset.name == name) {
        Some(asset) => {
            let headers = [(header::CONTENT_TYPE, asset.kind), (header::CACHE_CONTROL, keep)];
            (headers, asset.bytes).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
