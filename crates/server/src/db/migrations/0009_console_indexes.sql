-- What the console counts and lists, found in indexes alone: rows of devices are long.

DROP INDEX devices_by_name;
CREATE INDEX devices_by_name ON devices (name, id, revoked_at, silent_since, web_protection, jailbreak_level, risk,
    compliance_state, os_platform, user_id);
DROP INDEX devices_by_risk;
CREATE INDEX devices_by_risk ON devices (risk, revoked_at);
DROP INDEX devices_by_compliance;
CREATE INDEX devices_by_compliance ON devices (compliance_state, revoked_at);
-- Few are, and counts leave them out.
CREATE INDEX devices_removed ON devices (id) WHERE revoked_at IS NOT NULL;

CREATE INDEX users_by_name ON users (display_name, id);
CREATE INDEX directory_groups_by_name ON directory_groups (display_name, id);

DROP INDEX device_policy_states_by_policy;
CREATE INDEX device_policy_states_by_policy ON device_policy_states (policy_id, status, noncompliant_since, device_id);

CREATE INDEX alerts_open_by_severity ON alerts (severity, created_at, id) WHERE resolved_at IS NULL;
