//! Routes and rules: what enters the tunnel, and how our own sockets pass it by.
//!
//! TCP and UDP that this host begins is looked up in a table of our own, whose default route is the tunnel. Marked sockets,
//! ours, skip that, and so do answers to connections from outside (`rules.rs`). The main table, DNS settings and ICMP stay untouched. When the agent dies, the kernel removes
//! the device and with it the routes: the table is empty, look-ups fall through, and the network works.

use std::{
    collections::BTreeSet,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use anyhow::{Context as _, Result};

use super::{
    netlink::{CREATE, DELETE_ROUTE, NEW_ADDRESS, NEW_LINK, NEW_ROUTE, Netlink, REPLACE, Request},
    rules,
};

/// Marks the sockets that bypass the tunnel.
pub const MARK: u32 = 0x006d_6f74;
pub const TABLE: u32 = 7474;
pub const MTU: u16 = 1500;
/// Single addresses without a network around them: no address of ours is a broadcast address, nothing stands in the main
/// table. The sinkholes are reached by the default route of our table like all else.
const ADDRESS_V4: (Ipv4Addr, u8) = (Ipv4Addr::new(198, 18, 0, 1), 32);
const ADDRESS_V6: (Ipv6Addr, u8) = (Ipv6Addr::new(0xfd00, 0x6d6f, 0x6174, 0, 0, 0, 0, 1), 128);

const ROUTE_UNICAST: u8 = 1;
const ROUTE_THROW: u8 = 9;
const PROTOCOL_STATIC: u8 = 4;

/// What never enters the tunnel: link-local, multicast and broadcast.
const LOCAL: [(IpAddr, u8); 5] = [
    (IpAddr::V4(Ipv4Addr::new(169, 254, 0, 0)), 16),
    (IpAddr::V4(Ipv4Addr::new(224, 0, 0, 0)), 4),
    (IpAddr::V4(Ipv4Addr::BROADCAST), 32),
    (IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0)), 10),
    (IpAddr::V6(Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0)), 8),
];

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    V4,
    V6,
}

impl Family {
    pub(super) const fn number(self) -> u8 {
        match self {
            Self::V4 => libc::AF_INET as u8,
            Self::V6 => libc::AF_INET6 as u8,
        }
    }

    pub(super) fn of(address: &IpAddr) -> Self {
        if address.is_ipv4() { Self::V4 } else { Self::V6 }
    }

    pub(super) fn has(self, address: &IpAddr) -> bool {
        Self::of(address) == self
    }
}

pub struct Routing {
    netlink: Netlink,
    device: String,
    index: u32,
    /// Addresses of this host whose connections pass the tunnel by; empty while nothing enters it.
    local: BTreeSet<IpAddr>,
}

impl Routing {
    /// Gives the device its addresses and routes. Traffic comes only with [`Self::enable`].
    pub fn prepare(device: &str) -> Result<Self> {
        let index = nix::net::if_::if_nametoindex(device)?;
        let routing = Self {
            netlink: Netlink::open()?,
            device: device.to_string(),
            index,
            local: BTreeSet::new(),
        };
        routing.clear();
        routing
            .set_up_device()
            .with_context(|| format!("cannot set up {device}"))?;
        Ok(routing)
    }

    /// Sends what this host begins over TCP and UDP into the tunnel.
    pub fn enable(&mut self) -> Result<()> {
        self.clear();
        self.local = rules::local_addresses(&self.device);
        for family in [Family::V4, Family::V6] {
            let added = self
                .add_routes(family)
                .and_then(|()| rules::add(&self.netlink, family, &self.local));
            match added {
                Err(error) if family == Family::V6 => {
                    tracing::warn!(%error, "IPv6 does not go through the tunnel: it is switched off here");
                    self.local.retain(|address| !family.has(address));
                }
                added => added.context("cannot route into the tunnel")?,
            }
        }
        Ok(())
    }

    /// Follows the addresses of this host while the tunnel is enabled.
    pub fn follow_addresses(&mut self) {
        let now = rules::local_addresses(&self.device);
        for gone in self.local.difference(&now) {
            let _ = rules::remove_local(&self.netlink, *gone);
        }
        for new in now.difference(&self.local) {
            if let Err(error) = rules::add_local(&self.netlink, *new) {
                tracing::warn!(%error, address = %new, "connections from outside to this address do not work");
            }
        }
        self.local = now;
    }

    /// Takes this host's traffic out of the tunnel again.
    pub fn disable(&mut self) {
        self.local.clear();
        self.clear();
    }

    pub fn device(&self) -> &str {
        &self.device
    }

