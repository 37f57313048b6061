-- What is older than retention_days is deleted in the order in which it came.
CREATE INDEX device_events_by_receipt ON device_events (received_at);
