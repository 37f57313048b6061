-- The policy plane: people and groups, connectors, policies, and what came out of them for each device.

-- People of the organisation. `principal_key` is the principal name in lower case: names compare without regard to case.
CREATE TABLE users (
    id TEXT PRIMARY KEY,
    principal_key TEXT NOT NULL UNIQUE,
    user_principal_name TEXT NOT NULL,
    display_name TEXT NOT NULL,
    mail TEXT,
    account_enabled BIGINT NOT NULL,
    -- A way in for emergencies: no policy may lock this person out.
    break_glass BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE TABLE directory_groups (
    id TEXT PRIMARY KEY,
    display_name TEXT NOT NULL,
    description TEXT,
    mail_nickname TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- Members are users, devices and other groups; groups never contain themselves.
CREATE TABLE group_members (
    group_id TEXT NOT NULL REFERENCES directory_groups (id),
    member_id TEXT NOT NULL,
    -- user, device or group
    kind TEXT NOT NULL,
    PRIMARY KEY (group_id, member_id)
);
CREATE INDEX group_members_by_member ON group_members (member_id);

-- Whose device it is.
ALTER TABLE devices ADD COLUMN user_id TEXT;
ALTER TABLE enrollment_tokens ADD COLUMN user_id TEXT;
CREATE INDEX devices_by_user ON devices (user_id);

-- What a device says is wrong with its own protection: a JSON list of sentences.
ALTER TABLE devices ADD COLUMN problems TEXT NOT NULL DEFAULT '[]';

-- What compliance policies say of a device; the reasons are JSON.
ALTER TABLE devices ADD COLUMN compliance_state TEXT NOT NULL DEFAULT 'unknown';
ALTER TABLE devices ADD COLUMN compliance_reasons TEXT NOT NULL DEFAULT '[]';
ALTER TABLE devices ADD COLUMN compliance_grace_until BIGINT;
-- When time alone may change it.
ALTER TABLE devices ADD COLUMN compliance_next_at BIGINT;
CREATE INDEX devices_by_compliance ON devices (compliance_state);
CREATE INDEX devices_by_next_compliance ON devices (compliance_next_at);

-- Threat-defence partners; Moat's own detection is one. The body is the connector's JSON.
CREATE TABLE connectors (
    id TEXT PRIMARY KEY,
    display_name TEXT NOT NULL,
    body TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- Policies of every kind; the body is the kind's JSON.
CREATE TABLE policies (
    id TEXT PRIMARY KEY,
    -- compliance, appProtection, conditionalAccess, namedLocation
    kind TEXT NOT NULL,
    display_name TEXT NOT NULL,
    description TEXT,
    version BIGINT NOT NULL,
    body TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX policies_by_kind ON policies (kind, display_name);

CREATE TABLE policy_targets (
    id TEXT PRIMARY KEY,
    policy_id TEXT NOT NULL REFERENCES policies (id),
    -- allUsers, allDevices, group, excludedGroup
    kind TEXT NOT NULL,
    group_id TEXT REFERENCES directory_groups (id)
);
CREATE INDEX policy_targets_by_policy ON policy_targets (policy_id);
CREATE INDEX policy_targets_by_group ON policy_targets (group_id);

-- What each compliance policy says of each device; `settings` is JSON, one entry per setting.
CREATE TABLE device_policy_states (
    device_id TEXT NOT NULL REFERENCES devices (id),
    policy_id TEXT NOT NULL REFERENCES policies (id),
    status TEXT NOT NULL,
    noncompliant_since BIGINT,
    error_since BIGINT,
    settings TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (device_id, policy_id)
);
CREATE INDEX device_policy_states_by_policy ON device_policy_states (policy_id, status);

-- Actions for noncompliance that were taken in the present period of noncompliance.
CREATE TABLE noncompliance_actions (
    device_id TEXT NOT NULL REFERENCES devices (id),
    policy_id TEXT NOT NULL REFERENCES policies (id),
    action_id TEXT NOT NULL,
    done_at BIGINT NOT NULL,
    PRIMARY KEY (device_id, policy_id, action_id)
);

-- What third-party partners said of a device last.
CREATE TABLE partner_reports (
    connector_id TEXT NOT NULL REFERENCES connectors (id),
    device_id TEXT NOT NULL REFERENCES devices (id),
    -- secured, low, medium, high
    threat_level TEXT NOT NULL,
    agent_active BIGINT NOT NULL,
    reason TEXT NOT NULL,
    reported_at BIGINT NOT NULL,
    PRIMARY KEY (connector_id, device_id)
);

-- Reports come from API clients too, who have no device.
CREATE TABLE site_reports_with_requesters (
    id TEXT PRIMARY KEY,
    device_id TEXT REFERENCES devices (id),
    -- Who reported it over the API.
    requested_by TEXT NOT NULL,
    url TEXT NOT NULL,
    comment TEXT NOT NULL,
    -- unsafe or mistake
    kind TEXT NOT NULL,
    -- spam, phishing, malware; empty where nobody said
    category TEXT NOT NULL,
    reported_at BIGINT NOT NULL,
    -- open, blocked, allowed, dismissed
    status TEXT NOT NULL,
    indicator_id BIGINT,
    closed_at BIGINT,
    closed_by TEXT
);
INSERT INTO site_reports_with_requesters (id, device_id, requested_by, url, comment, kind, category, reported_at, status,
    indicator_id, closed_at, closed_by)
SELECT id, device_id, '', url, comment, kind, '', reported_at, status, indicator_id, closed_at, closed_by FROM site_reports;
DROP TABLE site_reports;
ALTER TABLE site_reports_with_requesters RENAME TO site_reports;
CREATE INDEX site_reports_by_time ON site_reports (reported_at);

-- The application behind a gateway, by the id that conditional access policies name; none: the gateway's own id.
ALTER TABLE gateways ADD COLUMN application_id TEXT;

-- What conditional access policies said at gateways, by day; report-only results are what people look for.
CREATE TABLE policy_results (
    policy_id TEXT NOT NULL,
    -- Days since 1970-01-01.
    day BIGINT NOT NULL,
    result TEXT NOT NULL,
    count BIGINT NOT NULL,
    PRIMARY KEY (policy_id, day, result)
);

-- Apps with app protection on devices: one of each kind per device.
CREATE TABLE app_registrations (
    id TEXT PRIMARY KEY,
    device_id TEXT NOT NULL REFERENCES devices (id),
    -- Lower case: letter case does not matter in a bundle id.
    bundle_key TEXT NOT NULL,
    bundle_id TEXT NOT NULL,
    user_id TEXT,
    app_version TEXT NOT NULL,
    sdk_version TEXT NOT NULL,
    os_version TEXT NOT NULL,
    device_model TEXT NOT NULL,
    device_tag TEXT NOT NULL,
    -- The app itself sees a jailbreak.
    flagged BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    last_sync_at BIGINT NOT NULL,
    -- When its work data was wiped last, and why.
    wiped_at BIGINT,
    wipe_reason TEXT,
    UNIQUE (device_id, bundle_key)
);
CREATE INDEX app_registrations_by_user ON app_registrations (user_id);

-- Orders of administrators to wipe an app's work data.
CREATE TABLE app_wipe_orders (
    id TEXT PRIMARY KEY,
    registration_id TEXT NOT NULL REFERENCES app_registrations (id),
    requested_at BIGINT NOT NULL,
    requested_by TEXT NOT NULL,
    done_at BIGINT
);
CREATE INDEX app_wipe_orders_by_registration ON app_wipe_orders (registration_id);
