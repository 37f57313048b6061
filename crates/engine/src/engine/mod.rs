//! The engine's public face.

mod datagram;
mod dns;
mod ending;
mod judge;
mod stream;

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, VecDeque},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use moat_indicators::{IndicatorSet, Match};
use moat_model::{
    Action, IndicatorId, Settings, Timestamp,
    sync::{ReportKind, Site},
};

use crate::{
    counters::Counters,
    flow::{FlowId, FlowKey, TAG, Table},
    fragments::{self, Fragments},
    packet::{self, IcmpReason, MAX_HEAD, Malformed, Parsed, TcpHead},
    resolved::Resolved,
    ring::Budget,
    tcp::TcpFlow,
};

/// Where blocked names resolve to; routed into the tunnel, where nothing but a block page answers.
pub const SINKHOLE_V4: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 3);
pub const SINKHOLE_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0x6d6f, 0x6174, 0, 0, 0, 0, 3);

const MAX_TCP: usize = 8192;
const MAX_UDP: usize = 4096;
const MAX_EVENTS: usize = 1024;
/// Packets for the application that wait, beyond which datagrams are dropped.
const MAX_PACKETS: usize = 4096;
/// A site that is hit again within this time makes no second event.
const FOLD: Duration = Duration::from_secs(5);
const MAX_FOLDED: usize = 512;
/// Largest segment that goes out as one packet when the device segments it.
const MAX_GSO: usize = 64_000;

#[derive(Debug, Clone)]
pub struct Config {
    /// Of the TUN device, in bytes.
    pub mtu: u16,
    /// The TUN device segments: packets of up to 64 KiB pass in both directions, checksums are left to it.
    pub gso: bool,
    /// Keys hash tables and starts sequence numbers.
    pub seed: u64,
    /// Bytes that all flows together may hold.
    pub byte_budget: usize,
    /// Keys the tokens on block pages.
    pub secret: [u8; 16],
}

/// What the device enforces.
#[derive(Debug, Clone)]
pub struct Policy {
    pub indicators: IndicatorSet,
    pub settings: Settings,
    /// Hosts that are never blocked: our own server.
    pub allowed_hosts: Vec<String>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            indicators: IndicatorSet::empty(),
            settings: Settings::default(),
            allowed_hosts: Vec::new(),
        }
    }
}

/// A packet for the application.
#[derive(Debug)]
pub struct Packet<'a> {
    /// IP and transport headers, or the whole packet.
    pub head: &'a [u8],
    pub payload: [&'a [u8]; 2],
    /// Payload bytes per segment; 0 when the packet is not to be segmented.
    pub gso_size: u16,
    pub checksum: Checksum,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checksum {
    Complete,
    /// To be computed from `start` and stored `offset` bytes after it.
    Partial {
        start: u16,
        offset: u16,
    },
}

/// What the driver does on the network.
#[derive(Debug, PartialEq, Eq)]
pub enum Transmit<'a> {
    /// Connect; answer with [`Engine::handle_connected`].
    Connect {
        flow: FlowId,
        remote: SocketAddr,
    },
    /// Send; answer with [`Engine::handle_sent`].
    Send {
        flow: FlowId,
        data: &'a [u8],
    },
    /// The application has finished: close our half after what was sent.
    Shutdown {
        flow: FlowId,
    },
    /// Forget the socket.
    Close {
        flow: FlowId,
        reset: bool,
    },
    /// There is room again: read.
    Resume {
        flow: FlowId,
    },
    OpenDatagram {
        flow: FlowId,
        remote: SocketAddr,
    },
    Datagram {
        flow: FlowId,
        payload: &'a [u8],
    },
}

/// Why a destination cannot be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreachable {
    Refused,
    Host,
    TimedOut,
    Other,
}

/// Something that the user or the server should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// An indicator matched; `matched.action` was carried out.
    Hit { matched: Match, site: Site },
    /// The user went on past a warning.
    BypassGranted {
        matched: Match,
        site: Site,
        until: Timestamp,
    },
    /// The user reported a site from a block page.
    Reported { url: String, report: ReportKind },
}

/// A transmit that owns what it needs.
enum Pending {
    Connect(FlowId, SocketAddr),
    Close(FlowId, bool),
    Resume(FlowId),
    OpenDatagram(FlowId, SocketAddr),
    Datagram(FlowId, Vec<u8>),
}

