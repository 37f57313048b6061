# Konnektoren, Benachrichtigungen, Einstellungen und Protokoll.
