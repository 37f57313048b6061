//! TCP flows: from the SYN to the last acknowledgement.

use moat_model::Timestamp;

use super::{Engine, MAX_GSO, MAX_TCP, Pending, Transmit, Unreachable, judge::AtSyn};
use crate::{
    flow::{FlowId, FlowKey},
    inspect::Inspection,
    packet::{ACK, FIN, IcmpReason, RST, SYN, TcpHead, TcpSegment, build_tcp},
    ring::Ring,
    tcp::{Outgoing, Received, State, TcpFlow},
};

impl Engine {
    pub(super) fn handle_segment(&mut self, segment: &TcpSegment<'_>) {
        let key = FlowKey {
            source: segment.source,
            destination: segment.destination,
        };
        let known = self.streams.find(&key).filter(|id| !self.is_reused(*id, segment));
        let Some(id) = known else {
            match segment.flags & (SYN | ACK | RST) {
                SYN => self.open_stream(key, segment),
                flags if flags & RST == 0 => self.refuse(segment),
                _ => {}
            }
            return;
        };
        let Some(flow) = self.streams.get_mut(id) else { return };
        if flow.state == State::Connecting {
            // A repeated SYN changes nothing; a reset means that the application does not want it any more.
            if segment.has(RST) {
                self.drop_stream(id, true);
            }
            return;
        }
        match flow.receive(segment, self.now, &mut self.budget, &mut self.spare) {
            Received::Reset => {
                self.note_silent(id);
                self.drop_stream(id, true);
            }
            Received::Fine { data } => {
                if data {
                    self.inspect_stream(id);
                    self.limit_holding(id);
                }
                self.after_segment(id);
            }
        }
    }

    /// A SYN for a port that the application uses again: the old flow is over.
    fn is_reused(&mut self, id: FlowId, segment: &TcpSegment<'_>) -> bool {
        let fresh = segment.flags & (SYN | ACK | RST) == SYN;
        let reused = fresh
            && self.streams.get(id).is_some_and(|flow| {
                flow.state != State::Connecting && segment.seq.wrapping_add(1) != flow.rcv_nxt() && flow.is_acked()
            });
        if reused {
            self.drop_stream(id, true);
        }
        reused
    }

    fn open_stream(&mut self, key: FlowKey, syn: &TcpSegment<'_>) {
        if self.streams.len() >= MAX_TCP {
            self.counters.tcp_refused += 1;
            self.refuse(syn);
            return;
        }
        let (state, inspection) = match self.judge_syn(&key) {
            AtSyn::Refuse => return self.refuse(syn),
            AtSyn::Hold => (State::Held, Inspection::sniff()),
            AtSyn::Connect if key.destination.port() == 53 => (State::Connecting, Inspection::dns()),
            AtSyn::Connect => (State::Connecting, Inspection::sniff()),
        };
        self.isn = self
            .isn
            .wrapping_add(64_021)
            .wrapping_add(u32::from(key.source.port()) << 4);
        let mut flow = TcpFlow::new(key, syn, self.isn, self.config.mtu, state, inspection);
        flow.opened_by = self.lifted_by(key.destination.ip());
        let id = self.streams.insert(key, flow);
        self.counters.tcp_flows += 1;
        match state {
            State::Held => self.mark_ready(id),
            _ => self.pending.push_back(Pending::Connect(id, key.destination)),
        }
    }

    /// The destination answered, or did not.
    pub fn handle_connected(&mut self, id: FlowId, result: Result<(), Unreachable>, now: Timestamp) {
        self.now = now;
        let Some(flow) = self.streams.get_mut(id) else { return };
        match result {
            Ok(()) => {
                if flow.state == State::Connecting {
                    flow.state = State::Established;
                    self.mark_ready(id);
                } else {
                    // Held until now: what the application sent meanwhile may go.
                    flow.detached = false;
                    flow.state = State::Established;
                }
                self.mark_upload(id);
            }
            Err(_) if flow.state != State::Connecting => self.reset_stream(id),
            Err(Unreachable::Refused) => self.reset_stream(id),
            Err(_) => self.tell_unreachable(id),
        }
    }

