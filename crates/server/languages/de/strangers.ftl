# Seiten für Personen ohne Sitzung: warum ein Gerät nicht hereindarf, wie man es registriert.

why-title = Zugriff
why-open = Ihr Gerät darf herein
why-open-lead = Nichts hält es mehr draußen. Gehen Sie zur Anwendung zurück und versuchen Sie es noch einmal.
why-closed = Ihr Gerät darf im Moment nicht herein
why-by = So hat { $organisation } mit Moat entschieden.
why-help = Hilfe holen
why-expired = Dieser Link gilt nicht mehr
why-expired-lead = Öffnen Sie die Anwendung noch einmal: Ist sie noch geschlossen, zeigt sie Ihnen einen neuen Link.

enrol-here = Dieses Gerät registrieren
enrol-here-lead = Sie haben diesen Link bekommen, um ein Gerät mit Moat zu schützen. Führen Sie auf dem Gerät diese zwei Befehle aus, mit dem ganzen Link und dem CA-Zertifikat, das Ihnen Ihre Administration gegeben hat:
enrol-here-link = LINK
enrol-here-bounds = Der Link gilt nur für begrenzte Zeit und eine begrenzte Zahl von Geräten. Durch das Öffnen dieser Seite wurde nichts gesendet.
