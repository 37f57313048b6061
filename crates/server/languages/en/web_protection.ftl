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
activity-sources = Indicators and feeds
activity-devices = Devices
activity-gone = { $id }, deleted
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

tab-feeds = Feeds
feeds-lead = Lists of others that devices decide by where no indicator says anything. An indicator always comes first.
feeds-none = No feeds yet
feeds-none-yet = Add one of the suggested lists below, or the address of your own. It is fetched and checked first; devices get it when you switch it on.
feeds-entries =
    { $count ->
        [one] { $count } entry
       *[other] { $count } entries
    }
feed = Feed
feed-state = State
feed-entries = Entries
feed-refreshed = Refreshed
feed-tried = Last try
feed-bytes = Bytes
feed-source = Source
feed-settings = Settings
feed-format = Format
feed-uploaded = uploaded
feed-fetching = being fetched
feed-failing = refresh failed
feed-empty = no entries
feed-enabled = on
feed-disabled = off
feed-add = Add a feed
feed-add-means = A list by its address or as a file: names, hosts file, ad-block rules, URLs, addresses, or the columns of indicators. It stays off until you have seen its report.
feed-url = Address
feed-url-hint = https://
feed-file = File
feed-file-hint = instead of an address, up to 64 MiB
feed-one-source = Give an address or a file, not both.
feed-no-source = Give the address of the list, or a file.
feed-interval = Hours between refreshes
feed-do-add = Add feed
feed-enable = Switch on for all devices
feed-refresh = Refresh now
feed-upload = Replace the entries
feed-failed = The last refresh failed
feed-failed-since = It fails since
feed-failed-keeps = The last good entries stay in force.
feed-next-try = The next try is
feed-no-entries = No entries yet
feed-no-entries-yet = When the list is here, its report stands in this place.
feed-licence = Licence: { $licence }.
feeds-suggested = Suggested lists
feeds-suggested-means = Openly licensed. Nothing is fetched before you add one, and it stays off until you have seen its report.
suggested-phishing = Names of phishing sites.
suggested-scam = Names of scam sites; devices warn.
suggested-malware = Names that spread malware or steer it.
suggested-links = Phishing pages of today, by their addresses.
suggested-tracking = Names of trackers; raises no alerts.
format-domains = one name a line
format-hosts = hosts file
format-adblock = ad-block rules
format-csv = CSV with the columns of indicators
format-urls = one URL a line
format-addresses = addresses and ranges
check-title = Known-good report
check-entries = Entries
check-kinds = { $domains } names, { $urls } URLs, { $addresses } addresses, { $exceptions } exceptions
check-new = Only here
check-shared = { $count } also in { $name }
check-indicators = { $count } are indicators too
check-unseen = HTTPS URLs
check-unseen-means = of an HTTPS connection devices see the host alone, so these paths act on plain HTTP only
check-protected = Protected names
check-protected-means = They belong to your organisation: devices do not get these entries.
check-known-good = Well-known names
check-known-good-means = Look whether they belong on this list. An indicator that allows one lifts it.
check-allowed = Allowed by indicators
check-allowed-means = Your indicators come first, as far as they reach.
check-too-broad = Whole top-level domains, public suffixes or large networks
check-internal = Internal addresses
check-unreadable = Lines that cannot be read
check-unsupported = Rules for browsers only
check-unsupported-means = They need what a device does not see, and are left out.
check-left-out = They are left out.
check-first = The first of them
check-good = Nothing stands out
check-as-of = As of
known-good = Well-known names
known-good-means = Reports of feeds point at names that are known to be good. Moat brings 1,000 of them.
known-good-own =
    { $count ->
        [one] Your own list has { $count } name.
       *[other] Your own list has { $count } names.
    }
known-good-no-own = You can add a list of your own.
known-good-file = File
known-good-file-hint = one name a line; without a file your list is taken away
known-good-do = Replace your list
explain-feed-decides = Feed { $feed } ({ $value }) decides, { $action }: { $because }.
tier-feed = feed
