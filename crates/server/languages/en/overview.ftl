# The overview.

overview-lead = What needs you now, and how the fleet stands.
needs-you = Needs you now
needs-nothing = Nothing needs you now.
need-unusable =
    { $count ->
        [one] { $count } stored indicator cannot be used and is left out of what devices get. The server's log names it: delete it and add it again.
       *[other] { $count } stored indicators cannot be used and are left out of what devices get. The server's log names them: delete them and add them again.
    }
need-high-alerts =
    { $count ->
        [one] { $count } open alert of High severity
       *[other] { $count } open alerts of High severity
    }
need-jailbroken =
    { $count ->
        [one] { $count } device is jailbroken or suspected
       *[other] { $count } devices are jailbroken or suspected
    }
need-failed-orders =
    { $count ->
        [one] { $count } device did not carry out its last order
       *[other] { $count } devices did not carry out their last order
    }
need-connectors =
    { $count ->
        [one] { $count } connector does not answer
       *[other] { $count } connectors do not answer
    }
need-feeds =
    { $count ->
        [one] { $count } feed could not be refreshed
       *[other] { $count } feeds could not be refreshed
    }
feeds-failing =
    { $count ->
        [one] { $count } refresh failed
       *[other] { $count } refreshes failed
    }
need-retire =
    { $count ->
        [one] { $count } device waits on the retire list
       *[other] { $count } devices wait on the retire list
    }
need-noncompliant =
    { $count ->
        [one] { $count } device is not compliant
       *[other] { $count } devices are not compliant
    }
need-reports =
    { $count ->
        [one] { $count } reported site to decide
       *[other] { $count } reported sites to decide
    }
need-unprotected =
    { $count ->
        [one] { $count } device with web protection off
       *[other] { $count } devices with web protection off
    }
need-silent =
    { $count ->
        [one] { $count } silent device
       *[other] { $count } silent devices
    }
open-alerts =
    { $count ->
        [one] { $count } open alert
       *[other] { $count } open alerts
    }
connected-now =
    { $count ->
        [one] { $count } connected now
       *[other] { $count } connected now
    }
health-enabled = enabled
health-available = available, not switched on
health-not-set-up = not set up
health-unresponsive = does not answer
health-error = error
health-unavailable = unavailable
health-heard = heard from

chart-risk = Risk of the fleet
chart-compliance = Compliance of the fleet
chart-gaps = Gaps in coverage
chart-threats = Alerts by kind, 30 days
chart-threats-none = No alert in 30 days.
chart-enforcement = From detection to closed access, 30 days
chart-enforcement-text = Measured from the event on the device until gateways were answered otherwise. Time offline counts.
chart-enforcement-none = No detection has closed access yet.
chart-health = Connectors and feeds
chart-most = at most { $count }
col-count = Count
col-share = Share
col-day = Day
col-took = Up to
enforcement-closed = Access closed
up-to-milliseconds = { $count } ms
up-to-seconds = { $count } s
up-to-seconds-and = { $seconds } s
up-to-minutes = { $count } min
up-to-hours = { $count } h
up-to-days =
    { $count ->
        [one] { $count } day
       *[other] { $count } days
    }
longer-than-days =
    { $count ->
        [one] more than { $count } day
       *[other] more than { $count } days
    }
kind-jailbreak = Jailbreak
kind-web-threat = Web threat
kind-warning-bypassed = Warning bypassed
kind-web-protection-off = Web protection off
kind-device-silent = Device silent
kind-bundle-refused = Policy refused
kind-manual = Raised by hand

first-steps = First steps
step-device = Enrol a device
step-device-text = A link and two commands; it appears here at once.
step-device-do = Make an enrolment link
step-indicator = Block the first name
step-indicator-text = A domain, URL or address that devices block, warn about or watch.
step-indicator-do = Add an indicator
step-feed = A list of bad names
step-feed-text = Openly licensed lists of phishing and malware, checked before they are switched on.
step-feed-do = Choose a feed
step-compliance = A compliance policy
step-compliance-text = No jailbroken device, no threat above medium; for all devices.
step-access = A conditional access policy
step-access-text = Asks for a compliant device, and only reports what it would do.
step-settings = Recommended settings
step-settings-text = Web protection on, a posture run every 30 seconds, a check-in every minute.
step-do = Make it
starter-compliance-name = No jailbreak, no high threat
starter-access-name = Require a compliant device
