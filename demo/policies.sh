# The second half of the story: policies decide over the phone, the app with work data and the corporate application.
# shellcheck shell=bash

own_connector=/v1.0/deviceManagement/mobileThreatDefenseConnectors/fc780465-2017-40d4-a0c5-307022471b92
compliance_policies=/v1.0/deviceManagement/deviceCompliancePolicies
app_policies=/beta/deviceAppManagement/iosManagedAppProtections

policies_decide() {
  resolve_what_was_blocked
  say_whose_phone_it_is
  make_the_policies
  an_app_keeps_work_data
  a_jailbreak_closes_everything
  a_clean_phone_opens_again
}

# graph METHOD PATH [JSON]: as an administrator's script would call it.
graph() { moat api "$@"; }
graph_id() { graph "$@" | jq -r .id; }
to_staff() { printf '{"assignments":[{"target":{"@odata.type":"#microsoft.graph.groupAssignmentTarget","groupId":"%s"}}]}' "$staff"; }
device_id() { devices | jq -r '.value[0].id'; }
compliance() { graph GET "/beta/deviceManagement/managedDevices/$(device_id)"; }

# The stand-in app, on the phone, with the phone's certificate.
app() { in_dev python3 demo/app.py --binding "$bin/python" --device "$work/device" "$@"; }

# Blocked sites raised Medium alerts: while they are open, the threat level is Medium.
resolve_what_was_blocked() {
  chapter "An analyst resolves the alerts so far"
  local open
  open=$(moat api GET "/api/alerts?\$filter=status ne 'Resolved'" | jq -c '{alertIds: [.value[].id], status: "Resolved", comment: "blocked, as wanted"}')
  moat api POST /api/alerts/batchUpdate "$open"
  expect "the device has no risk left" '"riskScore": "None"' devices
}

say_whose_phone_it_is() {
  chapter "Policies, over unmodified Graph: whose phone it is"
  anna=$(graph_id POST /v1.0/users '{"displayName":"Anna","userPrincipalName":"anna@corp.example"}')
  staff=$(graph_id POST /v1.0/groups '{"displayName":"Staff"}')
  graph POST "/v1.0/groups/$staff/members/\$ref" "{\"@odata.id\":\"$server/v1.0/directoryObjects/$anna\"}"
  graph POST "/beta/deviceManagement/managedDevices/$(device_id)/users/\$ref" "{\"@odata.id\":\"$server/beta/users/$anna\"}"
  expect "the phone is Anna's, and without a policy it is not compliant" '"complianceState": "noncompliant"' compliance
}

make_the_policies() {
  chapter "Connector, compliance policy, app protection policy, conditional access policy"
  expect "the connector is switched on" '"partnerState": "enabled"' \
    graph PATCH "$own_connector" '{"iosEnabled":true,"iosMobileApplicationManagementEnabled":true}'
  local policy
  policy=$(graph_id POST "$compliance_policies" '{"@odata.type":"#microsoft.graph.iosCompliancePolicy","displayName":"Phones",
    "securityBlockJailbrokenDevices":true,"deviceThreatProtectionEnabled":true,"deviceThreatProtectionRequiredSecurityLevel":"low",
    "scheduledActionsForRule":[{"ruleName":"PasswordRequired","scheduledActionConfigurations":[{"actionType":"block","gracePeriodHours":0}]}]}')
  graph POST "$compliance_policies/$policy/assign" "$(to_staff)" >/dev/null
  expect "a policy for jailbroken devices in the group Staff: compliant" '"complianceState": "compliant"' compliance
  mail_policy=$(graph_id POST "$app_policies" '{"@odata.type":"#microsoft.graph.iosManagedAppProtection","displayName":"Mail",
    "maximumAllowedDeviceThreatLevel":"low","mobileThreatDefenseRemediationAction":"block",
    "apps":[{"mobileAppIdentifier":{"@odata.type":"#microsoft.graph.iosMobileAppIdentifier","bundleId":"org.example.mail"}}]}')
  graph POST "$app_policies/$mail_policy/assign" "$(to_staff)"
  passed "work mail needs a threat level of Low or less"
  local application
  application=$(moat gateway list --json | jq -r '.value[0].applicationId')
  graph POST /v1.0/identity/conditionalAccess/policies "{\"displayName\":\"Corporate access\",\"state\":\"enabled\",
    \"conditions\":{\"clientAppTypes\":[\"all\"],\"applications\":{\"includeApplications\":[\"$application\"]},\"users\":{\"includeGroups\":[\"$staff\"]}},
    \"grantControls\":{\"operator\":\"OR\",\"builtInControls\":[\"compliantDevice\"]}}" >/dev/null
  until_matches "the corporate application needs a compliant device, and this one is" "the corporate application.*\[200\]" 5 corporate
}

an_app_keeps_work_data() {
  chapter "An app with work data"
  expect "the app checks in and opens" '"action": "allow"' app open
  expect "it keeps work data, encrypted" '"written"' app write "quarterly figures"
  expect "and reads it" "quarterly figures" app read
}

a_jailbreak_closes_everything() {
  chapter "The phone is jailbroken"
  ln -s /private/preboot/jb "$work/phone/var/jb"
  agent check --json >/dev/null
  until_matches "the corporate application is closed" "\[403\]" 5 corporate
  progress "from the posture run to the first 403: $took ms"
  expect "the device is not compliant" '"complianceState": "noncompliant"' compliance
  expect "why: the policies and the evidence, in one chain" "Corporate access.*Phones.*jailbroken" why
  expect "the app is blocked, and says what to do" '"action": "block".*resolveThreat' app open
  expect "its work data stays closed" '"refused"' app read
  graph PATCH "$app_policies/$mail_policy" '{"mobileThreatDefenseRemediationAction":"wipe"}' >/dev/null
  expect "with the action wipe the app destroys the key of its data" '"wiped"' app open
  app check-in >/dev/null
  until_matches "and the server has the receipt" 'moatWipedDateTime": "20' 5 graph GET /beta/deviceAppManagement/managedAppRegistrations
}

a_clean_phone_opens_again() {
  chapter "The phone is restored"
  rm "$work/phone/var/jb"
  agent check --json >/dev/null
  until_matches "the corporate application opens again" "the corporate application.*\[200\]" 5 corporate
  expect "the device is compliant" '"complianceState": "compliant"' compliance
  expect "the app opens" '"action": "allow"' app open
  expect "what the destroyed key sealed stays unreadable" '"refused"' app read
}

why() { moat why demo-phone | tr '\n' ' '; }
