# Konnektoren, Benachrichtigungen, Einstellungen und Protokoll.

audit-lead = Wer wann was geändert hat, Neuestes zuerst. Jede Zeile trägt den Hash der Zeile davor.
audit-check = Protokoll prüfen
audit-intact =
    { $count ->
        [one] { $count } Zeile ist so, wie sie geschrieben wurde.
       *[other] { $count } Zeilen sind so, wie sie geschrieben wurden.
    }
audit-note-this = Notieren Sie den Hash von Zeile { $row } außerhalb dieses Servers; „moat audit verify --known“ vergleicht ein späteres Protokoll damit.
audit-broken = Das Protokoll wurde verändert: Zeile { $row } ist die erste falsche
audit-fault-missing = Sie fehlt.
audit-fault-altered = Ihr Inhalt passt nicht zu ihrem Hash.
audit-fault-foreign = Der Server hat sie nicht geschrieben: Sie hat keinen Platz in der Kette.
audit-fault-rewritten = Ihr Hash ist nicht der notierte: Das Protokoll wurde neu geschrieben.
audit-search = Suchen
audit-any = alle
audit-number = Zeile
audit-when = Wann
audit-who = Wer
audit-action = Aktion
audit-noun = Woran
audit-from = Von
audit-to = Bis einschließlich
audit-change = Vorher → nachher
audit-chip-who = Von { $text }
audit-chip-noun = An: { $text }
audit-chip-action = Aktion: { $text }
audit-chip-from = Ab { $text }
audit-chip-to = Bis { $text }
audit-chip-text = Enthält „{ $text }“
audit-none = Hier ist nichts
audit-fields =
    { $count ->
        [one] { $count } Feld
       *[other] { $count } Felder
    }
audit-show-row = Änderungen von Zeile { $row } anzeigen
audit-export = Diese Zeilen als Datei:

never = nie
shown-once = Es wird nicht noch einmal angezeigt.

connectors-lead = Wer Geräte beurteilt: Moat selbst und Partner anderer Hersteller.
connector-state = Status
connector-own = dieser Server
connector-always = immer
connector-heartbeat = Letztes Lebenszeichen
connector-used-for = Verwendet für
connector-compliance-short = Konformität
connector-apps-short = App-Schutz
connector-unused = nichts
connector-enabled = in Gebrauch
connector-enabled-means = Die Daten des Partners werden verwendet.
connector-available = eingerichtet
connector-available-means = Der Partner ist eingerichtet, und nichts verwendet seine Daten. Schalten Sie ein, was sie verwenden soll.
connector-not-set-up = nicht eingerichtet
connector-not-set-up-means = Es kam noch kein Lebenszeichen; bis dahin wird abgelehnt, was der Partner über Geräte sagt.
connector-unresponsive = antwortet nicht
connector-unresponsive-means = Länger als erlaubt kein Lebenszeichen. Was sein letztes Wort gilt, sagt jede Konformitätsrichtlinie.
connector-error = Fehler
connector-error-means = Der Partner meldet einen Fehler auf seiner Seite; seine Daten werden weiter verwendet.
connector-unavailable = entfernt
connector-unavailable-means = Der Partner wurde entfernt; seine Nachrichten werden abgelehnt. Richten Sie ihn neu ein.
connector-add = Partner hinzufügen
connector-add-means = Der Partner erhält einen API-Client, der nichts darf als Lebenszeichen und Bedrohungsstufen zu senden.
connector-switches = Schalter
connector-use = Verwendung
connector-compliance = Konformitätsrichtlinien bewerten iOS-Geräte nach seinen Daten
connector-apps = App-Schutzrichtlinien bewerten iOS-Geräte nach seinen Daten
connector-missing = Ein Gerät, von dem ihm Daten fehlen, ist nicht konform
connector-unsupported = Ein Gerät mit einem älteren System, als er unterstützt, ist nicht konform
connector-sync = App-Synchronisierung
connector-app-sync = Er darf die Apps von iOS-Geräten erfassen
connector-personal-app-sync = Auch alle Apps persönlicher Geräte
connector-days = Tage ohne Lebenszeichen, bis er als nicht antwortend gilt
connector-own-heartbeat = Moats eigene Erkennung ist Teil dieses Servers und verstummt nie, solange er entscheidet. Ein stummes Gerät löst eine eigene Warnung aus.
connector-next = Nächster Schritt
connector-next-token = Der Partner holt sich mit dem für ihn angelegten API-Client ein Token:
connector-next-heartbeat = Sein erstes Lebenszeichen schließt die Einrichtung ab; Bedrohungsstufen folgen:
connector-next-docs = Alle Aufrufe:
connector-make-client = API-Client für ihn anlegen
connector-fail-rule = Wenn er verstummt
connector-fail-own = Das betrifft Moats eigene Erkennung nicht.
connector-fail-now = Er ist verstummt. Jetzt gilt:
connector-fail-not-now = Er ist nicht verstummt. Falls er verstummt, gilt:
connector-no-rules = Es gibt keine Konformitätsrichtlinie.
connector-rule-keep = behält sein letztes Wort, bis die Gültigkeitsdauer um ist, dann nicht konform
connector-rule-ignore = als hätte er nie etwas gemeldet
connector-rule-block = Geräte sind sofort nicht konform
connector-delete = Konnektor löschen
connector-delete-means = Was der Partner über Geräte gesagt hat, wird vergessen. Sein API-Client bleibt; schalten Sie ihn unter Einstellungen ab.
connector-delete-really = Diesen Konnektor löschen

