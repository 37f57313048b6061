# The console in English. Each message is one text; `docs/operating.md` tells how to add a language.

## Frame

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

## Times and counts

times =
    { $count ->
        [one] { $count } time
       *[other] { $count } times
    }

## Sign-in

sign-in = Sign in
sign-in-title = Sign in to Moat
name = Name
password = Password

## Devices

name-has = Name has “{ $text }”
