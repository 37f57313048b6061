-- Orders to devices; each is kept until the device says what came of it.
CREATE TABLE device_commands (
    id TEXT PRIMARY KEY,
    device_id TEXT NOT NULL REFERENCES devices (id),
    -- remoteLock, retire, wipe, notify
    action TEXT NOT NULL,
    -- The action with all that belongs to it, as the device gets it: JSON.
    body TEXT NOT NULL,
    ordered_by TEXT NOT NULL,
    ordered_at BIGINT NOT NULL,
    -- pending, done, failed, notSupported, canceled
    state TEXT NOT NULL,
    -- Why it was not done, in words.
    detail TEXT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX device_commands_by_device ON device_commands (device_id, state, ordered_at);
CREATE INDEX device_commands_by_update ON device_commands (updated_at);

-- The build of the system, and what only a device's management knows of it. `configuration` is passcode and mail profile,
-- `apps` the list of apps: JSON.
ALTER TABLE devices ADD COLUMN os_build TEXT NOT NULL DEFAULT '';
ALTER TABLE devices ADD COLUMN configuration TEXT;
ALTER TABLE devices ADD COLUMN apps TEXT;
