# The demo's world: namespaces, links, names and certificates. All of it carries this run's prefix and goes at the end.
# Addresses are those reserved for documentation.
# shellcheck shell=bash

run=moat$$
net=$run-net dev=$run-dev corp=$run-corp
work='' host_if=mh$$

in_net() { ip netns exec "$net" "$@"; }
in_dev() { ip netns exec "$dev" "$@"; }
in_corp() { ip netns exec "$corp" "$@"; }

make_world() {
  chapter "A small internet"
  work=$(mktemp -d "${TMPDIR:-/tmp}/moat-demo.XXXXXX")
  chmod 755 "$work"
  local ns
  for ns in "$net" "$dev" "$corp"; do
    ip netns add "$ns"
    ip -n "$ns" link set lo up
  done
  # The internet is a router with a leg to each: device, company, this machine.
  link "$dev" eth0 "$net" to-dev 198.51.100.2/24 198.51.100.1/24 2001:db8:1::2/64 2001:db8:1::1/64
  link "$corp" eth0 "$net" to-corp 203.0.113.2/24 203.0.113.1/24 2001:db8:2::2/64 2001:db8:2::1/64
  link_host
  local address
  for address in 192.0.2.10 192.0.2.66 192.0.2.67 192.0.2.68; do ip -n "$net" addr add $address/32 dev lo; done
  for address in 2001:db8:10::10 2001:db8:66::66; do ip -n "$net" -6 addr add $address/128 dev lo nodad; done
  in_net sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
  for ns in "$dev" "$corp"; do
    mkdir -p "/etc/netns/$ns"
    echo "nameserver 192.0.2.10" >"/etc/netns/$ns/resolv.conf"
  done
  passed "namespaces: internet, device, company"
}

# link NS IF PEER_NS PEER_IF V4 PEER_V4 V6 PEER_V6: a cable with a default route towards the peer.
link() {
  ip link add "$2" netns "$1" type veth peer name "$4" netns "$3"
  ip -n "$1" addr add "$5" dev "$2"
  ip -n "$3" addr add "$6" dev "$4"
  ip -n "$1" -6 addr add "$7" dev "$2" nodad
  ip -n "$3" -6 addr add "$8" dev "$4" nodad
  ip -n "$1" link set "$2" up
  ip -n "$3" link set "$4" up
  ip -n "$1" route add default via "${6%/*}"
  ip -n "$1" -6 route add default via "${8%/*}"
}

# A cable to this machine, so that its browser reaches the console. No route of this machine changes beyond it.
link_host() {
  ip link add "$host_if" type veth peer name to-host netns "$net"
  ip addr add 198.51.100.129/30 dev "$host_if"
  ip -n "$net" addr add 198.51.100.130/30 dev to-host
  ip link set "$host_if" up
  ip -n "$net" link set to-host up
}

remove_world() {
  local ns
  [ -n "$work" ] || return 0
  progress "removing everything"
  for ns in "$dev" "$corp" "$net"; do
    ip netns pids "$ns" 2>/dev/null | xargs -r kill 2>/dev/null || true
  done
  sleep 0.5
  for ns in "$dev" "$corp" "$net"; do
    ip netns pids "$ns" 2>/dev/null | xargs -r kill -9 2>/dev/null || true
    ip netns del "$ns" 2>/dev/null || true
    rm -rf "/etc/netns/$ns"
  done
  rmdir /etc/netns 2>/dev/null || true
  ip link del "$host_if" 2>/dev/null || true
  rm -rf "$work"
}
