# Compliance, app protection and conditional access.
