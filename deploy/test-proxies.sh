#!/bin/sh
# Starts nginx and Caddy from the shipped examples on loopback ports, in front of an upstream, and checks what they do.
#
#   test-proxies.sh                        with an upstream of its own that reports what reached it (needs python3)
#   test-proxies.sh http://127.0.0.1:8080  in front of a running Countersign: redirect, TLS, and verify.sh through each
#                                          proxy; the server's public_url must be https://$PROXY_NAME:$PROXY_HTTPS_PORT
#
# PROXY_NAME (localhost), PROXY_HTTP_PORT, PROXY_HTTPS_PORT (free ones): name and ports the proxies listen on.
# Prints PASS, FAIL and SKIP lines and `N passed, N failed`; exit status 0 when nothing failed, 1 when something did,
# 2 when it could not run. A proxy that is not installed is skipped, under CI=true it fails.
set -u

here=$(cd "$(dirname "$0")" && pwd)
upstream=${1:-}
name=${PROXY_NAME:-localhost}
passed=0
failed=0
pids=

case $upstream in
'' | http://127.*:* | http://localhost:*) ;;
*) echo "usage: test-proxies.sh [http://127.0.0.1:PORT]   (a loopback upstream)" >&2; exit 2 ;;
esac
for tool in curl openssl python3; do
    command -v "$tool" >/dev/null || { echo "test-proxies.sh: $tool is not installed" >&2; exit 2; }
done

