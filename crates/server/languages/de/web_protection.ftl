# Indikatoren und gemeldete Seiten.

indicators-lead = Was Geräte blockieren, wovor sie warnen, was sie beobachten oder zulassen. Eine Änderung gilt auf verbundenen Geräten binnen einer Sekunde.
indicators-add = Hinzufügen
indicators-search = Wert oder Titel suchen
indicators-has = Wert oder Titel enthält „{ $text }“
indicators-none = Hier sind keine Indikatoren
indicators-none-yet = Fügen Sie oben einen hinzu, oder auf dem Server:
indicators-none-fits = Keiner passt: Er wurde gelöscht, ist beendet oder war nie da.
indicator-value = Domäne, URL, IP-Adresse oder Bereich
indicator-value-short = Wert
indicator-title = Titel
indicator-title-hint = steht auf Blockseiten
indicator-more = Mehr
indicator-ends = Endet
indicator-ends-hint = etwa 2027-01-31T12:00:00Z
indicator-groups = Gerätegruppen
indicator-groups-hint = mit Kommas; leer heißt alle
indicator-bypass = Umgehung gilt, Stunden
indicator-alert = Bei einem Treffer warnen
indicator-do-add = Indikator hinzufügen
action-block = Blockieren
action-warn = Warnen
action-audit = Überwachen
action-allow = Zugelassen
col-action = Aktion
col-hits = Treffer
col-for = Für
col-type = Typ
ends-never = nie
for-all = alle
delete = Löschen
really-delete = Wirklich löschen
hits =
    { $count ->
        [one] { $count } Treffer
       *[other] { $count } Treffer
    }
explain-title = Würde das blockiert?
explain-site = Host, URL oder IP-Adresse
explain-group = Auf einem Gerät der Gruppe
explain-group-hint = leer heißt keine
explain-do = Erklären
explain-nothing = Kein Indikator passt, also ist es zugelassen.
explain-decides = Indikator { $id } ({ $value }) entscheidet, { $action }: { $because }.
explain-https = Über HTTPS ist nur der Host zu sehen, deshalb wurde der Pfad nicht betrachtet.
tier-custom = eigener Indikator
tier-path = er nennt den Pfad oder einen darüber, der nur über einfaches HTTP zu sehen ist
tier-host = er nennt genau diesen Host
tier-parent = er nennt die übergeordnete Domäne { $value }
tier-range = sein Bereich { $value } enthält die Adresse
import-title = CSV importieren
import-done = { $good } Zeilen sind in Kraft, { $refused } wurden abgelehnt.
import-line = Zeile
import-others = … und { $count } weitere
import-too-long = Der Text ist zu lang, um ihn noch einmal zu zeigen: Berichtigen Sie diese Zeilen in Ihrer Datei.
import-again = Berichtigen Sie diese Zeilen und importieren Sie noch einmal: Zeilen, die schon in Kraft sind, bleiben, wie sie sind.
import-file = Aus einer Datei
import-rows = Zeilen mit den Spalten von Defender
import-limit = Bis 64 MiB, Kommas und Zeilenenden dreifach gezählt. Größere Dateien:
import-do = Importieren

reports-lead = Was Benutzer von Blockseiten und Geräten meldeten, nach Website. Blockieren oder Zulassen legt einen Indikator an.
reports-open = Offen
reports-decided = Entschieden
reports-all = Alle
reports-none = Hier sind keine Meldungen
reports-none-open = Nichts wartet auf eine Entscheidung.
reports-none-text = Benutzer melden mit der Schaltfläche auf einer Blockseite oder mit
reports-count =
    { $count ->
        [one] { $count } Meldung
       *[other] { $count } Meldungen
    }
reports-reporters =
    { $count ->
        [one] von { $count } Gerät
       *[other] von { $count } Geräten
    }
