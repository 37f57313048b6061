//! One TCP flow: our end of the connection with the application (RFC 9293), made for a local link.
//!
//! There is no congestion control towards the application and no buffer while nothing is in flight. What arrives out of
//! order is dropped and asked for again by a duplicate acknowledgement: the link reorders nothing.

use std::time::Duration;

use moat_model::Timestamp;

use crate::{
    flow::FlowKey,
    inspect::{Inspection, MAX_HELD},
    packet::{ACK, FIN, PSH, SYN, TcpSegment},
    ring::{Budget, Queue, Ring},
};

/// Bytes from the application that wait for the network, per flow.
pub const UPLOAD_LIMIT: usize = 256 << 10;
/// Our window is given in units of 2^4 bytes.
pub const WINDOW_SCALE: u8 = 4;
const FIRST_TIMEOUT: Duration = Duration::from_millis(200);
/// How long an application that we answered ourselves may take to say something, or to hang up.
const LINGER: Duration = Duration::from_secs(10);
/// Unanswered retransmissions after which the application counts as gone.
const MAX_RETRIES: u32 = 8;
/// The retry from which on the time between retries grows no more.
const SLOWEST: u32 = 5;
/// Bytes of an upload that a flow may hold when the budget is used up: a ClientHello while it is looked at, then little.
const FLOOR: usize = 2 << 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The SYN waits for the destination's answer.
    Connecting,
    /// We answered ourselves to see the first bytes; there is no connection to the destination.
    Held,
    Established,
}

#[derive(Debug)]
pub struct TcpFlow {
    pub key: FlowKey,
    pub state: State,
    pub inspection: Inspection,
    /// Host name seen on the flow, for judging again when the policy changes; of HTTP that of the last request, with its path.
    pub name: Option<Box<str>>,
    pub path: Option<Box<str>>,
    /// The allowed name that had resolved to the destination when the flow was opened.
    pub opened_by: Option<Box<str>>,
    mss: u16,
    /// None: the application does not scale windows.
    peer_scale: Option<u8>,
    rcv_nxt: u32,
    snd_una: u32,
    snd_nxt: u32,
    /// Behind the last byte ever sent: after going back, acknowledgements up to here are still good.
    snd_max: u32,
    snd_wnd: u32,
    syn_acked: bool,
    pub ring: Option<Ring>,
    /// Bytes of our own that go behind the ring's when it has room.
    pub backlog: Vec<u8>,
    pub upload: Queue,
    /// Bytes of `upload` that the verdict lets pass.
    pub released: usize,
    /// The application will send no more.
    pub app_fin: bool,
    /// Nothing more comes for the application.
    pub eof: bool,
    fin_sent: bool,
    fin_acked: bool,
    /// The destination was told that the application has finished.
    pub shut: bool,
    /// The connection to the destination is gone or was never made; what the application sends is thrown away.
    pub detached: bool,
    /// The connection to the destination broke: the application is reset when it has all that came before.
    pub broken: bool,
    /// The destination takes no more bytes; what it said before is still read.
    pub send_failed: bool,
    /// A request was refused behind others that are not answered yet: it and what follows is thrown away.
    pub refused: bool,
    /// A request went on and nothing has come back since.
    pub unanswered: bool,
    /// The driver's socket takes no more for now.
    pub blocked: bool,
    /// The driver was refused room and waits for word.
    pub paused: bool,
    pub ack_due: bool,
    pub window_low: bool,
    /// The application was last told that we take nothing.
    window_closed: bool,
    duplicates: u8,
    retries: u32,
    pub deadline: Option<Timestamp>,
    /// When we stop to wait for what others have to say: the rest of a name, or the end of earlier answers.
    pub patience: Option<Timestamp>,
    /// Stands in the queue of flows with something to send to the application, and in that of flows with something for the network.
    pub in_packets: bool,
    pub in_transmits: bool,
    pub timer_set: bool,
}

/// What a segment did to the flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// `data`: new bytes stand at the end of `upload`.
    Fine { data: bool },
    /// The application gave up.
    Reset,
}

