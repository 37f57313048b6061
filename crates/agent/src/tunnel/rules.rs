//! Which of this host's packets are looked up in the tunnel's table. `docs/decisions/0005-routing-by-rules.md` has the reasons.

use std::{
    collections::BTreeSet,
    fs, io,
    net::{IpAddr, Ipv6Addr},
    ops::RangeInclusive,
};

use super::{
    netlink::{CREATE, DELETE_RULE, GET_RULE, NEW_RULE, Netlink, Request, attributes},
    routing::{Family, MARK, TABLE},
};

/// Ours are the rules from `PRIORITY_SKIP` to `PRIORITY_AFTER`.
const PRIORITY_SKIP: u32 = 7470;
const PRIORITY_CLIENT: u32 = 7471;
const PRIORITY_LOCAL: u32 = 7472;
const PRIORITY_SERVER: u32 = 7473;
const PRIORITY_TCP: u32 = 7474;
const PRIORITY_UDP: u32 = 7475;
const PRIORITY_AFTER: u32 = 7480;

const TCP: u8 = libc::IPPROTO_TCP as u8;
const UDP: u8 = libc::IPPROTO_UDP as u8;
/// Whoever sends to these is a client, from whatever address and port: names and the web, the heart of web protection.
const CLIENT_PORTS: [(u8, u16); 7] = [
    (TCP, 53),
    (TCP, 80),
    (TCP, 443),
    (TCP, 853),
    (UDP, 53),
    (UDP, 443),
    (UDP, 853),
];

/// The kernel takes no range of ports that ends higher.
const LAST_PORT: u16 = u16::MAX - 1;

const ACTION_TABLE: u8 = 1;
const ACTION_GOTO: u8 = 2;
const ACTION_NOP: u8 = 3;

const SOURCE: u16 = 2;
const IN_INTERFACE: u16 = 3;
const GOTO: u16 = 4;
const PRIORITY: u16 = 6;
const FIREWALL_MARK: u16 = 10;
const TABLE_ID: u16 = 15;
const FIREWALL_MASK: u16 = 16;
const IP_PROTOCOL: u16 = 22;
const SOURCE_PORTS: u16 = 23;
const DESTINATION_PORTS: u16 = 24;

/// Adds the rules of a family: first those that let packets pass the tunnel by, then those that lead into it, so that no
/// connection is cut between two of them.
pub(super) fn add(netlink: &Netlink, family: Family, local: &BTreeSet<IpAddr>) -> io::Result<()> {
    let skip = rule(family, NEW_RULE, ACTION_GOTO, PRIORITY_SKIP)
        .attribute(FIREWALL_MARK, &MARK.to_ne_bytes())
        .attribute(FIREWALL_MASK, &u32::MAX.to_ne_bytes())
        .attribute(GOTO, &PRIORITY_AFTER.to_ne_bytes());
    // The target of a jump must be there before it.
    netlink.execute(&rule(family, NEW_RULE, ACTION_NOP, PRIORITY_AFTER))?;
    netlink.execute(&skip)?;
    for address in local.iter().filter(|address| family.has(address)) {
        add_local(netlink, *address)?;
    }
    for ports in server_ports() {
        netlink.execute(&from_ports(family, ports))?;
    }
    for (protocol, port) in CLIENT_PORTS {
        let to_port =
            into_tunnel(family, PRIORITY_CLIENT, protocol).attribute(DESTINATION_PORTS, &range(&(port..=port)));
        netlink.execute(&to_port)?;
    }
    netlink.execute(&into_tunnel(family, PRIORITY_TCP, TCP))?;
    netlink.execute(&into_tunnel(family, PRIORITY_UDP, UDP))
}

/// What has this address already as its source did not begin in the tunnel: it goes its own way.
pub(super) fn add_local(netlink: &Netlink, address: IpAddr) -> io::Result<()> {
    netlink.execute(&from_address(NEW_RULE, address))
}

pub(super) fn remove_local(netlink: &Netlink, address: IpAddr) -> io::Result<()> {
    netlink.execute(&from_address(DELETE_RULE, address))
}