col-site = Website
col-decision = Entscheidung
col-as = Als
col-when = Wann
report-open = offen
report-blocked = blockiert
report-allowed = zugelassen
report-dismissed = verworfen
report-unsafe = unsicher
report-mistake = irrtümlich blockiert
report-block = Blockieren
report-allow = Zulassen
report-dismiss = Verwerfen
report-was = { $site } wurde { $status }
report-whole-host = Über HTTPS sehen Geräte nur den Host, deshalb gilt der Indikator für den Host.
report-no-indicator = Aus dieser Adresse lässt sich kein Indikator machen: { $why }.
report-message = Ein Wort an den Meldenden
report-message-hint = freiwillig; die Entscheidung wird auch so mitgeteilt
report-message-add = Ein Wort an den Benutzer hinzufügen
report-message-wrong = Das Wort an den Benutzer darf höchstens 500 Zeichen haben.
report-told = Der Benutzer erfährt es.
reports-were = { $number } Meldungen: { $status }
report-block-all = Alle { $count } blockieren
report-allow-all = Alle { $count } zulassen
report-dismiss-all = Alle { $count } verwerfen

# Nachrichten auf Geräten von Menschen, die eine Website meldeten.
told-title = Ihre Meldung einer Website
told-blocked = Sie haben { $site } gemeldet: Die Website ist jetzt blockiert.
told-stays-blocked = Sie haben { $site } gemeldet: Die Website bleibt blockiert.
told-stays-allowed = Sie haben { $site } gemeldet: Die Website bleibt zugelassen.
told-allowed = Sie haben { $site } gemeldet: Die Website ist jetzt zugelassen.
told-dismissed = Sie haben { $site } gemeldet: Die Meldung wurde geprüft, und nichts wurde geändert.

activity-lead = Was der Webschutz auf den Geräten getan hat, soweit es dieser Server nach den Richtlinien sehen darf. Welches Gerät welche Seite aufgerufen hat, steht nur in Warnungen.
activity-search = Teil des Namens einer Seite
activity-blocked = Blockiert
activity-warned = Gewarnt
activity-audited = Nur beobachtet
activity-none = Nichts in dieser Zeit
activity-none-text = Geräte melden, was sie blockieren, wovor sie warnen und was sie beobachten, wenn der Indikator Warnungen auslöst.
activity-by-day = Nach Tagen
activity-sites = Seiten
activity-unnamed = Name nicht gemeldet
activity-sources = Indikatoren und Feeds
activity-devices = Geräte
activity-gone = { $id }, gelöscht
activity-decide = Entscheiden
activity-decided = { $site }, ab jetzt: { $action }
activity-duration = Wie lange
activity-note = Notiz
decide-block = Blockieren
decide-warn = Warnen
decide-allow = Zulassen
for-ever = Bis zum Entfernen
for-an-hour = 1 Stunde
for-a-day = 1 Tag
for-a-week = 1 Woche
for-a-month = 30 Tage

tab-feeds = Feeds
feeds-lead = Listen anderer, nach denen Geräte entscheiden, wo kein Indikator etwas sagt. Ein Indikator geht immer vor.
feeds-none = Noch keine Feeds
feeds-none-yet = Fügen Sie eine der vorgeschlagenen Listen unten hinzu oder die Adresse einer eigenen. Sie wird erst abgerufen und geprüft; Geräte erhalten sie, wenn Sie sie einschalten.
feeds-entries =
    { $count ->
        [one] { $count } Eintrag
       *[other] { $count } Einträge
    }