tab-general = Allgemein
tab-notifications = Benachrichtigungen
tab-administrators = Administratoren
tab-clients = API-Clients
tab-gateways = Gateways
tab-health = Zustand
changed = Geändert
switch-off = Abschalten
switch-off-name = { $name } abschalten
switch-off-really = Wirklich abschalten
switch-off-really-name = { $name } wirklich abschalten
switched-off = abgeschaltet

settings-lead = Was Geräte erhalten und was Personen auf Sperrseiten sehen.
settings-organisation = Organisation
settings-organisation-hint = auf Sperrseiten
settings-help = Hilfe-Link
settings-help-hint = https:// oder mailto:
settings-protected = Geschützte Namen
settings-protected-hint = Ihrer Organisation, einer je Zeile, etwa corp.example: Kein Indikator und kein Feed darf sie oder was darunter liegt blockieren
settings-protected-own = Immer geschützt, weil dieser Server dort zu erreichen ist: { $names }
settings-check-in = Meldung alle, Sekunden
settings-posture = Gerätezustand prüfen alle, Sekunden
settings-bypass = Umgangene Warnungen gelten, Stunden
settings-web-protection = Webschutz
settings-exclude = Namen von Seiten aus Warnungen heraushalten
settings-fail-closed = Blockieren, was nicht untersucht werden kann

administrators-lead = Wer sich an dieser Konsole anmeldet und was sie dürfen.
administrator-role = Rolle
administrator-sign-in = Anmeldung
administrator-active = hat ein Passwort
administrator-waiting = der Einrichtungslink wurde noch nicht benutzt
administrator-you = Sie
administrator-change = Ändern
administrator-change-name = { $name } ändern
administrator-set-role = Rolle setzen
administrator-reset = Neuer Einrichtungslink
administrator-link = Einrichtungslink, gilt einmal, einen Tag lang
administrator-add = Administrator hinzufügen
administrator-add-means = Sie erhalten einen Link zum Weitergeben; mit ihm wird das Passwort gewählt. Ein neuer Einrichtungslink beendet die Sitzungen und das alte Passwort.
administrator-roles = Rollen
role-global = alles
role-operator = bearbeitet Warnungen, Indikatoren, Meldungen und Geräte; ändert keine Richtlinien und keine Einstellungen
role-reader = sieht, was ein Security operator sieht
role-helpdesk = sieht Geräte, Benutzer und Gruppen und fordert Geräte auf, sich zu melden

clients-lead = Programme, die die APIs verwenden, jedes mit eigenen Rechten.
clients-none = Kein API-Client
clients-none-yet = Legen Sie für jedes Programm einen an, mit nicht mehr Rollen, als es braucht.
clients-how = Tokens gibt es unter
client-id = Client-ID
client-tenant = Mandant
client-secret = Geheimer Clientschlüssel
client-roles = Rollen
client-make = API-Client anlegen

