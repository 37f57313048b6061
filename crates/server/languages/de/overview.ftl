# Die Übersicht.
