use std::collections::{BTreeMap, BTreeSet};

use crate::{
    licence,
    workspace::{Library, workspace},
};

/// Second TLS stacks and crypto providers (`ring` through rustls is the one), C libraries with a better Rust one,
/// and what nobody keeps any more. Tests may not use them either.
const BANNED: &[&str] = &[
    "aws-lc-fips-sys",
    "aws-lc-rs",
    "aws-lc-sys",
    "async-std",
    "boring",
    "boring-sys",
    "chrono",
    "failure",
    "graviola",
    "mbedtls",
    "native-tls",
    "openssl",
    "openssl-src",
    "openssl-sys",
    "rustls-native-certs-openssl",
    "rustls-openssl",
    "rustls-rustcrypto",
    "schannel",
    "security-framework",
    "tokio-native-tls",
    "tokio-openssl",
    "wolfssl-sys",
];

/// Libraries of which two versions in one program would be a mistake: their types meet at our walls.
const ONCE: &[&str] = &[
    "axum",
    "ed25519-dalek",
    "hickory-proto",
    "http",
    "hyper",
    "idna",
    "jiff",
    "memmap2",
    "mio",
    "rcgen",
    "ring",
    "rustls",
    "rustls-pki-types",
    "rustls-webpki",
    "serde",
    "serde_json",
    "socket2",
    "sqlx",
    "tokio",
    "tokio-rustls",
    "toml",
    "tower",
    "tracing",
    "uniffi",
    "uuid",
    "x509-parser",
];

#[test]
fn every_licence_is_on_the_list() {
    let refused: Vec<String> = workspace()
        .all
        .iter()
        .filter(|library| {
            let licence = library.licence.as_deref().unwrap_or_default();
            licence::allows(&library.name, licence) != Ok(true)
        })
        .map(|library| format!("{} {}: {:?}", library.name, library.version, library.licence))
        .collect();
    assert!(refused.is_empty(), "licences that are not on the list: {refused:#?}");
}

#[test]
fn banned_libraries_stay_out() {
    let found: Vec<String> = workspace()
        .all
        .iter()
        .filter(|library| BANNED.contains(&library.name.as_str()))
        .map(named)
        .collect();
    assert!(
        found.is_empty(),
        "banned: {found:?}; `cargo tree -i NAME` shows who brings it"
    );
}

#[test]
fn there_is_one_crypto_provider() {
    let rustls = workspace()
        .shipped
        .iter()
        .find(|library| library.name == "rustls")
        .unwrap();
    let provider = |name: &&str| rustls.features.contains(*name);
    let on: Vec<&str> = ["ring", "aws_lc_rs", "aws-lc-rs", "fips"]
        .into_iter()
        .filter(provider)
        .collect();
    assert_eq!(on, ["ring"]);
}

#[test]
fn key_libraries_come_once() {
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for library in &workspace().shipped {
        versions.entry(&library.name).or_default().insert(&library.version);
    }
    let twice: Vec<_> = ONCE
        .iter()
        .filter_map(|name| versions.get_key_value(name))
        .filter(|(_, v)| v.len() > 1)
        .collect();
    assert!(twice.is_empty(), "more than one version: {twice:?}");
    assert!(
        versions.contains_key("rustls") && versions.contains_key("serde"),
        "the tree was read"
    );
}

fn named(library: &Library) -> String {
    format!("{} {}", library.name, library.version)
}
