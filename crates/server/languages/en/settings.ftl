# Connectors, notifications, settings and the audit log.

audit-lead = Who changed what, when; newest first. Each row carries the hash of the row before it.
audit-check = Check the log
audit-intact =
    { $count ->
        [one] { $count } row is as it was written.
       *[other] { $count } rows are as they were written.
    }
audit-note-this = Note the hash of row { $row } outside this server; “moat audit verify --known” compares a later log with it.
audit-broken = The log was changed: row { $row } is the first that is wrong
audit-fault-missing = It is missing.
audit-fault-altered = What it says does not fit its hash.
audit-fault-foreign = It was not written by the server: it has no place in the chain.
audit-fault-rewritten = Its hash is not the one that was noted: the log was written anew.
audit-search = Search
audit-any = any
audit-number = Row
audit-when = When
audit-who = Who
audit-action = Did
audit-noun = To
audit-from = From
audit-to = To, inclusive
audit-change = Before → after
audit-chip-who = By { $text }
audit-chip-noun = To: { $text }
audit-chip-action = Did: { $text }
audit-chip-from = From { $text }
audit-chip-to = Until { $text }
audit-chip-text = Has “{ $text }”
audit-none = Nothing here
audit-fields =
    { $count ->
        [one] { $count } field
       *[other] { $count } fields
    }
audit-show-row = Show what row { $row } changed
audit-export = These rows as a file:

never = never
shown-once = It is not shown again.

connectors-lead = Who judges devices: Moat itself, and partners of other makers.
connector-state = State
connector-own = this server
connector-always = always
connector-heartbeat = Last heartbeat
connector-used-for = Used for
connector-compliance-short = compliance
connector-apps-short = app protection
connector-unused = nothing
connector-enabled = in use
connector-enabled-means = The partner's data is used.
connector-available = set up
connector-available-means = The partner is set up, and nothing uses its data. Switch on what is to use it.
connector-not-set-up = not set up
connector-not-set-up-means = No heartbeat came yet; what the partner says of devices is refused until one does.
connector-unresponsive = unresponsive
connector-unresponsive-means = No heartbeat for longer than is allowed. Its last word counts as each compliance policy says.
connector-error = error
connector-error-means = The partner said that something is wrong on its side; its data is still used.
connector-unavailable = taken away
connector-unavailable-means = The partner was taken away; its messages are refused. Set it up anew.
connector-add = Add a partner
connector-add-means = The partner gets an API client that may do nothing but send heartbeats and threat levels.
connector-switches = Switches
connector-use = Use
connector-compliance = Compliance policies evaluate iOS devices by its data
connector-apps = App protection policies evaluate iOS devices by its data
connector-missing = A device that it has no data of is not compliant
connector-unsupported = A device with a system older than it supports is not compliant
connector-sync = App Sync
connector-app-sync = It may collect the apps of iOS devices
connector-personal-app-sync = Also all apps of personal devices
connector-days = Days without a heartbeat until it is unresponsive
connector-own-heartbeat = Moat's own detection is part of this server and never falls silent while it decides. A silent device raises an alert of its own.
connector-next = Next step
connector-next-token = The partner gets a token with the API client that was made for it:
connector-next-heartbeat = Its first heartbeat finishes the set-up; threat levels follow:
connector-next-docs = All calls:
connector-make-client = Make an API client for it
connector-fail-rule = When it falls silent
connector-fail-own = This does not concern Moat's own detection.
connector-fail-now = It is silent. This holds now:
connector-fail-not-now = It is not silent. If it falls silent, this holds:
connector-no-rules = There is no compliance policy.
connector-rule-keep = keeps its last word until the validity period is over, then not compliant
connector-rule-ignore = as if it had never reported
connector-rule-block = devices are not compliant at once
connector-delete = Delete connector
connector-delete-means = What the partner said of devices is forgotten. Its API client stays; switch it off under Settings.
connector-delete-really = Delete this connector

tab-general = General
tab-notifications = Notifications
tab-administrators = Administrators
tab-clients = API clients
tab-gateways = Gateways
tab-health = Health
changed = Changed
switch-off = Switch off
switch-off-name = Switch off { $name }
switch-off-really = Really switch off
switch-off-really-name = Really switch off { $name }
switched-off = off

settings-lead = What devices get, and what people see on block pages.
settings-organisation = Organisation
settings-organisation-hint = on block pages
settings-help = Help link
settings-help-hint = https:// or mailto:
settings-protected = Protected names
settings-protected-hint = of your organisation, one a line, such as corp.example: no indicator and no feed may block them or what is below
settings-protected-own = Protected always, because this server is reached there: { $names }
settings-check-in = Check-in, seconds
settings-posture = Posture run, seconds
settings-bypass = Bypassed warnings last, hours
settings-web-protection = Web protection
settings-exclude = Keep names of sites out of alerts
settings-fail-closed = Block what cannot be inspected

administrators-lead = Who signs in to this console, and what they may do.
administrator-role = Role
administrator-sign-in = Sign-in
administrator-active = has a password
administrator-waiting = waits for the set-up link to be used
administrator-you = you
administrator-change = Change
administrator-change-name = Change { $name }
administrator-set-role = Set role
administrator-reset = New set-up link
administrator-link = Set-up link, works once, for a day
administrator-add = Add administrator
administrator-add-means = You get a link to pass on; with it they choose their password. A new set-up link ends their sessions and their old password.
administrator-roles = Roles
role-global = everything
role-operator = works on alerts, indicators, reports and devices; changes no policies and no settings
role-reader = sees what a security operator sees
role-helpdesk = sees devices, users and groups, and asks devices to check in

