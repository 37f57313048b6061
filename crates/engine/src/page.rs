//! Pages that the engine serves to plain HTTP: blocked, and warned about.

use moat_indicators::{Match, Tier};
use moat_model::{Action, Settings, sync::ReportKind};
use siphasher::sip128::{Hasher128, SipHasher24};
use std::hash::Hasher;

/// Paths under this prefix are ours on intercepted flows.
pub const PREFIX: &str = "/.well-known/moat/";

/// What a form of a page asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Go on past the warning, then to this path.
    Continue { token: String, path: String },
    Report {
        token: String,
        path: String,
        report: ReportKind,
    },
}

/// Reads a form's request; none when it is not one of ours.
pub fn parse(method: &str, target: &str) -> Option<Request> {
    let (action, query) = target.strip_prefix(PREFIX)?.split_once('?')?;
    if method != "POST" {
        return None;
    }
    let value = |name: &str| {
        query
            .split('&')
            .find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name))
            .map(|(_, v)| v)
    };
    let token = value("t")?.to_string();
    let path = unescape(value("u")?)?;
    // Browsers read `//` and `/\` as the start of another host.
    let path = match path.starts_with('/') && !path.starts_with("//") && !path.contains('\\') {
        true => path,
        false => "/".into(),
    };
    match action {
        "continue" => Some(Request::Continue { token, path }),
        "report" => {
            let report = if value("k") == Some("unsafe") {
                ReportKind::Unsafe
            } else {
                ReportKind::Mistake
            };
            Some(Request::Report { token, path, report })
        }
        _ => None,
    }
}

/// Proves that a form comes from a page that we served for this indicator and host.
pub fn token(secret: &[u8; 16], matched: &Match, host: &str) -> String {
    let mut hasher = SipHasher24::new_with_key(secret);
    hasher.write_u64(matched.id.0);
    hasher.write(host.as_bytes());
    let hash = hasher.finish128();
    format!("{:016x}{:016x}", hash.h1, hash.h2)
}

/// Compares in constant time.
pub fn is_token(given: &str, expected: &str) -> bool {
    let differences = given.bytes().zip(expected.bytes()).fold(0, |acc, (a, b)| acc | (a ^ b));
    given.len() == expected.len() && differences == 0
}

/// A block or warning page, as a whole HTTP/1.1 response.
pub fn intercept(settings: &Settings, matched: &Match, host: &str, path: &str, token: &str) -> Vec<u8> {
    let warn = matched.action == Action::Warn;
    let (host, target) = (html(host), escape(path));
    let title = if warn {
        "This site may be harmful"
    } else {
        "This site is blocked"
    };
    let lead = match warn {
        true => format!("{} warns about <b>{host}</b>.", html(&settings.organisation)),
        false => format!("{} has blocked <b>{host}</b>.", html(&settings.organisation)),
    };
    let go_on = if warn {
        continue_form(settings, matched, &target, token)
    } else {
        String::new()
    };
    let educate = matched
        .educate_url
        .as_deref()
        .filter(|url| url.starts_with("https://") || url.starts_with("http://"));
    let educate = educate
        .map(|url| format!("<p><a href=\"{}\">Learn more</a></p>", html(url)))
        .unwrap_or_default();
    let help = match settings.help_url.as_str() {
        "" => String::new(),
        url => format!(" <a href=\"{}\">Get help</a>", html(url)),
    };
    let reason = html(&matched.title);
    let origin = match matched.tier {
        Tier::Own => format!("Indicator {}", matched.id),
        Tier::Feed => "Listed in this feed".to_string(),
    };
    let body = format!(
        "<h1>{title}</h1><p>{lead}</p><dl><dt>Why</dt><dd>{reason}</dd><dt>{origin}</dt><dd>{}</dd></dl>{educate}{go_on}\
         <form method=\"post\" action=\"{PREFIX}report?t={token}&amp;u={target}&amp;k=mistake\">\
         <button class=\"quiet\">Report a mistake</button></form>\
         <p class=\"foot\">Your device decided this by itself; the address was not sent anywhere.{help}</p>",
        html(&matched.value),
    );
    response("403 Forbidden", "", &document(title, &body))
}

fn continue_form(settings: &Settings, matched: &Match, target: &str, token: &str) -> String {
    let hours = matched.bypass_hours.unwrap_or(settings.bypass_duration_hours);
    format!(
        "<form method=\"post\" action=\"{PREFIX}continue?t={token}&amp;u={target}\"><button>Continue anyway</button>\
         <p>The warning stays away for {hours} hours on this device. Your organisation learns that you went on.</p></form>"
    )
}

/// Sends the browser to a path of the same site.
pub fn redirect(path: &str) -> Vec<u8> {
    let path: String = path.chars().filter(|c| !c.is_control()).collect();
    response("303 See Other", &format!("Location: {path}\r\n"), "")
}

