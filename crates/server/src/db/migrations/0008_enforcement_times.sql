-- How long it took from a detection on a device until access was closed: how often, by day and length.
CREATE TABLE enforcement_times (
    -- Days since 1970-01-01.
    day BIGINT NOT NULL,
    -- The longest time in this row, in milliseconds.
    bucket BIGINT NOT NULL,
    count BIGINT NOT NULL,
    PRIMARY KEY (day, bucket)
);

-- The alerts of an indicator: its hits.
CREATE INDEX alerts_by_indicator ON alerts (indicator_id) WHERE indicator_id IS NOT NULL;
CREATE INDEX alerts_by_title ON alerts (title);