/// Removes our rules, those of a killed agent too.
pub(super) fn clear(netlink: &Netlink, family: Family) {
    let list = Request::new(GET_RULE, 0, &[family.number(), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let mut ours = netlink.dump(&list).unwrap_or_default();
    ours.retain(|rule| is_ours(rule));
    // First those that lead into the tunnel, then those that pass it by, at last what these jump to.
    let leads = |action| ours.iter().filter(move |rule| rule.get(7) == Some(&action));
    for rule in leads(ACTION_TABLE).chain(leads(ACTION_GOTO)).chain(leads(ACTION_NOP)) {
        if let Err(error) = netlink.execute(&Request::new(DELETE_RULE, 0, rule)) {
            tracing::warn!(%error, "a rule could not be removed");
        }
    }
}

/// Addresses of this host, except those of `device` and what cannot leave the host or the link.
pub(super) fn local_addresses(device: &str) -> BTreeSet<IpAddr> {
    let interfaces = nix::ifaddrs::getifaddrs().into_iter().flatten();
    let foreign = interfaces.filter(|interface| interface.interface_name != device);
    let addresses = foreign.filter_map(|interface| address_of(&interface));
    addresses.filter(|ip| !ip.is_loopback() && !is_link_local(ip)).collect()
}

pub fn address_of(interface: &nix::ifaddrs::InterfaceAddress) -> Option<IpAddr> {
    let address = interface.address?;
    let v4 = address.as_sockaddr_in().map(|address| IpAddr::from(address.ip()));
    v4.or_else(|| address.as_sockaddr_in6().map(|address| address.ip().into()))
}

fn is_link_local(ip: &IpAddr) -> bool {
    matches!(ip, IpAddr::V6(ip) if Ipv6Addr::is_unicast_link_local(ip))
}

fn from_address(kind: u16, address: IpAddr) -> Request {
    let family = Family::of(&address);
    let (length, octets) = match address {
        IpAddr::V4(ip) => (32, ip.octets().to_vec()),
        IpAddr::V6(ip) => (128, ip.octets().to_vec()),
    };
    let fixed = [family.number(), 0, length, 0, 0, 0, 0, ACTION_GOTO, 0, 0, 0, 0];
    Request::new(kind, if kind == NEW_RULE { CREATE } else { 0 }, &fixed)
        .attribute(PRIORITY, &PRIORITY_LOCAL.to_ne_bytes())
        .attribute(SOURCE, &octets)
        .attribute(GOTO, &PRIORITY_AFTER.to_ne_bytes())
}

/// A UDP server answers without a source address when it listens on all of them. Its port tells it from a client.
fn from_ports(family: Family, ports: RangeInclusive<u16>) -> Request {
    rule(family, NEW_RULE, ACTION_GOTO, PRIORITY_SERVER)
        .attribute(IN_INTERFACE, b"lo\0")
        .attribute(IP_PROTOCOL, &[UDP])
        .attribute(SOURCE_PORTS, &range(&ports))
        .attribute(GOTO, &PRIORITY_AFTER.to_ne_bytes())
}

fn into_tunnel(family: Family, priority: u32, protocol: u8) -> Request {
    rule(family, NEW_RULE, ACTION_TABLE, priority)
        .attribute(IN_INTERFACE, b"lo\0")
        .attribute(IP_PROTOCOL, &[protocol])
        .attribute(TABLE_ID, &TABLE.to_ne_bytes())
}

fn rule(family: Family, kind: u16, action: u8, priority: u32) -> Request {
    let fixed = [family.number(), 0, 0, 0, 0, 0, 0, action, 0, 0, 0, 0];
    Request::new(kind, CREATE, &fixed).attribute(PRIORITY, &priority.to_ne_bytes())
}

/// `struct fib_rule_port_range`.
fn range(ports: &RangeInclusive<u16>) -> [u8; 4] {
    let ([a, b], [c, d]) = (ports.start().to_ne_bytes(), ports.end().to_ne_bytes());
    [a, b, c, d]
}

/// Whether a listed rule is one that an agent made: by its number, and by where it leads.
fn is_ours(rule: &[u8]) -> bool {
    let number = |wanted: u16| {
        let found = attributes(rule.get(12..).unwrap_or_default());
        let value = found
            .iter()
            .find(|(kind, _)| *kind == wanted)
            .map(|(_, value)| *value)?;
        value.first_chunk().map(|value| u32::from_ne_bytes(*value))
    };
    let Some(priority) = number(PRIORITY).filter(|p| (PRIORITY_SKIP..=PRIORITY_AFTER).contains(p)) else {
        return false;
    };
    match rule.get(7) {
        Some(&ACTION_TABLE) => number(TABLE_ID) == Some(TABLE),
        Some(&ACTION_GOTO) => number(GOTO) == Some(PRIORITY_AFTER),
        Some(&ACTION_NOP) => priority == PRIORITY_AFTER,
        _ => false,
    }
}

/// Ports outside those that the kernel gives to clients.
fn server_ports() -> Vec<RangeInclusive<u16>> {
    let text = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    outside(&text)
}

fn outside(clients: &str) -> Vec<RangeInclusive<u16>> {
    let mut numbers = clients.split_whitespace().map(str::parse::<u16>);
    let (Some(Ok(first)), Some(Ok(last))) = (numbers.next(), numbers.next()) else {
        return outside("32768 60999");
    };
    let below = (first > 1).then(|| 1..=first - 1);
    let above = (last < LAST_PORT).then(|| last + 1..=LAST_PORT);
    below.into_iter().chain(above).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_ports_are_those_that_clients_are_not_given() {
        assert_eq!(outside("32768\t60999\n"), [1..=32767, 61000..=65534]);
        assert_eq!(outside("1024 65535"), [1..=1023]);
        assert_eq!(outside("1 65535"), []);
        assert_eq!(outside("nonsense"), [1..=32767, 61000..=65534]);
    }
}
