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
tab-activity = Activity
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
setup-organisation = Organisation
setup-organisation-hint = shown on block pages
setup-protected = Your own domains
setup-protected-hint = such as corp.example: no list and no slip of a hand may block them. Both can be said later.
setup-wrong-organisation = Use at most 200 characters.
setup-wrong-protected = One of these is neither a domain name nor an address.
setup-wrong-name = Give a name of at most 100 characters.
setup-wrong-short = Use at least 12 characters.
setup-wrong-long = Use at most 1,000 characters.
setup-wrong-again = The two passwords differ.
just-now = just now
seconds-ago = { $count } s ago
minutes-ago = { $count } min ago
hours-ago = { $count } h ago
days-ago = { $count } d ago
in-seconds = in { $count } s
in-minutes = in { $count } min
in-hours = in { $count } h
in-days = in { $count } d
ended = ended { $ago }
previous-page = Previous page
next-page = Next page
do-search = Search
list-all = Show all
unknown-filter = Unknown filter “{ $filter }”, not applied
do-save = Save
close = Close
as-table = As a table

severity-high = High
severity-medium = Medium
severity-low = Low
severity-informational = Informational
severity-none = None

go-to = Go to
go-label = What are you looking for?
go-hint = A page, a device, “block evil.example”, “why NAME”
keys = Keyboard
key-palette = Go to a page or device, or block a site
key-search = Search in this list
key-rows = Next row, row before
key-open = Open the row
key-help = This help
go-lead = Type the name of a page or device, “block evil.example”, “check evil.example”, or “why NAME”.
go-nothing = Nothing fits.
go-block = Block { $site } on all devices
go-allow = Allow { $site } on all devices
go-warn = Warn about { $site } on all devices
go-audit = Watch { $site } on all devices
go-explain = Would { $site } be blocked, and why?
tab-alerts = Alerts
tab-suppression = Suppression

views = Saved views
view-save = Save or delete a view
view-delete = Delete a saved view
view-name = Name of the view
view-filters = Filters
view-for-all = For everybody
view-own = Only for you
view-by = For everybody, saved by { $name }
wrong-number = { $label } must be a whole number from { $least } to { $most }.
error-not-found = Not found
error-not-found-text = There is nothing at this address, or it was removed.
error-forbidden = Not allowed
error-forbidden-text = Your role does not allow this, or the page is out of date: load it again.
error-internal = Something went wrong on our side
error-internal-text = The server's log says what.
error-full = The server's disk is full
error-full-text = Nothing was stored. Make room, then repeat what you did.
error-other = That did not work
error-home = To the overview