work=$(mktemp -d) || exit 2
stop() {
    # shellcheck disable=SC2086  # a list of process ids
    for pid in $pids; do
        kill "$pid" 2>/dev/null
        wait "$pid" 2>/dev/null
    done
    pids=
}
finish() {
    stop
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 2' INT TERM HUP

pass() { passed=$((passed + 1)); echo "PASS $proxy: $1"; }
fail() { failed=$((failed + 1)); echo "FAIL $proxy: $1"; [ $# -lt 2 ] || echo "     got: $2"; }
# check NAME CONDITION-STATUS WHAT-CAME
check() { if [ "$2" -eq 0 ]; then pass "$1"; else fail "$1" "$3"; fi; }
holds() { case $2 in *"$1"*) return 0 ;; *) return 1 ;; esac; }

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
await_port() { # PORT
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do
        python3 -c "import socket; socket.create_connection(('127.0.0.1', $1), 1)" 2>/dev/null && return 0
        sleep 0.1
    done
    return 1
}

http_port=${PROXY_HTTP_PORT:-$(free_port)}
https_port=${PROXY_HTTPS_PORT:-$(free_port)}
site=https://$name:$https_port

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=$name" \
    -addext "subjectAltName=DNS:$name" -keyout "$work/key.pem" -out "$work/cert.pem" 2>/dev/null || exit 2

# Requests come from 127.0.0.2, so that the client's address cannot be taken for the proxy's.
ask() {
    curl -q -s --noproxy '*' --max-time 60 --interface 127.0.0.2 --cacert "$work/cert.pem" \
        --resolve "$name:$https_port:127.0.0.1" --resolve "$name:$http_port:127.0.0.1" "$@"
}

if [ -z "$upstream" ]; then
    cat >"$work/upstream.py" <<'PYTHON'
import hashlib, json, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Upstream(BaseHTTPRequestHandler):
    """Answers every request with what arrived: the headers, the body's length and digest, how long it took to arrive."""
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "upstream", ""

    def log_message(self, *_):
        pass

    def body(self):
        digest, length = hashlib.sha256(), 0
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            while size := int(self.rfile.readline().split(b";")[0], 16):
                digest.update(self.rfile.read(size)); length += size
                self.rfile.readline()
            self.rfile.readline()
        else:
            left = int(self.headers.get("Content-Length", 0))
            while left:
                block = self.rfile.read1(min(left, 65536))
                if not block:
                    break
                digest.update(block); length += len(block); left -= len(block)
        return length, digest.hexdigest()

    def do_GET(self):
        if self.path == "/hangup":
            self.close_connection = True
            return
        if self.path == "/events":
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Connection", "close")
            self.end_headers()
            for n in range(1, 6):
                self.wfile.write(b"data: %d\n\n" % n); self.wfile.flush()
                time.sleep(0.6)
            self.close_connection = True
            return
        began = time.monotonic()
        length, digest = self.body()
        answer = json.dumps({
            "method": self.command, "path": self.path, "headers": [[n.lower(), v] for n, v in self.headers.items()],
            "length": length, "sha256": digest, "seconds": time.monotonic() - began,
        }).encode() + b" " * 2000
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("X-Frame-Options", "DENY")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_POST = do_GET

class Server(ThreadingHTTPServer):
    def handle_error(self, *_):
        pass  # a proxy that hangs up is part of the examination

Server(("127.0.0.1", int(sys.argv[1])), Upstream).serve_forever()
PYTHON
    upstream_port=$(free_port)
    python3 "$work/upstream.py" "$upstream_port" &
    upstream_pid=$!
    trap 'kill "$upstream_pid" 2>/dev/null; finish' EXIT
    await_port "$upstream_port" || { echo "test-proxies.sh: the upstream did not start" >&2; exit 2; }
    address=127.0.0.1:$upstream_port
    head -c 104857600 /dev/urandom >"$work/100MB"
    sum=$(openssl dgst -sha256 -r "$work/100MB" | cut -d' ' -f1)
    head -c 2097152 "$work/100MB" >"$work/2MB"
    truncate -s 120M "$work/120MB"
else
    address=${upstream#http://}
    address=${address%%/*}
fi

# What the upstream saw: seen KEY, or seen_header NAME (all values of that name, joined by " | ").
seen() { python3 -c 'import json,sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1" <"$work/answer"; }
seen_header() {
    python3 -c 'import json,sys; print(" | ".join(v for n, v in json.load(sys.stdin)["headers"] if n == sys.argv[1]))' \
        "$1" <"$work/answer"
}

check_both() { # what holds whatever the upstream is
    got=$(ask -o /dev/null -w '%{http_code} %{redirect_url}' "http://$name:$http_port/login?a=b")
    [ "$got" = "308 $site/login?a=b" ]
    check 'http redirects to https, path and query kept' $? "$got"
    got=$(ask -o /dev/null -w '%{http_code} %{redirect_url}' -H 'Host: evil.example' "http://$name:$http_port/")
    ! holds evil "$got"
    check 'the redirect does not follow a foreign Host' $? "$got"
    got=$(ask -o /dev/null -w '%{http_code}' -H 'Host: evil.example' "$site/")
    [ "$got" != 200 ]
    check 'a foreign Host gets no page' $? "$got"
    for version in tls1_2 tls1_3; do
        echo | openssl s_client -connect "127.0.0.1:$https_port" -servername "$name" -"$version" >"$work/tls" 2>&1
        check "$version is spoken" $? "$(tail -n 1 "$work/tls")"
    done
    for version in tls1 tls1_1; do
        ! echo | openssl s_client -connect "127.0.0.1:$https_port" -servername "$name" -"$version" \
            -cipher 'ALL:@SECLEVEL=0' >"$work/tls" 2>&1
        check "$version is refused" $? "$(tail -n 1 "$work/tls")"
    done
    got=$(ask -D - -o /dev/null "$site/" "http://$name:$http_port/" -o /dev/null | grep -i '^\(server\|via\|x-powered-by\):' | tr -d '\r')
    ! holds / "$got"
    check 'no version in any banner' $? "$got"
}

check_echo() { # what only an upstream that reports can show
    ask -o "$work/answer" -D "$work/headers" -H 'Accept-Encoding: gzip' -H 'X-Forwarded-For: 198.51.100.66' \
        -H 'X-Forwarded-For: 198.51.100.67' -H 'X-Forwarded-Proto: http' -H 'X-Forwarded-Host: evil.example' \
        -H 'X-Real-IP: 198.51.100.68' -H 'Forwarded: for=198.51.100.69;proto=http' "$site/page?q=1"
    got=$(head -n 1 "$work/headers" | tr -d '\r')
    holds ' 200' "$got"
    check 'a page comes through' $? "$got"
    got=$(seen_header host)
    [ "$got" = "$name:$https_port" ]
    check 'Host is passed on as sent' $? "$got"
    got=$(seen_header x-forwarded-for)
    right=$(echo "$got" | sed 's/.*[,| ]//')
    [ "$right" = 127.0.0.2 ]
    check 'X-Forwarded-For: the right-most address is the real client, whatever it claims' $? "$got"
    got=$(seen_header x-forwarded-proto)
    [ "$got" = https ]
    check 'X-Forwarded-Proto is https, whatever the client claims' $? "$got"
    got="$(seen_header x-forwarded-host) $(seen_header x-real-ip) $(seen_header forwarded)"
    ! holds evil "$got" && ! holds 198.51.100 "$got"
    check 'X-Forwarded-Host, X-Real-IP and Forwarded of the client are dropped' $? "$got"
    got=$(grep -ci '^x-frame-options:' "$work/headers")
    [ "$got" = 1 ]
    check "the server's headers arrive once" $? "$got times"
    ! got=$(grep -i '^content-encoding:' "$work/headers")
    check 'pages are not compressed' $? "$got"

    for path in /evidence /api/v1/evidence; do
        ask -o "$work/answer" -H 'Content-Type: application/octet-stream' --data-binary "@$work/100MB" "$site$path"
        got="$(seen length) $(seen sha256)"
        [ "$got" = "104857600 $sum" ]
        check "an upload of 100 MB to $path arrives whole" $? "$got"
    done
    ask -o "$work/answer" -H 'Expect:' --limit-rate 2M --data-binary "@$work/2MB" "$site/evidence"
    got=$(seen seconds)
    python3 -c "import sys; sys.exit(not float('${got:-0}') > 0.5)"
    check 'an upload reaches the server while it is sent' $? "$got s between its first and last byte"
    got=$(ask -o /dev/null -D "$work/headers" -w '%{http_code}' -H 'Expect: 100-continue' --data-binary "@$work/120MB" "$site/evidence")
    [ "$got" = 413 ]
    check 'more than 110 MB is refused with 413' $? "$got"
    got=$(tr -d '\r' <"$work/headers" | grep -ci '^\(x-frame-options: deny\|x-content-type-options: nosniff\|content-security-policy: \)')
    [ "$got" = 3 ]
    check "the proxy's own 413 has the security headers" $? "$got of 3"
    got=$(ask -o /dev/null -D "$work/headers" -w '%{http_code}' "$site/hangup")
    [ "$got" = 502 ]
    check 'an upstream that hangs up is a 502' $? "$got"
    got=$(tr -d '\r' <"$work/headers" | grep -ci '^\(x-frame-options: deny\|x-content-type-options: nosniff\|content-security-policy: \)')
    [ "$got" = 3 ]
    check "the proxy's own 502 has the security headers" $? "$got of 3"
    got=$(ask -N --max-time 1.1 "$site/events" | tr -d '\n')
    holds 'data: 1data: 2' "$got" && ! holds 'data: 4' "$got"
    check 'server-sent events arrive one by one' $? "$got"
}

check_countersign() {
    "$here/verify.sh" --cacert "$work/cert.pem" --http "http://$name:$http_port" "$site" >"$work/verify"
    got=$?
    sed -n "s/^PASS /PASS $proxy: verify.sh: /p; s/^FAIL /FAIL $proxy: verify.sh: /p" "$work/verify"
    passed=$((passed + $(grep -c '^PASS ' "$work/verify")))
    failed=$((failed + $(grep -c '^FAIL ' "$work/verify")))
    [ $got -le 1 ] || fail 'verify.sh could run' "exit status $got"
}

start_nginx() {
    mkdir -p "$work/nginx"
    sed -e '/listen \[::\]/d' \
        -e "s|listen 80;|listen 127.0.0.1:$http_port;|" \
        -e "s|listen 443 |listen 127.0.0.1:$https_port |" \
        -e "s|return 308 https://countersign.example.org|return 308 $site|" \
        -e "s|countersign\.example\.org|$name|" \
        -e "s|127\.0\.0\.1:8080|$address|" \
        -e "s|/etc/nginx/tls/countersign.fullchain.pem|$work/cert.pem|" \
        -e "s|/etc/nginx/tls/countersign.key.pem|$work/key.pem|" \
        -e "s|/var/log/nginx/|$work/nginx/|" \
        "$here/nginx.conf" >"$work/nginx/site.conf"
    # Around it what a distribution's nginx.conf has, compression switched on as there.
    cat >"$work/nginx/nginx.conf" <<CONF
daemon off;
master_process off;
pid $work/nginx/pid;
error_log $work/nginx/error.log;
events {}
http {
    gzip on;
    client_body_temp_path $work/nginx/body;
    proxy_temp_path $work/nginx/proxy;
    fastcgi_temp_path $work/nginx/fastcgi;
    uwsgi_temp_path $work/nginx/uwsgi;
    scgi_temp_path $work/nginx/scgi;
    include $work/nginx/site.conf;
}
CONF
    nginx -e "$work/nginx/error.log" -p "$work/nginx" -c "$work/nginx/nginx.conf" >"$work/log" 2>&1 &
    pids=$!
}

start_caddy() {
    mkdir -p "$work/caddy"
    sed -e "s|^{\$|{ \\
	http_port $http_port \\
	https_port $https_port \\
	default_bind 127.0.0.1|" \
        -e "s|^\t#tls .*|\ttls $work/cert.pem $work/key.pem|" \
        -e "s|redir https://countersign.example.org|redir $site|" \
        -e "s|countersign\.example\.org|$name|" \
        -e "s|127\.0\.0\.1:8080|$address|" \
        -e "s|/var/log/caddy/|$work/caddy/|" \
        "$here/Caddyfile" >"$work/caddy/Caddyfile"
    HOME=$work/caddy XDG_DATA_HOME=$work/caddy XDG_CONFIG_HOME=$work/caddy \
        caddy run --adapter caddyfile --config "$work/caddy/Caddyfile" >"$work/log" 2>&1 &
    pids=$!
}

for proxy in nginx caddy; do
    if ! command -v "$proxy" >/dev/null; then
        if [ "${CI:-}" = true ]; then
            fail 'is installed' 'no; under CI=true it has to be'
        else
            echo "SKIP $proxy: it is not installed (apt-get install $proxy)"
        fi
        continue
    fi
    "start_$proxy"
    if ! await_port "$https_port"; then
        fail 'starts from the shipped example' "$(tail -n 3 "$work/log")"
        stop
        continue
    fi
    pass 'starts from the shipped example'
    check_both
    if [ -z "$upstream" ]; then check_echo; else check_countersign; fi
    stop
done

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
