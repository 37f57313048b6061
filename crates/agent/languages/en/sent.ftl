# The ledger.

sent-lead = Everything that Moat has sent from this device, newest first. Only this device keeps this list.
sent-none = Nothing has left this device yet.
sent-waiting =
    { $count ->
        [one] 1 event waits to be sent
       *[other] { $count } events wait to be sent
    }
sent-bounds = Sizes are those of the contents, without the encryption around them. The list keeps its newest one to two megabytes.
requests =
    { $count ->
        [one] 1 request
       *[other] { $count } requests
    }

sent-enroll = Enrolment
sent-check-in = Check-in
sent-renew = New certificate asked for
sent-fetch = New list of sites asked for
sent-push = Connection for news opened

since = since { $time }
told = What this device said of itself
each = Each of them
same = The same about this device as before, and nothing else.
exactly = Sent word for word:

event-no-name = the name stayed on this device
event-blocked = A site was blocked
event-warned = A site was warned about
event-noted = A site was noted and not blocked
event-bypassed = You went on past a warning
event-jailbreak = The device check found signs of a jailbreak
event-jailbreak-cleared = The device check found no signs of a jailbreak any more
event-protection-on = Web protection came on
event-protection-off = Web protection went off
event-protection-other-vpn = Web protection stood aside for another VPN
event-protection-stopped = Web protection stopped
event-report = You reported a site as unsafe
event-mistake = You reported a mistake
event-bundle-refused = A list of sites was refused, since it was damaged or not genuine
event-order = An order of the organisation was answered

pages = Pages of this list
newest = Newest
older = Older
