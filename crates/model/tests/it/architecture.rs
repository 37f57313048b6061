use std::{collections::BTreeSet, fs, path::Path};

use crate::workspace::{Member, rust_files, workspace};

/// Every crate and the crates of ours that it may stand on. ARCHITECTURE.md tells why; `docs/decisions/` where it changed.
const ARROWS: &[(&str, &[&str])] = &[
    ("moat-model", &[]),
    ("moat-policy", &["moat-model"]),
    ("moat-indicators", &["moat-model"]),
    ("moat-engine", &["moat-model", "moat-indicators"]),
    (
        "moat-agent",
        &["moat-engine", "moat-indicators", "moat-policy", "moat-model"],
    ),
    (
        "moat-ffi",
        &["moat-engine", "moat-indicators", "moat-policy", "moat-model"],
    ),
    ("moat-server", &["moat-policy", "moat-indicators", "moat-model"]),
    (
        "moat-cli",
        &[
            "moat-server",
            "moat-policy",
            "moat-indicators",
            "moat-engine",
            "moat-model",
        ],
    ),
];

const PURE: &[&str] = &["moat-model", "moat-policy", "moat-indicators", "moat-engine"];

/// Libraries that bring a runtime, sockets, files, a clock or randomness.
const IMPURE: &[&str] = &[
    "async-std",
    "axum",
    "chrono",
    "getrandom",
    "hyper",
    "libc",
    "memmap2",
    "mio",
    "nix",
    "rand",
    "reqwest",
    "ring",
    "rustls",
    "smol",
    "socket2",
    "sqlx",
    "tempfile",
    "tokio",
    "tracing",
    "tun-rs",
];

/// Text that has no place in a pure crate outside its tests.
const IMPURE_TEXT: &[&str] = &[
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "std::fs",
    "std::process",
    "std::thread",
    "std::env",
    "SystemTime::now",
    "Instant::now",
    "Timestamp::now",
    "Uuid::now_v7",
    "Uuid::new_v4",
    "println!",
];

/// What stands at the top of a pure crate, apart from white space.
const LINTS: &[&str] = &[
    "#![forbid(unsafe_code)]",
    "#![cfg_attr(not(test),deny(clippy::unwrap_used,clippy::expect_used,clippy::panic,clippy::indexing_slicing,clippy::unreachable))]",
];

#[test]
fn crates_depend_only_along_the_arrows() {
    let known: BTreeSet<&str> = ARROWS.iter().map(|(name, _)| *name).collect();
    let members: BTreeSet<&str> = workspace().members.keys().map(String::as_str).collect();
    assert_eq!(
        members, known,
        "a crate came or went: change the design first, then ARROWS"
    );
    for (name, allowed) in ARROWS {
        for dependency in workspace().members[*name].dependencies.iter() {
            let fine = !known.contains(dependency.as_str()) || allowed.contains(&dependency.as_str());
            assert!(fine, "{name} must not depend on {dependency}");
        }
    }
}

#[test]
fn pure_crates_have_no_impure_library() {
    for (name, member) in pure() {
        for dependency in &member.dependencies {
            assert!(
                !IMPURE.contains(&dependency.as_str()),
                "{name} is pure: not with {dependency}"
            );
        }
    }
}

#[test]
fn pure_crates_touch_no_clock_file_or_socket() {
    for (name, member) in pure() {
        let src = member.folder.join("src");
        let files = rust_files(&src);
        assert!(!files.is_empty(), "{name} has sources");
        for file in files.iter().filter(|file| !is_test(file.strip_prefix(&src).unwrap())) {
            let source = fs::read_to_string(file).unwrap();
            let code = code_of(&source);
            for text in IMPURE_TEXT {
                assert!(!code.contains(text), "{} holds {text}: {name} is pure", file.display());
            }
        }
    }
}

#[test]
fn pure_crates_forbid_unsafe_code_and_what_panics() {
    for (name, member) in pure() {
        let source = fs::read_to_string(member.folder.join("src/lib.rs")).unwrap();
        let packed: String = source.chars().filter(|c| !c.is_whitespace()).collect();
        for lint in LINTS {
            assert!(packed.contains(lint), "{name}: lib.rs lacks {lint}");
        }
    }
}

#[test]
fn no_file_hides_a_noun() {
    for (name, member) in &workspace().members {
        for file in rust_files(&member.folder) {
            let lines = fs::read_to_string(&file).unwrap().lines().count();
            assert!(lines <= 900, "{name}: {} has {lines} lines, cut it", file.display());
        }
    }
}

#[test]
fn there_is_no_crate_or_module_for_everything() {
    for member in workspace().members.values() {
        for file in rust_files(&member.folder.join("src")) {
            let names = file.strip_prefix(&member.folder).unwrap().with_extension("");
            let vague = names.iter().any(|part| {
                ["utils", "util", "common", "helpers", "misc"]
                    .iter()
                    .any(|name| part == *name)
            });
            assert!(!vague, "{}: name it after what it does", file.display());
        }
    }
}

fn pure() -> impl Iterator<Item = (&'static str, &'static Member)> {
    PURE.iter().map(|name| (*name, &workspace().members[*name]))
}

fn is_test(file: &Path) -> bool {
    file.iter().any(|part| part == "tests" || part == "tests.rs")
}

/// The source without comments and without the tests at its end.
fn code_of(source: &str) -> String {
    let end = source.find("#[cfg(test)]\nmod ").unwrap_or(source.len());
    let lines = source[..end].lines();
    lines
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn comments_and_tests_are_not_code() {
    let code = code_of("use a;\n/// std::fs\nfn f() {}\n\n#[cfg(test)]\nmod tests {\n    use std::fs;\n}\n");
    assert_eq!(code, "use a;\nfn f() {}\n");
}
