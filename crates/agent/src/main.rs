//! `moat-agent`: the protected device.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::{Context as _, Result, bail};
use clap::{Args, Parser, Subcommand};
use moat_agent::{
    control::{self, Command as Control},
    data_folder::DataFolder,
    enroll, ledger,
    page::Page,
    retired, run,
    tunnel::{Options, Tunnel},
};
use moat_engine::Policy;
use moat_model::sync::ReportKind;
use serde_json::{Value, json};

#[derive(Parser)]
#[command(
    name = "moat-agent",
    version,
    about = "Protects this device",
    propagate_version = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Enrol this device with a token or link
    Enroll(EnrollArgs),
    /// Protect this device until stopped
    Run {
        #[command(flatten)]
        target: Target,
        /// Folder to look at as if it were the root of a phone
        #[arg(long, value_name = "DIR")]
        posture_root: Option<PathBuf>,
        /// File in which the device's management says what it knows [default: configuration.json in the data folder]
        #[arg(long, value_name = "FILE")]
        configuration: Option<PathBuf>,
    },
    /// How the device is protected
    Status(Output),
    /// Switch web protection on
    On(Output),
    /// Switch web protection off; `on` starts it again
    Off {
        #[command(flatten)]
        output: Output,
        /// Only for so long
        #[arg(long, value_name = "N")]
        minutes: Option<u32>,
    },
    /// Report a site as unsafe
    Report {
        #[command(flatten)]
        output: Output,
        url: String,
        #[arg(long, default_value = "")]
        comment: String,
        /// It was blocked by mistake
        #[arg(long)]
        mistake: bool,
    },
    /// Go on past a warning that was shown
    Bypass {
        #[command(flatten)]
        output: Output,
        /// Site as the warning named it
        site: String,
    },
    /// Run the posture rules now
    Check(Output),
    /// What was blocked and warned about lately
    Notifications(Output),
    /// Everything that left this device
    Ledger(Output),
    /// Show all of this in a browser on this device: prints an address that opens it once
    Page {
        #[command(flatten)]
        output: Output,
        /// Ends when it was not used for so long
        #[arg(long, value_name = "N", default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=1440))]
        idle_minutes: u32,
    },
    /// Run only the tunnel, on a TUN device of this name, without a server (for measurements)
    Tunnel(TunnelArgs),
}

#[derive(Args)]
struct Target {
    /// The agent's data folder
    #[arg(long, value_name = "DIR", env = "MOAT_AGENT_DATA")]
    data: PathBuf,
}

