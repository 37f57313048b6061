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
tab-activity = Aktivität
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
setup-organisation = Organisation
setup-organisation-hint = steht auf Blockseiten
setup-protected = Ihre eigenen Domänen
setup-protected-hint = etwa corp.example: Keine Liste und kein Versehen darf sie blockieren. Beides kann später gesagt werden.
setup-wrong-organisation = Höchstens 200 Zeichen.
setup-wrong-protected = Etwas davon ist weder ein Domänenname noch eine Adresse.
setup-wrong-name = Geben Sie einen Namen mit höchstens 100 Zeichen an.
setup-wrong-short = Verwenden Sie mindestens 12 Zeichen.
setup-wrong-long = Verwenden Sie höchstens 1.000 Zeichen.
setup-wrong-again = Die beiden Passwörter sind verschieden.
just-now = gerade eben
seconds-ago = vor { $count } s
minutes-ago = vor { $count } Min.
hours-ago = vor { $count } Std.
days-ago =
    { $count ->
        [one] vor { $count } Tag
       *[other] vor { $count } Tagen
    }
in-seconds = in { $count } s
in-minutes = in { $count } Min.
in-hours = in { $count } Std.
in-days =
    { $count ->
        [one] in { $count } Tag
       *[other] in { $count } Tagen
    }
ended = beendet { $ago }
previous-page = Vorige Seite
next-page = Nächste Seite
do-search = Suchen
list-all = Alle anzeigen
unknown-filter = Unbekannter Filter „{ $filter }“, nicht angewendet
do-save = Speichern
close = Schließen
as-table = Als Tabelle

severity-high = Hoch
severity-medium = Mittel
severity-low = Niedrig
severity-informational = Information
severity-none = Keine

go-to = Gehe zu
go-label = Was suchen Sie?
go-hint = Eine Seite, ein Gerät, „block evil.example“, „why NAME“
keys = Tastatur
key-palette = Zu einer Seite oder einem Gerät gehen oder eine Website blockieren
key-search = In dieser Liste suchen
key-rows = Nächste und vorige Zeile
key-open = Zeile öffnen
key-help = Diese Hilfe
go-lead = Geben Sie den Namen einer Seite oder eines Geräts ein, „block evil.example“, „check evil.example“ oder „why NAME“.
go-nothing = Nichts passt.
go-block = { $site } auf allen Geräten blockieren
go-allow = { $site } auf allen Geräten zulassen
go-warn = Auf allen Geräten vor { $site } warnen
go-audit = { $site } auf allen Geräten beobachten
go-explain = Würde { $site } blockiert, und warum?
tab-alerts = Warnungen
tab-suppression = Unterdrückung

views = Gespeicherte Ansichten
view-save = Ansicht speichern oder löschen
view-delete = Gespeicherte Ansicht löschen
view-name = Name der Ansicht
view-filters = Filter
view-for-all = Für alle
view-own = Nur für Sie
view-by = Für alle, gespeichert von { $name }
wrong-number = { $label } muss eine ganze Zahl von { $least } bis { $most } sein.
error-not-found = Nicht gefunden
error-not-found-text = Unter dieser Adresse ist nichts, oder es wurde entfernt.
error-forbidden = Nicht erlaubt
error-forbidden-text = Ihre Rolle erlaubt das nicht, oder die Seite ist veraltet: laden Sie sie neu.
error-internal = Bei uns ist etwas schiefgegangen
error-internal-text = Das Protokoll des Servers sagt, was.
error-full = Der Datenträger des Servers ist voll
error-full-text = Nichts wurde gespeichert. Schaffen Sie Platz und wiederholen Sie dann, was Sie getan haben.
error-other = Das hat nicht funktioniert
error-home = Zur Übersicht