    /// Tells the application by ICMP, as the network would have, and forgets the flow.
    fn tell_unreachable(&mut self, id: FlowId) {
        let Some(flow) = self.streams.get(id) else { return };
        let key = flow.key;
        let head = TcpHead {
            source: key.source,
            destination: key.destination,
            seq: flow.rcv_nxt().wrapping_sub(1),
            ack: 0,
            flags: SYN,
            window: 0,
            syn: None,
        };
        let mut offending = Vec::new();
        build_tcp(&mut offending, &head, [&[], &[]], false);
        self.push_unreachable(&offending, IcmpReason::Host);
        self.drop_stream(id, true);
    }

    /// The driver gave `n` bytes of the last [`Transmit::Send`] to the network. Fewer than offered: the socket is full.
    pub fn handle_sent(&mut self, id: FlowId, n: usize, now: Timestamp) {
        self.now = now;
        let Some(flow) = self.streams.get_mut(id) else { return };
        let offered = flow.released.min(flow.upload.len());
        let n = n.min(offered);
        flow.upload.consume(n, &mut self.budget);
        flow.released = flow.released.saturating_sub(n);
        flow.blocked = n < offered;
        if flow.window_low && flow.upload.len() < crate::tcp::UPLOAD_LIMIT / 4 {
            flow.ack_due = true;
            self.mark_ready(id);
        }
        self.mark_upload(id);
        self.feed_starved();
        self.finish_if_done(id);
    }

    /// The socket takes bytes again.
    pub fn handle_writable(&mut self, id: FlowId, now: Timestamp) {
        self.now = now;
        if let Some(flow) = self.streams.get_mut(id) {
            flow.blocked = false;
            self.mark_upload(id);
        }
    }

    /// Room for bytes from the destination. None: wait for [`Transmit::Resume`].
    pub fn receive_space(&mut self, id: FlowId) -> Option<&mut [u8]> {
        self.reclaim();
        let nothing_waits = self.flush_and_resume(id);
        let flow = self.streams.get_mut(id)?;
        if flow.detached || flow.eof || flow.state != State::Established {
            return None;
        }
        if !nothing_waits {
            flow.paused = true;
            return None;
        }
        if flow.inspection.rewrites_answers() {
            return flow.inspection.answer_space();
        }
        let readable = flow.readable();
        if readable == 0 {
            flow.paused = true;
            return None;
        }
        if flow.ring.is_none() {
            flow.ring = Ring::allocate(&mut self.budget, &mut self.spare);
            self.unfilled = Some(id);
        }
        let Some(ring) = &mut flow.ring else {
            if !std::mem::replace(&mut flow.paused, true) {
                self.starved.push_back(id);
            }
            return None;
        };
        if ring.room() == 0 {
            flow.paused = true;
            return None;
        }
        Some(ring.space(readable))
    }

    /// Takes back a ring into which nothing was read after all, as when the socket had nothing: an idle flow holds none.
    pub(super) fn reclaim(&mut self) {
        let Some(id) = self.unfilled.take() else { return };
        let Some(flow) = self.streams.get_mut(id) else { return };
        if flow.ring.as_ref().is_some_and(|ring| ring.len() == 0) {
            flow.release_ring(&mut self.budget, &mut self.spare);
            self.feed_starved();
        }
    }

    /// `n` bytes from the destination were written to [`Self::receive_space`].
    pub fn handle_received(&mut self, id: FlowId, n: usize, now: Timestamp) {
        self.now = now;
        let Some(flow) = self.streams.get_mut(id) else { return };
        if flow.inspection.rewrites_answers() {
            return self.handle_dns_answers(id, n);
        }
        if let Some(ring) = &mut flow.ring {
            ring.commit(n);
        }
        flow.unanswered = false;
        if flow.refused {
            self.await_quiet(id);
        }
        self.mark_ready(id);
    }

    /// The destination will send no more.
    pub fn handle_eof(&mut self, id: FlowId, now: Timestamp) {
        self.now = now;
        let Some(flow) = self.streams.get_mut(id) else { return };
        if flow.send_failed {
            return self.handle_reset(id, now);
        }
        if flow.refused {
            return self.end_refused(id);
        }
        flow.eof = true;
        if flow.ring.as_ref().is_some_and(|ring| ring.len() == 0) {
            flow.release_ring(&mut self.budget, &mut self.spare);
        }
        self.mark_ready(id);
        self.feed_starved();
    }

