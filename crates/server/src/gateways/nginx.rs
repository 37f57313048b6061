//! What nginx needs to ask Moat, for one gateway in its JSON form.

use std::path::Path;

use serde_json::Value;

/// The headers that nginx sends with its question; they hold the key. Included where it asks.
pub fn headers(gateway: &Value) -> String {
    let key = text(gateway, "key");
    format!(
        "proxy_set_header Authorization \"Bearer {key}\";\n\
         proxy_set_header X-Client-Cert $ssl_client_escaped_cert;\n\
         proxy_set_header X-Client-Ip $remote_addr;\n\
         proxy_set_header X-Moat-App $http_x_moat_app;\n{}",
        assertions(gateway)
    )
}

/// What nginx itself says of the request: the client's own headers of these names never get through.
pub fn assertions(gateway: &Value) -> String {
    let value = |option: &str, variable: &'static str| match gateway[option].as_bool() {
        Some(true) => variable,
        _ => "\"\"",
    };
    format!(
        "proxy_set_header X-Client-Mfa {};\nproxy_set_header X-Client-Country {};\n",
        value("assertsMfa", "$moat_mfa"),
        value("assertsCountry", "$moat_country")
    )
}

/// What stands in the server block of the application; `headers` is the file of [`headers`].
pub fn server(gateway: &Value, headers: &Path) -> String {
    let open = gateway["onUnreachable"] == "open";
    let (says_so, asks, unreachable) = match open {
        true => (SAYS_SO, ASKS_OPEN, UNREACHABLE),
        false => ("", "", ""),
    };
    SERVER
        .replace("CHECK_URL", text(gateway, "checkUrl"))
        .replace("SERVER_NAME", text(gateway, "serverName"))
        .replace("HEADERS", &headers.display().to_string())
        .replace("    SAYS_SO\n", says_so)
        .replace("    ASKS_OPEN\n", asks)
        .replace("UNREACHABLE\n", unreachable)
}

/// Everything but an answer of 200 or 403 is an error to `auth_request`: closed.
const SERVER: &str = r#"ssl_client_certificate /etc/nginx/moat-ca.pem;   # ca.pem of Moat
ssl_verify_client optional;

location / {
    auth_request /moat-access;
    auth_request_set $moat_reason $upstream_http_x_moat_reason;
    auth_request_set $moat_link $upstream_http_x_moat_link;
    error_page 403 = @moat_closed;
    SAYS_SO
    proxy_set_header X-Moat-App "";              # the application has no use for it
    proxy_pass http://127.0.0.1:8080;            # the application
}
location = /moat-access {
    internal;
    proxy_pass CHECK_URL;
    proxy_ssl_trusted_certificate /etc/nginx/moat-ca.pem;
    proxy_ssl_verify on;
    proxy_ssl_name SERVER_NAME;
    proxy_pass_request_headers off;              # only what is set here: nothing that a client makes up
    proxy_pass_request_body off;
    proxy_set_header Content-Length "";
    proxy_connect_timeout 2s;
    proxy_read_timeout 2s;
    ASKS_OPEN
    include HEADERS;
}
UNREACHABLE
location @moat_closed {
    if ($moat_link = "") { return 403; }
    return 302 $moat_link;                       # a page that says why, and what opens it again
}"#;

const SAYS_SO: &str = r#"    proxy_set_header X-Moat-Unreachable $moat_unreachable;
    add_header X-Moat-Unreachable $moat_unreachable always;
"#;

/// Only what nginx itself says when it gets no answer. What Moat answers, also an error, stays closed: otherwise a client that
/// provokes one would be let in.
const ASKS_OPEN: &str = r#"    error_page 502 504 = @moat_unreachable;
"#;

const UNREACHABLE: &str = r#"location @moat_unreachable {
    if ($ssl_client_verify != SUCCESS) { return 403; }
    set $moat_unreachable yes;
    return 204;
}
"#;

fn text<'a>(gateway: &'a Value, field: &str) -> &'a str {
    gateway[field].as_str().unwrap_or_default()
}
