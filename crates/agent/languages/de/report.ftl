# Eine Website melden.

report-lead = Sagen Sie { $organisationAfter } von einer Website, die gefährlich aussieht oder aus Versehen blockiert wurde.
report-not-now = Moat läuft nicht auf diesem Gerät, darum kann jetzt nichts gemeldet werden.
url = Adresse der Website
url-hint = Zum Beispiel shop.example oder https://shop.example/anmelden
url-missing = Geben Sie die Adresse der Website ein.
url-wrong = Das ist keine Adresse einer Website. Sie sieht aus wie shop.example oder https://shop.example/anmelden.
too-long = Das ist zu lang: Höchstens 2.048 Zeichen sind möglich.
kind = Worum geht es?
kind-unsafe = Die Website sieht gefährlich aus
kind-mistake = Die Website wurde aus Versehen blockiert
comment = Was ist Ihnen aufgefallen? (freiwillig)
send = Meldung senden
thanks = Danke. Ihre Meldung ist unterwegs.
reports = Ihre Meldungen
reports-none = Sie haben noch nichts gemeldet.
reports-answers = Wenn { $organisation } antwortet, steht die Nachricht unter „Mein Gerät“.
report-sent = Gesendet: { $time }
report-waits = Wartet auf eine Verbindung zum Server
