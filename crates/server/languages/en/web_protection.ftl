# Indicators and reported sites.

indicators-lead = What devices block, warn about, watch or allow. A change is in force on connected devices within a second.
indicators-add = Add
indicators-search = Search value or title
indicators-has = Value or title has “{ $text }”
indicators-none = No indicators here
indicators-none-yet = Add one above, or on the server:
indicators-none-fits = None fits: it was deleted, has ended, or never was.
indicator-value = Domain, URL, IP address or range
indicator-value-short = Value
indicator-title = Title
indicator-title-hint = shown on block pages
indicator-more = More
indicator-ends = Ends
indicator-ends-hint = such as 2027-01-31T12:00:00Z
indicator-groups = Device groups
indicator-groups-hint = with commas; empty is all
indicator-bypass = Bypass lasts, hours
indicator-alert = Raise an alert when it is hit
indicator-do-add = Add indicator
action-block = Block
action-warn = Warn
action-audit = Audit
action-allow = Allowed
col-action = Action
col-hits = Hits
col-for = For
col-type = Type
ends-never = never
for-all = all
delete = Delete
really-delete = Really delete
hits =
    { $count ->
        [one] { $count } hit
       *[other] { $count } hits
    }
explain-title = Would this be blocked?
explain-site = Host, URL or IP address
explain-group = On a device of the group
explain-group-hint = empty is none
explain-do = Explain
explain-nothing = No indicator matches, so it is allowed.
explain-decides = Indicator { $id } ({ $value }) decides, { $action }: { $because }.
explain-https = Over HTTPS only the host is seen, so the path was not looked at.
tier-custom = custom indicator
tier-path = it names the path or one above it, which is seen over plain HTTP only
tier-host = it names exactly this host
tier-parent = it names the parent domain { $value }
tier-range = its range { $value } contains the address
import-title = Import CSV
import-done = { $good } rows are in force, { $refused } were refused.
import-line = Line
import-others = … and { $count } more
import-too-long = The text is too long to show it again: mend these lines in your file.
import-again = Mend these lines and import again: rows that are in force already stay as they are.
import-file = From a file
import-rows = Rows with Defender's columns
import-limit = Up to 64 MiB, commas and line ends counted three times. Larger files:
import-do = Import

reports-lead = What users reported from block pages and devices, by site. Blocking or allowing makes an indicator.
reports-open = Open
reports-decided = Decided
reports-all = All
reports-none = No reports here
reports-none-open = Nothing waits for a decision.
reports-none-text = Users report with the button on a block page, or with
reports-count =
    { $count ->
        [one] { $count } report
       *[other] { $count } reports
    }
reports-reporters =
    { $count ->
        [one] by { $count } device
       *[other] by { $count } devices
    }
col-site = Site
col-decision = Decision
col-as = As
col-when = When
report-open = open
report-blocked = blocked
report-allowed = allowed
report-dismissed = dismissed
report-unsafe = unsafe
report-mistake = blocked by mistake
report-block = Block
report-allow = Allow
report-dismiss = Dismiss
report-was = { $site } was { $status }
report-whole-host = Over HTTPS devices see only the host, so the indicator is for the host.
report-no-indicator = No indicator can be made of this address: { $why }.
report-message = A word to whoever reported it
report-message-hint = optional; they also get the decision
report-message-add = Add a word to the user
report-message-wrong = The word to the user may have at most 500 characters.
report-told = The user is told.
reports-were = { $number } reports are { $status }
report-block-all = Block all { $count }
report-allow-all = Allow all { $count }
report-dismiss-all = Dismiss all { $count }

# Messages on the devices of people who reported a site.
told-title = Your report of a site
told-blocked = You reported { $site }: it is now blocked.
told-stays-blocked = You reported { $site }: it stays blocked.
told-stays-allowed = You reported { $site }: it stays allowed.
told-allowed = You reported { $site }: it is now allowed.
told-dismissed = You reported { $site }: it was looked at, and nothing was changed.

activity-lead = What web protection did on devices, as far as policy lets this server see it. Which device met which site stands only in alerts.
activity-search = Part of a site's name
activity-blocked = Blocked
activity-warned = Warned
activity-audited = Only seen
activity-none = Nothing in this time
activity-none-text = Devices report what they block, warn about or audit when the indicator raises alerts.
activity-by-day = By day
activity-sites = Sites
activity-unnamed = Name not reported
activity-alerts = Alerts of indicator
activity-indicators = Indicators
activity-devices = Devices
activity-gone = Indicator { $id }, deleted
activity-decide = Decide
activity-decided = { $site } is now: { $action }
activity-duration = How long
activity-note = Note
decide-block = Block
decide-warn = Warn
decide-allow = Allow
for-ever = Until it is removed
for-an-hour = 1 hour
for-a-day = 1 day
for-a-week = 1 week
for-a-month = 30 days
