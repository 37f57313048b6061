//! UDP flows: one per pair of addresses and ports.

use std::{cmp::Reverse, net::IpAddr, time::Duration};

use moat_model::Timestamp;

use super::{Engine, MAX_UDP, Pending, Unreachable, is_sinkhole, judge::site};
use crate::{
    flow::{FlowId, FlowKey},
    packet::{IcmpReason, build_udp},
};

/// Idle time after which a flow is forgotten (RFC 4787 asks for two minutes where an answer came).
const IDLE: Duration = Duration::from_secs(120);
/// A question that nobody answers.
const DNS_IDLE: Duration = Duration::from_secs(15);
const DNS: u16 = 53;
const QUIC: u16 = 443;
/// Flows below which answered DNS flows keep their sockets for the next question.
const KEPT: usize = 256;

#[derive(Debug)]
pub struct UdpFlow {
    pub key: FlowKey,
    /// The allowed name that had resolved to the destination when the flow was opened.
    pub opened_by: Option<Box<str>>,
    last_used: Timestamp,
    /// The driver has a socket for it.
    open: bool,
    /// DNS questions that wait for an answer.
    questions: u32,
}

impl UdpFlow {
    fn expires(&self) -> Timestamp {
        self.last_used.saturating_add(if self.key.destination.port() == DNS {
            DNS_IDLE
        } else {
            IDLE
        })
    }
}

impl Engine {
    /// A datagram from the application; `packet` is all of it, for quoting in an error.
    pub(super) fn handle_user_datagram(&mut self, key: FlowKey, payload: &[u8], packet: &[u8]) {
        let ip = key.destination.ip();
        let dns = key.destination.port() == DNS;
        if is_sinkhole(ip) {
            return self.push_unreachable(packet, IcmpReason::Prohibited);
        }
        let known = self.datagrams.find(&key);
        let opened_by = known.and_then(|id| self.datagrams.get(id)?.opened_by.clone());
        if let Some(matched) = self.judge_address(ip, opened_by.as_deref()) {
            self.push_hit(matched, site(ip.to_string(), "ip", Some(ip)));
            return self.push_unreachable(packet, IcmpReason::Prohibited);
        }
        if key.destination.port() == QUIC && self.must_show_path(ip) {
            self.counters.udp_refused += 1;
            return self.push_unreachable(packet, IcmpReason::Prohibited);
        }
        let id = known.unwrap_or_else(|| self.open_datagram(key));
        let now = self.now;
        let Some(flow) = self.datagrams.get_mut(id) else { return };
        flow.last_used = now;
        flow.questions += u32::from(dns);
        if dns {
            self.handle_question(id, payload);
        } else {
            self.send_datagram(id, payload);
        }
    }

    /// Whether an address belongs to a blocked name whose paths are not all blocked: QUIC would hide both.
    fn must_show_path(&self, ip: IpAddr) -> bool {
        self.lifted_by(ip).is_none() && self.spared.names(ip, self.now).any(|name| self.is_spared(name))
    }

    /// Sends a datagram on; the first one opens the socket.
    pub(super) fn send_datagram(&mut self, id: FlowId, payload: &[u8]) {
        let Some(flow) = self.datagrams.get_mut(id) else { return };
        if !std::mem::replace(&mut flow.open, true) {
            self.pending.push_back(Pending::OpenDatagram(id, flow.key.destination));
        }
        self.pending.push_back(Pending::Datagram(id, payload.to_vec()));
    }

    /// A datagram from the destination.
    pub fn handle_datagram(&mut self, id: FlowId, payload: &[u8], now: Timestamp) {
        self.now = now;
        let Some(flow) = self.datagrams.get_mut(id) else { return };
        flow.last_used = now;
        if flow.key.destination.port() != DNS {
            return self.push_datagram(id, payload);
        }
        let replaced = self.judge_answer(payload);
        self.push_datagram(id, replaced.as_deref().unwrap_or(payload));
        self.release_if_answered(id);
    }

    /// The network said that the destination cannot be reached.
    pub fn handle_datagram_error(&mut self, id: FlowId, reason: Unreachable, now: Timestamp) {
        self.now = now;
        let Some(flow) = self.datagrams.get(id) else { return };
        let mut offending = Vec::new();
        build_udp(&mut offending, flow.key.source, flow.key.destination, &[]);
        let reason = if reason == Unreachable::Refused {
            IcmpReason::Port
        } else {
            IcmpReason::Host
        };
        self.push_unreachable(&offending, reason);
    }

    pub(super) fn push_datagram(&mut self, id: FlowId, payload: &[u8]) {
        let Some(flow) = self.datagrams.get(id) else { return };
        let mut packet = Vec::with_capacity(48 + payload.len());
        build_udp(&mut packet, flow.key.destination, flow.key.source, payload);
        self.push_datagram_packet(packet);
    }

    /// A DNS flow whose questions are all answered gives its socket back early when there are many.
    pub(super) fn release_if_answered(&mut self, id: FlowId) {
        let many = self.datagrams.len() > KEPT;
        let Some(flow) = self.datagrams.get_mut(id) else { return };
        flow.questions = flow.questions.saturating_sub(1);
        if flow.questions == 0 && (many || !flow.open) {
            self.close_datagram(id);
        }
    }

    fn open_datagram(&mut self, key: FlowKey) -> FlowId {
        if self.datagrams.len() >= MAX_UDP {
            let oldest = self
                .datagrams
                .iter()
                .min_by_key(|(_, flow)| flow.last_used)
                .map(|(id, _)| id);
            if let Some(id) = oldest {
                self.counters.udp_evicted += 1;
                self.close_datagram(id);
            }
        }
        let flow = UdpFlow {
            key,
            opened_by: self.lifted_by(key.destination.ip()),
            last_used: self.now,
            open: false,
            questions: 0,
        };
        let expires = flow.expires();
        let id = self.datagrams.insert(key, flow);
        self.counters.udp_flows += 1;
        self.set_timer(expires, id);
        id
    }

    pub(super) fn close_datagram(&mut self, id: FlowId) {
        if self.datagrams.remove(id).is_some_and(|flow| flow.open) {
            self.pending.push_back(Pending::Close(id, false));
        }
    }

    pub(super) fn time_out_datagram(&mut self, id: FlowId) {
        let Some(flow) = self.datagrams.get(id) else { return };
        let expires = flow.expires();
        if expires > self.now {
            self.timers.push(Reverse((expires, id)));
        } else {
            self.close_datagram(id);
        }
    }
}