/// A segment to send now.
#[derive(Debug, Clone, Copy)]
pub struct Outgoing {
    pub seq: u32,
    pub ack: u32,
    pub flags: u8,
    pub window: u16,
    /// Where in the ring its payload starts, and how long it is.
    pub offset: usize,
    pub len: usize,
    pub syn: Option<(u16, Option<u8>)>,
}

impl TcpFlow {
    pub fn new(key: FlowKey, syn: &TcpSegment<'_>, isn: u32, mtu: u16, state: State, inspection: Inspection) -> Self {
        let headers = if key.destination.is_ipv4() { 40 } else { 60 };
        let ours = mtu.saturating_sub(headers).max(256);
        Self {
            key,
            state,
            inspection,
            name: None,
            path: None,
            opened_by: None,
            mss: syn.mss.unwrap_or(536).clamp(64, ours),
            peer_scale: syn.window_scale,
            rcv_nxt: syn.seq.wrapping_add(1),
            snd_una: isn,
            snd_nxt: isn,
            snd_max: isn,
            snd_wnd: u32::from(syn.window),
            syn_acked: false,
            ring: None,
            backlog: Vec::new(),
            upload: Queue::default(),
            released: 0,
            app_fin: false,
            eof: false,
            fin_sent: false,
            fin_acked: false,
            shut: false,
            detached: state == State::Held,
            broken: false,
            send_failed: false,
            refused: false,
            unanswered: false,
            blocked: false,
            paused: false,
            ack_due: false,
            window_low: false,
            window_closed: false,
            duplicates: 0,
            retries: 0,
            deadline: None,
            patience: None,
            in_packets: false,
            in_transmits: false,
            timer_set: false,
        }
    }

    pub fn mss(&self) -> u16 {
        self.mss
    }

    pub fn rcv_nxt(&self) -> u32 {
        self.rcv_nxt
    }

    pub fn snd_nxt(&self) -> u32 {
        self.snd_nxt
    }

    /// Takes in a segment of an answered flow.
    pub fn receive(
        &mut self,
        segment: &TcpSegment<'_>,
        now: Timestamp,
        budget: &mut Budget,
        spare: &mut Vec<Vec<u8>>,
    ) -> Received {
        if segment.has(crate::packet::RST) {
            // RFC 5961: only an exact number resets; near misses are challenged.
            if segment.seq == self.rcv_nxt {
                return Received::Reset;
            }
            self.ack_due = true;
            return Received::Fine { data: false };
        }
        if segment.has(SYN) {
            self.ack_due = true;
            return Received::Fine { data: false };
        }
        if segment.has(ACK) {
            self.acknowledge(segment, now, budget, spare);
        }
        let data = self.take_payload(segment, budget);
        Received::Fine { data }
    }

    fn acknowledge(&mut self, segment: &TcpSegment<'_>, now: Timestamp, budget: &mut Budget, spare: &mut Vec<Vec<u8>>) {
        let window = u32::from(segment.window) << self.peer_scale.unwrap_or(0);
        let acked = segment.ack.wrapping_sub(self.snd_una);
        let in_flight = self.snd_max.wrapping_sub(self.snd_una);
        if acked > 0 && acked <= in_flight {
            self.advance(acked, now, budget, spare);
        } else if acked == 0
            && in_flight > 0
            && segment.payload.is_empty()
            && window == self.snd_wnd
            && !segment.has(FIN)
        {
            self.duplicates = self.duplicates.saturating_add(1);
            if self.duplicates == 3 {
                self.go_back();
            }
        }
        if window == 0 {
            // It lives and takes nothing: it is probed, slowly, for as long as it answers.
            self.retries = self.retries.min(SLOWEST);
        }
        self.snd_wnd = window;
    }

    fn advance(&mut self, mut acked: u32, now: Timestamp, budget: &mut Budget, spare: &mut Vec<Vec<u8>>) {
        self.snd_una = self.snd_una.wrapping_add(acked);
        let unacked = self.snd_max.wrapping_sub(self.snd_una);
        if self.snd_max.wrapping_sub(self.snd_nxt) > unacked {
            self.snd_nxt = self.snd_una;
        }
        if !self.syn_acked {
            self.syn_acked = true;
            acked -= 1;
        }
        let held = self.ring.as_ref().map_or(0, Ring::len);
        if acked as usize > held {
            self.fin_sent = true;
            self.fin_acked = true;
        }
        if let Some(ring) = &mut self.ring {
            ring.consume((acked as usize).min(held));
            if ring.len() == 0 {
                self.release_ring(budget, spare);
            }
        }
        self.duplicates = 0;
        self.retries = 0;
        self.deadline = if self.snd_nxt != self.snd_una {
            Some(now.saturating_add(FIRST_TIMEOUT))
        } else if self.lingers() {
            Some(now.saturating_add(LINGER))
        } else {
            None
        };
    }