    /// Answers a segment that belongs to no flow with a reset.
    fn refuse(&mut self, segment: &TcpSegment<'_>) {
        let length = segment.payload.len() as u32 + u32::from(segment.has(SYN)) + u32::from(segment.has(FIN));
        let answered = segment.has(ACK);
        let head = TcpHead {
            source: segment.destination,
            destination: segment.source,
            seq: if answered { segment.ack } else { 0 },
            ack: segment.seq.wrapping_add(length),
            flags: if answered { RST } else { RST | ACK },
            window: 0,
            syn: None,
        };
        let mut packet = Vec::new();
        build_tcp(&mut packet, &head, [&[], &[]], false);
        self.push_packet(packet);
    }

    fn after_segment(&mut self, id: FlowId) {
        self.flush_and_resume(id);
        let Some(flow) = self.streams.get_mut(id) else { return };
        if flow.broken && flow.is_drained() {
            return self.reset_stream(id);
        }
        let room = flow
            .ring
            .as_ref()
            .map_or(self.budget.has_ring(), |ring| ring.room() > 0);
        if flow.paused && flow.readable() > 0 && room {
            flow.paused = false;
            self.pending.push_back(Pending::Resume(id));
        }
        self.mark_ready(id);
        self.mark_upload(id);
        self.feed_starved();
        self.finish_if_done(id);
    }

    fn finish_if_done(&mut self, id: FlowId) {
        if self.streams.get(id).is_some_and(TcpFlow::is_finished) {
            self.drop_stream(id, false);
        }
    }

    /// Flows that wait for budget get a new chance when some came back.
    pub(super) fn feed_starved(&mut self) {
        while self.budget.has_ring() {
            let Some(id) = self.starved.pop_front() else { break };
            if let Some(flow) = self.streams.get_mut(id).filter(|flow| flow.paused) {
                flow.paused = false;
                self.pending.push_back(Pending::Resume(id));
                break;
            }
        }
    }

    pub(super) fn mark_ready(&mut self, id: FlowId) {
        if let Some(flow) = self.streams.get_mut(id).filter(|flow| !flow.in_packets) {
            flow.in_packets = true;
            self.ready.push_back(id);
        }
    }

    pub(super) fn mark_upload(&mut self, id: FlowId) {
        let Some(flow) = self.streams.get_mut(id) else { return };
        let wants = flow.state == State::Established && !flow.detached && !flow.blocked && !flow.send_failed;
        let has = flow.released > 0 || (flow.app_fin && !flow.shut && flow.upload.len() == 0);
        if wants && has && !flow.in_transmits {
            flow.in_transmits = true;
            self.uploads.push_back(id);
        }
    }

    /// The next segment of any flow. A flow with more goes to the end of the queue, so that all get their turn.
    pub(super) fn next_outgoing(&mut self) -> Option<(FlowId, Outgoing, FlowKey, u16)> {
        loop {
            let id = self.ready.pop_front()?;
            let now = self.now;
            let Some(flow) = self.streams.get_mut(id) else { continue };
            flow.in_packets = false;
            let mss = flow.mss();
            let largest = if self.config.gso {
                MAX_GSO / usize::from(mss) * usize::from(mss)
            } else {
                usize::from(mss)
            };
            let outgoing = flow.next_segment(largest, now, &self.budget);
            if outgoing.is_none() {
                flow.watch_window(now);
            }
            let key = flow.key;
            self.arm(id);
            let Some(outgoing) = outgoing else { continue };
            self.mark_ready(id);
            return Some((id, outgoing, key, mss));
        }
    }

    pub(super) fn next_upload(&mut self) -> Option<Transmit<'_>> {
        let id = loop {
            let id = self.uploads.pop_front()?;
            let Some(flow) = self.streams.get_mut(id) else { continue };
            flow.in_transmits = false;
            if flow.detached || flow.blocked || flow.send_failed || flow.state != State::Established {
                continue;
            }
            if flow.released > 0 {
                break id;
            }
            if flow.app_fin && !flow.shut && flow.upload.len() == 0 {
                flow.shut = true;
                self.finish_if_done(id);
                return Some(Transmit::Shutdown { flow: id });
            }
        };
        let flow = self.streams.get(id)?;
        let data = flow.upload.as_slice();
        Some(Transmit::Send {
            flow: id,
            data: data.get(..flow.released).unwrap_or(data),
        })
    }
}
