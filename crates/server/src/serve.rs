use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use anyhow::{Context as _, Result, bail};
use rustls::ServerConfig;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use tokio::{
    net::{TcpListener, UnixListener},
    sync::watch,
};

use crate::{
    App,
    config::{Config, is_server_name},
    data_folder, jobs, listen,
    outbox::mail::Mailer,
    pki::{Authority, ServerIdentity},
    places::{Places, Shares},
    router,
};

/// Bound listeners: their ports are known before anything is served.
pub struct Listeners {
    main: TcpListener,
    device: TcpListener,
    local: UnixListener,
    tls: Tls,
    mailer: Option<Mailer>,
}

/// What the two TLS listeners show of themselves.
struct Tls {
    main: Arc<ServerConfig>,
    device: Arc<ServerConfig>,
}

impl Listeners {
    /// Binds them once all that they need is there.
    pub async fn bind(app: &App) -> Result<Self> {
        let tls = Tls::new(&app.authority, &app.config)?;
        let mailer = app.config.mail.as_ref().map(Mailer::open).transpose()?;
        let bind = async |address: SocketAddr| {
            TcpListener::bind(address)
                .await
                .with_context(|| format!("cannot listen on {address}"))
        };
        let listeners = Self {
            main: bind(app.config.listen).await?,
            device: bind(app.config.device_listen()).await?,
            local: listen::bind_local(&data_folder::admin_socket(app.data.path()))?,
            tls,
            mailer,
        };
        app.set_addresses(listeners.main()?, listeners.device()?).await?;
        Ok(listeners)
    }

    pub fn main(&self) -> Result<SocketAddr> {
        Ok(self.main.local_addr()?)
    }

    pub fn device(&self) -> Result<SocketAddr> {
        Ok(self.device.local_addr()?)
    }
}

/// Serves until `stop` turns true, then finishes what is open and closes the database.
pub async fn serve(app: App, listeners: Listeners, stop: watch::Receiver<bool>) -> Result<()> {
    let shares = Shares::of_this_process();

    let main = listen::serve_tls(
        app.clone(),
        listeners.main,
        listeners.tls.main,
        router::main_router(app.clone()),
        Places::shared(shares.main),
        stop.clone(),
    );
    let device = listen::serve_tls(
        app.clone(),
        listeners.device,
        listeners.tls.device,
        router::device_router(app.clone()),
        Places::open(shares.device),
        stop.clone(),
    );
    let local = listen::serve_local(
        listeners.local,
        |uid| router::local_router(app.clone(), uid),
        stop.clone(),
    );
    let closing = async {
        let mut stop = stop.clone();
        let _ = stop.wait_for(|stop| *stop).await;
        app.hub.close();
    };
    let jobs = jobs::run(app.clone(), listeners.mailer, stop.clone());
    tokio::join!(main, device, local, closing, jobs);
    let _ = std::fs::remove_file(data_folder::admin_socket(app.data.path()));
    app.db.close().await;
    Ok(())
}

/// Whether a server could start with this configuration, as far as files and names go.
pub fn check(config: &Config) -> Result<()> {
    config.check()?;
    if let Some(mail) = &config.mail {
        Mailer::open(mail)?;
    }
    Tls::new(&Authority::ephemeral()?, config).map(drop)
}

impl Tls {
    fn new(authority: &Authority, config: &Config) -> Result<Self> {
        let names = certificate_names(config);
        Ok(Self {
            main: listen::main_tls(main_identity(authority, config, &names)?)?,
            device: listen::device_tls(authority.issue_server(&names)?, authority.roots()?)?,
        })
    }
}

/// The administrator's own certificate, or one of our authority.
fn main_identity(authority: &Authority, config: &Config, names: &[String]) -> Result<ServerIdentity> {
    let (Some(certificate), Some(key)) = (&config.certificate, &config.certificate_key) else {
        return authority.issue_server(names);
    };
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| format!("certificate: cannot read {}", certificate.display()))?;
    if chain.is_empty() {
        bail!("certificate: there is none in {}", certificate.display());
    }
    let key =
        PrivateKeyDer::from_pem_file(key).with_context(|| format!("certificate_key: cannot read {}", key.display()))?;
    Ok(ServerIdentity { chain, key })
}

/// Every name and address by which this machine may be called.
fn certificate_names(config: &Config) -> Vec<String> {
    let mut names: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(String::from).into();
    if let Ok(name) = nix::unistd::gethostname() {
        names.push(name.to_string_lossy().into_owned());
    }
    // What the machine calls itself may be no name that a certificate can hold.
    names.retain(|name| is_server_name(name));
    names.extend(interface_addresses().map(|ip| ip.to_string()));
    names.extend(config.names.iter().cloned());
    for url in [&config.public_url, &config.device_url].into_iter().flatten() {
        let host = url
            .parse::<http::Uri>()
            .ok()
            .and_then(|uri| uri.host().map(|h| h.trim_matches(['[', ']']).to_string()));
        names.extend(host);
    }
    names.retain(|name| !name.is_empty());
    names.sort();
    names.dedup();
    names
}

pub(crate) fn interface_addresses() -> impl Iterator<Item = IpAddr> {
    nix::ifaddrs::getifaddrs()
        .into_iter()
        .flatten()
        .filter_map(|interface| {
            let address = interface.address?;
            let v4 = address.as_sockaddr_in().map(|a| IpAddr::from(a.ip()));
            v4.or_else(|| address.as_sockaddr_in6().map(|a| a.ip().into()))
        })
}

/// Resolves when the process is asked to stop (SIGTERM or SIGINT).
pub fn stop_on_signal() -> Result<watch::Receiver<bool>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (sender, receiver) = watch::channel(false);
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let sender = Arc::new(sender);
    tokio::spawn(async move {
        tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} }
        tracing::info!("stopping");
        let _ = sender.send(true);
        // Keep the channel open for whoever waits on it later.
        std::future::pending::<()>().await;
    });
    Ok(receiver)
}
