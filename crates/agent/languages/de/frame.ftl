# Was alle Teile der Seite „Mein Gerät“ gemeinsam haben.

my-device = Mein Gerät
sent = Was dieses Gerät verlassen hat
report = Website melden

nav-sent = Gesendet
nav-report = Melden
navigation = Seiten
skip-to-content = Zum Inhalt
your-organisation = Ihre Organisation
your-organisation-first = Ihre Organisation
your-organisation-after = Ihrer Organisation
only-here = Diese Seite kommt von Ihrem Gerät und geht an niemanden.
as-of = Stand { $time } Uhr.
refused = Das hat nicht funktioniert:

refused-host = Diese Seite antwortet nur unter der Adresse, die moat-agent page ausgegeben hat.
refused-origin = Diese Anfrage kam von einer anderen Seite. Öffnen Sie die Adresse, die moat-agent page ausgegeben hat, in einem neuen Tab.
refused-session = Diese Seite öffnet sich mit der Adresse, die moat-agent page ausgegeben hat, und zwar einmal. Für eine neue Adresse führen Sie moat-agent page noch einmal aus.

just-now = gerade eben
minutes-ago = vor { $count } Min.
hours-ago = vor { $count } Std.
days-ago =
    { $count ->
        [one] gestern
       *[other] vor { $count } Tagen
    }
today = Heute
date =
    { $day }. { $month ->
        [1] Januar
        [2] Februar
        [3] März
        [4] April
        [5] Mai
        [6] Juni
        [7] Juli
        [8] August
        [9] September
        [10] Oktober
        [11] November
       *[12] Dezember
    }
times =
    { $count ->
        [one] einmal
       *[other] { $count }-mal
    }
bytes =
    { $count ->
        [one] 1 Byte
       *[other] { $count } Bytes
    }
kilobytes = { $count } KB
megabytes = { $count } MB