gateways-lead = Reverse-Proxys, die fragen, ob ein Gerät hinein darf.
gateways-none = Kein Gateway
gateways-none-yet = Erzeugen Sie für jeden Proxy einen Schlüssel, und übernehmen Sie in nginx, was seine Seite zeigt.
gateway-make = Gateway-Schlüssel erzeugen
gateway-key = Schlüssel
gateway-unreachable = Wenn Moat nicht antwortet, ist der Proxy
gateway-unreachable-short = Wenn Moat nicht antwortet
gateway-closed = geschlossen
gateway-open = offen für Geräte mit Zertifikat
gateway-closed-means = Niemand kommt hinein, bis Moat wieder antwortet.
gateway-open-means = Wer ein Zertifikat von Moats Zertifizierungsstelle zeigt, kommt hinein: auch entfernte Geräte und Geräte mit hohem Risiko. Solche Anfragen tragen X-Moat-Unreachable.
gateway-believed = Geglaubt
gateway-believed-always = Zertifikat, Adresse
gateway-mfa = Ihm glauben, dass ein Benutzer einen zweiten Faktor gezeigt hat
gateway-country = Ihm das Land einer Anfrage glauben
gateway-mfa-short = zweiter Faktor
gateway-country-short = Land
gateway-used = Zuletzt benutzt
gateway-never-used = Es hat noch nicht gefragt.
gateway-application = Anwendungs-ID
gateway-follow = Der Proxy tut das durch seine eigene Konfiguration: Übernehmen Sie nach dem Speichern in nginx, was hier steht.
gateway-nginx-headers = In { $file }, nur für root lesbar, mit dem Schlüssel anstelle von KEY:
gateway-nginx-server = Im Server-Block der Anwendung:

health-lead = Was dieser Server von sich weiß.
health-look = Das verdient einen Blick
health-good = Hier wartet nichts auf Sie
health-feed = Der Feed { $name } ließ sich nicht aktualisieren; seine letzten Einträge bleiben in Kraft.
health-unusable =
    { $count ->
        [one] { $count } gespeicherter Indikator lässt sich nicht übersetzen und fehlt in dem, was Geräte erhalten; das Protokoll des Servers nennt ihn.
       *[other] { $count } gespeicherte Indikatoren lassen sich nicht übersetzen und fehlen in dem, was Geräte erhalten; das Protokoll des Servers nennt sie.
    }
health-failed =
    { $count ->
        [one] { $count } E-Mail konnte nicht gesendet werden
       *[other] { $count } E-Mails konnten nicht gesendet werden
    }
health-no-mail = E-Mails warten, und es ist kein Mailserver konfiguriert.
health-server = Server
health-version = Version
health-address = Adresse
health-device-port = Port für Geräte
health-devices = Geräte
health-connected =
    { $count ->
        [one] { $count } jetzt verbunden
       *[other] { $count } jetzt verbunden
    }
health-revision = Stand der Richtlinien
health-waiting = Wartet
health-mail = E-Mails
health-orders = Aufträge an Geräte
health-wipes = Löschungen von Arbeitsdaten
health-retire = Geräte auf der Liste zum Abkoppeln
health-judgements = Neu zu bewertende Geräte
health-actions = Fällige Aktionen
health-storage = Speicher
health-folder = Datenordner
health-database = Datenbank
health-log = Write-Ahead-Log
health-free = Frei auf dem Datenträger
health-audit-rows =
    { $count ->
        [one] { $count } Zeile
       *[other] { $count } Zeilen
    }
health-audit-last = die neueste ist { $row }
health-kept = Protokoll und Meldungen bleiben
health-days =
    { $count ->
        [one] { $count } Tag
       *[other] { $count } Tage
    }