#[derive(Args)]
struct Output {
    #[command(flatten)]
    target: Target,
    /// Print JSON for programs
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct EnrollArgs {
    #[command(flatten)]
    output: Output,
    /// Enrolment link from the administrator
    #[arg(long, conflicts_with_all = ["server", "token", "token_file"])]
    link: Option<String>,
    /// Server, such as https://moat.example:8443
    #[arg(long, value_name = "URL", required_unless_present = "link")]
    server: Option<String>,
    /// Enrolment token; better by MOAT_TOKEN or --token-file, so that it stays out of the process list
    #[arg(long, env = "MOAT_TOKEN", hide_env_values = true)]
    token: Option<String>,
    #[arg(long, value_name = "FILE", conflicts_with = "token")]
    token_file: Option<PathBuf>,
    /// The server's CA certificate
    #[arg(long, value_name = "FILE")]
    ca: PathBuf,
    /// Name of this device [default: its host name]
    #[arg(long)]
    name: Option<String>,
    /// Enrol anew although the folder holds an enrolled device
    #[arg(long)]
    again: bool,
}

#[derive(Args)]
struct TunnelArgs {
    /// Name of the TUN device
    #[arg(long)]
    tun: String,
    /// Mark of the sockets that bypass it
    #[arg(long)]
    mark: u32,
    #[arg(long, default_value_t = 1500)]
    mtu: u16,
    /// Packets of at most the MTU, as on a phone
    #[arg(long)]
    no_offload: bool,
    /// Compiled indicators to enforce
    #[arg(long, value_name = "FILE")]
    indicators: Option<PathBuf>,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    start_log();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let result = match runtime {
        Ok(runtime) => runtime.block_on(dispatch(cli.command)),
        Err(error) => Err(error.into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("moat-agent: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn dispatch(command: Command) -> Result<()> {
    match command {
        Command::Enroll(args) => enroll_device(args).await,
        Command::Run {
            target,
            posture_root,
            configuration,
        } => {
            retired::finish(&target.data)?;
            run::run(DataFolder::open(&target.data)?, posture_root, configuration).await
        }
        Command::Status(output) => status(&output).await,
        Command::On(output) => {
            control(
                &output,
                &Control::Switch {
                    on: true,
                    minutes: None,
                },
            )
            .await
        }
        Command::Off { output, minutes } => control(&output, &Control::Switch { on: false, minutes }).await,
        Command::Report {
            output,
            url,
            comment,
            mistake,
        } => {
            let report = if mistake {
                ReportKind::Mistake
            } else {
                ReportKind::Unsafe
            };
            control(&output, &Control::Report { url, comment, report }).await
        }
        Command::Bypass { output, site } => control(&output, &Control::Bypass { site }).await,
        Command::Check(output) => control(&output, &Control::Check).await,
        Command::Notifications(output) => control(&output, &Control::Notifications).await,
        Command::Ledger(output) => print_ledger(&output),
        Command::Page { output, idle_minutes } => show_page(&output, idle_minutes).await,
        Command::Tunnel(args) => run_tunnel(&args),
    }
}

async fn enroll_device(args: EnrollArgs) -> Result<()> {
    let (server, token) = match (&args.link, &args.server) {
        (Some(link), _) => enroll::parse_link(link)?,
        (None, Some(server)) => (server.clone(), token(&args)?),
        (None, None) => bail!("give --link, or --server and a token"),
    };
    let data = DataFolder::create(&args.output.target.data)?;
    let options = enroll::Options {
        server_url: &server,
        token: &token,
        ca_file: &args.ca,
        name: args.name.as_deref(),
        again: args.again,
    };
    let identity = enroll::enroll(&data, &options)
        .await
        .context("the device was not enrolled")?;
    let answer =
        json!({"deviceId": identity.device_id, "management": identity.management, "deviceUrl": identity.device_url});
    print(&args.output, &answer)
}

fn token(args: &EnrollArgs) -> Result<String> {
    match (&args.token, &args.token_file) {
        (Some(token), _) => Ok(token.clone()),
        (None, Some(file)) => {
            let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
            Ok(text.trim().to_string())
        }
        (None, None) => bail!("give the enrolment token by --token, --token-file or MOAT_TOKEN"),
    }
}

/// Works also while the agent does not run: it says so.
async fn status(output: &Output) -> Result<()> {
    let data = DataFolder::open(&output.target.data)?;
    match control::ask(&data.socket(), &Control::Status).await {
        Ok(status) => print(output, &status),
        Err(error) => {
            let identity = data.identity()?;
            let status = json!({
                "running": false,
                "deviceId": identity.device_id,
                "management": identity.management,
                "serverUrl": identity.server_url,
                "webProtection": "stopped",
                "problems": [format!("{error:#}")],
            });
            print(output, &status)
        }
    }
}

async fn control(output: &Output, command: &Control) -> Result<()> {
    let data = DataFolder::open(&output.target.data)?;
    print(output, &control::ask(&data.socket(), command).await?)
}

fn print_ledger(output: &Output) -> Result<()> {
    // Also that of a device that was retired.
    let entries = ledger::read(&DataFolder::at(&output.target.data)?)?;
    if output.json {
        return print(output, &serde_json::to_value(entries)?);
    }
    for entry in entries {
        println!("{}  {}  {} bytes", entry.time, entry.what, entry.bytes_sent);
        if let Some(told) = entry.told {
            println!("    {}", serde_json::to_string(&told)?);
        }
        for event in entry.events {
            println!("    {}", serde_json::to_string(&event.event)?);
        }
    }
    Ok(())
}

async fn show_page(output: &Output, idle_minutes: u32) -> Result<()> {
    let page = Page::open(&output.target.data).await?;
    print(output, &json!({"address": page.address(), "idleMinutes": idle_minutes}))?;
    if !output.json {
        println!(
            "Open it on this device. It works once, in one browser; the page ends when it was not used for {idle_minutes} min."
        );
    }
    page.serve(Duration::from_secs(u64::from(idle_minutes) * 60)).await
}

fn run_tunnel(args: &TunnelArgs) -> Result<()> {
    let mut policy = Policy::default();
    if let Some(file) = &args.indicators {
        let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        policy.indicators = moat_indicators::IndicatorSet::open(bytes)
            .with_context(|| format!("{} holds no indicators", file.display()))?;
    }
    let options = Options {
        name: &args.tun,
        mark: args.mark,
        mtu: args.mtu,
        offload: !args.no_offload,
    };
    Tunnel::start(&options, policy, |_| true)?.wait()
}

/// JSON for programs; for people a line per field.
fn print(output: &Output, value: &Value) -> Result<()> {
    match value {
        Value::Object(fields) if !output.json => {
            for (name, value) in fields
                .iter()
                .filter(|(_, value)| !value.is_null() && **value != json!([]))
            {
                println!(
                    "{name:<16} {}",
                    value.as_str().map_or_else(|| value.to_string(), String::from)
                );
            }
            Ok(())
        }
        value => {
            println!("{}", serde_json::to_string_pretty(value)?);
            Ok(())
        }
    }
}

fn start_log() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into());
    let ansi = std::io::IsTerminal::is_terminal(&std::io::stderr());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(ansi)
        .init();
}
