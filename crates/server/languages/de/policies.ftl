# Konformität, App-Schutz und bedingter Zugriff.
