# Connectors, notifications, settings and the audit log.
