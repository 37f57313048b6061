# Die Übersicht.

overview-lead = Was Sie jetzt braucht, und wie es um die Geräte steht.
needs-you = Braucht Sie jetzt
needs-nothing = Nichts braucht Sie jetzt.
need-unusable =
    { $count ->
        [one] { $count } gespeicherter Indikator ist unbrauchbar und fehlt in dem, was Geräte bekommen. Das Protokoll des Servers nennt ihn: Löschen Sie ihn und legen Sie ihn neu an.
       *[other] { $count } gespeicherte Indikatoren sind unbrauchbar und fehlen in dem, was Geräte bekommen. Das Protokoll des Servers nennt sie: Löschen Sie sie und legen Sie sie neu an.
    }
need-high-alerts =
    { $count ->
        [one] { $count } offene Warnung mit hohem Schweregrad
       *[other] { $count } offene Warnungen mit hohem Schweregrad
    }
need-jailbroken =
    { $count ->
        [one] { $count } Gerät mit Jailbreak oder Verdacht
       *[other] { $count } Geräte mit Jailbreak oder Verdacht
    }
need-failed-orders =
    { $count ->
        [one] { $count } Gerät hat den letzten Auftrag nicht ausgeführt
       *[other] { $count } Geräte haben den letzten Auftrag nicht ausgeführt
    }
need-connectors =
    { $count ->
        [one] { $count } Konnektor antwortet nicht
       *[other] { $count } Konnektoren antworten nicht
    }
need-feeds =
    { $count ->
        [one] { $count } Feed ließ sich nicht aktualisieren
       *[other] { $count } Feeds ließen sich nicht aktualisieren
    }
feeds-failing =
    { $count ->
        [one] { $count } Abruf gescheitert
       *[other] { $count } Abrufe gescheitert
    }
need-retire =
    { $count ->
        [one] { $count } Gerät wartet auf der Abkopplungsliste
       *[other] { $count } Geräte warten auf der Abkopplungsliste
    }
need-noncompliant =
    { $count ->
        [one] { $count } Gerät ist nicht konform
       *[other] { $count } Geräte sind nicht konform
    }
need-reports =
    { $count ->
        [one] { $count } gemeldete Website ist zu entscheiden
       *[other] { $count } gemeldete Websites sind zu entscheiden
    }
need-unprotected =
    { $count ->
        [one] { $count } Gerät ohne Webschutz
       *[other] { $count } Geräte ohne Webschutz
    }
need-silent =
    { $count ->
        [one] { $count } verstummtes Gerät
       *[other] { $count } verstummte Geräte
    }
open-alerts =
    { $count ->
        [one] { $count } offene Warnung
       *[other] { $count } offene Warnungen
    }
connected-now =
    { $count ->
        [one] { $count } jetzt verbunden
       *[other] { $count } jetzt verbunden
    }
health-enabled = aktiviert
health-available = verfügbar, nicht eingeschaltet
health-not-set-up = nicht eingerichtet
health-unresponsive = antwortet nicht
health-error = Fehler
health-unavailable = nicht verfügbar
health-heard = gehört

chart-risk = Risiko der Geräte
chart-compliance = Konformität der Geräte
chart-gaps = Lücken im Schutz
chart-threats = Warnungen nach Art, 30 Tage
chart-threats-none = Keine Warnung in 30 Tagen.
chart-enforcement = Von der Erkennung zum gesperrten Zugriff, 30 Tage
chart-enforcement-text = Gemessen vom Ereignis auf dem Gerät, bis Gateways anders beschieden wurden. Zeit ohne Netz zählt mit.
chart-enforcement-none = Noch keine Erkennung hat Zugriff gesperrt.
chart-health = Konnektoren und Quellen
chart-most = höchstens { $count }
col-count = Anzahl
col-share = Anteil
col-day = Tag
col-took = Bis zu
enforcement-closed = Zugriff gesperrt
up-to-milliseconds = { $count } ms
up-to-seconds = { $count } s
up-to-seconds-and = { $seconds } s
up-to-minutes = { $count } Min.
up-to-hours = { $count } Std.
up-to-days =
    { $count ->
        [one] { $count } Tag
       *[other] { $count } Tage
    }
longer-than-days =
    { $count ->
        [one] mehr als { $count } Tag
       *[other] mehr als { $count } Tage
    }
kind-jailbreak = Jailbreak
kind-web-threat = Webbedrohung
kind-warning-bypassed = Warnung übergangen
kind-web-protection-off = Webschutz aus
kind-device-silent = Gerät verstummt
kind-bundle-refused = Richtlinienpaket abgelehnt
kind-manual = Von Hand ausgelöst

first-steps = Erste Schritte
step-device = Ein Gerät registrieren
step-device-text = Ein Link und zwei Befehle; es erscheint sofort hier.
step-device-do = Registrierungslink erzeugen
step-indicator = Den ersten Namen blockieren
step-indicator-text = Eine Domäne, URL oder Adresse, die Geräte blockieren, vor der sie warnen oder die sie beobachten.
step-indicator-do = Indikator hinzufügen
step-feed = Eine Liste böser Namen
step-feed-text = Frei lizenzierte Listen zu Phishing und Schadsoftware, geprüft, bevor sie eingeschaltet werden.
step-feed-do = Feed wählen
step-compliance = Eine Konformitätsrichtlinie
step-compliance-text = Kein Jailbreak, keine Bedrohung über Mittel; für alle Geräte.
step-access = Eine Richtlinie für bedingten Zugriff
step-access-text = Verlangt ein konformes Gerät und meldet vorerst nur, was sie täte.
step-settings = Empfohlene Einstellungen
step-settings-text = Webschutz an, alle 30 Sekunden ein Prüflauf, jede Minute eine Meldung.
step-do = Anlegen
starter-compliance-name = Kein Jailbreak, keine hohe Bedrohung
starter-access-name = Konformes Gerät verlangen
