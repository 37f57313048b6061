# Warnungen.

alerts-lead = Was auf Geräten geschah und einen Blick verdient, das Neueste zuerst.
alerts-search = Titel, Gerät oder Benutzer suchen
alerts-export = Als CSV exportieren
alerts-open = Offen
alerts-resolved = Gelöst
alerts-all = Alle
group-none = Einzeln
group-title = Nach Titel
group-device = Nach Gerät
alerts-has = Titel, Gerät oder Benutzer enthält „{ $text }“
alerts-titled = Titel ist „{ $text }“
alerts-of-kind = Art { $text }
alerts-of-device = Eines Geräts
alerts-of-indicator = Indikator { $text }
alerts-of-days =
    { $count ->
        [one] Letzter Tag
       *[other] Letzte { $count } Tage
    }
alerts-none = Hier sind keine Warnungen
alerts-none-text = Warnungen kommen von Indikatoren mit eingeschalteter Warnung, von Jailbreaks und von Geräten, die verstummen.
alerts-choose = Wählen Sie die Warnungen aus, um die es geht.
alerts-choose-all = Alle auf dieser Seite auswählen
alerts-choose-one = { $title } auf { $device } auswählen
alerts-say-what = Sagen Sie, was aus ihnen werden soll: ein Status, eine Beurteilung, wer sie übernimmt, oder ein Kommentar.
alerts-with-chosen = Mit den ausgewählten
alerts-resolve = Ausgewählte lösen
alerts-more = Status, Beurteilung, Kommentar
as-it-is = wie es ist
col-indicator = Indikator
alert-new = Neu
alert-in-progress = In Bearbeitung
alert-resolved = Gelöst
alert-unknown = Unbekannt
alert-assigned-to = Zugewiesen an
alert-assign-to-me = Mir zuweisen
alert-judgement = Klassifizierung und Bestimmung
alert-comment = Kommentar
alert-last = zuletzt
alert-about = Worum es geht
alert-more = Mehr
alert-of-device = alle dieses Geräts
alert-of-title = alle mit diesem Titel
alert-what-happened = Was geschah
alert-what-to-do = Was zu tun ist:
alert-evidence = Beweise
alert-no-evidence = Keine aufbewahrt; Namen bleiben auf dem Gerät, wenn die Einstellungen es so wollen.
alert-history = Verlauf
alert-triage = Bearbeiten
alert-changed-meanwhile = Jemand hat dies inzwischen geändert; es ist jetzt „{ $value }“. Nichts wurde gespeichert.
evidence-site = { $site }, gesehen in { $where }
evidence-at = { $seen }, unter { $address }
evidence-rule = { $detail } (Regel { $rule }, Gruppe { $group }, Gewicht { $weight })
history-created = Erstellt
history-comment = Kommentar
history-resolved = Gelöst
history-repeated = Wiederholt
history-reopened = Wieder geöffnet
history-changed = Geändert
classification-true-positive = Richtig positiv
classification-expected = Information, erwartete Aktivität
classification-false-positive = Falsch positiv
determination-multi-staged = Mehrstufiger Angriff
determination-malicious-user = Schädliche Benutzeraktivität
determination-compromised = Kompromittiertes Konto
determination-malware = Schadsoftware
determination-phishing = Phishing
determination-unwanted = Unerwünschte Software
determination-testing = Sicherheitstest
determination-business = Branchenanwendung
determination-confirmed = Bestätigte Aktivität
determination-not-malicious = Nicht schädlich
determination-insufficient = Nicht genügend Daten zur Überprüfung
determination-other = Sonstiges
alerts-suppressed = Unterdrückt
alerts-of-rule = Einer Unterdrückungsregel
alert-suppressed = Unterdrückt
alert-suppressed-by = Unterdrückt durch die Regel
alert-suppressed-by-gone = Unterdrückt durch eine Regel, die gelöscht ist; der Verlauf nennt sie.
alert-suppress-like = Warnungen wie diese unterdrücken
history-suppressed = Unterdrückt durch Regel

