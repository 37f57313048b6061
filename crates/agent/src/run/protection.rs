//! Web protection: the tunnel comes and goes with the user's switch, the policy and other VPNs.

use std::{os::fd::AsRawFd as _, sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use moat_engine::Event;
use moat_model::WebProtection;
use tokio::{
    io::unix::AsyncFd,
    sync::mpsc,
    time::{sleep, timeout},
};

use super::{Agent, events, lock};
use crate::tunnel::{Options, Order, Tunnel, network_changed, routing, routing::Routing, vpn};

/// Name of our TUN device.
pub const DEVICE: &str = "moat0";
/// Route changes come in bursts: they are looked at together.
const SETTLE: Duration = Duration::from_millis(100);
/// A tunnel that could not be made is tried again.
const RETRY: Duration = Duration::from_secs(15);
/// Changes of routes are told; this is for the case that word of one was lost.
const LOOK: Duration = Duration::from_secs(60);
const EVENTS: usize = 1024;

pub(super) async fn run(agent: Arc<Agent>) {
    loop {
        if let Err(error) = protect(&agent).await {
            let error = format!("there is no tunnel, web protection does not work: {error:#}");
            tracing::error!("{error}");
            lock(&agent.live).tunnel = None;
            agent.set_tunnel_error(Some(error));
        }
        sleep(RETRY).await;
    }
}

/// Keeps the tunnel until it fails.
async fn protect(agent: &Arc<Agent>) -> Result<()> {
    let (sender, receiver) = mpsc::channel::<Event>(EVENTS);
    let options = Options {
        name: DEVICE,
        mark: routing::MARK,
        mtu: routing::MTU,
        offload: true,
    };
    let tunnel = Tunnel::start(&options, agent.policy(), move |event| sender.try_send(event).is_ok())?;
    let mut routing = Routing::prepare(DEVICE)?;
    let bypasses = lock(&agent.state)
        .bypasses
        .iter()
        .map(|bypass| (bypass.indicator, bypass.until))
        .collect();
    tunnel.handle.send(Order::Bypasses(bypasses));
    lock(&agent.live).tunnel = Some(tunnel.handle.clone());
    agent.set_tunnel_error(None);
    tokio::select! {
        result = follow(agent, &tunnel, &mut routing) => result,
        () = events::run(agent.clone(), receiver) => anyhow::bail!("the tunnel ended"),
    }
}

/// Sets routes as the switch, the policy and other VPNs want them.
async fn follow(agent: &Agent, tunnel: &Tunnel, routing: &mut Routing) -> Result<()> {
    let changes = nonblocking(vpn::changes().context("cannot listen for route changes")?)?;
    // SAFETY: an owned descriptor keeps its number until it is dropped.
    let changes = unsafe { AsyncFd::register(changes) }?;
    let mut enabled = false;
    loop {
        anyhow::ensure!(tunnel.is_running(), "the tunnel ended");
        agent.end_pause();
        let other = vpn::other_vpn(routing.device())?;
        let wanted = !lock(&agent.state).off && agent.settings().web_protection;
        let state = match (&other, wanted) {
            (_, false) => WebProtection::Off,
            (Some(_), true) => WebProtection::OtherVpn,
            (None, true) => WebProtection::On,
        };
        let enable = state == WebProtection::On;
        if enable && enabled {
            routing.follow_addresses();
        } else if enable {
            routing.enable()?;
        } else if enabled {
            routing.disable();
            tunnel.handle.send(Order::CloseAll);
        }
        enabled = enable;
        agent.set_protection(state, other.filter(|_| wanted));
        wait(agent, &changes).await?;
    }
}

/// Until the switch, the policy or the routes change, or a pause ends.
async fn wait(agent: &Agent, changes: &AsyncFd<std::os::fd::OwnedFd>) -> Result<()> {
    tokio::select! {
        () = agent.wake.protection.notified() => return Ok(()),
        ready = changes.readable() => {
            let mut ready = ready?;
            let mut buffer = [0; 8192];
            while nix::unistd::read(changes.get_ref(), &mut buffer).is_ok() {}
            ready.clear_ready();
            network_changed();
        }
        () = sleep(agent.pause_left().map_or(LOOK, |left| left.min(LOOK))) => return Ok(()),
    }
    let _ = timeout(SETTLE, agent.wake.protection.notified()).await;
    Ok(())
}

fn nonblocking(fd: std::os::fd::OwnedFd) -> Result<std::os::fd::OwnedFd> {
    use nix::fcntl::{FcntlArg, OFlag, fcntl};
    debug_assert!(fd.as_raw_fd() >= 0);
    fcntl(&fd, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    Ok(fd)
}
