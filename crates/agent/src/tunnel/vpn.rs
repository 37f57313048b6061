//! Notices another device-wide VPN: a default route through a tunnel interface that is not ours.

use std::{collections::BTreeSet, fs, os::fd::OwnedFd};

use anyhow::Result;

use super::netlink::{GET_ROUTE, Netlink, Request, attributes};

/// Notifications of links, and of addresses, routes and rules of both families.
const GROUPS: u32 = 0x1 | 0x10 | 0x40 | 0x80 | 0x100 | 0x400 | (1 << 18);
/// `ARPHRD_NONE`: tun and WireGuard devices. `ARPHRD_PPP`: dial-up style tunnels.
const TUNNEL_TYPES: [&str; 2] = ["65534", "512"];
const ROUTE_UNICAST: u8 = 1;

/// A descriptor that becomes readable when addresses, routes, rules or links change.
pub fn changes() -> Result<OwnedFd> {
    Ok(Netlink::with_groups(GROUPS)?.into_fd())
}

/// The interface of another device-wide VPN, if one is active.
pub fn other_vpn(ours: &str) -> Result<Option<String>> {
    let netlink = Netlink::open()?;
    let mut interfaces = BTreeSet::new();
    for family in [libc::AF_INET as u8, libc::AF_INET6 as u8] {
        let fixed = [family, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        for route in netlink.dump(&Request::new(GET_ROUTE, 0, &fixed))? {
            interfaces.extend(whole_device_route(&route));
        }
    }
    let names = interfaces
        .into_iter()
        .filter_map(|index| nix::net::if_::if_indextoname(index).ok()?.into_string().ok());
    Ok(names.into_iter().find(|name| name != ours && is_tunnel(name)))
}

/// The interface of a route that takes everything, or half of everything as OpenVPN's two routes do.
fn whole_device_route(message: &[u8]) -> Option<u32> {
    const DESTINATION: u16 = 1;
    const OUT_INTERFACE: u16 = 4;
    let fixed = message.first_chunk::<12>()?;
    let (length, kind) = (fixed[1], fixed[7]);
    let attributes = attributes(message.get(12..)?);
    let find = |wanted| {
        attributes
            .iter()
            .find(|(kind, _)| *kind == wanted)
            .map(|(_, value)| *value)
    };
    // 0/1 or 128/1; of IPv6 also 2000::/3, which is all that is in use.
    let half =
        length == 1 || (length == 3 && find(DESTINATION).is_some_and(|ip| ip.len() == 16 && ip.first() == Some(&0x20)));
    if kind != ROUTE_UNICAST || !(length == 0 || half) {
        return None;
    }
    find(OUT_INTERFACE)?
        .first_chunk()
        .map(|index| u32::from_ne_bytes(*index))
}

fn is_tunnel(name: &str) -> bool {
    let kind = fs::read_to_string(format!("/sys/class/net/{name}/type")).unwrap_or_default();
    let flags = fs::read_to_string(format!("/sys/class/net/{name}/flags")).unwrap_or_default();
    let up = u32::from_str_radix(flags.trim().trim_start_matches("0x"), 16).is_ok_and(|flags| flags & 1 != 0);
    up && TUNNEL_TYPES.contains(&kind.trim())
}
