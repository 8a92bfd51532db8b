#!/bin/sh
# Checks a running Countersign from outside, through whatever stands in front of it.
#
#   verify.sh [--cacert FILE] [--http URL] https://countersign.example.org
#
# --cacert FILE  trust this certificate (a private CA, or a test's own)
# --http URL     where plain http is answered, http://HOST unless given
#
# It signs nobody in and changes nothing; three refused requests leave their entries in the audit trail.
# One line a check, `PASS name` or `FAIL name: remedy`, and at last `N passed, N failed`.
# Exit status: 0 all passed, 1 something failed, 2 it could not run.
set -u

usage() {
    echo 'usage: verify.sh [--cacert FILE] [--http URL] URL' >&2
    exit 2
}

cacert=
http_url=
while [ $# -gt 0 ]; do
    case $1 in
    --cacert) [ $# -gt 1 ] || usage; cacert=$2; shift 2 ;;
    --http) [ $# -gt 1 ] || usage; http_url=${2%/}; shift 2 ;;
    -*) usage ;;
    *) break ;;
    esac
done
[ $# -eq 1 ] || usage
url=${1%/}
case $url in
https://*) https=yes ;;
http://*) https=no ;;
*) usage ;;
esac
command -v curl >/dev/null || { echo 'verify.sh: curl is not installed' >&2; exit 2; }
rest=${url#*://}
authority=${rest%%/*}
case $authority in
\[*) host=${authority%%]*}] ;;
*) host=${authority%%:*} ;;
esac
[ -n "$http_url" ] || http_url=http://$host

work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
trap 'exit 2' INT TERM HUP
passed=0
failed=0

pass() { passed=$((passed + 1)); printf 'PASS %s\n' "$1"; }
fail() { failed=$((failed + 1)); printf 'FAIL %s: %s\n' "$1" "$2"; }
# verdict NAME STATUS REMEDY
verdict() { if [ "$2" -eq 0 ]; then pass "$1"; else fail "$1" "$3"; fi; }

# ask CURL-ARGUMENTS: the head of the answer goes to $work/head, its body to $work/body, its status to $status (000: none).
ask() {
    : >"$work/head"
    : >"$work/body"
    status=$(curl -q -sS -g --max-time 20 ${cacert:+--cacert "$cacert"} -D "$work/head.raw" -o "$work/body" \
        -w '%{http_code}' "$@" 2>"$work/error")
    [ -n "$status" ] || status=000
    # Of several heads (100 Continue) only the last; header names in lower case.
    [ ! -f "$work/head.raw" ] || tr -d '\r' <"$work/head.raw" | awk '
        /^HTTP\// { text = ""; next }
        { at = index($0, ":"); if (at > 1) text = text tolower(substr($0, 1, at - 1)) substr($0, at) "\n" }
        END { printf "%s", text }' >"$work/head"
    rm -f "$work/head.raw"
}
count() { grep -c "^$1:" "$work/head"; }
value() { sed -n "s/^$1:[[:space:]]*//p" "$work/head" | sed 's/[[:space:]]*$//'; }
has() { case $1 in *"$2"*) return 0 ;; *) return 1 ;; esac; }

expect() { # NAME STATUS REMEDY: the status of the last answer
    [ "$status" = "$2" ]
    verdict "$1 ($2)" $? "answered $status; $3"
}

exactly() { # PLACE HEADER VALUE
    if [ "$(count "$2")" -gt 1 ]; then
        fail "$1: $2" 'sent twice; the server sets it, remove it from the proxy'
    else
        got=$(value "$2")
        [ "$got" = "$3" ]
        verdict "$1: $2" $? "is \`$got\`, must be \`$3\`; see policies/headers.toml, and let the proxy pass it on"
    fi
}

# Each directive of the policy as decided; the nonce is compared between two answers below.
directives="default-src 'none'
style-src 'self'
img-src 'self'
font-src 'self'
connect-src 'self'
form-action 'self'
base-uri 'none'
object-src 'none'
frame-ancestors 'none'
require-trusted-types-for 'script'
trusted-types 'none'"

