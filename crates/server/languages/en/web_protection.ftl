# Indicators and reported sites.
