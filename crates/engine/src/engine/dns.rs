//! DNS: questions are judged before they leave, answers before they arrive.

use std::time::Duration;

use moat_indicators::Match;
use moat_model::{Action, Timestamp};

use super::{Engine, SINKHOLE_V4, SINKHOLE_V6, judge::site};
use crate::{
    flow::FlowId,
    inspect::{
        Inspection,
        dns::{self, Question, Record},
    },
    verdict::{Observation, decide},
};

impl Engine {
    /// Our own answer to a question that is blocked; none when it may go on.
    pub(super) fn judge_question(&mut self, message: &[u8]) -> Option<Vec<u8>> {
        if dns::is_response(message) {
            return None;
        }
        let Some(question) = dns::question(message) else {
            self.counters.malformed_dns += 1;
            return None;
        };
        let matched = self.judge_name(&question.name)?;
        if self.has_spared_paths(&question.name, &matched) {
            // Which path is wanted shows on the flow alone: it decides.
            return None;
        }
        Some(self.blocked_answer(message, &question, matched))
    }

    /// Our own answer in place of one that leads to something blocked; none when it may arrive.
    pub(super) fn judge_answer(&mut self, message: &[u8]) -> Option<Vec<u8>> {
        let question = dns::question(message)?;
        let allowed = self.is_allowed(&question.name);
        let spared = !allowed && self.is_spared(&question.name);
        for record in dns::records(message, &question) {
            let matched = match record {
                Record::Alias(name) => self.judge_name(&name).filter(|_| !allowed),
                Record::Address(ip, ttl) if allowed => {
                    self.lifted.insert(ip, &question.name, self.after(ttl), self.now);
                    None
                }
                Record::Address(ip, ttl) => {
                    if spared {
                        self.spared.insert(ip, &question.name, self.after(ttl), self.now);
                    }
                    self.judge_address(ip, None)
                        .filter(|matched| matched.action == Action::Block)
                }
            };
            if let Some(matched) = matched {
                return Some(self.blocked_answer(message, &question, matched));
            }
        }
        None
    }

    /// How long an address counts as that of a name.
    fn after(&self, ttl: u32) -> Timestamp {
        let seconds = u64::from(ttl.clamp(5, 86_400));
        self.now.saturating_add(Duration::from_secs(seconds))
    }

    /// Whether paths of a blocked name are not blocked.
    fn has_spared_paths(&self, name: &str, matched: &Match) -> bool {
        matched.action == Action::Block && self.policy.indicators.spares_paths_below(name, self.now)
    }

    /// Whether a name is blocked but resolves, for the sake of paths below it.
    pub(super) fn is_spared(&self, name: &str) -> bool {
        let seen = Observation {
            host: Some(name),
            ..Observation::default()
        };
        decide(&self.policy, &self.bypasses, seen, self.now)
            .is_some_and(|matched| self.has_spared_paths(name, &matched))
    }

    /// The match that blocks a name. Warnings act on the flow, where the user can be asked.
    fn judge_name(&mut self, name: &str) -> Option<Match> {
        let seen = Observation {
            host: Some(name),
            ..Observation::default()
        };
        let matched = decide(&self.policy, &self.bypasses, seen, self.now)?;
        match matched.action {
            Action::Block => Some(matched),
            Action::Audit => {
                self.push_hit(matched, site(name.to_string(), "dns", None));
                None
            }
            _ => None,
        }
    }

    /// Whether an indicator allows the name explicitly.
    pub(super) fn is_allowed(&self, name: &str) -> bool {
        self.policy
            .indicators
            .lookup_host(name, self.now)
            .is_some_and(|matched| matched.action == Action::Allowed)
    }

    fn blocked_answer(&mut self, message: &[u8], question: &Question, matched: Match) -> Vec<u8> {
        let reason = format!(
            "{} ({}) - {}",
            matched.title,
            matched.origin(),
            self.policy.settings.organisation
        );
        self.push_hit(matched, site(question.name.clone(), "dns", None));
        dns::blocked_answer(message, question, (SINKHOLE_V4, SINKHOLE_V6), &reason)
    }

    /// Questions over TCP: each is judged; blocked ones are answered here and cut out of what is sent on.
    pub(super) fn inspect_dns_stream(&mut self, id: FlowId) {
        loop {
            let Some(flow) = self.streams.get(id) else { return };
            if !flow.backlog.is_empty() {
                // The application asks more than it reads.
                return;
            }
            let from = flow.released;
            let rest = flow.upload.as_slice().get(from..).unwrap_or_default();
            if dns::is_no_question(rest) || (flow.app_fin && !rest.is_empty() && dns::framed(rest).is_none()) {
                return self.leave_dns(id);
            }
            let Some(length) = dns::framed(rest) else { return };
            let message = rest.get(2..length).unwrap_or_default().to_vec();
            let answer = self.judge_question(&message);
            let Some(flow) = self.streams.get_mut(id) else { return };
            match answer {
                None => {
                    flow.released += length;
                    if let Inspection::Dns(stream) = &mut flow.inspection {
                        stream.expect_answers();
                    }
                }
                Some(answer) => {
                    flow.upload.cut(from, length, &mut self.budget);
                    self.deliver(id, &framed(&answer));
                }
            }
        }
    }

    /// Answers over TCP: each whole message is judged and passed on, or replaced.
    pub(super) fn handle_dns_answers(&mut self, id: FlowId, n: usize) {
        let Some(flow) = self.streams.get_mut(id) else { return };
        let Inspection::Dns(stream) = &mut flow.inspection else {
            return;
        };
        let messages = stream.take_answers(n);
        if !stream.expects_answers() {
            // The destination speaks first: this is not DNS.
            return self.leave_dns(id);
        }
        for message in messages {
            let replaced = self.judge_answer(message.get(2..).unwrap_or_default());
            match replaced {
                Some(answer) => self.deliver(id, &framed(&answer)),
                None => self.deliver(id, &message),
            }
        }
    }

    /// What goes over the port of DNS is something else.
    pub(super) fn leave_dns(&mut self, id: FlowId) {
        let Some(flow) = self.streams.get_mut(id) else { return };
        if let Inspection::Dns(stream) = &mut flow.inspection {
            let waiting = stream.take_rest();
            if !waiting.is_empty() {
                self.deliver(id, &waiting);
            }
        }
        self.judge_unnamed(id);
    }

    /// A datagram of DNS from the application: answered here, or sent on.
    pub(super) fn handle_question(&mut self, id: FlowId, payload: &[u8]) {
        match self.judge_question(payload) {
            Some(answer) => {
                self.push_datagram(id, &answer);
                self.release_if_answered(id);
            }
            None => self.send_datagram(id, payload),
        }
    }
}

/// A message with its length in front, as TCP carries it (RFC 1035 §4.2.2).
fn framed(message: &[u8]) -> Vec<u8> {
    [&(message.len() as u16).to_be_bytes(), message].concat()
}
