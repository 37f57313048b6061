-- What web protection did, counted by the day on which the server heard of it. Who met which site stands only in alerts.
CREATE TABLE web_activity_sites (
    day BIGINT NOT NULL,
    -- A host or address; empty where names stay on the devices, and for what is past the bound of a day.
    site TEXT NOT NULL,
    indicator_id BIGINT NOT NULL,
    action TEXT NOT NULL,
    count BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    PRIMARY KEY (day, site, indicator_id, action)
);
CREATE TABLE web_activity_devices (
    day BIGINT NOT NULL,
    device_id TEXT NOT NULL REFERENCES devices (id),
    action TEXT NOT NULL,
    count BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    PRIMARY KEY (day, device_id, action)
);
