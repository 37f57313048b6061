-- When a gateway was last changed, by which two who change it at once notice.
ALTER TABLE gateways ADD COLUMN updated_at BIGINT NOT NULL DEFAULT 0;