csp() { # PLACE
    if [ "$(count content-security-policy)" -ne 1 ]; then
        fail "$1: content-security-policy" "sent $(count content-security-policy) times, must be once; the server sets it, the proxy must not"
        return
    fi
    policy=";$(value content-security-policy | sed 's/[[:space:]]*;[[:space:]]*/;/g');"
    missing=$(printf '%s\n' "$directives" | while read -r directive; do
        has "$policy" ";$directive;" || printf ' %s;' "$directive"
    done)
    [ -z "$missing" ]
    verdict "$1: content-security-policy" $? "lacks$missing; see policies/headers.toml"
    script=$(printf '%s' "$policy" | tr ';' '\n' | sed -n 's/^script-src //p')
    printf '%s' "$script" | grep -Eq "^('none'|'nonce-[A-Za-z0-9+/_-]{22,}={0,2}')\$"
    verdict "$1: script-src" $? "is \`$script\`, must be one nonce of at least 128 bits, or 'none'"
}

headers() { # PLACE: what every answer must carry
    csp "$1"
    exactly "$1" x-content-type-options nosniff
    exactly "$1" x-frame-options DENY
    exactly "$1" x-xss-protection '1; mode=block'
    exactly "$1" referrer-policy strict-origin-when-cross-origin
    exactly "$1" cross-origin-opener-policy same-origin
    exactly "$1" cross-origin-embedder-policy require-corp
    exactly "$1" cross-origin-resource-policy same-origin
    got=$(value permissions-policy)
    has "$got" 'geolocation=()' && has "$got" 'microphone=()' && has "$got" 'camera=()' && [ "$(count permissions-policy)" -eq 1 ]
    verdict "$1: permissions-policy" $? "is \`$got\`, must deny geolocation, microphone and camera, once; see policies/headers.toml"
    if [ $https = yes ]; then
        age=$(value strict-transport-security | sed -n 's/^max-age=\([0-9]\{1,12\}\).*/\1/p')
        [ "${age:-0}" -ge 31536000 ] && [ "$(count strict-transport-security)" -eq 1 ]
        verdict "$1: strict-transport-security" $? "is \`$(value strict-transport-security)\`, must be once, a year or more; set public_url to the https address, and leave it out of the proxy"
    fi
    got="$(value server) $(value x-powered-by) $(value via)"
    ! printf '%s' "$got" | grep -q '[0-9]/\|/[0-9]\|[0-9]\.[0-9]' && [ "$(count x-powered-by)" -eq 0 ]
    verdict "$1: no version banner" $? "says \`$got\`; nginx: \`server_tokens off;\`, Caddy: \`header -Server\`"
}

ask "$url/healthz"
if [ "$status" = 000 ]; then
    echo "verify.sh: no answer from $url: $(cat "$work/error")" >&2
    exit 2
fi
expect 'GET /healthz' 200 'the process is up but unwell; see its log'
ask "$url/readyz"
expect 'GET /readyz' 200 "not ready; run \`countersign check\`"

# The page for signing in: headers, cookie, a fresh nonce each time.
ask "$url/login"
expect 'GET /login' 200 'the page for signing in must be there for everyone'
headers '/login'
got=$(value cache-control)
! has "$got" public && ! printf '%s' "$got" | grep -q 'max-age=[1-9]'
verdict '/login: not kept by caches' $? "cache-control is \`$got\`: the page holds a token; do not let the proxy make it cacheable"
[ "$(count content-encoding)" -eq 0 ]
verdict '/login: not compressed' $? 'compression together with a token in the page leaks it (BREACH); switch it off in the proxy'
first=$(value content-security-policy)
if [ $https = yes ]; then cookie=__Host-countersign; else cookie=countersign; fi
line=$(value set-cookie | grep "^$cookie=" | head -n 1)
pair=${line%%;*}
if [ -z "$line" ]; then
    fail "cookie $cookie" "not set by GET /login (set: \`$(value set-cookie | cut -d= -f1 | tr '\n' ' ')\`); public_url must be the address that people use"
