# The story: each step is a real request, and its outcome is checked.
# shellcheck shell=bash

play_story() {
  enrol_a_device
  good_sites_load
  block_by_name
  block_by_path_and_address
  warn_and_bypass
  switch_off_and_on
  serve_others
  jailbreak_and_recover
  policies_decide
  report_a_site
  stand_aside_for_another_vpn
  survive_kill_9
  leave_nothing_behind
}

enrol_a_device() {
  chapter "A device enrols"
  mkdir -p "$work/phone/Applications" "$work/phone/var" "$work/phone/private/preboot"
  moat enroll token --json | jq -r .token >"$work/token"
  expect "moat-agent enroll" "deviceId" agent enroll --server "$server" --token-file "$work/token" --ca "$work/server/ca.pem" --name demo-phone
  until_matches "it stands in the list" "demo-phone" 3 devices
  routes >"$work/routes-before"
  start_agent
  until_matches "web protection is on, and the server knows" '"moatWebProtection": "on"' 10 devices
}

good_sites_load() {
  chapter "Good sites load, through the tunnel and straight to their destination"
  local url
  for url in http://good.example/ https://good.example/; do
    expect "$url over IPv4" "a page of the demo" browse -4 "$url"
    expect "$url over IPv6" "a page of the demo" browse -6 "$url"
  done
}

block_by_name() {
  chapter "A phishing name is added in one command"
  expect "before: the phishing site loads" "a page of the demo" browse https://phish.example/
  moat indicators add phish.example --title "Phishing site" --severity Medium >/dev/null
  until_matches "blocked by DNS, with the reason as an extended error" "EDE: 15 \(Blocked\).*Phishing site" 5 in_dev dig +tries=1 +time=2 phish.example
  progress "an indicator was enforced $took ms after the command had answered (Defender documents up to 48 hours)"
  expect "plain HTTP gets the block page over IPv4" "This site is blocked" browse -4 http://phish.example/
  expect "and over IPv6" "This site is blocked" browse -6 http://phish.example/
  expect "blocked by server name when DNS is bypassed" "access denied" browse --resolve phish.example:443:192.0.2.66 https://phish.example/
  expect "over IPv6 too" "access denied" browse --resolve 'phish.example:443:[2001:db8:66::66]' https://phish.example/
  expect "its subdomains too" "EDE: 15" in_dev dig +tries=1 +time=2 login.phish.example
}

block_by_path_and_address() {
  chapter "By path and by address"
  moat indicators add http://mixed.example/login --title "Stolen login form" >/dev/null
  until_matches "the path is blocked" "This site is blocked" 5 browse http://mixed.example/login/
  expect "the rest of the host loads" "a page of the demo" browse http://mixed.example/
  moat indicators add 192.0.2.68 --title "Command and control" >/dev/null
  until_matches "an address is blocked" "This site is blocked" 5 browse http://192.0.2.68/
  expect "on other ports as well" "[Cc]onnect" browse --connect-timeout 2 http://192.0.2.68:22/
  moat indicators add 2001:db8:66::/48 --title "Bad network" >/dev/null
  until_matches "an IPv6 range is blocked" "This site is blocked" 5 browse 'http://[2001:db8:66::66]/'
}

