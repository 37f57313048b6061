//! `moat`: the server and its administration.

mod admin;
mod administrators;
mod alerts;
mod api;
mod backup;
mod clients;
mod config;
mod devices;
mod enroll;
mod feeds;
mod gateways;
mod indicators;
mod output;
mod serve;
mod why;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(
    name = "moat",
    version,
    about = "Mobile threat defense that you run yourself",
    propagate_version = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server
    Serve(serve::Args),
    /// Check a configuration file
    #[command(subcommand)]
    Config(config::Command),
    /// Enrol devices: tokens and links
    #[command(subcommand)]
    Enroll(enroll::Command),
    /// Indicators: what devices block, warn about, audit or allow
    #[command(subcommand)]
    Indicators(indicators::Command),
    /// Feeds: lists of others that devices decide by after the indicators
    #[command(subcommand)]
    Feeds(feeds::Command),
    /// Enrolled devices
    #[command(subcommand)]
    Devices(devices::Command),
    /// Alerts
    #[command(subcommand)]
    Alerts(alerts::Command),
    /// Sites that users reported
    #[command(subcommand)]
    Reports(alerts::ReportsCommand),
    /// API clients (OAuth2 client credentials)
    #[command(subcommand)]
    Client(clients::ClientCommand),
    /// People who sign in to the console
    #[command(subcommand)]
    Administrator(administrators::Command),
    /// Reverse proxies that may ask whether a device may come in
    #[command(subcommand)]
    Gateway(gateways::GatewayCommand),
    /// Why a device is judged as it is, and what would change it
    Why(why::WhyArgs),
    /// Send one request to the APIs, as the administrator of this machine
    Api(api::ApiArgs),
    /// Settings that devices get
    #[command(subcommand)]
    Settings(config::SettingsCommand),
    /// Jailbreak rules that devices get
    #[command(subcommand)]
    Rules(config::RulesCommand),
    /// The audit log, newest first; `moat audit verify` checks it
    Audit(alerts::AuditArgs),
    /// The whole server as one file, while it runs
    Backup(backup::BackupArgs),
    /// Make a data folder of a backup
    Restore(backup::RestoreArgs),
    /// A new set-up link, while there is no administrator
    SetupLink(clients::SetupLinkArgs),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let result = match runtime {
        Ok(runtime) => runtime.block_on(run(cli.command)),
        Err(error) => Err(error.into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("moat: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Serve(args) => serve::run(args).await,
        Command::Config(command) => config::run(command),
        Command::Enroll(command) => enroll::run(command).await,
        Command::Indicators(command) => indicators::run(command).await,
        Command::Feeds(command) => feeds::run(command).await,
        Command::Devices(command) => devices::run(command).await,
        Command::Alerts(command) => alerts::run(command).await,
        Command::Reports(command) => alerts::run_reports(command).await,
        Command::Client(command) => clients::run(command).await,
        Command::Administrator(command) => administrators::run(command).await,
        Command::Gateway(command) => gateways::run(command).await,
        Command::Why(args) => why::run(args).await,
        Command::Api(args) => api::run(args).await,
        Command::Settings(command) => config::run_settings(command).await,
        Command::Rules(command) => config::run_rules(command).await,
        Command::Audit(args) => alerts::run_audit(args).await,
        Command::Backup(args) => backup::run(args).await,
        Command::Restore(args) => backup::run_restore(args).await,
        Command::SetupLink(args) => clients::run_setup_link(args).await,
    }
}
