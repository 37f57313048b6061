use std::{
    io::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use moat_server::{App, Config, DataFolder, Listeners};

#[derive(clap::Args)]
pub struct Args {
    /// Folder for everything the server keeps; made on first start
    #[arg(long, value_name = "DIR", env = "MOAT_DATA")]
    data: PathBuf,
    /// Address of the console, the APIs and enrolment [default: 0.0.0.0:8443]
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<SocketAddr>,
    /// Address for enrolled devices [default: the port after --listen]
    #[arg(long, value_name = "ADDR:PORT")]
    device_listen: Option<SocketAddr>,
    /// Configuration file [default: DIR/moat.toml when it exists]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Log in more detail; RUST_LOG refines
    #[arg(long, short)]
    verbose: bool,
}

pub async fn run(args: Args) -> Result<()> {
    start_log(args.verbose);
    let mut config = load_config(&args.data, args.config.as_deref())?;
    if let Some(listen) = args.listen {
        config.listen = listen;
    }
    config.device_listen = args.device_listen.or(config.device_listen);
    config.check()?;

    let app = App::open(DataFolder::open(&args.data)?, config).await?;
    let listeners = Listeners::bind(&app).await?;
    let stop = moat_server::stop_on_signal()?;
    announce(&app, &listeners).await?;
    moat_server::serve(app, listeners, stop).await?;
    Ok(())
}

/// Tells on standard output where the server is. A closed standard output is no reason not to serve.
async fn announce(app: &App, listeners: &Listeners) -> Result<()> {
    let mut text = format!(
        "Moat is ready.\n  console      {}/\n  devices      {}\n  data         {}\n  CA           {}\n",
        app.base_url(),
        listeners.device()?,
        app.data.path().display(),
        app.data.ca_certificate().display()
    );
    if let Some(link) = moat_server::setup_link(app).await? {
        text += &format!("\n  Set up: open {link}\n");
    }
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    Ok(())
}

pub fn load_config(data: &Path, file: Option<&Path>) -> Result<Config> {
    let default = data.join("moat.toml");
    match file {
        Some(file) => Config::load(file).context("the configuration is not usable"),
        None if default.exists() => Config::load(&default).context("the configuration is not usable"),
        None => Ok(Config::default()),
    }
}

fn start_log(verbose: bool) {
    let default = if verbose {
        "info,moat_server=debug,tower_http=debug"
    } else {
        "info,sqlx=warn"
    };
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| default.into());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .init();
}
