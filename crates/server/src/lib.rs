//! The server of Moat: enrolment, check-in, bundles, alerts, the Defender-shaped API, access checks and the console.
//!
//! One folder per noun: `mod.rs` what may happen to it, `store.rs` its SQL, `defender.rs`, `device.rs`, `admin.rs` its JSON faces,
//! `console.rs` its HTML face. Every route stands in [`router`]. See `ARCHITECTURE.md`.

#![forbid(unsafe_code)]

mod access;
mod accounts;
mod admin;
mod alerts;
mod app;
mod app_protection;
mod audit;
pub mod backup;
mod bundles;
mod caller;
mod clients;
mod compliance;
mod conditional_access;
pub mod config;
mod connectors;
mod console;
mod data_folder;
mod db;
mod devices;
mod directory;
mod edition;
mod enforcement;
mod enrollment;
mod error;
mod feeds;
mod gateways;
mod graph;
mod groups;
mod indicators;
mod jobs;
mod json;
mod keys;
mod language;
mod limits;
mod listen;
pub mod local;
mod notifications;
pub mod odata;
mod outbox;
mod pki;
mod places;
mod policies;
mod push;
mod rate_limit;
mod reports;
mod retire_list;
mod router;
mod rules;
mod secret;
mod serve;
mod settings;
mod starter;
mod users;
mod views;
mod web_activity;

pub use access::Asked;
pub use accounts::setup_link;
pub use app::{App, now};
pub use caller::{Actor, Caller, Role};
pub use config::Config;
pub use data_folder::DataFolder;
pub use error::Error;
pub use gateways::nginx;
pub use router::{GRAPH_ROUTES, GraphRoute, graph_coverage};
pub use serve::{Listeners, check, serve, stop_on_signal};
