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
