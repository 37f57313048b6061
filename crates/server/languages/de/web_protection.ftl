# Indikatoren und gemeldete Seiten.
