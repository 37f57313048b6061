//! From observations to enforcement.

use std::{net::IpAddr, time::Duration};

use moat_indicators::Match;
use moat_model::{Action, sync::Site};

use super::{Engine, Event, Pending, is_sinkhole};
use crate::{
    flow::{FlowId, FlowKey},
    inspect::{First, Inspection, first_bytes, http, tls},
    page,
    tcp::State,
    verdict::{Observation, decide, forbids},
};

/// Ports whose first bytes tell a name often enough to wait for them before a blocked address is refused.
const WEB_PORTS: [u16; 6] = [80, 443, 8000, 8008, 8080, 8443];

/// Bytes of a path that a flow keeps, for judging again.
const MAX_PATH: usize = 512;

fn is_web(port: u16) -> bool {
    WEB_PORTS.contains(&port)
}

/// What becomes of a SYN.
pub(super) enum AtSyn {
    Connect,
    /// Answer it ourselves and look at the first bytes.
    Hold,
    Refuse,
}

/// How a protocol is told that it may not.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Tls,
    Http,
    Other,
}

impl Engine {
    pub(super) fn judge_syn(&mut self, key: &FlowKey) -> AtSyn {
        let (ip, port) = (key.destination.ip(), key.destination.port());
        if is_sinkhole(ip) {
            return if is_web(port) { AtSyn::Hold } else { AtSyn::Refuse };
        }
        let Some(matched) = self.judge_address(ip, None) else {
            return AtSyn::Connect;
        };
        if is_web(port) {
            return AtSyn::Hold;
        }
        self.push_hit(matched, site(ip.to_string(), "ip", Some(ip)));
        AtSyn::Refuse
    }

    /// The match that forbids an address; none when it is free, or an allowed name resolved to it: now, or when the flow was
    /// opened.
    pub(super) fn judge_address(&mut self, ip: IpAddr, opened_by: Option<&str>) -> Option<Match> {
        let seen = Observation {
            ip: Some(ip),
            ..Observation::default()
        };
        let matched = decide(&self.policy, &self.bypasses, seen, self.now)?;
        if matched.action == Action::Audit {
            self.push_hit(matched, site(ip.to_string(), "ip", Some(ip)));
            return None;
        }
        (forbids(&matched) && !self.is_lifted(ip, opened_by)).then_some(matched)
    }

    /// The name that resolved to an address and that the policy of now allows explicitly.
    pub(super) fn lifted_by(&self, ip: IpAddr) -> Option<Box<str>> {
        let mut names = self.lifted.names(ip, self.now);
        names.find(|name| self.is_allowed(name)).map(Box::from)
    }

    fn is_lifted(&self, ip: IpAddr, opened_by: Option<&str>) -> bool {
        opened_by.is_some_and(|name| self.is_allowed(name)) || self.lifted_by(ip).is_some()
    }

    /// New bytes came from the application.
    pub(super) fn inspect_stream(&mut self, id: FlowId) {
        loop {
            let Some(flow) = self.streams.get_mut(id) else { return };
            match &flow.inspection {
                Inspection::Done => {
                    flow.released = flow.upload.len();
                    return;
                }
                Inspection::Sniff => match first_bytes(flow.upload.as_slice(), is_web(flow.key.destination.port())) {
                    First::More if flow.app_fin => return self.judge_unnamed(id),
                    First::More => return,
                    First::Tls(name) => return self.judge_tls(id, name),
                    First::Http => flow.inspection = Inspection::Http(http::Requests::default()),
                    First::Other => return self.judge_unnamed(id),
                },
                Inspection::Http(_) => return self.inspect_requests(id),
                Inspection::Dns(_) => return self.inspect_dns_stream(id),
            }
        }
    }

    fn judge_tls(&mut self, id: FlowId, name: Option<String>) {
        let Some(flow) = self.streams.get_mut(id) else { return };
        flow.inspection = Inspection::Done;
        flow.name = name.clone().map(String::into_boxed_str);
        match self.judge(id, name.as_deref(), None) {
            Some((matched, site)) => self.forbid(id, Protocol::Tls, matched, site, ""),
            None => self.let_pass(id),
        }
    }

    /// Neither TLS nor HTTP, or not readable: only its address is known.
    pub(super) fn judge_unnamed(&mut self, id: FlowId) {
        self.counters.not_inspected += 1;
        let Some(flow) = self.streams.get_mut(id) else { return };
        flow.inspection = Inspection::Done;
        if self.policy.settings.fail_closed {
            self.counters.blocked += 1;
            return self.reset_stream(id);
        }
        match self.judge(id, None, None) {
            Some((matched, site)) => self.forbid(id, Protocol::Other, matched, site, ""),
            None => self.let_pass(id),
        }
    }

    fn inspect_requests(&mut self, id: FlowId) {
        loop {
            let Some(flow) = self.streams.get_mut(id) else { return };
            let Inspection::Http(requests) = &mut flow.inspection else {
                return;
            };
            let rest = flow.upload.as_slice().get(flow.released..).unwrap_or_default();
            let step = match requests.next(rest) {
                http::Step::More if flow.app_fin && !rest.is_empty() => requests.cut_short(rest),
                step => step,
            };
            if !self.take_step(id, step) {
                return;
            }
        }
    }

