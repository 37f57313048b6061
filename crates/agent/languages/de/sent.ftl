# Das Verzeichnis dessen, was das Gerät verlassen hat.

sent-lead = Alles, was Moat von diesem Gerät gesendet hat, das Neueste zuerst. Nur dieses Gerät bewahrt diese Liste auf.
sent-none = Noch hat nichts dieses Gerät verlassen.
sent-waiting =
    { $count ->
        [one] 1 Ereignis wartet darauf, gesendet zu werden
       *[other] { $count } Ereignisse warten darauf, gesendet zu werden
    }
sent-bounds = Die Größen sind die der Inhalte, ohne die Verschlüsselung darum. Die Liste behält ihre neuesten ein bis zwei Megabyte.
requests =
    { $count ->
        [one] 1 Anfrage
       *[other] { $count } Anfragen
    }

sent-enroll = Registrierung
sent-check-in = Meldung an den Server
sent-renew = Neues Zertifikat angefordert
sent-fetch = Neue Liste der Websites angefordert
sent-push = Verbindung für Neuigkeiten geöffnet

since = seit { $time } Uhr
told = Was dieses Gerät über sich gesagt hat
each = Jede einzeln
same = Dasselbe über dieses Gerät wie zuvor, und sonst nichts.
exactly = Wörtlich gesendet:

event-no-name = Der Name blieb auf diesem Gerät
event-blocked = Eine Website wurde blockiert
event-warned = Vor einer Website wurde gewarnt
event-noted = Eine Website wurde vermerkt und nicht blockiert
event-bypassed = Sie haben eine Warnung übergangen
event-jailbreak = Die Geräteprüfung hat Anzeichen eines Jailbreaks gefunden
event-jailbreak-cleared = Die Geräteprüfung hat keine Anzeichen eines Jailbreaks mehr gefunden
event-protection-on = Der Webschutz ging an
event-protection-off = Der Webschutz ging aus
event-protection-other-vpn = Der Webschutz trat für ein anderes VPN zurück
event-protection-stopped = Der Webschutz wurde beendet
event-report = Sie haben eine Website als gefährlich gemeldet
event-mistake = Sie haben einen Fehler gemeldet
event-bundle-refused = Eine Liste von Websites wurde abgelehnt, weil sie beschädigt oder nicht echt war
event-order = Ein Auftrag der Organisation wurde beantwortet

pages = Seiten dieser Liste
newest = Neueste
older = Ältere
