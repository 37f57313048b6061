-- Feeds: lists of others that devices decide by where no indicator says anything. The entries are files of the data folder.
CREATE TABLE feeds (
    -- From 1, never used twice: the numbers of entries in alerts hold it.
    number BIGINT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    -- NULL: uploaded.
    url TEXT,
    action TEXT NOT NULL,
    severity TEXT NOT NULL,
    generate_alert BIGINT NOT NULL,
    enabled BIGINT NOT NULL,
    interval_hours BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    updated_by TEXT NOT NULL,
    -- What the source said last, to ask it only for what is new.
    etag TEXT,
    last_modified TEXT,
    -- The last try, and when the entries were last known to be what the source has.
    checked_at BIGINT,
    fetched_at BIGINT,
    -- Why the last try failed, and since when every one does.
    error TEXT,
    failed_since BIGINT,
    failures BIGINT NOT NULL,
    -- NULL: no try is due.
    due_at BIGINT,
    format TEXT,
    bytes BIGINT NOT NULL,
    entries BIGINT NOT NULL,
    -- The hash of the entries, in the name of their file.
    content TEXT,
    -- The known-good report, JSON.
    report TEXT
);

CREATE INDEX feeds_due ON feeds (due_at) WHERE due_at IS NOT NULL;
