# Alerts.

alerts-lead = What happened on devices and deserves a look, newest first.
alerts-search = Search title, device or user
alerts-export = Export CSV
alerts-open = Open
alerts-resolved = Resolved
alerts-all = All
group-none = One by one
group-title = By title
group-device = By device
alerts-has = Title, device or user has “{ $text }”
alerts-titled = Title is “{ $text }”
alerts-of-kind = Kind { $text }
alerts-of-device = Of one device
alerts-of-indicator = Indicator { $text }
alerts-of-days =
    { $count ->
        [one] Last day
       *[other] Last { $count } days
    }
alerts-none = No alerts here
alerts-none-text = Alerts come from indicators with alerts switched on, from jailbreaks, and from devices that fall silent.
alerts-choose = Tick the alerts that this is about.
alerts-choose-all = Choose all on this page
alerts-choose-one = Choose { $title } on { $device }
alerts-say-what = Say what is to become of them: a status, a judgement, who takes them, or a comment.
alerts-with-chosen = With the chosen ones
alerts-resolve = Resolve chosen
alerts-more = Status, judgement, comment
as-it-is = as it is
col-indicator = Indicator
alert-new = New
alert-in-progress = In progress
alert-resolved = Resolved
alert-unknown = Unknown
alert-assigned-to = Assigned to
alert-assign-to-me = Assign to me
alert-judgement = Classification and determination
alert-comment = Comment
alert-last = last
alert-about = What it is about
alert-more = More
alert-of-device = all of this device
alert-of-title = all with this title
alert-what-happened = What happened
alert-what-to-do = What to do:
alert-evidence = Evidence
alert-no-evidence = None was kept; names stay on the device when settings say so.
alert-history = History
alert-triage = Triage
alert-changed-meanwhile = Somebody changed this meanwhile; it is “{ $value }” now. Nothing was saved.
evidence-site = { $site }, seen in { $where }
evidence-at = { $seen }, at { $address }
evidence-rule = { $detail } (rule { $rule }, group { $group }, weight { $weight })
history-created = Created
history-comment = Comment
history-resolved = Resolved
history-repeated = Repeated
history-reopened = Reopened
history-changed = Changed
classification-true-positive = True positive
classification-expected = Informational, expected activity
classification-false-positive = False positive
determination-multi-staged = Multi-staged attack
determination-malicious-user = Malicious user activity
determination-compromised = Compromised account
determination-malware = Malware
determination-phishing = Phishing
determination-unwanted = Unwanted software
determination-testing = Security testing
determination-business = Line-of-business application
determination-confirmed = Confirmed activity
determination-not-malicious = Not malicious
determination-insufficient = Not enough data to validate
determination-other = Other
alerts-suppressed = Suppressed
alerts-of-rule = Of one suppression rule
alert-suppressed = Suppressed
alert-suppressed-by = Suppressed by the rule
alert-suppressed-by-gone = Suppressed by a rule that is deleted; the history names it.
alert-suppress-like = Suppress alerts like this
history-suppressed = Suppressed by rule

suppress-lead = Alerts that are expected: they are resolved as they come, and stay in the lists.
suppress-new = New suppression rule
suppress-rule = Suppression rule
suppress-rule-lead = Which alerts are expected, whose, for how long and why.
suppress-none = No suppression rules yet
suppress-none-text = Open an alert that is expected and choose “Suppress alerts like this”, or make a rule from scratch.
suppress-what = Alerts
suppress-name = Name
suppress-name-of = { $title } on { $device }
suppress-which = Which alerts
suppress-kind = Kind of threat
suppress-any-kind = Any kind but jailbreaks
suppress-category = Category
suppress-any = empty is any
suppress-value = Domain, URL or IP address
suppress-subdomains = The domain's subdomains too
suppress-and-below = { $domain } and subdomains
suppress-whose = Whose
suppress-scope = Alerts of
suppress-everyone = every device
suppress-of-device = one device
suppress-of-user = one user
suppress-of-group = one group
suppress-who = Device, user or group
suppress-gone = gone meanwhile
suppress-how-long = How long and why
suppress-until = Last day
suppress-until-hint = in UTC; empty is without end
suppress-note = Why these alerts are expected
suppress-why = Why
suppress-last-hit = Last hit
suppress-try = How many match?
suppress-matches-none = No open alert matches now.
suppress-matches-unknown = How many open alerts match shows when the rule is complete.
suppress-matches =
    { $count ->
        [one] { $count } open alert matches now: resolve it too
       *[other] { $count } open alerts match now: resolve them too
    }
suppress-saved = “{ $name }” is saved.
suppress-resolved =
    { $count ->
        [one] { $count } open alert was resolved.
       *[other] { $count } open alerts were resolved.
    }
suppress-left =
    { $count ->
        [one] { $count } more matches: save the rule again to resolve it too.
       *[other] { $count } more match: save the rule again to resolve them too.
    }
suppress-so-far = So far
suppress-made = Made
suppress-changed = Changed
suppress-switch-on = Switch on
suppress-delete-text = What it suppressed stays resolved; new alerts open again.
suppress-what-happens = What a rule does
suppress-happens-resolved = A new alert that matches is stored and resolved at once as expected activity; its history names the rule. Open alerts stay open, unless you resolve them here.
suppress-happens-risk = It does not raise the device's risk. Blocking, and what compliance policies see of the device, stay as they are.
suppress-happens-jailbreak = Jailbreak alerts can be suppressed for a single device only, for at most 30 days. What people raise by hand is never suppressed.
suppression-on = On
suppression-off = Off
suppression-ended = Ended
suppress-wrong-name = Give the rule a name of at most 100 characters.
suppress-wrong-taken = Another rule has this name.
suppress-wrong-note = Say in at most 1,000 characters why these alerts are expected.
suppress-wrong-everything = This would suppress everything. Name a kind, a category, a value, or a device, user or group.
suppress-wrong-kind = What people raise by hand cannot be suppressed.
suppress-wrong-category = Use at most 100 characters.
suppress-wrong-value = This is no domain, URL or IP address. Instead of a wildcard, tick the subdomains.
suppress-wrong-subdomains = Only a domain has subdomains.
suppress-wrong-day = Give a day such as 2027-01-31.
suppress-wrong-passed = This day has passed.
suppress-wrong-nobody = Nothing has this name or id.
suppress-wrong-several = Several have this name. Give the id, which stands in the address of its page.
suppress-wrong-jailbreak-scope = Jailbreak alerts can be suppressed for a single device only. Choose one device.
suppress-wrong-jailbreak-end = A rule for jailbreak alerts must end within 30 days: on { $day } at the latest.
