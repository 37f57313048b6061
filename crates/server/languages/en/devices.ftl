# Devices and their enrolment.

name-has = Name has “{ $text }”

tab-retire-list = Retire list
enrol-a-device = Enrol a device
devices-lead = Every enrolled device, with its risk and what protects it.
devices-search = Search by device or user
devices-none = No device here
devices-none-fits = No device fits.
devices-none-yet = Enrol one here, or on the server run

col-name = Name
col-risk = Risk
col-compliance = Compliance
col-user = User
col-web-protection = Web protection
col-last-seen = Last seen
col-jailbreak = Jailbreak
col-group = Group
col-platform = Platform
col-setting = Setting
col-state = State
col-why = Why
col-app = App
col-version = Version
col-severity = Severity
col-alert = Alert
col-device = Device
col-status = Status
col-last = Last
col-times = Times
col-order = Order
col-ordered = Ordered
col-by = By
col-choose = Choose
col-policy = Policy
col-due = Due
none-here = None.

filter-high = High risk
filter-medium = Medium risk
filter-low = Low risk
filter-secured = Secured
filter-jailbroken = Jailbroken or suspected
filter-noncompliant = Not compliant
filter-grace = In grace period
filter-compliant = Compliant
filter-unjudged = Not judged yet
filter-nopolicy = No policy
filter-retire = On the retire list
filter-impaired = Web protection off
filter-silent = Silent
filter-healthy = Healthy
filter-removed = Removed
filter-failed = Last order failed

protection-on = on
protection-off = off
protection-other-vpn = another VPN is active
protection-stopped = not running
compliance-compliant = compliant
compliance-noncompliant = not compliant
compliance-grace = in grace period
compliance-unknown = not judged yet
compliance-error = error
compliance-conflict = conflict
compliance-not-applicable = not applicable
jailbreak-confirmed = confirmed
jailbreak-suspected = suspected
jailbreak-none = none
order-lock = Lock
order-retire = Retire
order-wipe = Wipe
order-notify = Message
order-pending = pending
order-done = done
order-failed = failed
order-not-supported = not supported
order-canceled = canceled

device-managed = managed
device-unmanaged = the user's own
device-may = May reach corporate applications
device-may-not = May not reach corporate applications
device-remedy = What changes it:
device-because-alert = because of this alert
device-no-active-alert = no active alert
device-on-retire-list = A policy would retire this device once you agree.
device-on-wipe-list = A policy would wipe this device once you agree.
device-grace-until = until { $time }
device-no-policy = No compliance policy is assigned to this device.
device-policy-asks-nothing = It asks for nothing.
device-state = Device
device-nobody = nobody
device-user-disabled = account switched off
device-connection = Connection
device-removed = removed
device-connected = connected
device-last-seen = last seen
device-enrolled = Enrolled
device-tags = Tags
device-address = Address
device-seen-from = seen from { $address }
device-agent = Agent
device-events = Events
device-events-received =
    { $count ->
        [one] { $count } received
       *[other] { $count } received
    }
device-events-dropped =
    { $count ->
        [one] { $count } dropped on the device
       *[other] { $count } dropped on the device
    }
device-id = Id
device-indicators = Indicators
device-bundle-new = newest
device-bundle-old = an older version
device-problem = Problem
device-posture = Posture
device-checked = checked
device-rules = Score { $score }. Rules { $version }: { $answered } answered, { $unanswered } could not be.
device-no-posture = No posture run was reported yet.
device-configuration = Configuration
device-no-configuration = The device has told nothing of its configuration.
device-build = Build
device-passcode = Passcode
device-passcode-set = set
device-passcode-none = none
device-characters =
    { $count ->
        [one] { $count } character
       *[other] { $count } characters
    }
device-mail-profile = Mail profile
device-mail-managed = managed
device-mail-not-managed = not managed
device-apps =
    { $count ->
        [one] { $count } app
       *[other] { $count } apps
    }
device-apps-managed-only = of the organisation
device-app-managed = by the organisation
device-protected-apps = Apps with work data
device-app-flagged = sees a jailbreak
device-app-fine = no complaint
device-app-wiped = wiped
device-orders = Orders
device-timeline = Timeline
device-no-events = Nothing was reported yet.
device-actions = Actions
device-sync = Check in now
device-check = Run posture check now
device-whose = Whose device is it?
device-whose-hint = principal name; empty is nobody's
device-no-such-user = There is no user of this name. Write the principal name, such as ana@example.com.
device-type-name = Type the device's name, { $name }, to go on
device-lock-text = Locks the screen. The user unlocks it with the passcode.
device-retire-text = Takes the organisation's data and the enrolment off the device. What is the user's stays.
device-wipe-text = Deletes the work data of all apps and takes the device out. This cannot be undone.
device-remove = Remove device
device-remove-text = Takes its certificates away, so that it is locked out from this moment. What it holds on itself stays.

event-blocked = Blocked { $site } (indicator { $indicator })
event-warned = Warned about { $site } (indicator { $indicator })
event-seen = Saw { $site } (indicator { $indicator })
event-allowed = Allowed { $site } (indicator { $indicator })
event-bypassed = Went on past the warning for { $site } (indicator { $indicator })
event-jailbreak = Jailbreak { $level }
event-clean = Found clean again
event-protection = Web protection: { $state }
event-reported = Reported { $site }
event-bundle-refused = Refused a policy: { $why }
event-order-done = Carried an order out
event-order-not-supported = Cannot carry an order out: { $why }
event-order-failed = Could not carry an order out: { $why }

retire-lead = Devices that a compliance policy would retire or wipe. Nothing happens to them until you say so.
retire-none = Nothing waits for your word
retire-none-text = Devices come here when a compliance policy has the action Retire or Wipe, and its time has come.
retire-choose = Choose the devices that this is about.
retire-word = retire
retire-type = Type { $word } to carry it out
retire-confirm = Carry out for chosen
retire-cancel = Take chosen off the list
retire-changed = One of these devices is not on the list any more. Look at the list, and choose again.

enroll-lead = Links that let devices join. A link is shown once.
enroll-your-link = Your enrolment link
enroll-on-device = On the device, with the CA certificate as ca.pem:
enroll-once = It is not shown again.
enroll-make = Make a link
enroll-hours = Works for, hours
enroll-are = The devices are
enroll-managed = managed by the organisation
enroll-unmanaged = the users' own, unmanaged
enroll-optional = optional
enroll-do = Make link
enroll-ca = CA certificate
enroll-own = This server has a certificate of its own: devices enrol with the certificate of the authority that signed it, and trust Moat's authority from then on. Moat's own is for the proxies that check devices:
enroll-compare = A device enrols with it, and so knows whom it speaks with. Compare the SHA-256 fingerprint of what you copied, for example with
enroll-links = Links
enroll-used = Used
enroll-revoke = Revoke
enroll-revoked = revoked
enroll-used-up = used up