    fn set_up_device(&self) -> io::Result<()> {
        const UP: u32 = 1;
        const IFLA_MTU: u16 = 4;
        let mut fixed = vec![0, 0, 0, 0];
        fixed.extend(self.index.to_ne_bytes());
        fixed.extend(UP.to_ne_bytes());
        fixed.extend(UP.to_ne_bytes());
        let request = Request::new(NEW_LINK, 0, &fixed).attribute(IFLA_MTU, &u32::from(MTU).to_ne_bytes());
        self.netlink.execute(&request)?;
        self.loosen_reverse_path();
        self.add_address(Family::V4, ADDRESS_V4.1, &ADDRESS_V4.0.octets())?;
        match self.add_address(Family::V6, ADDRESS_V6.1, &ADDRESS_V6.0.octets()) {
            // IPv6 is switched off on this host.
            Err(error)
                if matches!(
                    error.raw_os_error(),
                    Some(libc::EACCES | libc::EPERM | libc::EOPNOTSUPP | libc::EINVAL)
                ) =>
            {
                Ok(())
            }
            added => added,
        }
    }

    /// The kernel may drop what comes from an interface that it would not answer through. It asks without the protocol, so
    /// that our rules stay out of its answer: for our device, and no other, any way back must do (RFC 3704 §2.4).
    fn loosen_reverse_path(&self) {
        let setting = format!("/proc/sys/net/ipv4/conf/{}/rp_filter", self.device);
        if let Err(error) = std::fs::write(&setting, "2") {
            tracing::warn!(%error, "cannot set {setting}: with a strict reverse path filter there is no way through the tunnel");
        }
    }

    fn add_address(&self, family: Family, length: u8, address: &[u8]) -> io::Result<()> {
        const LOCAL: u16 = 2;
        const ADDRESS: u16 = 1;
        const NO_DUPLICATE_DETECTION: u8 = 2;
        let mut fixed = vec![family.number(), length, NO_DUPLICATE_DETECTION, 0];
        fixed.extend(self.index.to_ne_bytes());
        let request = Request::new(NEW_ADDRESS, CREATE | REPLACE, &fixed)
            .attribute(LOCAL, address)
            .attribute(ADDRESS, address);
        self.netlink.execute(&request)
    }

    fn add_routes(&self, family: Family) -> io::Result<()> {
        const OUT_INTERFACE: u16 = 4;
        let default = route(family, NEW_ROUTE, CREATE | REPLACE, ROUTE_UNICAST, None);
        self.netlink
            .execute(&default.attribute(OUT_INTERFACE, &self.index.to_ne_bytes()))?;
        exceptions(family, NEW_ROUTE, CREATE | REPLACE).try_for_each(|route| self.netlink.execute(&route))
    }

    /// Removes our rules and exceptions, those of a killed agent too.
    fn clear(&self) {
        for family in [Family::V4, Family::V6] {
            rules::clear(&self.netlink, family);
            // The default route goes with the device; the exceptions belong to none.
            exceptions(family, DELETE_ROUTE, 0).for_each(|route| drop(self.netlink.execute(&route)));
        }
    }
}

impl Drop for Routing {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Removes the rules that an agent left which was killed.
pub fn clean_up() -> Result<()> {
    let netlink = Netlink::open().context("cannot speak with the kernel")?;
    Routing {
        netlink,
        device: String::new(),
        index: 0,
        local: BTreeSet::new(),
    }
    .clear();
    Ok(())
}

/// What never enters the tunnel, as routes that send a look-up on to the next table.
fn exceptions(family: Family, message: u16, flags: u16) -> impl Iterator<Item = Request> {
    let local = LOCAL
        .iter()
        .filter(move |(ip, _)| ip.is_ipv4() == (family == Family::V4));
    local.map(move |destination| route(family, message, flags, ROUTE_THROW, Some(*destination)))
}

/// A route of our table.
fn route(family: Family, message: u16, flags: u16, kind: u8, destination: Option<(IpAddr, u8)>) -> Request {
    const DESTINATION: u16 = 1;
    const TABLE_ID: u16 = 15;
    let length = destination.map_or(0, |(_, length)| length);
    let fixed = [family.number(), length, 0, 0, 0, PROTOCOL_STATIC, 0, kind, 0, 0, 0, 0];
    let request = Request::new(message, flags, &fixed).attribute(TABLE_ID, &TABLE.to_ne_bytes());
    match destination {
        Some((IpAddr::V4(ip), _)) => request.attribute(DESTINATION, &ip.octets()),
        Some((IpAddr::V6(ip), _)) => request.attribute(DESTINATION, &ip.octets()),
        None => request,
    }
}