    /// Nothing more of a request's head came for too long: it is judged by what is there.
    pub(super) fn cut_request_short(&mut self, id: FlowId) {
        let Some(flow) = self.streams.get_mut(id) else { return };
        let Inspection::Http(requests) = &mut flow.inspection else {
            return;
        };
        let rest = flow.upload.as_slice().get(flow.released..).unwrap_or_default();
        let step = requests.cut_short(rest);
        if self.take_step(id, step)
            && let Some(flow) = self.streams.get_mut(id)
        {
            flow.released = flow.upload.len();
            self.connect_held(id);
        }
    }

    /// False when there is nothing more to look at for now.
    fn take_step(&mut self, id: FlowId, step: http::Step) -> bool {
        let Some(flow) = self.streams.get_mut(id) else {
            return false;
        };
        match step {
            http::Step::More => {
                self.connect_held(id);
                false
            }
            http::Step::Body(n) => {
                flow.released += n;
                true
            }
            http::Step::Opaque => {
                flow.inspection = Inspection::Done;
                self.counters.not_inspected += 1;
                self.let_pass(id);
                false
            }
            http::Step::Malformed => self.judge_unread(id),
            http::Step::Request(request, _) if !request.strict && self.policy.settings.fail_closed => {
                self.refuse_unread(id)
            }
            http::Step::Request(request, length) => {
                let passes = self.judge_request(id, &request);
                if let Some(flow) = self.streams.get_mut(id).filter(|_| passes) {
                    flow.released += length;
                    flow.unanswered = true;
                }
                passes
            }
        }
    }

    /// What should be HTTP cannot be read. It must be free by the host of the last request and, as it may be anything, by its
    /// address alone; requests behind it are looked for.
    fn judge_unread(&mut self, id: FlowId) -> bool {
        if self.policy.settings.fail_closed {
            return self.refuse_unread(id);
        }
        self.counters.not_inspected += 1;
        let Some(flow) = self.streams.get(id) else { return false };
        let (name, ip) = (flow.name.clone(), flow.key.destination.ip());
        let by_name = self.judge(id, name.as_deref(), None);
        if let Some((matched, site)) = by_name.or_else(|| self.judge(id, None, None)) {
            self.forbid(id, Protocol::Other, matched, site, "");
            return false;
        }
        if is_sinkhole(ip) {
            self.reset_stream(id);
            return false;
        }
        true
    }

    /// Always false: the flow is over.
    fn refuse_unread(&mut self, id: FlowId) -> bool {
        self.counters.not_inspected += 1;
        self.counters.blocked += 1;
        self.reset_stream(id);
        false
    }

    /// Judges one request; false when it was answered or refused.
    fn judge_request(&mut self, id: FlowId, request: &http::Request) -> bool {
        let Some(flow) = self.streams.get_mut(id) else {
            return false;
        };
        let ip = flow.key.destination.ip();
        let host = request.host.clone().or_else(|| flow.name.as_deref().map(String::from));
        let host = host.unwrap_or_else(|| ip.to_string());
        flow.name = Some(host.clone().into_boxed_str());
        let end = request.path.floor_char_boundary(MAX_PATH);
        flow.path = request.path.get(..end).map(Box::from);
        if let Some(answer) = self.answer_form(ip, &host, request) {
            self.answer_ourselves(id, &answer);
            return false;
        }
        match self.judge(id, Some(&host), Some(&request.path)) {
            Some((matched, site)) => {
                self.forbid(id, Protocol::Http, matched, site, &request.path);
                false
            }
            None if is_sinkhole(ip) => {
                // The name was blocked when it was looked up and is free now: the application must look again.
                self.reset_stream(id);
                false
            }
            None => true,
        }
    }

    /// Answers the forms of our own pages, when their token is right.
    fn answer_form(&mut self, ip: IpAddr, host: &str, request: &http::Request) -> Option<Vec<u8>> {
        let form = page::parse(&request.method, &request.path)?;
        let (token, path) = match &form {
            page::Request::Continue { token, path } | page::Request::Report { token, path, .. } => (token, path),
        };
        let seen = Observation {
            host: Some(host),
            path: Some(path),
            ip: Some(ip),
        };
        let matched = decide(&self.policy, &self.bypasses, seen, self.now)?;
        if !page::is_token(token, &page::token(&self.config.secret, &matched, host)) {
            return None;
        }
        let url = format!("http://{host}{path}");
        Some(match form {
            page::Request::Continue { path, .. } => {
                if matched.action == Action::Warn {
                    self.bypass(matched, site(url, "http", Some(ip)));
                }
                page::redirect(&path)
            }
            page::Request::Report { report, .. } => {
                self.push_event(Event::Reported { url, report });
                page::thanks()
            }
        })
    }