    pub fn release_ring(&mut self, budget: &mut Budget, spare: &mut Vec<Vec<u8>>) {
        if let Some(ring) = self.ring.take() {
            ring.release(budget, spare);
        }
    }

    /// Starts again at the first unacknowledged byte.
    fn go_back(&mut self) {
        self.snd_nxt = self.snd_una;
        self.fin_sent = false;
    }

    /// Stores what continues the stream; gives whether there is anything new.
    fn take_payload(&mut self, segment: &TcpSegment<'_>, budget: &mut Budget) -> bool {
        if segment.payload.is_empty() && !segment.has(FIN) {
            // A keep-alive or a probe of a closed window wants an answer (RFC 9293 §3.8.4, §3.8.6.1).
            self.ack_due |= segment.seq != self.rcv_nxt || self.window_closed;
            return false;
        }
        self.ack_due = true;
        // Bytes that came before are skipped.
        let old = self.rcv_nxt.wrapping_sub(segment.seq) as usize;
        let Some(new) = segment.payload.get(old..) else {
            return false;
        };
        if self.app_fin {
            return false;
        }
        let room = self.room(budget);
        let fits = new.len().min(room);
        let taken = new.get(..fits).unwrap_or_default();
        if self.takes_uploads() {
            self.upload.append(taken, budget);
        }
        self.rcv_nxt = self.rcv_nxt.wrapping_add(fits as u32);
        if segment.has(FIN) && fits == new.len() {
            self.rcv_nxt = self.rcv_nxt.wrapping_add(1);
            self.app_fin = true;
        }
        fits > 0 || self.app_fin
    }

    /// Whether what the application sends may still go somewhere.
    fn takes_uploads(&self) -> bool {
        (!self.detached || self.state == State::Held && !self.eof) && !self.refused && !self.send_failed
    }

    /// Bytes that we take from the application now. Every flow always gets a little, so that all advance.
    fn room(&self, budget: &Budget) -> usize {
        let room = UPLOAD_LIMIT.saturating_sub(self.upload.len());
        let floor = match self.inspection {
            Inspection::Done => FLOOR,
            _ => MAX_HELD,
        };
        room.min(budget.left().max(floor.saturating_sub(self.upload.len())))
    }

    fn window(&mut self, budget: &Budget) -> u16 {
        let room = self.room(budget);
        self.window_low = room < UPLOAD_LIMIT / 2;
        let shift = if self.peer_scale.is_some() && self.syn_acked {
            WINDOW_SCALE
        } else {
            0
        };
        let window = u16::try_from(room >> shift).unwrap_or(u16::MAX);
        self.window_closed = window == 0;
        window
    }

    /// Bytes that may be read from the destination: what the application's window takes, and no more.
    pub fn readable(&self) -> usize {
        let held = self.ring.as_ref().map_or(0, Ring::len);
        (self.snd_wnd as usize).saturating_sub(held)
    }

    /// The next segment for the application, if there is one. `largest` is the most payload of one packet.
    pub fn next_segment(&mut self, largest: usize, now: Timestamp, budget: &Budget) -> Option<Outgoing> {
        if self.state == State::Connecting {
            return None;
        }
        if self.snd_nxt == self.snd_una && !self.syn_acked {
            return Some(self.syn_ack(now, budget));
        }
        if self.syn_acked
            && let Some(outgoing) = self.next_data(largest, now, budget)
        {
            return Some(outgoing);
        }
        if std::mem::take(&mut self.ack_due) {
            return Some(self.outgoing(self.snd_nxt, ACK, 0, 0, budget));
        }
        None
    }

