-- What gateways know when they decide, and what they do when they cannot ask.

-- When the server took the last receipt of a wipe, by its own clock: what was issued to the app before is void at gateways.
ALTER TABLE app_registrations ADD COLUMN wipe_noted_at BIGINT;

-- What the proxy does when it gets no answer: closed or open.
ALTER TABLE gateways ADD COLUMN on_unreachable TEXT NOT NULL DEFAULT 'closed';
-- Whether the proxy's word counts that a user showed a second factor (X-Client-Mfa), and for the country (X-Client-Country).
ALTER TABLE gateways ADD COLUMN asserts_mfa BIGINT NOT NULL DEFAULT 0;
ALTER TABLE gateways ADD COLUMN asserts_country BIGINT NOT NULL DEFAULT 0;