feed = Feed
feed-state = Zustand
feed-entries = Einträge
feed-refreshed = Aktualisiert
feed-tried = Letzter Versuch
feed-bytes = Bytes
feed-source = Quelle
feed-settings = Einstellungen
feed-format = Format
feed-uploaded = hochgeladen
feed-fetching = wird abgerufen
feed-failing = Abruf gescheitert
feed-empty = keine Einträge
feed-enabled = ein
feed-disabled = aus
feed-add = Feed hinzufügen
feed-add-means = Eine Liste mit ihrer Adresse oder als Datei: Namen, Hosts-Datei, Adblock-Regeln, URLs, Adressen oder die Spalten der Indikatoren. Sie bleibt aus, bis Sie ihren Bericht gesehen haben.
feed-url = Adresse
feed-url-hint = https://
feed-file = Datei
feed-file-hint = statt einer Adresse, bis 64 MiB
feed-one-source = Geben Sie eine Adresse oder eine Datei an, nicht beides.
feed-no-source = Geben Sie die Adresse der Liste oder eine Datei an.
feed-interval = Stunden zwischen Abrufen
feed-do-add = Feed hinzufügen
feed-enable = Für alle Geräte einschalten
feed-refresh = Jetzt abrufen
feed-upload = Einträge ersetzen
feed-failed = Der letzte Abruf ist gescheitert
feed-failed-since = Er scheitert seit
feed-failed-keeps = Die letzten guten Einträge bleiben in Kraft.
feed-next-try = Der nächste Versuch ist
feed-no-entries = Noch keine Einträge
feed-no-entries-yet = Ist die Liste da, steht hier ihr Bericht.
feed-licence = Lizenz: { $licence }.
feeds-suggested = Vorgeschlagene Listen
feeds-suggested-means = Frei lizenziert. Nichts wird abgerufen, bevor Sie eine hinzufügen, und sie bleibt aus, bis Sie ihren Bericht gesehen haben.
suggested-phishing = Namen von Phishing-Seiten.
suggested-scam = Namen betrügerischer Seiten; Geräte warnen.
suggested-malware = Namen, die Schadsoftware verbreiten oder steuern.
suggested-links = Phishing-Seiten von heute, mit ihren Adressen.
suggested-tracking = Namen von Trackern; löst keine Warnungen aus.
format-domains = ein Name je Zeile
format-hosts = Hosts-Datei
format-adblock = Adblock-Regeln
format-csv = CSV mit den Spalten der Indikatoren
format-urls = eine URL je Zeile
format-addresses = Adressen und Bereiche
check-title = Bericht vor dem Einschalten
check-entries = Einträge
check-kinds = { $domains } Namen, { $urls } URLs, { $addresses } Adressen, { $exceptions } Ausnahmen
check-new = Nur hier
check-shared = { $count } auch in { $name }
check-indicators = { $count } sind auch Indikatoren
check-unseen = HTTPS-URLs
check-unseen-means = von einer HTTPS-Verbindung sehen Geräte nur den Host, daher wirken diese Pfade nur bei unverschlüsseltem HTTP
check-protected = Geschützte Namen
check-protected-means = Sie gehören Ihrer Organisation: Geräte erhalten diese Einträge nicht.
check-known-good = Bekannte Namen
check-known-good-means = Sehen Sie nach, ob sie auf diese Liste gehören. Ein Indikator, der einen zulässt, hebt ihn auf.
check-allowed = Von Indikatoren zugelassen
check-allowed-means = Ihre Indikatoren gehen vor, so weit sie reichen.
check-too-broad = Ganze Top-Level-Domänen, öffentliche Suffixe oder große Netze
check-internal = Interne Adressen
check-unreadable = Zeilen, die nicht zu lesen sind
check-unsupported = Regeln nur für Browser
check-unsupported-means = Sie brauchen, was ein Gerät nicht sieht, und werden weggelassen.
check-left-out = Sie werden weggelassen.
check-first = Die ersten davon
check-good = Nichts fällt auf
check-as-of = Stand
known-good = Bekannte Namen
known-good-means = Berichte von Feeds weisen auf Namen hin, die als gut bekannt sind. Moat bringt 1.000 davon mit.
known-good-own =
    { $count ->
        [one] Ihre eigene Liste hat { $count } Namen.
       *[other] Ihre eigene Liste hat { $count } Namen.
    }
known-good-no-own = Sie können eine eigene Liste hinzufügen.
known-good-file = Datei
known-good-file-hint = ein Name je Zeile; ohne Datei wird Ihre Liste entfernt
known-good-do = Ihre Liste ersetzen
explain-feed-decides = Feed { $feed } ({ $value }) entscheidet, { $action }: { $because }.
tier-feed = Feed
