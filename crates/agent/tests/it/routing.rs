use moat_agent::tunnel::{
    Options, Tunnel,
    routing::{self, MARK, MTU, Routing},
};
use moat_engine::Policy;

use crate::namespace::{ip, with_network};

const DEVICE: &str = "moat-test";

fn tunnel() -> (Tunnel, Routing) {
    let options = Options {
        name: DEVICE,
        mark: MARK,
        mtu: MTU,
        offload: true,
    };
    let tunnel = Tunnel::start(&options, Policy::default(), |_| true).unwrap();
    let mut routing = Routing::prepare(DEVICE).unwrap();
    routing.enable().unwrap();
    (tunnel, routing)
}

fn rules() -> String {
    ip("rule") + &ip("-6 rule")
}

/// Whether a packet so described enters the tunnel.
fn enters(packet: &str) -> bool {
    ip(&format!("route get {packet}")).contains(DEVICE)
}

#[test]
fn what_begins_here_enters_the_tunnel_and_answers_to_others_do_not() {
    with_network(|| {
        let _tunnel = tunnel();
        for (outside, own) in [("192.0.2.10", "198.51.100.2"), ("2001:db8:10::10", "2001:db8:1::2")] {
            let new = ip(&format!("route get {outside} ipproto tcp dport 22"));
            assert!(
                new.contains(DEVICE) && (new.contains("src 198.18.0.1") || new.contains("src fd00:6d6f:6174::1")),
                "{new}"
            );
            assert!(enters(&format!("{outside} ipproto udp sport 40000 dport 5000")));
            assert!(!enters(&format!(
                "{outside} from {own} ipproto tcp sport 22 dport 40000"
            )));
            assert!(!enters(&format!(
                "{outside} from {own} ipproto udp sport 9002 dport 40000"
            )));
            // A UDP server on all addresses names none.
            assert!(!enters(&format!("{outside} ipproto udp sport 9002 dport 40000")));
            // Names and the web, from wherever.
            assert!(enters(&format!("{outside} ipproto udp sport 1053 dport 53")));
            assert!(enters(&format!(
                "{outside} from {own} ipproto tcp sport 40000 dport 443"
            )));
            let marked = format!("{outside} ipproto tcp dport 443 mark {MARK}");
            assert!(!enters(&marked));
        }
    });
}

#[test]
fn the_sinkholes_are_hosts_behind_the_tunnel() {
    with_network(|| {
        let _tunnel = tunnel();
        for address in [
            moat_engine::SINKHOLE_V4.to_string(),
            moat_engine::SINKHOLE_V6.to_string(),
        ] {
            let route = ip(&format!("route get {address} ipproto tcp dport 80"));
            assert!(route.contains(DEVICE) && !route.contains("broadcast"), "{route}");
        }
        assert!(!ip("route show table main").contains(DEVICE));
    });
}

#[test]
fn addresses_are_followed() {
    with_network(|| {
        let (_tunnel, mut routing) = tunnel();
        let packet = "192.0.2.10 from 198.51.100.77 ipproto tcp sport 22 dport 40000";
        ip("addr add 198.51.100.77/24 dev eth0");
        assert!(enters(packet));
        routing.follow_addresses();
        assert!(!enters(packet));
        ip("addr del 198.51.100.77/24 dev eth0");
        routing.follow_addresses();
        assert!(!rules().contains("198.51.100.77"));
        assert!(rules().contains("198.51.100.2"));
    });
}

#[test]
fn nothing_is_left_behind_not_even_by_a_killed_agent() {
    with_network(|| {
        ip("rule add from 203.0.113.9 pref 7473 lookup 99");
        let before = rules();
        let (tunnel, routing) = tunnel();
        assert_ne!(rules(), before);
        drop((tunnel, routing));
        assert_eq!(rules(), before);
        let (tunnel, routing) = self::tunnel();
        std::mem::forget(routing);
        drop(tunnel);
        assert!(
            !enters("192.0.2.10 ipproto tcp dport 443"),
            "the network works without the agent"
        );
        routing::clean_up().unwrap();
        assert_eq!(rules(), before);
        assert!(ip("route show table all").lines().all(|line| !line.contains("7474")));
    });
}
