#!/usr/bin/env bash
# A time-stamping authority of OpenSSL for the suite: `tsa.sh init` makes its keys and certificates in the present folder,
# `tsa.sh reply SIGNER QUERY ANSWER` answers a query. What `openssl ts` refuses to sign is signed by `openssl cms`.
set -euo pipefail
cat >conf <<'CONF'
[ ca ]
default_ca = any
[ any ]
new_certs_dir = .
database = index
serial = serial
default_md = sha256
policy = names
unique_subject = no
[ names ]
commonName = supplied
[ req ]
distinguished_name = dn
prompt = no
[ dn ]
CN = $ENV::NAME
[ root ]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign
[ good ]
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
[ no_purpose ]
keyUsage = critical, digitalSignature
[ not_critical ]
extendedKeyUsage = timeStamping
[ stamp ]
serial = stamps
default_policy = 1.3.6.1.4.1.32473.1
other_policies = 1.3.6.1.4.1.32473.2
digests = sha256
signer_digest = sha256
ess_cert_id_alg = sha256
CONF
export NAME=none
root() {
    openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.key"
    NAME="$1.example" openssl req -x509 -new -key "$1.key" -days 36500 -config conf -extensions root -out "$1.pem"
}
issue() { # issue NAME BY EXTENSIONS FROM TO
    openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.key"
    NAME="$1.example" openssl req -new -key "$1.key" -config conf -out "$1.csr"
    openssl ca -batch -notext -config conf -extensions "$3" -in "$1.csr" -cert "$2.pem" -keyfile "$2.key" -startdate "$4" -enddate "$5" -out "$1.pem" 2>/dev/null
}
case "$1" in
init)
    touch index
    echo 1000 >serial
    echo 01 >stamps
    long=(20200101000000Z 20991231235959Z)
    root root
    root strange
    issue tsa root good "${long[@]}"
    issue no-purpose root no_purpose "${long[@]}"
    issue not-critical root not_critical "${long[@]}"
    issue expired root good 20200101000000Z 20201231235959Z
    issue strange-tsa strange good "${long[@]}"
    ;;
reply)
    case "$2" in
    tsa | strange-tsa)
        openssl ts -reply -config conf -section stamp -queryfile "$3" -signer "$2.pem" -inkey "$2.key" -out "$4" 2>/dev/null
        ;;
    *)
        openssl ts -reply -config conf -section stamp -queryfile "$3" -signer tsa.pem -inkey tsa.key -token_out -out "$4.good" 2>/dev/null
        openssl cms -verify -noverify -inform DER -in "$4.good" -binary -out "$4.statement" 2>/dev/null
        openssl cms -sign -binary -nodetach -nosmimecap -cades -md sha256 -econtent_type 1.2.840.113549.1.9.16.1.4 -outform DER \
            -in "$4.statement" -signer "$2.pem" -inkey "$2.key" -out "$4.token"
        # A granted answer around the token.
        printf '\x30\x82%b\x30\x03\x02\x01\x00' "$(printf '\\x%02x\\x%02x' $((($(stat -c %s "$4.token") + 5) / 256)) $((($(stat -c %s "$4.token") + 5) % 256)))" >"$4"
        cat "$4.token" >>"$4"
        ;;
    esac
    ;;
again) # The query over the same hash with another nonce.
    openssl ts -query -digest "$2" -sha256 -cert -out "$3" 2>/dev/null
    ;;
esac