pub struct Engine {
    config: Config,
    policy: Policy,
    bypasses: HashMap<IndicatorId, Timestamp>,
    streams: Table<TcpFlow>,
    datagrams: Table<datagram::UdpFlow>,
    budget: Budget,
    spare: Vec<Vec<u8>>,
    /// Whole packets for the application.
    packets: VecDeque<Vec<u8>>,
    /// Flows that may have a segment for the application.
    ready: VecDeque<FlowId>,
    pending: VecDeque<Pending>,
    /// Flows that may have bytes for the network.
    uploads: VecDeque<FlowId>,
    /// Flows that were refused a ring because the budget was used up.
    starved: VecDeque<FlowId>,
    /// The flow that was given a new ring, while it is not known that anything was read into it.
    unfilled: Option<FlowId>,
    events: VecDeque<Event>,
    folded: HashMap<(IndicatorId, String), Timestamp>,
    /// Addresses that an explicitly allowed name resolved to.
    lifted: Resolved,
    /// Addresses of names that are blocked but for some of their paths.
    spared: Resolved,
    fragments: Fragments,
    timers: BinaryHeap<Reverse<(Timestamp, FlowId)>>,
    counters: Counters,
    /// What the last poll lent out.
    head: Vec<u8>,
    lent: Vec<u8>,
    isn: u32,
    now: Timestamp,
}

impl Engine {
    #[must_use]
    pub fn new(config: Config, policy: Policy, now: Timestamp) -> Self {
        Self {
            streams: Table::new(config.seed, 0),
            datagrams: Table::new(config.seed.rotate_left(17), TAG),
            budget: Budget::new(config.byte_budget),
            isn: config.seed as u32,
            config,
            policy,
            bypasses: HashMap::new(),
            spare: Vec::new(),
            packets: VecDeque::new(),
            ready: VecDeque::new(),
            pending: VecDeque::new(),
            uploads: VecDeque::new(),
            starved: VecDeque::new(),
            unfilled: None,
            events: VecDeque::new(),
            folded: HashMap::new(),
            lifted: Resolved::default(),
            spared: Resolved::default(),
            fragments: Fragments::default(),
            timers: BinaryHeap::new(),
            counters: Counters::default(),
            head: Vec::with_capacity(MAX_HEAD),
            lent: Vec::new(),
            now,
        }
    }

    /// Swaps what is enforced. Open flows that are now forbidden are closed.
    pub fn set_policy(&mut self, policy: Policy, now: Timestamp) {
        self.now = now;
        self.policy = policy;
        self.judge_again();
    }

    /// Warnings that the user bypassed, each until its time.
    pub fn set_bypasses(&mut self, bypasses: impl IntoIterator<Item = (IndicatorId, Timestamp)>) {
        self.bypasses = bypasses.into_iter().collect();
    }

    /// Lifts a warning until `until`.
    pub fn grant_bypass(&mut self, indicator: IndicatorId, until: Timestamp) {
        self.bypasses.insert(indicator, until);
    }

    /// Ends every flow, as when the tunnel is switched off.
    pub fn close_all(&mut self, now: Timestamp) {
        self.now = now;
        let streams: Vec<FlowId> = self.streams.ids().collect();
        streams.into_iter().for_each(|id| self.reset_stream(id));
        let datagrams: Vec<FlowId> = self.datagrams.ids().collect();
        datagrams.into_iter().for_each(|id| self.close_datagram(id));
    }

    /// Takes a packet from the application: one IP packet, up to 64 KiB when the device segments.
    pub fn handle_packet(&mut self, packet: &[u8], now: Timestamp) {
        self.now = now;
        self.counters.packets_in += 1;
        match packet::parse(packet) {
            Err(Malformed::Fragment) => self.handle_fragment(packet),
            parsed => self.handle_parsed(parsed, packet),
        }
    }

    fn handle_fragment(&mut self, packet: &[u8]) {
        self.counters.fragments += 1;
        let whole = self
            .fragments
            .add(packet, self.now, &mut self.budget, &mut self.counters);
        if let Some(whole) = whole {
            self.counters.reassembled += 1;
            self.handle_parsed(packet::parse(&whole), &whole);
        }
    }

    fn handle_parsed(&mut self, parsed: Result<Parsed<'_>, Malformed>, packet: &[u8]) {
        match parsed {
            Ok(Parsed::Tcp(segment)) => self.handle_segment(&segment),
            Ok(Parsed::Udp {
                source,
                destination,
                payload,
            }) => {
                self.handle_user_datagram(FlowKey { source, destination }, payload, packet);
            }
            Err(Malformed::Ip) => self.counters.malformed_ip += 1,
            Err(Malformed::Transport) => self.counters.malformed_transport += 1,
            // A fragment in fragments.
            Err(Malformed::Fragment) => self.counters.fragments_dropped += 1,
            Err(Malformed::OtherProtocol) => self.counters.other_protocols += 1,
        }
    }

