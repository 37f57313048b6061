//! The tunnel: TUN device, routes, and the thread that runs the engine.

mod device;
mod driver;
mod netlink;
pub mod routing;
pub(crate) mod rules;
mod sockets;
pub mod vpn;

use std::thread::JoinHandle;

use anyhow::{Context as _, Result};
use moat_engine::{Config, Event, Policy};

pub use driver::{Handle, Order};
pub use sockets::network_changed;

/// Bytes that all flows together may hold.
const BYTE_BUDGET: usize = 4 << 20;

/// A running tunnel. Nothing enters it before its routes are enabled.
pub struct Tunnel {
    pub handle: Handle,
    thread: Option<JoinHandle<Result<()>>>,
}

/// What the device is called and how it behaves.
pub struct Options<'a> {
    pub name: &'a str,
    pub mark: u32,
    pub mtu: u16,
    /// Let the kernel segment: large packets in both directions.
    pub offload: bool,
}

impl Tunnel {
    /// `events` takes what the engine tells; false when it was lost, which is counted.
    pub fn start(
        options: &Options<'_>,
        policy: Policy,
        events: impl FnMut(Event) -> bool + Send + 'static,
    ) -> Result<Self> {
        raise_file_limit();
        let tun = device::Tun::create(options.name, options.offload)?;
        let mut random = [0; 24];
        getrandom::fill(&mut random).map_err(|e| anyhow::anyhow!("no random numbers: {e}"))?;
        let (seed, secret) = random.split_at(8);
        let config = Config {
            mtu: options.mtu,
            gso: options.offload,
            seed: u64::from_ne_bytes(seed.try_into()?),
            byte_budget: BYTE_BUDGET,
            secret: secret.try_into()?,
        };
        let (driver, handle) = driver::Driver::new(tun, options.mark, config, policy, events)?;
        let thread = std::thread::Builder::new()
            .name("tunnel".into())
            .spawn(move || driver.run())
            .context("cannot start the tunnel's thread")?;
        Ok(Self {
            handle,
            thread: Some(thread),
        })
    }

    /// Whether the thread still runs.
    pub fn is_running(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// Waits until the tunnel ends by itself.
    pub fn wait(mut self) -> Result<()> {
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            Some(Err(_)) => anyhow::bail!("the tunnel's thread panicked"),
            None => Ok(()),
        }
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.handle.send(Order::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Each flow has a socket: take as many files as the system allows.
fn raise_file_limit() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard.min(65_536), hard);
    }
}
