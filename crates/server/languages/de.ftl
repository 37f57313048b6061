# Die Konsole auf Deutsch. Jede Nachricht ist ein Text; `docs/operating.md` sagt, wie eine Sprache dazukommt.

## Frame

skip-to-content = Zum Inhalt
navigation = Hauptbereiche
navigation-here = In diesem Bereich
sign-out = Abmelden
nav-overview = Übersicht
nav-devices = Geräte
nav-alerts = Warnungen
nav-web-protection = Webschutz
nav-settings = Einstellungen
nav-audit = Protokoll
tab-devices = Geräte
tab-enrollment = Registrierung
tab-indicators = Indikatoren
tab-reports = Gemeldete Seiten

## Times and counts

times =
    { $count ->
        [one] { $count }-mal
       *[other] { $count }-mal
    }

## Sign-in

sign-in = Anmelden
sign-in-title = Bei Moat anmelden
name = Name
password = Passwort

## Devices

name-has = Name enthält „{ $text }“
