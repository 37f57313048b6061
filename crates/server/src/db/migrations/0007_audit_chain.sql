-- The audit log as a chain: each row carries the SHA-256 of its predecessor's hash and its own content. Rows that were there
-- before are chained when the server first opens the database with this table (`audit::chain::adopt`).

ALTER TABLE audit ADD COLUMN seq BIGINT NOT NULL DEFAULT 0;
ALTER TABLE audit ADD COLUMN hash TEXT NOT NULL DEFAULT '';
CREATE INDEX audit_by_seq ON audit (seq);
CREATE INDEX audit_by_actor ON audit (actor, seq);
CREATE INDEX audit_by_action ON audit (action, seq);

-- Where the chain ends: `head` is the newest row, `anchor` the last one that was deleted because it was too old.
CREATE TABLE audit_chain (
    name TEXT PRIMARY KEY,
    seq BIGINT NOT NULL,
    hash TEXT NOT NULL
);
INSERT INTO audit_chain (name, seq, hash) VALUES
    ('head', 0, '0000000000000000000000000000000000000000000000000000000000000000'),
    ('anchor', 0, '0000000000000000000000000000000000000000000000000000000000000000');

-- Links for administrators whom another one made or reset; without one the link is for the first administrator.
ALTER TABLE setup_links ADD COLUMN administrator_id TEXT REFERENCES administrators (id);
