# Personen und Gruppen.
