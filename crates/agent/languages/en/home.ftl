# How the device stands.

my-device-lead = How Moat protects this device for { $organisation }, and what you can do.

state-protected = Protected
state-protected-lead = Sites on the list of { $organisation } are stopped on this device before they load.
state-at-risk = At risk
state-at-risk-lead = Listed sites are still blocked, but the device check found signs of a jailbreak: other apps may read what you do here. Remove the jailbreak, or ask for help.
state-degraded = Protected, with a problem
state-degraded-lead = Web protection runs, but not everything works:
state-paused = Paused
state-paused-until = Nothing is blocked until { $time }. Then protection starts by itself.
state-paused-lead = Nothing is blocked until you start protection again.
state-off = Off
state-off-lead = { $organisationFirst } has switched web protection off. It comes back when they switch it on.
state-other-vpn = Standing aside
state-other-vpn-lead = Another VPN ({ $name }) is active, so nothing is blocked here. Protection comes back when that VPN goes.
state-stopped = Not protected
state-stopped-lead = Web protection does not run, so nothing is blocked:
state-not-running = Not running
state-not-running-lead = Moat does not run on this device, so nothing is blocked. Start moat-agent, or ask { $organisation } for help.
state-removed = Removed
state-removed-lead = { $organisationFirst } has removed this device from the list of devices. What it knew then still protects you; access stays closed until the device is enrolled again.
state-left = Retired
state-left-lead = This device left its organisation on { $date }, and everything of it was removed. What left the device before is still yours to read.

start = Start protection
pause = Pause protection
pause-means = Then nothing is blocked. { $organisationFirst } sees that protection is off, and may close access meanwhile.
for-minutes =
    { $count ->
        [one] For 1 minute
       *[other] For { $count } minutes
    }
for-an-hour = For an hour
until-started = Until I start it
said-paused = Protection is paused.
said-started = Protection has started.
said-bypassed = You can open the site now.
said-mistake = Thank you. The report of the mistake is on its way.

access = Access to company applications
access-open = Open
access-open-lead = Nothing keeps this device outside.
access-closed = Closed
access-ask = Ask { $organisation } what to do.
access-unknown = The server has not said yet whether this device may come in.
why = Why
remedy = What opens it again
help = Get help

messages = Messages from { $organisation }

lately = Blocked lately
lately-none = Nothing was blocked since Moat was started on this device.
lately-only-here = This list stays in the memory of this device and is gone when Moat is restarted.
blocked = Blocked
warned = Warning
no-title = No reason was given.
by-whom = By
indicator = entry { $number } of its list
listed = Listed in the feed “{ $name }”
follows = which follows this feed
mistake = Report a mistake
mistake-reported = Reported as a mistake
go-on =
    { $count ->
        [one] Go on for 1 hour
       *[other] Go on for { $count } hours
    }
go-on-means = When you go on past a warning, { $organisation } learns of it.
open-until = Open until { $time }

sees = What { $organisation } can see
sees-device = This device: its name, model, system, version of Moat and network addresses
sees-protection = Whether web protection is on, paused or has a problem
sees-check = Whether the device check found signs of a jailbreak, and which
sees-hits = Sites on its list that you tried to open: blocked, warned about, or only noted, with the name and the time
sees-hits-without-names = How often entries of its list applied and when, without the names of the sites you tried to open
sees-bypasses = That you went on past a warning, and the sites that you report
sees-no-apps = No apps: it has not asked for them
sees-managed-apps = The apps that { $organisation } has installed, and no others
sees-all-apps = The apps that are installed on this device
sees-not = What it cannot see
sees-not-sites = All other sites that you visit: Moat tells nobody
sees-not-contents = What you read, write, send or enter, on any site
sees-not-place = Where you are, your messages, photos and files: Moat does not look at them
sent-today = See what left this device: { $bytes } today

about = This device
organisation = Organisation
last-check-in = Last check-in
never = not since Moat was started
check = Device check
check-unknown = Not done yet
check-none = No signs of a jailbreak
check-suspected = Perhaps jailbroken
check-confirmed = Jailbroken
list = List of sites
entries =
    { $count ->
        [one] 1 entry
       *[other] { $count } entries
    }
server = Server
number = Device number
