# Wie es um das Gerät steht.

my-device-lead = Wie Moat dieses Gerät für { $organisation } schützt und was Sie tun können.

state-protected = Geschützt
state-protected-lead = Websites auf der Liste von { $organisationAfter } werden auf diesem Gerät angehalten, bevor sie laden.
state-at-risk = Gefährdet
state-at-risk-lead = Websites der Liste werden weiter blockiert, aber die Geräteprüfung hat Anzeichen eines Jailbreaks gefunden: Andere Apps können mitlesen, was Sie hier tun. Entfernen Sie den Jailbreak, oder holen Sie Hilfe.
state-degraded = Geschützt, mit einem Problem
state-degraded-lead = Der Webschutz läuft, aber nicht alles funktioniert:
state-paused = Angehalten
state-paused-until = Bis { $time } Uhr wird nichts blockiert. Dann startet der Schutz von selbst.
state-paused-lead = Es wird nichts blockiert, bis Sie den Schutz wieder starten.
state-off = Aus
state-off-lead = { $organisationFirst } hat den Webschutz ausgeschaltet. Er kommt zurück, wenn er dort wieder eingeschaltet wird.
state-other-vpn = Tritt zurück
state-other-vpn-lead = Ein anderes VPN ({ $name }) ist aktiv, darum wird hier nichts blockiert. Der Schutz kommt zurück, wenn dieses VPN endet.
state-stopped = Nicht geschützt
state-stopped-lead = Der Webschutz läuft nicht, darum wird nichts blockiert:
state-not-running = Läuft nicht
state-not-running-lead = Moat läuft nicht auf diesem Gerät, darum wird nichts blockiert. Starten Sie moat-agent, oder bitten Sie { $organisation } um Hilfe.
state-removed = Entfernt
state-removed-lead = { $organisationFirst } hat dieses Gerät aus der Liste der Geräte entfernt. Was es bis dahin wusste, schützt Sie weiter; der Zugriff bleibt geschlossen, bis das Gerät neu registriert ist.
state-left = Außer Betrieb
state-left-lead = Dieses Gerät hat seine Organisation am { $date } verlassen, und alles von ihr wurde entfernt. Was das Gerät vorher verlassen hat, können Sie weiterhin lesen.

start = Schutz starten
pause = Schutz anhalten
pause-means = Dann wird nichts blockiert. { $organisationFirst } sieht, dass der Schutz aus ist, und kann den Zugriff so lange schließen.
for-minutes =
    { $count ->
        [one] Für 1 Minute
       *[other] Für { $count } Minuten
    }
for-an-hour = Für eine Stunde
until-started = Bis ich ihn starte
said-paused = Der Schutz ist angehalten.
said-started = Der Schutz läuft wieder.
said-bypassed = Sie können die Website jetzt öffnen.
said-mistake = Danke. Die Meldung des Fehlers ist unterwegs.

access = Zugriff auf Anwendungen der Organisation
access-open = Offen
access-open-lead = Nichts hält dieses Gerät draußen.
access-closed = Geschlossen
access-ask = Fragen Sie { $organisation }, was zu tun ist.
access-unknown = Der Server hat noch nicht gesagt, ob dieses Gerät hereindarf.
why = Warum
remedy = Was ihn wieder öffnet
help = Hilfe holen

messages = Nachrichten von { $organisationAfter }

lately = Zuletzt blockiert
lately-none = Seit dem Start von Moat auf diesem Gerät wurde nichts blockiert.
lately-only-here = Diese Liste bleibt im Speicher dieses Geräts und ist weg, wenn Moat neu gestartet wird.
blocked = Blockiert
warned = Warnung
no-title = Es wurde kein Grund angegeben.
by-whom = Von
indicator = Eintrag { $number } der Liste
listed = Steht im Feed „{ $name }“
follows = folgt diesem Feed
mistake = Fehler melden
mistake-reported = Als Fehler gemeldet
go-on =
    { $count ->
        [one] 1 Stunde lang öffnen
       *[other] { $count } Stunden lang öffnen
    }
go-on-means = Wenn Sie eine Warnung übergehen, erfährt { $organisation } davon.
open-until = Offen bis { $time }

sees = Was { $organisation } sehen kann
sees-device = Dieses Gerät: Name, Modell, System, Version von Moat und Netzwerkadressen
sees-protection = Ob der Webschutz an oder angehalten ist oder ein Problem hat
sees-check = Ob die Geräteprüfung Anzeichen eines Jailbreaks gefunden hat und welche
sees-hits = Websites der Liste, die Sie öffnen wollten: blockiert, mit Warnung oder nur vermerkt, mit Namen und Zeit
sees-hits-without-names = Wie oft und wann Einträge der Liste zutrafen, ohne die Namen der Websites, die Sie öffnen wollten
sees-bypasses = Dass Sie eine Warnung übergangen haben, und die Websites, die Sie melden
sees-no-apps = Keine Apps: Danach wurde nicht gefragt
sees-managed-apps = Die Apps, die { $organisation } installiert hat, und keine anderen
sees-all-apps = Die Apps, die auf diesem Gerät installiert sind
sees-not = Was nicht zu sehen ist
sees-not-sites = Alle anderen Websites, die Sie besuchen: Moat sagt sie niemandem
sees-not-contents = Was Sie lesen, schreiben, senden oder eingeben, auf jeder Website
sees-not-place = Wo Sie sind, Ihre Nachrichten, Fotos und Dateien: Moat sieht sie nicht an
sent-today = Ansehen, was dieses Gerät verlassen hat: heute { $bytes }

about = Dieses Gerät
organisation = Organisation
last-check-in = Zuletzt gemeldet
never = nicht, seit Moat gestartet wurde
check = Geräteprüfung
check-unknown = Noch nicht durchgeführt
check-none = Keine Anzeichen eines Jailbreaks
check-suspected = Vielleicht mit Jailbreak
check-confirmed = Mit Jailbreak
list = Liste der Websites
entries =
    { $count ->
        [one] 1 Eintrag
       *[other] { $count } Einträge
    }
server = Server
number = Gerätenummer
