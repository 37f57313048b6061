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

search = Suchen
save = Speichern
add = Hinzufügen
remove = Entfernen
show-all = Alle anzeigen
type-to-confirm = Geben Sie zur Bestätigung „{ $name }“ ein
changed-meanwhile = Jemand anderes hat das inzwischen geändert. Es wurde nichts gespeichert. Vergleichen Sie beides, und speichern Sie erneut, was gelten soll.
clash-what = Feld
clash-stored = Jetzt gespeichert
clash-typed = Ihre Eingabe
nav-people = Personen
nav-connectors = Konnektoren

setup-title = Moat einrichten
setup-first = Legen Sie den ersten Administrator an. Mit diesem Namen und Passwort melden Sie sich an der Konsole an.
setup-choose = Wählen Sie das Passwort, mit dem Sie sich an der Konsole anmelden.
setup-at-least = mindestens 12 Zeichen
setup-again = Passwort wiederholen
setup-first-button = Administrator anlegen
setup-choose-button = Passwort wählen
setup-closed = Dieser Einrichtungslink wurde benutzt oder ist abgelaufen. Wer ihn Ihnen gegeben hat, kann einen neuen machen. Gibt es noch keinen Administrator, erzeugen Sie auf dem Server einen neuen Link:
setup-wrong-name = Geben Sie einen Namen mit höchstens 100 Zeichen an.
setup-wrong-short = Verwenden Sie mindestens 12 Zeichen.
setup-wrong-long = Verwenden Sie höchstens 1.000 Zeichen.
setup-wrong-again = Die beiden Passwörter sind verschieden.
