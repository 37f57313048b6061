# What runs in the demo's world: DNS, web sites, the Moat server, the company's application.
# shellcheck shell=bash

server=https://198.51.100.130:8443

# MOAT_BUILT names a folder of programs that are built already.
build_programs() {
  if [ -n "${MOAT_BUILT:-}" ]; then bin=$(cd "$MOAT_BUILT" && pwd); return; fi
  chapter "Building (the first time takes some minutes)"
  local start=$SECONDS
  cargo build --release --locked -p moat-cli -p moat-agent
  bin=$(cd "${CARGO_TARGET_DIR:-target}/release" && pwd)
  passed "moat and moat-agent" "$((SECONDS - start)) s"
}

# The library of apps and its Python binding, for the stand-in app.
build_binding() {
  if [ -n "${MOAT_BUILT:-}" ]; then return; fi
  local start=$SECONDS
  bash demo/binding.sh "$bin/python" --release
  passed "the library for apps" "$((SECONDS - start)) s"
}

moat() { "$bin/moat" "$@" --data "$work/server"; }
agent() { in_dev "$bin/moat-agent" "$@" --data "$work/device"; }

start_services() {
  make_certificates
  start_dns
  start_sites
  start_server
}

make_certificates() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=Demo sites" \
    -keyout "$work/sites.key" -out "$work/sites.pem" \
    -addext "subjectAltName=DNS:good.example,DNS:phish.example,DNS:mixed.example,DNS:odd.example,DNS:app.corp.example" 2>/dev/null
}

start_dns() {
  in_net dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --port=53 --pid-file= --user=root \
    --address=/good.example/192.0.2.10 --address=/good.example/2001:db8:10::10 \
    --address=/phish.example/192.0.2.66 --address=/phish.example/2001:db8:66::66 \
    --address=/mixed.example/192.0.2.67 --address=/odd.example/192.0.2.68 \
    --address=/app.corp.example/203.0.113.2 >"$work/dns.log" 2>&1 &
}

start_sites() {
  mkdir -p "$work/www/login"
  echo "a page of the demo" >"$work/www/index.html"
  echo "give us your password" >"$work/www/login/index.html"
  nginx_config "$work/sites.conf" <<CONF
  server {
    listen 80; listen [::]:80; listen 443 ssl; listen [::]:443 ssl; listen 8080;
    ssl_certificate $work/sites.pem; ssl_certificate_key $work/sites.key;
    root $work/www;
  }
CONF
  in_net nginx -e "$work/sites.err" -c "$work/sites.conf" &
  until_matches "the internet answers" "a page of the demo" 5 in_dev curl -s -m 2 http://good.example/
  until_matches "over IPv6 as well" "a page of the demo" 5 in_dev curl -s -m 2 'http://[2001:db8:10::10]/'
}

# nginx_config FILE <SERVERS: a configuration that touches nothing of this machine.
nginx_config() {
  {
    printf 'daemon off; user root; worker_processes 1; pid %s.pid; error_log %s.err;\n' "$1" "$1"
    printf 'events { worker_connections 512; }\nhttp {\n  access_log off;\n'
    local kind
    for kind in client_body proxy fastcgi uwsgi scgi; do printf '  %s_temp_path %s.%s;\n' "$kind" "$1" "$kind"; done
    cat
    printf '}\n'
  } >"$1"
}

start_server() {
  # nginx checks the server's certificate by name, never by address.
  printf '%s\n' 'names = ["moat.demo.example"]' "public_url = \"$server\"" >"$work/moat.toml"
  in_net "$bin/moat" serve --data "$work/server" --listen 0.0.0.0:8443 --config "$work/moat.toml" >"$work/server.out" 2>"$work/server.log" &
  until_matches "moat serve is ready" "Moat is ready" 10 cat "$work/server.out"
  moat settings set organisation=Example postureIntervalSeconds=5 >/dev/null
}

start_corporate_application() {
  moat gateway add corporate --nginx "$work/gateway.conf" >/dev/null
  mkdir -p "$work/app"
  echo "the corporate application" >"$work/app/index.html"
  nginx_config "$work/corp.conf" <<CONF
  server {
    listen 443 ssl;
    server_name app.corp.example;
    ssl_certificate $work/sites.pem; ssl_certificate_key $work/sites.key;
    # The device shows its certificate; nginx checks it against Moat's authority.
    ssl_client_certificate $work/server/ca.pem;
    ssl_verify_client optional;
    location / {
      auth_request /moat-access;
      auth_request_set \$moat_reason \$upstream_http_x_moat_reason;
      auth_request_set \$moat_link \$upstream_http_x_moat_link;
      error_page 403 = @closed;
      root $work/app;
    }
    location = /moat-access {
      internal;
      proxy_pass https://198.51.100.130:8443/access/check;
      proxy_ssl_trusted_certificate $work/server/ca.pem; proxy_ssl_verify on; proxy_ssl_name moat.demo.example;
      proxy_pass_request_headers off; proxy_pass_request_body off; proxy_set_header Content-Length "";
      include $work/gateway.conf;
    }
    location @closed { default_type text/plain; return 403 "\$moat_reason See \$moat_link\n"; }
  }
CONF
  in_corp nginx -e "$work/corp.err" -c "$work/corp.conf" &
}

# What the device itself offers: a web page and names.
start_device_servers() {
  nginx_config "$work/own.conf" <<CONF
  server { listen 8080; listen [::]:8080; root $work/www; }
CONF
  in_dev nginx -e "$work/own.err" -c "$work/own.conf" &
  in_dev dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --port=5300 --pid-file= --user=root \
    --address=/own.example/192.0.2.1 >"$work/own-dns.log" 2>&1 &
  until_matches "the device offers a page" "a page of the demo" 5 in_net curl -sS -m 2 http://198.51.100.2:8080/
}

# Asks over one connection from outside until it is enough, then writes down the first and the last answer.
keep_a_connection() {
  in_net bash -c '
    exec 3<>/dev/tcp/198.51.100.2/8080
    while :; do
      printf "HEAD / HTTP/1.1\r\nHost: device\r\n\r\n" >&3
      read -r -t 3 _ last _ <&3 || exit
      while read -r -t 3 line <&3 && [ "$line" != $'"'\\r'"' ]; do :; done
      : "${first:=$last}"
      if [ -e "$0.enough" ]; then echo "$first $last" >"$0"; exit; fi
      echo "$first so far" >"$0"
      sleep 0.1
    done' "$work/kept" &
  until_matches "somebody outside holds a connection to it" "200" 5 cat "$work/kept"
}

start_agent() {
  # exec all the way down: the job is the agent itself.
  (exec ip netns exec "$dev" "$bin/moat-agent" run --data "$work/device" --posture-root "$work/phone" >>"$work/agent.log" 2>&1) &
  agent_pid=$!
}

# What the employee's browser does, with the device's certificate for the company's application.
browse() { in_dev curl -sS -m 5 --cacert "$work/sites.pem" "$@"; }
corporate() { browse --cert "$work/device/device.pem" --key "$work/device/device.key" -w '[%{http_code}]' https://app.corp.example/ | tr '\n' ' '; }
devices() { moat devices list --json; }