warn_and_bypass() {
  chapter "A warning that the user may pass"
  moat indicators add odd.example --action Warn --title "Unusual site" --bypass-hours 2 >/dev/null
  moat indicators delete 192.0.2.68 >/dev/null
  until_matches "the warning page" "This site may be harmful" 5 browse http://odd.example/
  local form
  form=$(browse http://odd.example/ | grep -o '/.well-known/moat/continue[^"]*' | sed 's/&amp;/\&/g')
  expect "the user goes on" "a page of the demo" browse -L -d '' "http://odd.example$form"
  expect "and it stays open" "a page of the demo" browse http://odd.example/
  until_matches "the server has a Low alert of it" "Warning bypassed" 5 moat alerts list
}

switch_off_and_on() {
  chapter "The user's switch"
  start_device_servers
  agent off >/dev/null
  expect "off: the phishing site loads again" "a page of the demo" browse https://phish.example/
  until_matches "the server knows that it is off" '"moatWebProtection": "off"' 5 devices
  keep_a_connection
  agent on >/dev/null
  until_matches "on: blocked again" "EDE: 15" 5 in_dev dig +tries=1 +time=2 phish.example
}

serve_others() {
  chapter "The device as a server"
  expect "reached over TCP from outside" "a page of the demo" in_net curl -sS -m 2 http://198.51.100.2:8080/
  expect "over IPv6" "a page of the demo" in_net curl -sS -m 2 'http://[2001:db8:1::2]:8080/'
  expect "over UDP" "192.0.2.1" in_net dig +short +tries=1 +time=2 -p 5300 @198.51.100.2 own.example
  touch "$work/kept.enough"
  until_matches "a connection from before protection came on still stands" "^200 200" 5 cat "$work/kept"
}

jailbreak_and_recover() {
  chapter "Jailbreak, and the corporate application"
  start_corporate_application
  until_matches "the corporate application lets the device in" "the corporate application.*\[200\]" 5 corporate
  expect "but nobody without a certificate" "not enrolled" browse https://app.corp.example/
  ln -s /private/preboot/jb "$work/phone/var/jb"
  expect "a posture run finds the jailbreak" "confirmed" agent check --json
  until_matches "access is closed, with the reason" "jailbroken.*\[403\]" 5 corporate
  progress "from the posture run to the first 403: $took ms"
  expect "a High alert with its evidence" "Device is jailbroken" moat alerts list
  mv "$work/phone" "$work/phone-away"
  expect "what cannot be looked at any more is not over" '"confirmed"' agent check --json
  mv "$work/phone-away" "$work/phone"
  rm "$work/phone/var/jb"
  expect "a posture run finds the device clean" '"none"' agent check --json
  until_matches "access is open again" "the corporate application.*\[200\]" 5 corporate
  expect "the alert resolved by itself" "Resolved +Device is jailbroken" moat alerts list
}

report_a_site() {
  chapter "A reported site"
  agent report http://good.example/strange --comment "asks for my password" >/dev/null
  until_matches "it reaches the server" "good.example/strange" 5 moat reports list
  local id
  id=$(moat reports list --json | jq -r '.value[0].id')
  expect "and becomes an indicator for that page" "Url http://good.example/strange" moat reports decide "$id" block
  until_matches "which blocks it" "This site is blocked" 5 browse http://good.example/strange
  expect "and nothing else of the site" "a page of the demo" browse http://good.example/
}

survive_kill_9() {
  chapter "kill -9"
  kill -9 "$agent_pid"
  wait "$agent_pid" 2>/dev/null || true
  expect "without the agent the network works" "a page of the demo" browse https://good.example/
  start_agent
  until_matches "the agent starts again and blocks" "EDE: 15" 10 in_dev dig +tries=1 +time=2 phish.example
}

stand_aside_for_another_vpn() {
  chapter "Another device-wide VPN"
  ip -n "$dev" tuntap add corp-vpn mode tun
  ip -n "$dev" addr add 10.200.0.1/24 dev corp-vpn
  ip -n "$dev" link set corp-vpn up
  ip -n "$dev" route add 0.0.0.0/1 dev corp-vpn
  until_matches "ours stands aside and says so" '"otherVpn": "corp-vpn"' 5 agent status --json
  until_matches "the server knows" '"moatWebProtection": "otherVpn"' 5 devices
  ip -n "$dev" link del corp-vpn
  until_matches "when it goes, ours comes back" "EDE: 15" 5 in_dev dig +tries=1 +time=2 phish.example
}

# Compares the device's rules and routes with what they were before the agent came.
leave_nothing_behind() {
  chapter "Stopping"
  kill -TERM "$agent_pid"
  while kill -0 "$agent_pid" 2>/dev/null; do sleep 0.05; done
  expect "rules and routes are as they were before" "^same$" same_routes
  expect "and the network works" "a page of the demo" browse https://phish.example/
  start_agent
  until_matches "protected again" "EDE: 15" 10 in_dev dig +tries=1 +time=2 phish.example
}

routes() { in_dev sh -c 'ip rule; ip -6 rule; ip route show table all; ip -6 route show table all' | grep -v "proto kernel"; }
same_routes() { if diff <(routes) "$work/routes-before"; then echo same; fi; }

finish_story() {
  printf '\n%s%s steps, %s failed%s\n' "$bold" "$steps" "$failures" "$plain"
  if [ "$failures" -gt 0 ]; then
    progress "server log:"; tail -n 15 "$work/server.log"
    progress "agent log:"; tail -n 15 "$work/agent.log"
  fi
  if [ -n "$1" ]; then
    exit $((failures > 0))
  fi
  chapter "The console"
  echo "  $(moat setup-link 2>/dev/null || echo "$server/")"
  echo "  Its certificate is signed by Moat's own authority, $work/server/ca.pem."
  echo "  The device's user has a page, too: $bin/moat-agent page --data $work/device"
  echo "  Ctrl-C ends the demo and removes everything."
  wait
}
