-- Rules that resolve new alerts at once, saved views of lists, and what whoever reported a site is told.

CREATE TABLE suppression_rules (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    -- Kind and category of alerts, and a canonical indicator value; empty where the rule does not ask for it.
    kind TEXT NOT NULL,
    category TEXT NOT NULL,
    value TEXT NOT NULL,
    -- Whether the value's subdomains are meant too.
    subdomains BIGINT NOT NULL,
    -- everyone, device, user, group; the id is empty for everyone
    scope TEXT NOT NULL,
    scope_id TEXT NOT NULL,
    -- Why there is the rule.
    note TEXT NOT NULL,
    enabled BIGINT NOT NULL,
    expires_at BIGINT,
    hits BIGINT NOT NULL,
    last_hit_at BIGINT,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    updated_by TEXT NOT NULL
);

-- The rule that resolved an alert; it may be gone since.
ALTER TABLE alerts ADD COLUMN suppressed_by TEXT;
CREATE INDEX alerts_by_suppression ON alerts (suppressed_by, created_at) WHERE suppressed_by IS NOT NULL;

-- Filters of a list under a name.
CREATE TABLE saved_views (
    id TEXT PRIMARY KEY,
    -- devices or alerts
    list TEXT NOT NULL,
    administrator_id TEXT NOT NULL REFERENCES administrators (id),
    -- Whether everybody sees it.
    shared BIGINT NOT NULL,
    name TEXT NOT NULL,
    -- The list's address with its filters.
    address TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (administrator_id, list, name)
);
CREATE INDEX saved_views_by_list ON saved_views (list, shared);

-- What whoever decided wants whoever reported to know.
ALTER TABLE site_reports ADD COLUMN answer TEXT NOT NULL DEFAULT '';