/// Tells that a report was taken.
pub fn thanks() -> Vec<u8> {
    let body = "<h1>Thank you</h1><p>Your administrator will look at your report.</p>";
    response("200 OK", "", &document("Thank you", body))
}

fn response(status: &str, headers: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\
         Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n\
         Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; \
         frame-ancestors 'none'\r\nX-Frame-Options: DENY\r\n{headers}\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn document(title: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>{title}</title><style>{STYLE}</style><main>{body}</main></html>"
    )
}

const STYLE: &str = ":root{--fg:#1a1d21;--bg:#f4f5f7;--card:#fff;--line:#d5d9de;--soft:#59616b;--accent:#0b5cad}\
@media(prefers-color-scheme:dark){:root{--fg:#e8eaed;--bg:#121417;--card:#1b1e23;--line:#363c44;--soft:#a3abb5;--accent:#7db8f5}}\
body{margin:0;background:var(--bg);color:var(--fg);font:16px/1.5 system-ui,sans-serif}\
main{max-width:32rem;margin:12vh auto 2rem;padding:2rem;background:var(--card);border:1px solid var(--line);border-top:4px solid #c4372b;border-radius:8px}\
h1{font-size:28px;line-height:1.2;margin:0 0 1rem}b{overflow-wrap:anywhere}dl{margin:1rem 0}dt{color:var(--soft);font-size:14px}\
dd{margin:0 0 .5rem;overflow-wrap:anywhere}a{color:var(--accent)}form{margin:1rem 0}form p,.foot{color:var(--soft);font-size:14px}\
button{font:inherit;padding:.5rem 1rem;border:1px solid #c4372b;border-radius:6px;background:none;color:inherit;cursor:pointer}\
button.quiet{border-color:var(--line)}";

fn html(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

/// Percent-escapes a path for use as a query value.
fn escape(path: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~/".contains(&b);
    path.bytes()
        .take(2_000)
        .map(|b| {
            if plain(b) {
                char::from(b).to_string()
            } else {
                format!("%{b:02X}")
            }
        })
        .collect()
}

fn unescape(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(b) = bytes.next() {
        match b {
            b'%' => {
                let digit = |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16));
                out.push((digit(bytes.next())? << 4 | digit(bytes.next())?) as u8);
            }
            b => out.push(b),
        }
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use moat_indicators::Specificity;
    use moat_model::{IndicatorId, IndicatorType, Severity};

    fn matched(action: Action) -> Match {
        Match {
            tier: Tier::Own,
            id: IndicatorId(7),
            action,
            severity: Severity::High,
            generate_alert: true,
            kind: IndicatorType::DomainName,
            value: "evil.example".into(),
            title: "<script>alert(1)</script>".into(),
            bypass_hours: None,
            educate_url: Some("javascript:alert(1)".into()),
            specificity: Specificity::ExactHost,
        }
    }

    #[test]
    fn pages_escape_what_they_show_and_state_their_length() {
        for action in [Action::Block, Action::Warn] {
            let page = intercept(
                &Settings::default(),
                &matched(action),
                "evil.example\"<b>",
                "/a?b=c&d='",
                "tok",
            );
            let page = String::from_utf8(page).unwrap();
            let (head, body) = page.split_once("\r\n\r\n").unwrap();
            assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())));
            assert!(
                head.contains("frame-ancestors 'none'"),
                "another site must not steal a click on the page"
            );
            assert!(!body.contains("<script>") && !body.contains("javascript:") && !body.contains("\"<b>"));
            assert_eq!(body.contains("Continue anyway"), action == Action::Warn);
        }
    }

    #[test]
    fn forms_come_back_as_requests_and_only_to_the_same_site() {
        let parsed = parse("POST", &format!("{PREFIX}continue?t=abc&u=/a%3Fb%3Dc"));
        assert_eq!(
            parsed,
            Some(Request::Continue {
                token: "abc".into(),
                path: "/a?b=c".into()
            })
        );
        for away in ["//other.example/", "/%5Cother.example/", "http://other.example/"] {
            assert_eq!(
                parse("POST", &format!("{PREFIX}continue?t=abc&u={away}")),
                Some(Request::Continue {
                    token: "abc".into(),
                    path: "/".into()
                }),
                "{away}"
            );
        }
        assert_eq!(parse("GET", &format!("{PREFIX}continue?t=abc&u=/")), None);
        assert_eq!(parse("POST", "/login?t=abc&u=/"), None);
    }

    #[test]
    fn tokens_are_bound_to_indicator_and_host() {
        let secret = [1; 16];
        let token_of = |host| token(&secret, &matched(Action::Warn), host);
        assert!(is_token(&token_of("a.example"), &token_of("a.example")));
        assert!(!is_token(&token_of("a.example"), &token_of("b.example")));
        assert!(!is_token("", &token_of("a.example")));
    }
}