else
    pass "cookie $cookie"
    flags=";$(printf '%s' "${line#*;}" | tr '[:upper:]' '[:lower:]' | tr -d ' ');"
    remedy='the server sets it so; do not let the proxy rewrite cookies'
    has "$flags" ';httponly;'
    verdict 'cookie: HttpOnly' $? "missing; $remedy"
    has "$flags" ';samesite=strict;'
    verdict 'cookie: SameSite=Strict' $? "missing; $remedy"
    has "$flags" ';path=/;' && ! has "$flags" ';domain='
    verdict 'cookie: Path=/ and no Domain' $? "\`$line\`; $remedy"
    if [ $https = yes ]; then
        has "$flags" ';secure;'
        verdict 'cookie: Secure' $? "missing; set public_url to the https address"
    fi
fi
ask "$url/login"
{ [ "$first" != "$(value content-security-policy)" ] && [ -n "$first" ]; } || has "$first" "script-src 'none'"
verdict 'a nonce for each answer' $? 'two answers carry the same nonce; switch caching off in the proxy'

# The same on errors.
ask "$url/no-such-page-$$"
expect 'an unknown page' 404 'an unknown path must be a plain 404'
headers 404
ask -X DELETE "$url/login"
expect 'DELETE /login' 405 'a method that a page does not have must be refused'
headers 405
ask -X TRACE "$url/login"
expect 'TRACE /login' 405 'TRACE must be refused'

# Forged requests.
form='username=nobody&password=verify.sh'
ask --data "$form" "$url/login"
expect 'POST /login without cookie and token' 403 'a form without csrf_token must be refused'
ask --data "$form" -H "Cookie: $pair" "$url/login"
expect 'POST /login with the cookie, without token' 403 'a form without csrf_token must be refused'
ask --data "$form&csrf_token=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" -H "Cookie: $pair" "$url/login"
expect 'POST /login with a wrong token' 403 'a form with a foreign csrf_token must be refused'
ask --data "$form" -H 'Origin: https://evil.example' -H 'Sec-Fetch-Site: cross-site' "$url/login"
expect 'POST /login from another site' 403 'a form from another origin must be refused; the proxy must pass Host, Origin and Sec-Fetch-Site on'

# The API.
ask "$url/api/v1/users"
expect 'GET /api/v1/users without a token' 401 'the API must not answer without a token; no proxy may add one'
has "$(value content-type)" application/problem+json
verdict 'the API refuses in problem+json' $? "is \`$(value content-type)\`; something in front answers in its place"
ask "$url/api/v1/users?api_key=x"
expect 'an API key in the query string (api_key)' 400 'a key in an address ends up in logs, and must be refused'
ask "$url/api/v1/users?token=x"
expect 'an API key in the query string (token)' 400 'a key in an address ends up in logs, and must be refused'

# Transport.
if [ $https = yes ]; then
    ask "$http_url/login"
    to=$(value location)
    { [ "$status" = 301 ] || [ "$status" = 308 ]; } && has "$to" https:// && [ "${to#https://"$host"}" != "$to" ]
    verdict 'http redirects to https' $? "$http_url/login answered $status to \`$to\`; redirect plain http in the proxy, or give --http URL"
    ask -H 'X-Forwarded-Proto: http' "$url/healthz"
    expect 'X-Forwarded-Proto of a client does not count' 200 'the proxy must overwrite X-Forwarded-Proto'
else
    case $host in
    localhost | 127.* | '[::1]') pass 'plain http on loopback only' ;;
    *) fail 'plain http on loopback only' 'put a TLS reverse proxy in front and set public_url to its https address' ;;
    esac
fi

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