    /// The next packet for the application.
    pub fn poll_packet(&mut self) -> Option<Packet<'_>> {
        if let Some(packet) = self.packets.pop_front() {
            self.counters.packets_out += 1;
            self.lent = packet;
            return Some(Packet {
                head: &self.lent,
                payload: [&[], &[]],
                gso_size: 0,
                checksum: Checksum::Complete,
            });
        }
        let (id, outgoing, key, mss) = self.next_outgoing()?;
        self.counters.packets_out += 1;
        let ring = self.streams.get(id).and_then(|flow| flow.ring.as_ref());
        let payload = ring.map_or([&[][..], &[]], |ring| ring.slices(outgoing.offset, outgoing.len));
        let head = TcpHead {
            source: key.destination,
            destination: key.source,
            seq: outgoing.seq,
            ack: outgoing.ack,
            flags: outgoing.flags,
            window: outgoing.window,
            syn: outgoing.syn,
        };
        let start = packet::build_tcp(&mut self.head, &head, payload, self.config.gso);
        let checksum = if self.config.gso {
            Checksum::Partial {
                start: start as u16,
                offset: 16,
            }
        } else {
            Checksum::Complete
        };
        let gso_size = if outgoing.len > usize::from(mss) { mss } else { 0 };
        Some(Packet {
            head: &self.head,
            payload,
            gso_size,
            checksum,
        })
    }

    /// The next thing to do on the network.
    pub fn poll_transmit(&mut self) -> Option<Transmit<'_>> {
        self.reclaim();
        if let Some(pending) = self.pending.pop_front() {
            return Some(match pending {
                Pending::Connect(flow, remote) => Transmit::Connect { flow, remote },
                Pending::Close(flow, reset) => Transmit::Close { flow, reset },
                Pending::Resume(flow) => Transmit::Resume { flow },
                Pending::OpenDatagram(flow, remote) => Transmit::OpenDatagram { flow, remote },
                Pending::Datagram(flow, payload) => {
                    self.lent = payload;
                    Transmit::Datagram {
                        flow,
                        payload: &self.lent,
                    }
                }
            });
        }
        self.next_upload()
    }

    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When [`Self::handle_timeout`] wants to be called; none while nothing is in flight.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        let flows = self.timers.peek().map(|Reverse((at, _))| *at);
        match (flows, self.fragments.deadline()) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    pub fn handle_timeout(&mut self, now: Timestamp) {
        self.now = now;
        self.fragments.expire(now, &mut self.budget, &mut self.counters);
        while let Some(Reverse((at, id))) = self.timers.peek().copied() {
            if at > now {
                break;
            }
            self.timers.pop();
            if id.slot & TAG == 0 {
                self.time_out_stream(id)
            } else {
                self.time_out_datagram(id)
            }
        }
    }

    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Bytes held for all flows.
    #[must_use]
    pub fn bytes_held(&self) -> usize {
        self.budget.used()
    }

    /// Open flows: TCP and UDP.
    #[must_use]
    pub fn flows(&self) -> (usize, usize) {
        (self.streams.len(), self.datagrams.len())
    }

    /// Asks for a call at `at`. What ended flows had asked for is swept out, so that many short flows leave no heap behind.
    fn set_timer(&mut self, at: Timestamp, id: FlowId) {
        self.timers.push(Reverse((at, id)));
        if self.timers.len() > 2 * (self.streams.len() + self.datagrams.len()) + 1024 {
            let (streams, datagrams) = (&self.streams, &self.datagrams);
            self.timers
                .retain(|Reverse((_, id))| streams.get(*id).is_some() || datagrams.get(*id).is_some());
        }
    }

    /// Timers that run; never many more than flows.
    #[must_use]
    pub fn timers(&self) -> usize {
        self.timers.len()
    }

    fn push_packet(&mut self, packet: Vec<u8>) {
        if self.packets.len() < MAX_PACKETS && !packet.is_empty() {
            self.packets.push_back(packet);
        }
    }

    /// Queues a packet of any length, cut to what the device takes.
    fn push_datagram_packet(&mut self, packet: Vec<u8>) {
        if packet.len() <= usize::from(self.config.mtu) {
            return self.push_packet(packet);
        }
        self.isn = self.isn.wrapping_add(64_021);
        for piece in fragments::cut(&packet, self.config.mtu, self.isn) {
            self.push_packet(piece);
        }
    }

    fn push_unreachable(&mut self, offending: &[u8], reason: IcmpReason) {
        let mut packet = Vec::new();
        packet::build_unreachable(&mut packet, offending, reason);
        self.push_packet(packet);
    }

    /// Notes a hit, unless the same was noted a moment ago.
    fn push_hit(&mut self, matched: Match, site: Site) {
        match matched.action {
            Action::Audit => self.counters.audited += 1,
            Action::Warn => self.counters.warned += 1,
            _ => self.counters.blocked += 1,
        }
        let now = self.now;
        let key = (matched.id, site.value.clone());
        if self.folded.get(&key).is_some_and(|last| now.since(*last) < FOLD) {
            return;
        }
        if self.folded.len() >= MAX_FOLDED {
            self.folded.retain(|_, last| now.since(*last) < FOLD);
            if self.folded.len() >= MAX_FOLDED {
                self.folded.clear();
            }
        }
        self.folded.insert(key, now);
        self.push_event(Event::Hit { matched, site });
    }

    fn push_event(&mut self, event: Event) {
        if self.events.len() >= MAX_EVENTS {
            self.events.pop_front();
            self.counters.events_dropped += 1;
        }
        self.events.push_back(event);
    }
}

fn is_sinkhole(ip: IpAddr) -> bool {
    ip == IpAddr::V4(SINKHOLE_V4) || ip == IpAddr::V6(SINKHOLE_V6)
}