    fn bypass(&mut self, matched: Match, site: Site) {
        let hours = matched
            .bypass_hours
            .unwrap_or(self.policy.settings.bypass_duration_hours);
        let until = self.now.saturating_add(Duration::from_secs(u64::from(hours) * 3600));
        self.bypasses.insert(matched.id, until);
        self.push_event(Event::BypassGranted { matched, site, until });
    }

    /// The match that forbids a flow, with what was seen. Audited hits are noted and pass.
    pub(super) fn judge(&mut self, id: FlowId, host: Option<&str>, path: Option<&str>) -> Option<(Match, Site)> {
        let flow = self.streams.get(id)?;
        let ip = flow.key.destination.ip();
        let named_in = match flow.inspection {
            Inspection::Http(_) => "http",
            _ => "tls",
        };
        let seen = Observation {
            host,
            path,
            ip: Some(ip).filter(|ip| !is_sinkhole(*ip)),
        };
        let matched = decide(&self.policy, &self.bypasses, seen, self.now)?;
        let by_address = matched.kind == moat_model::IndicatorType::IpAddress;
        if by_address && self.is_lifted(ip, flow.opened_by.as_deref()) {
            return None;
        }
        let seen = match (host, path) {
            _ if by_address => site(ip.to_string(), "ip", Some(ip)),
            (Some(host), Some(path)) => site(format!("http://{host}{path}"), "http", Some(ip)),
            (Some(host), None) => site(host.to_string(), named_in, Some(ip)),
            (None, _) => site(ip.to_string(), "ip", Some(ip)),
        };
        if matched.action == Action::Audit {
            self.push_hit(matched, seen);
            return None;
        }
        forbids(&matched).then_some((matched, seen))
    }

    /// Ends a flow in the way its protocol understands.
    fn forbid(&mut self, id: FlowId, protocol: Protocol, matched: Match, seen: Site, path: &str) {
        self.push_hit(matched.clone(), seen);
        match protocol {
            Protocol::Tls => self.answer_ourselves(id, &tls::ALERT_ACCESS_DENIED),
            Protocol::Http if self.has_earlier_requests(id) => self.refuse_rest(id),
            Protocol::Http => {
                let host = self
                    .streams
                    .get(id)
                    .and_then(|flow| flow.name.clone())
                    .unwrap_or_default();
                let token = page::token(&self.config.secret, &matched, &host);
                let page = page::intercept(&self.policy.settings, &matched, &host, path, &token);
                self.answer_ourselves(id, &page);
            }
            Protocol::Other => self.reset_stream(id),
        }
    }

    /// Whether the destination still owes answers to requests before this one, as far as can be told without reading them.
    fn has_earlier_requests(&self, id: FlowId) -> bool {
        let flow = self.streams.get(id);
        flow.is_some_and(|flow| flow.released > 0 || flow.unanswered || !flow.is_drained())
    }

    /// Everything that waits may go, and what follows is not looked at.
    fn let_pass(&mut self, id: FlowId) {
        let Some(flow) = self.streams.get_mut(id) else { return };
        if is_sinkhole(flow.key.destination.ip()) {
            return self.reset_stream(id);
        }
        flow.released = flow.upload.len();
        self.connect_held(id);
    }

    /// A flow that we answered ourselves turned out to be free: connect it after all.
    pub(super) fn connect_held(&mut self, id: FlowId) {
        let Some(flow) = self.streams.get_mut(id) else { return };
        if flow.state == State::Held && flow.released > 0 && flow.detached {
            flow.detached = false;
            self.pending.push_back(Pending::Connect(id, flow.key.destination));
        }
    }

    /// Closes open flows that a new policy forbids.
    pub(super) fn judge_again(&mut self) {
        let streams: Vec<FlowId> = self
            .streams
            .iter()
            .filter(|(_, flow)| !(flow.eof && flow.detached))
            .map(|(id, _)| id)
            .collect();
        for id in streams {
            let Some(flow) = self.streams.get(id) else { continue };
            if flow.state == State::Held {
                continue;
            }
            let (name, path) = (flow.name.clone(), flow.path.clone());
            if let Some((matched, seen)) = self.judge(id, name.as_deref(), path.as_deref()) {
                self.push_hit(matched, seen);
                self.counters.flows_closed_by_policy += 1;
                self.reset_stream(id);
            }
        }
        let datagrams: Vec<FlowId> = self.datagrams.ids().collect();
        for id in datagrams {
            let Some(flow) = self.datagrams.get(id) else { continue };
            let (ip, opened_by) = (flow.key.destination.ip(), flow.opened_by.clone());
            if self.judge_address(ip, opened_by.as_deref()).is_some() {
                self.counters.flows_closed_by_policy += 1;
                self.close_datagram(id);
            }
        }
    }
}

pub(super) fn site(value: String, seen_in: &str, remote_ip: Option<IpAddr>) -> Site {
    Site {
        value,
        seen_in: seen_in.into(),
        remote_ip: remote_ip.filter(|ip| !is_sinkhole(*ip)),
    }
}
