-- One text for SQLite and PostgreSQL: TEXT, BIGINT and DOUBLE PRECISION columns; ids are TEXT, times BIGINT microseconds,
-- truth values BIGINT 0 or 1. What is filtered on has a column; the rest is JSON text that SQL never looks into.

-- Single values: tenant, next_indicator_id, policy_revision, settings.
CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

-- People who sign in to the console.
CREATE TABLE administrators (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    password_hash TEXT NOT NULL,
    role TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    disabled_at BIGINT
);

CREATE TABLE sessions (
    token_hash TEXT PRIMARY KEY,
    administrator_id TEXT NOT NULL REFERENCES administrators (id),
    csrf_token TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

-- The set-up link: works until the first administrator exists.
CREATE TABLE setup_links (
    token_hash TEXT PRIMARY KEY,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

-- API clients (OAuth2 client credentials).
CREATE TABLE clients (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    secret_hash TEXT NOT NULL,
    roles TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    disabled_at BIGINT
);

-- Reverse proxies that may ask /access/check.
CREATE TABLE gateways (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    key_hash TEXT NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    last_used_at BIGINT,
    disabled_at BIGINT
);

CREATE TABLE enrollment_tokens (
    id TEXT PRIMARY KEY,
    token_hash TEXT NOT NULL UNIQUE,
    management TEXT NOT NULL,
    device_group TEXT NOT NULL,
    max_uses BIGINT NOT NULL,
    uses BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT
);

CREATE TABLE devices (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    os_platform TEXT NOT NULL,
    os_version TEXT NOT NULL,
    model TEXT NOT NULL,
    agent_version TEXT NOT NULL,
    management TEXT NOT NULL,
    device_group TEXT NOT NULL,
    enrolled_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    last_ip TEXT NOT NULL,
    last_external_ip TEXT NOT NULL,
    web_protection TEXT NOT NULL,
    other_vpn TEXT,
    bundle_version BIGINT NOT NULL,
    jailbreak_level TEXT NOT NULL,
    posture TEXT,
    posture_at BIGINT,
    risk TEXT NOT NULL,
    risk_alert_id TEXT,
    acknowledged_seq BIGINT NOT NULL,
    dropped_events BIGINT NOT NULL,
    silent_since BIGINT,
    -- An administrator asked for a posture run while the device was away.
    posture_requested_at BIGINT,
    revoked_at BIGINT,
    revoked_by TEXT
);
CREATE INDEX devices_by_last_seen ON devices (last_seen_at);
CREATE INDEX devices_by_name ON devices (name);
CREATE INDEX devices_by_risk ON devices (risk);

CREATE TABLE device_tags (
    device_id TEXT NOT NULL REFERENCES devices (id),
    tag TEXT NOT NULL,
    PRIMARY KEY (device_id, tag)
);

-- Certificates issued to devices; the fingerprint is SHA-256 of the DER, hexadecimal.
CREATE TABLE device_certificates (
    fingerprint TEXT PRIMARY KEY,
    device_id TEXT NOT NULL REFERENCES devices (id),
    serial TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    not_after BIGINT NOT NULL,
    revoked_at BIGINT
);
CREATE INDEX device_certificates_by_device ON device_certificates (device_id);

-- What devices reported, each number once: the timeline of a device.
CREATE TABLE device_events (
    device_id TEXT NOT NULL REFERENCES devices (id),
    seq BIGINT NOT NULL,
    time BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (device_id, seq)
);
CREATE INDEX device_events_by_time ON device_events (device_id, time);

CREATE TABLE indicators (
    id BIGINT PRIMARY KEY,
    value TEXT NOT NULL,
    canonical TEXT NOT NULL,
    type TEXT NOT NULL,
    action TEXT NOT NULL,
    application TEXT,
    title TEXT NOT NULL,
    description TEXT NOT NULL,
    recommended_actions TEXT,
    severity TEXT NOT NULL,
    category TEXT,
    mitre_techniques TEXT NOT NULL,
    expires_at BIGINT,
    generate_alert BIGINT NOT NULL,
    educate_url TEXT,
    bypass_hours BIGINT,
    external_id TEXT,
    -- Names of device groups as a JSON list; [] is every device.
    device_groups TEXT NOT NULL,
    source_type TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    created_by_name TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    updated_by TEXT NOT NULL
);
CREATE INDEX indicators_by_value ON indicators (type, canonical);
CREATE INDEX indicators_by_expiry ON indicators (expires_at);

CREATE TABLE alerts (
    id TEXT PRIMARY KEY,
    device_id TEXT NOT NULL REFERENCES devices (id),
    kind TEXT NOT NULL,
    -- What the alert is about within its kind: the indicator's id, or nothing.
    subject TEXT NOT NULL,
    title TEXT NOT NULL,
    description TEXT NOT NULL,
    recommended_action TEXT NOT NULL,
    severity TEXT NOT NULL,
    status TEXT NOT NULL,
    category TEXT NOT NULL,
    detection_source TEXT NOT NULL,
    indicator_id BIGINT,
    count BIGINT NOT NULL,
    first_event_at BIGINT NOT NULL,
    last_event_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    resolved_at BIGINT,
    assigned_to TEXT,
    classification TEXT,
    determination TEXT
);
-- One open alert per device, kind and subject.
CREATE UNIQUE INDEX alerts_open ON alerts (device_id, kind, subject) WHERE resolved_at IS NULL;
CREATE INDEX alerts_by_device ON alerts (device_id, created_at);
CREATE INDEX alerts_by_time ON alerts (created_at);
CREATE INDEX alerts_by_update ON alerts (updated_at);

CREATE TABLE alert_evidence (
    id TEXT PRIMARY KEY,
    alert_id TEXT NOT NULL REFERENCES alerts (id),
    created_at BIGINT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX alert_evidence_by_alert ON alert_evidence (alert_id, created_at);

-- Every change and comment of an alert.
CREATE TABLE alert_history (
    id TEXT PRIMARY KEY,
    alert_id TEXT NOT NULL REFERENCES alerts (id),
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    -- created, repeated, changed, comment, resolved, reopened
    kind TEXT NOT NULL,
    text TEXT NOT NULL
);
CREATE INDEX alert_history_by_alert ON alert_history (alert_id, at);

-- Sites that users reported.
CREATE TABLE site_reports (
    id TEXT PRIMARY KEY,
    device_id TEXT NOT NULL REFERENCES devices (id),
    url TEXT NOT NULL,
    comment TEXT NOT NULL,
    -- unsafe or mistake
    kind TEXT NOT NULL,
    reported_at BIGINT NOT NULL,
    -- open, blocked, allowed, dismissed
    status TEXT NOT NULL,
    indicator_id BIGINT,
    closed_at BIGINT,
    closed_by TEXT
);
CREATE INDEX site_reports_by_time ON site_reports (reported_at);

-- Jailbreak rules in force and before; the newest row is the one that devices get.
CREATE TABLE jailbreak_rules (
    id TEXT PRIMARY KEY,
    version TEXT NOT NULL,
    body TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL
);

-- Who changed what, when: written in the same transaction as the change.
CREATE TABLE audit (
    id TEXT PRIMARY KEY,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    noun TEXT NOT NULL,
    noun_id TEXT NOT NULL,
    before TEXT,
    after TEXT
);
CREATE INDEX audit_by_time ON audit (at);
CREATE INDEX audit_by_noun ON audit (noun, noun_id);
