-- Actions for noncompliance: message templates, what waits to be sent, and devices that wait for an administrator's word.

-- In which language to write to a person: a BCP 47 tag such as de-DE.
ALTER TABLE users ADD COLUMN preferred_language TEXT;

CREATE TABLE message_templates (
    id TEXT PRIMARY KEY,
    display_name TEXT NOT NULL,
    description TEXT,
    -- That of the default message, once there is one.
    default_locale TEXT NOT NULL,
    -- Graph's words with commas between them.
    branding TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE TABLE localized_messages (
    id TEXT PRIMARY KEY,
    template_id TEXT NOT NULL REFERENCES message_templates (id),
    locale TEXT NOT NULL,
    subject TEXT NOT NULL,
    message TEXT NOT NULL,
    is_default BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (template_id, locale)
);
CREATE UNIQUE INDEX localized_messages_default ON localized_messages (template_id) WHERE is_default = 1;

-- What is to leave the server, queued in the transaction of what caused it.
CREATE TABLE outbox (
    id TEXT PRIMARY KEY,
    -- mail
    kind TEXT NOT NULL,
    -- What it is, for people.
    title TEXT NOT NULL,
    -- JSON; empty once it is done.
    body TEXT NOT NULL,
    -- waiting, sent, failed, dropped
    state TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    last_error TEXT,
    done_at BIGINT
);
CREATE INDEX outbox_by_due ON outbox (due_at) WHERE state = 'waiting';
CREATE INDEX outbox_by_time ON outbox (created_at);
CREATE INDEX outbox_by_state ON outbox (state, created_at);

-- When the next action for noncompliance falls due; none when there is nothing more to do.
ALTER TABLE device_policy_states ADD COLUMN actions_at BIGINT;
UPDATE device_policy_states SET actions_at = noncompliant_since;
CREATE INDEX device_policy_states_by_actions ON device_policy_states (actions_at) WHERE actions_at IS NOT NULL;

-- Devices that a policy would retire or wipe, once an administrator says so.
CREATE TABLE retire_list (
    device_id TEXT NOT NULL REFERENCES devices (id),
    policy_id TEXT NOT NULL REFERENCES policies (id),
    action_id TEXT NOT NULL,
    -- retire or wipe
    kind TEXT NOT NULL,
    -- When the action fell due.
    due_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (device_id, policy_id, action_id)
);
CREATE INDEX retire_list_by_policy ON retire_list (policy_id);
