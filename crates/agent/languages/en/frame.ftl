# What all parts of the page "My device" share.

my-device = My device
sent = What left this device
report = Report a site

nav-sent = Sent
nav-report = Report
navigation = Pages
skip-to-content = Skip to content
your-organisation = your organisation
your-organisation-first = Your organisation
your-organisation-after = your organisation
only-here = This page comes from your device and goes to nobody.
as-of = As of { $time }.
refused = This did not work:

refused-host = This page answers only under the address that moat-agent page has printed.
refused-origin = This request came from another page. Open the address that moat-agent page has printed in a new tab.
refused-session = This page opens with the address that moat-agent page has printed, once. Run moat-agent page again for another one.

just-now = just now
minutes-ago = { $count } min ago
hours-ago = { $count } h ago
days-ago =
    { $count ->
        [one] yesterday
       *[other] { $count } days ago
    }
today = Today
date =
    { $day } { $month ->
        [1] Jan
        [2] Feb
        [3] Mar
        [4] Apr
        [5] May
        [6] Jun
        [7] Jul
        [8] Aug
        [9] Sep
        [10] Oct
        [11] Nov
       *[12] Dec
    }
times =
    { $count ->
        [one] once
       *[other] { $count } times
    }
bytes =
    { $count ->
        [one] 1 byte
       *[other] { $count } bytes
    }
kilobytes = { $count } KB
megabytes = { $count } MB
