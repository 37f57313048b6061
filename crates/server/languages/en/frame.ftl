# What stands on every page, and the sign-in. `docs/operating.md` tells how to add a language.

skip-to-content = Skip to content
navigation = Main
navigation-here = In this section
sign-out = Sign out
nav-overview = Overview
nav-devices = Devices
nav-alerts = Alerts
nav-web-protection = Web protection
nav-settings = Settings
nav-audit = Audit log
tab-devices = Devices
tab-enrollment = Enrolment
tab-indicators = Indicators
tab-reports = Reported sites

times =
    { $count ->
        [one] { $count } time
       *[other] { $count } times
    }

sign-in = Sign in
sign-in-title = Sign in to Moat
name = Name
password = Password

search = Search
save = Save
add = Add
remove = Remove
show-all = Show all
type-to-confirm = Type “{ $name }” to confirm
changed-meanwhile = Somebody else changed this while you did. Nothing was saved. Compare both, and save again what is to be.
clash-what = Field
clash-stored = Stored now
clash-typed = You typed
nav-people = People
nav-connectors = Connectors

setup-title = Set up Moat
setup-first = Make the first administrator. You sign in to the console with this name and password.
setup-choose = Choose the password with which you sign in to the console.
setup-at-least = at least 12 characters
setup-again = Password again
setup-first-button = Create administrator
setup-choose-button = Choose password
setup-closed = This set-up link was used or has expired. Whoever gave it to you can make another. If there is no administrator yet, make a new link on the server:
setup-wrong-name = Give a name of at most 100 characters.
setup-wrong-short = Use at least 12 characters.
setup-wrong-long = Use at most 1,000 characters.
setup-wrong-again = The two passwords differ.
