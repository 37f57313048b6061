# Warnungen.