    fn syn_ack(&mut self, now: Timestamp, budget: &Budget) -> Outgoing {
        let mut outgoing = self.outgoing(self.snd_nxt, SYN | ACK, 0, 0, budget);
        outgoing.syn = Some((self.mss, self.peer_scale.map(|_| WINDOW_SCALE)));
        self.sent(1);
        self.ack_due = false;
        self.arm(now);
        outgoing
    }

    fn next_data(&mut self, largest: usize, now: Timestamp, budget: &Budget) -> Option<Outgoing> {
        let held = self.ring.as_ref().map_or(0, Ring::len);
        let offset = (self.snd_nxt.wrapping_sub(self.snd_una) as usize).min(held);
        let unsent = held - offset;
        let window = (self.snd_wnd as usize).saturating_sub(offset);
        let len = unsent.min(window).min(largest);
        let last = offset + len == held;
        let fin = self.ends() && last && !self.fin_sent;
        // Less than a full segment goes only when nothing more will make it fuller, or nothing is in flight.
        let worth = len > 0 && (len == unsent || len >= usize::from(self.mss) || offset == 0);
        if !worth && !fin {
            return None;
        }
        let flags = ACK | if len > 0 { PSH } else { 0 } | if fin { FIN } else { 0 };
        let outgoing = self.outgoing(self.snd_nxt, flags, offset, len, budget);
        self.sent(len as u32 + u32::from(fin));
        self.fin_sent |= fin;
        self.ack_due = false;
        self.arm(now);
        Some(outgoing)
    }

    fn outgoing(&mut self, seq: u32, flags: u8, offset: usize, len: usize, budget: &Budget) -> Outgoing {
        Outgoing {
            seq,
            ack: self.rcv_nxt,
            flags,
            window: self.window(budget),
            offset,
            len,
            syn: None,
        }
    }

    fn sent(&mut self, n: u32) {
        let again = self.snd_max.wrapping_sub(self.snd_nxt);
        self.snd_nxt = self.snd_nxt.wrapping_add(n);
        if n > again {
            self.snd_max = self.snd_nxt;
        }
    }

    fn arm(&mut self, now: Timestamp) {
        self.deadline.get_or_insert(now.saturating_add(FIRST_TIMEOUT));
    }

    /// The deadline passed. False: the application is gone.
    pub fn time_out(&mut self, now: Timestamp) -> bool {
        self.deadline = None;
        if self.lingers() && self.snd_nxt == self.snd_una {
            return false;
        }
        if self.snd_nxt == self.snd_una && !self.has_unsent() {
            return true;
        }
        self.retries += 1;
        if self.retries > MAX_RETRIES {
            return false;
        }
        self.go_back();
        // A closed window is probed with one byte.
        self.snd_wnd = self.snd_wnd.max(1);
        self.deadline = Some(now.saturating_add(FIRST_TIMEOUT * 2u32.pow(self.retries.min(SLOWEST))));
        true
    }

    /// Sets a deadline when bytes wait for a window that the application closed.
    pub fn watch_window(&mut self, now: Timestamp) {
        if self.has_unsent() {
            self.arm(now);
        }
    }

    /// Whether we wait for the application alone: for its first bytes, or for its end after a block page.
    fn lingers(&self) -> bool {
        self.state == State::Held && self.upload.len() == 0 && !self.fin_sent || self.detached && self.fin_acked
    }

    fn has_unsent(&self) -> bool {
        self.syn_acked && (self.ring.as_ref().is_some_and(|ring| ring.len() > 0) || (self.ends() && !self.fin_acked))
    }

    /// Whether nothing comes for the application behind what the ring holds.
    fn ends(&self) -> bool {
        self.eof && self.backlog.is_empty()
    }

    /// Whether the application has acknowledged all that it was to get.
    pub fn is_drained(&self) -> bool {
        self.backlog.is_empty() && self.ring.as_ref().is_none_or(|ring| ring.len() == 0)
    }

    /// When the flow next wants to be woken.
    pub fn wake(&self) -> Option<Timestamp> {
        match (self.deadline, self.patience) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// Everything was said and heard in both directions.
    pub fn is_finished(&self) -> bool {
        let sent = self.detached || (self.shut && self.upload.len() == 0);
        self.fin_acked && self.app_fin && sent
    }

    pub fn is_acked(&self) -> bool {
        self.syn_acked
    }
}
