# Was auf jeder Seite steht, und die Anmeldung. `docs/operating.md` sagt, wie eine Sprache dazukommt.

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

times =
    { $count ->
        [one] { $count }-mal
       *[other] { $count }-mal
    }

sign-in = Anmelden
sign-in-title = Bei Moat anmelden
name = Name
password = Passwort