suppress-lead = Warnungen, die zu erwarten sind: Sie werden gelöst, sobald sie kommen, und bleiben in den Listen.
suppress-new = Neue Unterdrückungsregel
suppress-rule = Unterdrückungsregel
suppress-rule-lead = Welche Warnungen zu erwarten sind, wessen, wie lange und warum.
suppress-none = Noch keine Unterdrückungsregeln
suppress-none-text = Öffnen Sie eine Warnung, die zu erwarten ist, und wählen Sie „Warnungen wie diese unterdrücken“, oder legen Sie eine Regel von Grund auf an.
suppress-what = Warnungen
suppress-name = Name
suppress-name-of = { $title } auf { $device }
suppress-which = Welche Warnungen
suppress-kind = Art der Bedrohung
suppress-any-kind = Jede Art außer Jailbreaks
suppress-category = Kategorie
suppress-any = leer heißt jede
suppress-value = Domäne, URL oder IP-Adresse
suppress-subdomains = Auch Unterdomänen der Domäne
suppress-and-below = { $domain } und Unterdomänen
suppress-whose = Wessen
suppress-scope = Warnungen
suppress-everyone = aller Geräte
suppress-of-device = eines Geräts
suppress-of-user = eines Benutzers
suppress-of-group = einer Gruppe
suppress-who = Gerät, Benutzer oder Gruppe
suppress-gone = inzwischen gelöscht
suppress-how-long = Wie lange und warum
suppress-until = Letzter Tag
suppress-until-hint = in UTC; leer heißt ohne Ende
suppress-note = Warum diese Warnungen zu erwarten sind
suppress-why = Warum
suppress-last-hit = Letzter Treffer
suppress-try = Wie viele passen?
suppress-matches-none = Zurzeit passt keine offene Warnung.
suppress-matches-unknown = Wie viele offene Warnungen passen, steht hier, sobald die Regel vollständig ist.
suppress-matches =
    { $count ->
        [one] { $count } offene Warnung passt zurzeit: auch diese lösen
       *[other] { $count } offene Warnungen passen zurzeit: auch diese lösen
    }
suppress-saved = „{ $name }“ ist gespeichert.
suppress-resolved =
    { $count ->
        [one] { $count } offene Warnung wurde gelöst.
       *[other] { $count } offene Warnungen wurden gelöst.
    }
suppress-left =
    { $count ->
        [one] { $count } weitere passt: Speichern Sie die Regel noch einmal, um auch sie zu lösen.
       *[other] { $count } weitere passen: Speichern Sie die Regel noch einmal, um auch sie zu lösen.
    }
suppress-so-far = Bisher
suppress-made = Angelegt
suppress-changed = Geändert
suppress-switch-on = Einschalten
suppress-delete-text = Was sie unterdrückte, bleibt gelöst; neue Warnungen öffnen sich wieder.
suppress-what-happens = Was eine Regel tut
suppress-happens-resolved = Eine neue Warnung, die passt, wird gespeichert und sofort als erwartete Aktivität gelöst; ihr Verlauf nennt die Regel. Offene Warnungen bleiben offen, außer Sie lösen sie hier.
suppress-happens-risk = Sie erhöht das Risiko des Geräts nicht. Das Blockieren und was Konformitätsrichtlinien vom Gerät sehen, bleiben, wie sie sind.
suppress-happens-jailbreak = Jailbreak-Warnungen lassen sich nur für ein einzelnes Gerät und höchstens 30 Tage lang unterdrücken. Was Menschen von Hand anlegen, wird nie unterdrückt.
suppression-on = Ein
suppression-off = Aus
suppression-ended = Beendet
suppress-wrong-name = Geben Sie der Regel einen Namen mit höchstens 100 Zeichen.
suppress-wrong-taken = Eine andere Regel hat diesen Namen.
suppress-wrong-note = Sagen Sie mit höchstens 1.000 Zeichen, warum diese Warnungen zu erwarten sind.
suppress-wrong-everything = Das würde alles unterdrücken. Nennen Sie eine Art, eine Kategorie, einen Wert oder ein Gerät, einen Benutzer oder eine Gruppe.
suppress-wrong-kind = Was Menschen von Hand anlegen, lässt sich nicht unterdrücken.
suppress-wrong-category = Verwenden Sie höchstens 100 Zeichen.
suppress-wrong-value = Das ist keine Domäne, URL oder IP-Adresse. Statt eines Platzhalters wählen Sie die Unterdomänen.
suppress-wrong-subdomains = Nur eine Domäne hat Unterdomänen.
suppress-wrong-day = Geben Sie einen Tag an, etwa 2027-01-31.
suppress-wrong-passed = Dieser Tag ist vorbei.
suppress-wrong-nobody = Nichts hat diesen Namen oder diese ID.
suppress-wrong-several = Mehrere haben diesen Namen. Geben Sie die ID an; sie steht in der Adresse der Seite.
suppress-wrong-jailbreak-scope = Jailbreak-Warnungen lassen sich nur für ein einzelnes Gerät unterdrücken. Wählen Sie ein Gerät.
suppress-wrong-jailbreak-end = Eine Regel für Jailbreak-Warnungen muss innerhalb von 30 Tagen enden: spätestens am { $day }.
