//! How flows end other than by themselves: our own answers, resets, and patience that runs out.

use std::time::Duration;

use moat_model::Timestamp;

use super::{Engine, Pending};
use crate::{
    flow::FlowId,
    inspect::Inspection,
    packet::{ACK, RST, TcpHead, build_tcp},
    ring::Ring,
    tcp::State,
};

/// How long first bytes are held for the rest of them, without progress.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the destination may take to begin its answer to requests that went before a refused one.
const FIRST_ANSWER: Duration = Duration::from_secs(30);
/// Silence of the destination after which those answers count as complete.
const QUIET: Duration = Duration::from_secs(3);

impl Engine {
    /// The connection to the destination broke. What came before still reaches the application.
    pub fn handle_reset(&mut self, id: FlowId, now: Timestamp) {
        self.now = now;
        let Some(flow) = self.streams.get_mut(id) else { return };
        if flow.is_drained() || flow.state == State::Connecting {
            return self.reset_stream(id);
        }
        flow.broken = true;
        self.detach(id);
        self.mark_ready(id);
    }

    /// The driver's socket refused the last [`super::Transmit::Send`]. What the destination sent before is still to be read: the
    /// driver reads until the socket has nothing more, then calls [`Self::handle_reset`].
    pub fn handle_send_failed(&mut self, id: FlowId, now: Timestamp) {
        self.now = now;
        let Some(flow) = self.streams.get_mut(id) else { return };
        flow.send_failed = true;
        flow.upload.clear(&mut self.budget);
        flow.released = 0;
        flow.patience = None;
        self.feed_starved();
    }

    /// Whether a send failed on the flow: with nothing more to read it is over.
    #[must_use]
    pub fn has_send_failed(&self, id: FlowId) -> bool {
        self.streams.get(id).is_some_and(|flow| flow.send_failed)
    }

    /// Ends what the application gets with our own bytes, and lets the destination go.
    pub(super) fn answer_ourselves(&mut self, id: FlowId, bytes: &[u8]) {
        let Some(flow) = self.streams.get_mut(id) else { return };
        flow.inspection = Inspection::Done;
        flow.eof = true;
        self.detach(id);
        self.deliver(id, bytes);
    }

    /// Refuses a request behind others that are not answered yet: a page would pass for the answer to one of them. They go
    /// on, their answers come, and the connection closes behind them; the application asks again on a new one.
    pub(super) fn refuse_rest(&mut self, id: FlowId) {
        let patience = self.now.saturating_add(FIRST_ANSWER);
        let Some(flow) = self.streams.get_mut(id) else { return };
        let from = flow.released;
        flow.upload.cut(from, flow.upload.len(), &mut self.budget);
        flow.inspection = Inspection::Done;
        flow.refused = true;
        flow.patience = Some(patience);
        self.arm(id);
        self.connect_held(id);
    }

    /// The destination said something that may be the end of its answers before a refused request.
    pub(super) fn await_quiet(&mut self, id: FlowId) {
        let patience = self.now.saturating_add(QUIET);
        let Some(flow) = self.streams.get_mut(id).filter(|flow| flow.refused) else {
            return;
        };
        flow.patience = Some(patience);
        self.arm(id);
    }

    /// Gives first bytes that are held a limited time to be completed. Each new byte starts it again.
    pub(super) fn limit_holding(&mut self, id: FlowId) {
        let patience = self.now.saturating_add(PATIENCE);
        let Some(flow) = self.streams.get_mut(id).filter(|flow| !flow.refused) else {
            return;
        };
        let held = flow.upload.len() > flow.released && !matches!(flow.inspection, Inspection::Done);
        // When our own answers wait for room, it is the application that makes us wait.
        flow.patience = (held && flow.backlog.is_empty()).then_some(patience);
        self.arm(id);
    }

    pub(super) fn time_out_stream(&mut self, id: FlowId) {
        let now = self.now;
        let Some(flow) = self.streams.get_mut(id) else { return };
        flow.timer_set = false;
        if flow.patience.is_some_and(|at| at <= now) {
            flow.patience = None;
            self.lose_patience(id);
        }
        let Some(flow) = self.streams.get_mut(id) else { return };
        if flow.deadline.is_some_and(|at| at <= now) {
            if !flow.time_out(now) {
                self.note_silent(id);
                return self.reset_stream(id);
            }
            self.counters.retransmissions += 1;
            self.mark_ready(id);
        }
        self.arm(id);
    }

    /// Asks to be woken for the flow, unless that is asked for already.
    pub(super) fn arm(&mut self, id: FlowId) {
        let Some(flow) = self.streams.get_mut(id) else { return };
        if let Some(at) = flow.wake().filter(|_| !std::mem::replace(&mut flow.timer_set, true)) {
            self.set_timer(at, id);
        }
    }