clients-lead = Programs that use the APIs, each with its own rights.
clients-none = No API client
clients-none-yet = Make one for each program, with no more roles than it needs.
clients-how = Tokens come from
client-id = Client id
client-tenant = Tenant
client-secret = Client secret
client-roles = Roles
client-make = Make API client

gateways-lead = Reverse proxies that ask whether a device may come in.
gateways-none = No gateway
gateways-none-yet = Make a key for each proxy, then put what its page shows into nginx.
gateway-make = Make gateway key
gateway-key = Key
gateway-unreachable = When Moat does not answer, the proxy is
gateway-unreachable-short = When Moat does not answer
gateway-closed = closed
gateway-open = open to devices with a certificate
gateway-closed-means = Nobody comes in until Moat answers again.
gateway-open-means = Whoever shows a certificate of Moat's authority comes in: removed devices and devices at High risk too. Such requests carry X-Moat-Unreachable.
gateway-believed = Believed
gateway-believed-always = certificate, address
gateway-mfa = Believe it that a user showed a second factor
gateway-country = Believe it the country of a request
gateway-mfa-short = second factor
gateway-country-short = country
gateway-used = Last used
gateway-never-used = It has not asked yet.
gateway-application = Application id
gateway-follow = The proxy does this by its own configuration: put what stands here into nginx after saving.
gateway-nginx-headers = In { $file }, readable by root alone, with the key for KEY:
gateway-nginx-server = In the server block of the application:

health-lead = What this server knows of itself.
health-look = This deserves a look
health-good = Nothing waits for you here
health-feed = The feed { $name } could not be refreshed; its last entries stay in force.
health-unusable =
    { $count ->
        [one] { $count } stored indicator cannot be compiled and is left out of what devices get; the server's log names it.
       *[other] { $count } stored indicators cannot be compiled and are left out of what devices get; the server's log names them.
    }
health-failed =
    { $count ->
        [one] { $count } mail could not be sent
       *[other] { $count } mails could not be sent
    }
health-no-mail = Mail waits, and no mail server is configured.
health-server = Server
health-version = Version
health-address = Address
health-device-port = Port for devices
health-devices = Devices
health-connected =
    { $count ->
        [one] { $count } connected now
       *[other] { $count } connected now
    }
health-revision = Policy revision
health-waiting = Waiting
health-mail = Mail
health-orders = Orders to devices
health-wipes = Wipes of work data
health-retire = Devices on the retire list
health-judgements = Devices to be judged anew
health-actions = Actions that are due
health-storage = Storage
health-folder = Data folder
health-database = Database
health-log = Write-ahead log
health-free = Free on its disk
health-audit-rows =
    { $count ->
        [one] { $count } row
       *[other] { $count } rows
    }
health-audit-last = the newest is { $row }
health-kept = Audit log and reports are kept for
health-days =
    { $count ->
        [one] { $count } day
       *[other] { $count } days
    }

notifications-lead = What is written to people whose devices are not compliant, and what waits to be sent.
notifications-no-mail = No mail server is configured
notifications-no-mail-how = Mail waits until the server's configuration has one:
templates = Message templates
templates-none = None yet. Compliance policies choose a template for the mail that they send.
template-add = Add template
template-description = Description (optional)
template-lead = Chosen by compliance policies for the mail that they send.
template-locale = Default language
template-messages = Messages
template-messages-none = No message yet. People get the one in their language, else the default.
template-around = Around the message
template-company-name = Name of the organisation
template-contact = Help link
template-link = Link to the page that says why
template-details = Details of the device
template-test = Send a test
template-test-means = to the address that mail comes from
template-tested = A test message is in the outbox.
template-delete = Delete template
template-delete-means = A template that a policy uses cannot be deleted.
template-delete-really = Delete this template
message-add = Add message
message-lead = What people read whose language this is.
message-locale = Language
message-locale-hint = Language, such as de-DE
message-subject = Subject
message-subject-hint = Subject, at most 78 characters
message-text = Message
message-text-hint = Message, at most 2,000 characters
message-variables = Filled in when it is sent:
message-default = Default for people whose language there is no message in
message-is-default = default
message-preview = Preview
message-preview-title = This is how it reads
message-preview-means = With made-up values; nothing was saved or sent.
message-delete = Delete message
message-delete-really = Delete the message in { $locale }
outbox = Outbox
outbox-none = Nothing here.
outbox-what = What
outbox-state = State
outbox-attempts = Tries
outbox-error = Last error
outbox-retry = Try again
outbox-retry-name = Try again: { $name }
outbox-waiting = waiting
outbox-sent = sent
outbox-failed = failed
outbox-dropped = not needed any more

tab-backup = Backup
backup-lead = The whole server as one file: database, keys, configuration and languages, as they are at one moment.
backup-never = No backup was ever made
backup-old =
    { $count ->
        [one] The last backup is { $count } day old
       *[other] The last backup is { $count } days old
    }
backup-last = Last backup
backup-none = None was made yet.
backup-when = When
backup-size = Size
backup-encrypted = Encrypted
backup-with-passphrase = with a passphrase
backup-without-passphrase = no
backup-now = Back up now
backup-means = The file holds the keys of the organisation. Without the passphrase nobody can open it: keep it somewhere else than the file. Moat does not keep it.
backup-passphrase = Passphrase
backup-again = Passphrase again
backup-wrong-again = The two passphrases differ.
backup-download = Download backup
backup-left-out = The configuration names these files. They lie outside the data folder and are not in the backup:
backup-restore = Restore
backup-restore-how = On the server, into a folder that is empty. Of the file with the passphrase the first line counts.
backup-restore-means = Everything is checked before anything is written. A backup that is damaged or broke off is refused. Devices that enrolled, or renewed their certificate, after the backup must enrol again.
backup-regular = Regular backups
backup-regular-how = While the server runs, by a timer of the system, such as cron:
