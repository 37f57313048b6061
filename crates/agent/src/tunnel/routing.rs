//! Routes and rules: what enters the tunnel, and how our own sockets pass it by.
//!
//! All TCP and UDP that this host makes is looked up in a table of our own, whose default route is the tunnel. Marked
//! sockets, ours, skip that. The main table, DNS settings and ICMP stay untouched. When the agent dies, the kernel removes
//! the device and with it the routes: the table is empty, look-ups fall through, and the network works.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use anyhow::{Context as _, Result};

use super::netlink::{
    CREATE, DELETE_ROUTE, DELETE_RULE, NEW_ADDRESS, NEW_LINK, NEW_ROUTE, NEW_RULE, Netlink, REPLACE, Request,
};

/// Marks the sockets that bypass the tunnel.
pub const MARK: u32 = 0x006d_6f74;
pub const TABLE: u32 = 7474;
pub const MTU: u16 = 1500;
const ADDRESS_V4: (Ipv4Addr, u8) = (Ipv4Addr::new(198, 18, 0, 1), 30);
const ADDRESS_V6: (Ipv6Addr, u8) = (Ipv6Addr::new(0xfd00, 0x6d6f, 0x6174, 0, 0, 0, 0, 1), 126);

const PRIORITY_SKIP: u32 = 7470;
const PRIORITY_TCP: u32 = 7471;
const PRIORITY_UDP: u32 = 7472;
const PRIORITY_AFTER: u32 = 7480;

const ACTION_TABLE: u8 = 1;
const ACTION_GOTO: u8 = 2;
const ACTION_NOP: u8 = 3;
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
enum Family {
    V4,
    V6,
}

impl Family {
    const fn number(self) -> u8 {
        match self {
            Self::V4 => libc::AF_INET as u8,
            Self::V6 => libc::AF_INET6 as u8,
        }
    }
}

pub struct Routing {
    netlink: Netlink,
    device: String,
    index: u32,
}

impl Routing {
    /// Gives the device its addresses and routes. Traffic comes only with [`Self::enable`].
    pub fn prepare(device: &str) -> Result<Self> {
        let index = nix::net::if_::if_nametoindex(device)?;
        let routing = Self {
            netlink: Netlink::open()?,
            device: device.to_string(),
            index,
        };
        routing.clear();
        routing
            .set_up_device()
            .with_context(|| format!("cannot set up {device}"))?;
        Ok(routing)
    }

    /// Sends this host's TCP and UDP into the tunnel.
    pub fn enable(&self) -> Result<()> {
        self.clear();
        for family in [Family::V4, Family::V6] {
            let added = self.add_routes(family).and_then(|()| self.add_rules(family));
            match added {
                Err(error) if family == Family::V6 => {
                    tracing::warn!(%error, "IPv6 does not go through the tunnel: it is switched off here")
                }
                added => added.context("cannot route into the tunnel")?,
            }
        }
        Ok(())
    }

    /// Takes this host's traffic out of the tunnel again.
    pub fn disable(&self) {
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

    fn add_rules(&self, family: Family) -> io::Result<()> {
        rules(family, NEW_RULE, CREATE)
            .iter()
            .try_for_each(|rule| self.netlink.execute(rule))
    }

    /// Removes our rules and exceptions, those of a killed agent too.
    fn clear(&self) {
        for family in [Family::V4, Family::V6] {
            for rule in rules(family, DELETE_RULE, 0).iter().rev() {
                // Several copies of a rule can stand; the bound is only against a kernel that never says no.
                for _ in 0..16 {
                    if self.netlink.execute(rule).is_err() {
                        break;
                    }
                }
            }
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

/// The rules in the order in which they are added: the target of a jump must be there before it.
fn rules(family: Family, kind: u16, flags: u16) -> [Request; 4] {
    const GOTO: u16 = 4;
    const IN_INTERFACE: u16 = 3;
    const PRIORITY: u16 = 6;
    const FIREWALL_MARK: u16 = 10;
    const TABLE_ID: u16 = 15;
    const FIREWALL_MASK: u16 = 16;
    const IP_PROTOCOL: u16 = 22;
    let rule = |action: u8, priority: u32| {
        let fixed = [family.number(), 0, 0, 0, 0, 0, 0, action, 0, 0, 0, 0];
        Request::new(kind, flags, &fixed).attribute(PRIORITY, &priority.to_ne_bytes())
    };
    let into_tunnel = |priority: u32, protocol: u8| {
        rule(ACTION_TABLE, priority)
            .attribute(IN_INTERFACE, b"lo\0")
            .attribute(IP_PROTOCOL, &[protocol])
            .attribute(TABLE_ID, &TABLE.to_ne_bytes())
    };
    [
        rule(ACTION_NOP, PRIORITY_AFTER),
        rule(ACTION_GOTO, PRIORITY_SKIP)
            .attribute(FIREWALL_MARK, &MARK.to_ne_bytes())
            .attribute(FIREWALL_MASK, &u32::MAX.to_ne_bytes())
            .attribute(GOTO, &PRIORITY_AFTER.to_ne_bytes()),
        into_tunnel(PRIORITY_TCP, libc::IPPROTO_TCP as u8),
        into_tunnel(PRIORITY_UDP, libc::IPPROTO_UDP as u8),
    ]
}