    fn lose_patience(&mut self, id: FlowId) {
        let Some(flow) = self.streams.get_mut(id) else { return };
        if flow.refused {
            return self.end_refused(id);
        }
        self.counters.held_too_long += 1;
        match flow.inspection {
            Inspection::Done => return,
            Inspection::Sniff => self.judge_unnamed(id),
            Inspection::Dns(_) => self.leave_dns(id),
            Inspection::Http(_) => self.cut_request_short(id),
        }
        self.mark_upload(id);
    }

    /// The answers before a refused request have come.
    pub(super) fn end_refused(&mut self, id: FlowId) {
        let Some(flow) = self.streams.get_mut(id) else { return };
        flow.eof = true;
        self.detach(id);
        self.mark_ready(id);
    }

    /// A connection to a listed address that ended before it said anything was a hit all the same.
    pub(super) fn note_silent(&mut self, id: FlowId) {
        let Some(flow) = self.streams.get(id) else { return };
        if flow.state != State::Held || !flow.detached || !matches!(flow.inspection, Inspection::Sniff) {
            return;
        }
        if let Some((matched, seen)) = self.judge(id, None, None) {
            self.push_hit(matched, seen);
        }
    }

    /// Lets the destination go; what the application gets is untouched.
    fn detach(&mut self, id: FlowId) {
        let Some(flow) = self.streams.get_mut(id) else { return };
        flow.upload.clear(&mut self.budget);
        flow.released = 0;
        flow.patience = None;
        // A held flow that was not connected has no socket.
        if !std::mem::replace(&mut flow.detached, true) {
            self.pending.push_back(Pending::Close(id, true));
        }
    }

    /// Gives the application bytes of our own behind all that waits for it. What has no room yet follows as room comes.
    pub(super) fn deliver(&mut self, id: FlowId, bytes: &[u8]) {
        let Some(flow) = self.streams.get_mut(id) else { return };
        self.budget.charge(bytes.len());
        flow.backlog.extend_from_slice(bytes);
        self.flush_backlog(id);
    }

    /// Moves waiting bytes into the ring, and goes on with questions that had to wait for that; true when none are left.
    pub(super) fn flush_and_resume(&mut self, id: FlowId) -> bool {
        if self.streams.get(id).is_none_or(|flow| flow.backlog.is_empty()) {
            return true;
        }
        if !self.flush_backlog(id) {
            return false;
        }
        if self
            .streams
            .get(id)
            .is_some_and(|flow| flow.inspection.rewrites_answers())
        {
            self.inspect_dns_stream(id);
            self.limit_holding(id);
            self.mark_upload(id);
        }
        self.streams.get(id).is_none_or(|flow| flow.backlog.is_empty())
    }

    /// Moves waiting bytes into the ring; true when none are left.
    pub(super) fn flush_backlog(&mut self, id: FlowId) -> bool {
        let Some(flow) = self.streams.get_mut(id) else {
            return true;
        };
        if flow.backlog.is_empty() {
            return true;
        }
        if flow.ring.is_none() {
            flow.ring = Ring::allocate(&mut self.budget, &mut self.spare);
        }
        let Some(ring) = &mut flow.ring else {
            if !std::mem::replace(&mut flow.paused, true) {
                self.starved.push_back(id);
            }
            return false;
        };
        let n = ring.append(&flow.backlog);
        flow.backlog.drain(..n);
        if flow.backlog.is_empty() {
            flow.backlog = Vec::new();
        }
        let whole = flow.backlog.is_empty();
        self.budget.give_back(n);
        self.mark_ready(id);
        whole
    }

    /// Resets the application's side and forgets the flow.
    pub(super) fn reset_stream(&mut self, id: FlowId) {
        let Some(flow) = self.streams.get(id) else { return };
        let key = flow.key;
        let head = TcpHead {
            source: key.destination,
            destination: key.source,
            seq: flow.snd_nxt(),
            ack: flow.rcv_nxt(),
            flags: RST | ACK,
            window: 0,
            syn: None,
        };
        let mut packet = Vec::new();
        build_tcp(&mut packet, &head, [&[], &[]], false);
        self.push_packet(packet);
        self.drop_stream(id, true);
    }

    /// Forgets a flow and tells the driver.
    pub(super) fn drop_stream(&mut self, id: FlowId, reset: bool) {
        let Some(mut flow) = self.streams.remove(id) else {
            return;
        };
        flow.upload.clear(&mut self.budget);
        flow.release_ring(&mut self.budget, &mut self.spare);
        self.budget.give_back(flow.backlog.len());
        if !flow.detached {
            self.pending.push_back(Pending::Close(id, reset));
        }
        self.feed_starved();
    }
}