notifications-lead = Was Personen geschrieben wird, deren Geräte nicht konform sind, und was auf den Versand wartet.
notifications-no-mail = Es ist kein Mailserver konfiguriert
notifications-no-mail-how = E-Mails warten, bis die Konfiguration des Servers einen nennt:
templates = Nachrichtenvorlagen
templates-none = Noch keine. Konformitätsrichtlinien wählen eine Vorlage für die E-Mails, die sie senden.
template-add = Vorlage hinzufügen
template-description = Beschreibung (optional)
template-lead = Konformitätsrichtlinien wählen sie für die E-Mails, die sie senden.
template-locale = Standardsprache
template-messages = Nachrichten
template-messages-none = Noch keine Nachricht. Personen erhalten die in ihrer Sprache, sonst die Standardnachricht.
template-around = Um die Nachricht herum
template-company-name = Name der Organisation
template-contact = Hilfe-Link
template-link = Link zur Seite, die den Grund nennt
template-details = Angaben zum Gerät
template-test = Test senden
template-test-means = an die Adresse, von der E-Mails kommen
template-tested = Eine Testnachricht liegt im Postausgang.
template-delete = Vorlage löschen
template-delete-means = Eine Vorlage, die eine Richtlinie verwendet, kann nicht gelöscht werden.
template-delete-really = Diese Vorlage löschen
message-add = Nachricht hinzufügen
message-lead = Was Personen lesen, deren Sprache das ist.
message-locale = Sprache
message-locale-hint = Sprache, etwa de-DE
message-subject = Betreff
message-subject-hint = Betreff, höchstens 78 Zeichen
message-text = Nachricht
message-text-hint = Nachricht, höchstens 2.000 Zeichen
message-variables = Wird beim Senden ausgefüllt:
message-default = Standard für Personen, in deren Sprache es keine Nachricht gibt
message-is-default = Standard
message-preview = Vorschau
message-preview-title = So liest sie sich
message-preview-means = Mit erfundenen Werten; nichts wurde gespeichert oder gesendet.
message-delete = Nachricht löschen
message-delete-really = Nachricht in { $locale } löschen
outbox = Postausgang
outbox-none = Hier ist nichts.
outbox-what = Was
outbox-state = Status
outbox-attempts = Versuche
outbox-error = Letzter Fehler
outbox-retry = Erneut versuchen
outbox-retry-name = Erneut versuchen: { $name }
outbox-waiting = wartet
outbox-sent = gesendet
outbox-failed = fehlgeschlagen
outbox-dropped = nicht mehr nötig

tab-backup = Sicherung
backup-lead = Der ganze Server als eine Datei: Datenbank, Schlüssel, Konfiguration und Sprachen, wie sie in einem Augenblick sind.
backup-never = Es wurde noch nie eine Sicherung erstellt
backup-old =
    { $count ->
        [one] Die letzte Sicherung ist { $count } Tag alt
       *[other] Die letzte Sicherung ist { $count } Tage alt
    }
backup-last = Letzte Sicherung
backup-none = Es gibt noch keine.
backup-when = Wann
backup-size = Größe
backup-encrypted = Verschlüsselt
backup-with-passphrase = mit einer Passphrase
backup-without-passphrase = nein
backup-now = Jetzt sichern
backup-means = Die Datei enthält die Schlüssel der Organisation. Ohne die Passphrase kann niemand sie öffnen: Bewahren Sie sie an einem anderen Ort auf als die Datei. Moat merkt sie sich nicht.
backup-passphrase = Passphrase
backup-again = Passphrase wiederholen
backup-wrong-again = Die beiden Passphrasen sind verschieden.
backup-download = Sicherung herunterladen
backup-left-out = Die Konfiguration nennt diese Dateien. Sie liegen außerhalb des Datenordners und sind nicht in der Sicherung:
backup-restore = Wiederherstellen
backup-restore-how = Auf dem Server, in einen leeren Ordner. Von der Datei mit der Passphrase zählt nur die erste Zeile.
backup-restore-means = Alles wird geprüft, bevor etwas geschrieben wird. Eine beschädigte oder abgebrochene Sicherung wird abgelehnt. Geräte, die nach der Sicherung registriert wurden oder ihr Zertifikat erneuert haben, müssen neu registriert werden.
backup-regular = Regelmäßige Sicherungen
backup-regular-how = Während der Server läuft, durch einen Zeitplan des Systems wie cron:
