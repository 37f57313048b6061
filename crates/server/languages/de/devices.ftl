# Geräte und ihre Registrierung.

name-has = Name enthält „{ $text }“

tab-retire-list = Abkopplungsliste
enrol-a-device = Gerät registrieren
devices-lead = Alle registrierten Geräte, ihr Risiko und was sie schützt.
devices-search = Nach Gerät oder Benutzer suchen
devices-none = Hier ist kein Gerät
devices-none-fits = Kein Gerät passt.
devices-none-yet = Registrieren Sie hier eines, oder auf dem Server mit

col-name = Name
col-risk = Risiko
col-compliance = Konformität
col-user = Benutzer
col-web-protection = Webschutz
col-last-seen = Zuletzt gesehen
col-jailbreak = Jailbreak
col-group = Gruppe
col-platform = Plattform
col-setting = Einstellung
col-state = Zustand
col-why = Warum
col-app = App
col-version = Version
col-severity = Schweregrad
col-alert = Warnung
col-device = Gerät
col-status = Status
col-last = Zuletzt
col-times = Anzahl
col-order = Auftrag
col-ordered = Erteilt
col-by = Von
col-choose = Auswählen
col-policy = Richtlinie
col-due = Fällig
none-here = Keine.

filter-high = Hohes Risiko
filter-medium = Mittleres Risiko
filter-low = Niedriges Risiko
filter-secured = Gesichert
filter-jailbroken = Jailbreak oder Verdacht
filter-noncompliant = Nicht konform
filter-grace = In Karenzzeit
filter-compliant = Konform
filter-unjudged = Noch nicht bewertet
filter-nopolicy = Keine Richtlinie
filter-retire = Auf der Abkopplungsliste
filter-impaired = Webschutz aus
filter-silent = Verstummt
filter-healthy = In Ordnung
filter-removed = Entfernt
filter-failed = Letzter Auftrag fehlgeschlagen

protection-on = an
protection-off = aus
protection-other-vpn = ein anderes VPN ist aktiv
protection-stopped = läuft nicht
compliance-compliant = konform
compliance-noncompliant = nicht konform
compliance-grace = in der Karenzzeit
compliance-unknown = noch nicht bewertet
compliance-error = Fehler
compliance-conflict = Konflikt
compliance-not-applicable = nicht zutreffend
jailbreak-confirmed = bestätigt
jailbreak-suspected = Verdacht
jailbreak-none = keiner
order-lock = Sperren
order-retire = Abkoppeln
order-wipe = Zurücksetzen
order-notify = Nachricht
order-pending = ausstehend
order-done = ausgeführt
order-failed = fehlgeschlagen
order-not-supported = nicht unterstützt
order-canceled = abgebrochen

device-managed = verwaltet
device-unmanaged = privates Gerät
device-may = Darf Anwendungen der Organisation erreichen
device-may-not = Darf Anwendungen der Organisation nicht erreichen
device-remedy = Was es ändert:
device-because-alert = wegen dieser Warnung
device-no-active-alert = keine offene Warnung
device-on-retire-list = Eine Richtlinie würde dieses Gerät abkoppeln, sobald Sie zustimmen.
device-on-wipe-list = Eine Richtlinie würde dieses Gerät zurücksetzen, sobald Sie zustimmen.
device-grace-until = bis { $time }
device-no-policy = Diesem Gerät ist keine Konformitätsrichtlinie zugewiesen.
device-policy-asks-nothing = Sie verlangt nichts.
device-state = Gerät
device-nobody = niemand
device-user-disabled = Konto ausgeschaltet
device-connection = Verbindung
device-removed = entfernt
device-connected = verbunden
device-last-seen = zuletzt gesehen
device-enrolled = Registriert
device-tags = Tags
device-address = Adresse
device-seen-from = gesehen von { $address }
device-agent = Agent
device-events = Ereignisse
device-events-received =
    { $count ->
        [one] { $count } erhalten
       *[other] { $count } erhalten
    }
device-events-dropped =
    { $count ->
        [one] { $count } auf dem Gerät verworfen
       *[other] { $count } auf dem Gerät verworfen
    }
device-id = ID
device-indicators = Indikatoren
device-bundle-new = neuester Stand
device-bundle-old = älterer Stand
device-problem = Problem
device-posture = Gerätezustand
device-checked = geprüft
device-rules = Wert { $score }. Regeln { $version }: { $answered } beantwortet, { $unanswered } nicht zu beantworten.
device-no-posture = Noch kein Prüflauf wurde gemeldet.
device-configuration = Konfiguration
device-no-configuration = Das Gerät hat nichts über seine Konfiguration gemeldet.
device-build = Build
device-passcode = Kennung
device-passcode-set = gesetzt
device-passcode-none = keine
device-characters =
    { $count ->
        [one] { $count } Zeichen
       *[other] { $count } Zeichen
    }
device-mail-profile = E-Mail-Profil
device-mail-managed = verwaltet
device-mail-not-managed = nicht verwaltet
device-apps =
    { $count ->
        [one] { $count } App
       *[other] { $count } Apps
    }
device-apps-managed-only = der Organisation
device-app-managed = von der Organisation
device-protected-apps = Apps mit Arbeitsdaten
device-app-flagged = sieht einen Jailbreak
device-app-fine = nichts zu beanstanden
device-app-wiped = gelöscht
device-orders = Aufträge
device-timeline = Verlauf
device-no-events = Noch nichts wurde gemeldet.
device-actions = Aktionen
device-sync = Jetzt melden lassen
device-check = Jetzt prüfen
device-whose = Wem gehört das Gerät?
device-whose-hint = Prinzipalname; leer heißt niemandem
device-no-such-user = Es gibt keinen Benutzer dieses Namens. Schreiben Sie den Prinzipalnamen, etwa ana@example.com.
device-type-name = Geben Sie den Namen des Geräts ein: { $name }
device-lock-text = Sperrt den Bildschirm. Der Benutzer entsperrt ihn mit der Kennung.
device-retire-text = Nimmt die Daten der Organisation und die Registrierung vom Gerät. Was dem Benutzer gehört, bleibt.
device-wipe-text = Löscht die Arbeitsdaten aller Apps und nimmt das Gerät heraus. Das lässt sich nicht rückgängig machen.
device-remove = Gerät entfernen
device-remove-text = Nimmt ihm die Zertifikate, so dass es ab sofort ausgesperrt ist. Was auf ihm selbst ist, bleibt.

event-blocked = { $site } blockiert (Indikator { $indicator })
event-warned = Vor { $site } gewarnt (Indikator { $indicator })
event-seen = { $site } gesehen (Indikator { $indicator })
event-allowed = { $site } zugelassen (Indikator { $indicator })
event-bypassed = Über die Warnung vor { $site } hinweggegangen (Indikator { $indicator })
event-jailbreak = Jailbreak: { $level }
event-clean = Wieder sauber
event-protection = Webschutz: { $state }
event-reported = { $site } gemeldet
event-bundle-refused = Richtlinienpaket abgelehnt: { $why }
event-order-done = Auftrag ausgeführt
event-order-not-supported = Kann einen Auftrag nicht ausführen: { $why }
event-order-failed = Konnte einen Auftrag nicht ausführen: { $why }

retire-lead = Geräte, die eine Konformitätsrichtlinie abkoppeln oder zurücksetzen würde. Nichts geschieht, bevor Sie es sagen.
retire-none = Nichts wartet auf Sie
retire-none-text = Geräte kommen hierher, wenn eine Konformitätsrichtlinie die Aktion Abkoppeln oder Zurücksetzen hat und deren Zeit gekommen ist.
retire-choose = Wählen Sie die Geräte aus, um die es geht.
retire-word = abkoppeln
retire-type = Geben Sie { $word } ein, um es auszuführen
retire-confirm = Für ausgewählte ausführen
retire-cancel = Ausgewählte von der Liste nehmen
retire-changed = Eines dieser Geräte ist nicht mehr auf der Liste. Sehen Sie die Liste an und wählen Sie noch einmal.

enroll-lead = Links, mit denen Geräte beitreten. Ein Link wird einmal gezeigt.
enroll-your-link = Ihr Registrierungslink
enroll-on-device = Auf dem Gerät, mit dem Zertifikat der Zertifizierungsstelle als ca.pem:
enroll-once = Er wird nicht noch einmal gezeigt.
enroll-make = Einen Link erzeugen
enroll-hours = Gilt, Stunden
enroll-are = Die Geräte sind
enroll-managed = von der Organisation verwaltet
enroll-unmanaged = private, nicht verwaltet
enroll-optional = freiwillig
enroll-do = Link erzeugen
enroll-ca = Zertifikat der Zertifizierungsstelle
enroll-own = Dieser Server hat ein eigenes Zertifikat: Geräte registrieren sich mit dem Zertifikat der Stelle, die es signiert hat, und vertrauen danach Moats Stelle. Moats eigenes ist für die Proxys, die Geräte prüfen:
enroll-compare = Ein Gerät registriert sich damit und weiß so, mit wem es spricht. Vergleichen Sie den SHA-256-Fingerabdruck dessen, was Sie kopiert haben, etwa mit
enroll-links = Links
enroll-used = Benutzt
enroll-revoke = Widerrufen
enroll-revoked = widerrufen
enroll-used-up = aufgebraucht
