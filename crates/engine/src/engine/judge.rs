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
            return if WEB_PORTS.contains(&port) {
                AtSyn::Hold
            } else {
                AtSyn::Refuse
            };
        }
        let Some(matched) = self.judge_address(ip) else {
            return AtSyn::Connect;
        };
        if WEB_PORTS.contains(&port) {
            return AtSyn::Hold;
        }
        self.push_hit(matched, site(ip.to_string(), "ip", Some(ip)));
        AtSyn::Refuse
    }

    /// The match that forbids an address; none when it is free, or an allowed name resolved to it.
    pub(super) fn judge_address(&mut self, ip: IpAddr) -> Option<Match> {
        let seen = Observation {
            ip: Some(ip),
            ..Observation::default()
        };
        let matched = decide(&self.policy, &self.bypasses, seen, self.now)?;
        if matched.action == Action::Audit {
            self.push_hit(matched, site(ip.to_string(), "ip", Some(ip)));
            return None;
        }
        (forbids(&matched) && !self.lifted.contains(ip, self.now)).then_some(matched)
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
                Inspection::Sniff => match first_bytes(flow.upload.as_slice()) {
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
            match requests.next(rest) {
                http::Step::More if flow.app_fin && !rest.is_empty() => return self.judge_unnamed(id),
                http::Step::More => return self.connect_held(id),
                http::Step::Malformed => return self.judge_unnamed(id),
                http::Step::Body(n) => flow.released += n,
                http::Step::Opaque => {
                    flow.inspection = Inspection::Done;
                    self.counters.not_inspected += 1;
                    return self.let_pass(id);
                }
                http::Step::Request(request, length) => {
                    if !self.judge_request(id, &request) {
                        return;
                    }
                    if let Some(flow) = self.streams.get_mut(id) {
                        flow.released += length;
                    }
                }
            }
        }
    }

    /// Judges one request; false when it was answered or refused.
    fn judge_request(&mut self, id: FlowId, request: &http::Request) -> bool {
        let Some(flow) = self.streams.get_mut(id) else {
            return false;
        };
        let ip = flow.key.destination.ip();
        let host = request.host.clone().unwrap_or_else(|| ip.to_string());
        flow.name = Some(host.clone().into_boxed_str());
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
    fn judge(&mut self, id: FlowId, host: Option<&str>, path: Option<&str>) -> Option<(Match, Site)> {
        let ip = self.streams.get(id)?.key.destination.ip();
        let address = (!is_sinkhole(ip) && !self.lifted.contains(ip, self.now)).then_some(ip);
        let matched = decide(
            &self.policy,
            &self.bypasses,
            Observation {
                host,
                path,
                ip: address,
            },
            self.now,
        )?;
        let seen = match (host, path) {
            _ if matched.kind == moat_model::IndicatorType::IpAddress => site(ip.to_string(), "ip", Some(ip)),
            (Some(host), Some(path)) => site(format!("http://{host}{path}"), "http", Some(ip)),
            (Some(host), None) => site(host.to_string(), "tls", Some(ip)),
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
    fn connect_held(&mut self, id: FlowId) {
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
            let name = flow.name.clone();
            if let Some((matched, seen)) = self.judge(id, name.as_deref(), None) {
                self.push_hit(matched, seen);
                self.counters.flows_closed_by_policy += 1;
                self.reset_stream(id);
            }
        }
        let datagrams: Vec<(FlowId, IpAddr)> = self
            .datagrams
            .iter()
            .map(|(id, flow)| (id, flow.key.destination.ip()))
            .collect();
        for (id, ip) in datagrams {
            if self.judge_address(ip).is_some() {
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
