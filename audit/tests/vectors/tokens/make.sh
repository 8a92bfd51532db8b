#!/usr/bin/env bash
# Makes the tokens of this folder anew with OpenSSL 3: make.sh FOLDER. They are kept, since keys and times differ each time.
# Good ones are by `openssl ts`; what it refuses to sign is signed by `openssl cms` over the statement of a good one.
set -euo pipefail
mkdir -p "$1"
out=$(cd "$1" && pwd)
cd "$(dirname "$0")"
vectors=$(cd .. && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/conf" <<'CONF'
[ ca ]
default_ca = any
[ any ]
new_certs_dir = $ENV::WORK
database = $ENV::WORK/index
serial = $ENV::WORK/serial
default_md = sha256
policy = names
copy_extensions = none
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
subjectKeyIdentifier = hash
[ above ]
basicConstraints = critical, CA:true, pathlen:0
keyUsage = critical, keyCertSign
[ no_authority ]
basicConstraints = critical, CA:false
[ tsa ]
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
[ no_purpose ]
keyUsage = critical, digitalSignature
[ not_critical ]
extendedKeyUsage = timeStamping
[ two_purposes ]
extendedKeyUsage = critical, timeStamping, emailProtection
[ stamp ]
serial = $ENV::WORK/stamps
default_policy = 1.3.6.1.4.1.32473.1
digests = sha256
signer_digest = sha256
tsa_name = no
ess_cert_id_alg = $ENV::ESS
CONF
export WORK="$work" NAME=none ESS=sha256
touch "$work/index"; echo 1000 >"$work/serial"; echo 01 >"$work/stamps"
key() { # key NAME rsa|P-256|P-384
    if [ "$2" = rsa ]; then openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$work/$1.key"
    else openssl genpkey -quiet -algorithm EC -pkeyopt "ec_paramgen_curve:$2" -out "$work/$1.key"; fi
}
root() { # root NAME KIND
    key "$1" "$2"
    NAME="$1.example" openssl req -x509 -new -key "$work/$1.key" -days 36500 -config "$work/conf" -extensions root -out "$work/$1.pem"
}
issue() { # issue NAME KIND BY EXTENSIONS [FROM TO]
    key "$1" "$2"
    NAME="$1.example" openssl req -new -key "$work/$1.key" -config "$work/conf" -out "$work/$1.csr"
    openssl ca -batch -notext -config "$work/conf" -extensions "$4" -in "$work/$1.csr" -cert "$work/$3.pem" -keyfile "$work/$3.key" \
        -startdate "${5:-20200101000000Z}" -enddate "${6:-20991231235959Z}" -out "$work/$1.pem" 2>/dev/null
}
stamp() { # stamp TOKEN DATA SIGNER [CHAIN]
    openssl ts -query -data "$2" -sha256 -cert -out "$work/query" 2>/dev/null
    openssl ts -reply -config "$work/conf" -section stamp -queryfile "$work/query" -signer "$work/$3.pem" -inkey "$work/$3.key" \
        ${4:+-chain "$work/$4.pem"} -token_out -out "$out/$1.token" 2>/dev/null
}
sign() { # sign TOKEN STATEMENT SIGNER [BESIDE]
    openssl cms -sign -binary -nodetach -nosmimecap -cades -md sha256 -econtent_type 1.2.840.113549.1.9.16.1.4 -outform DER \
        -in "$2" -signer "$work/$3.pem" -inkey "$work/$3.key" ${4:+-certfile "$work/$4.pem"} -out "$out/$1.token"
}
root rsa-root rsa; issue rsa-above rsa rsa-root above; issue rsa-tsa rsa rsa-above tsa
root ec-root P-384; issue ec-tsa P-256 ec-root tsa; issue p384-tsa P-384 ec-root tsa
root strange P-256; issue strange-tsa P-256 strange tsa
big="$vectors/three-hundred/checkpoint"; small="$vectors/five/checkpoint"
stamp rsa "$big" rsa-tsa rsa-above
stamp p256 "$big" ec-tsa
stamp p384 "$big" p384-tsa
ESS=sha1 stamp older-binding "$big" ec-tsa
stamp five "$small" ec-tsa
stamp strange "$big" strange-tsa
openssl cms -verify -noverify -inform DER -in "$out/p256.token" -binary -out "$work/statement" 2>/dev/null
issue no-purpose P-256 ec-root no_purpose; sign no-purpose "$work/statement" no-purpose
issue not-critical P-256 ec-root not_critical; sign not-critical "$work/statement" not-critical
issue two-purposes P-256 ec-root two_purposes; sign two-purposes "$work/statement" two-purposes
issue expired P-256 ec-root tsa 20200101000000Z 20201231235959Z; sign expired "$work/statement" expired
issue future P-256 ec-root tsa 20900101000000Z; sign future "$work/statement" future
issue no-authority P-256 ec-root no_authority; issue below P-256 no-authority tsa; sign no-authority "$work/statement" below no-authority
printf 'no time-stamp' >"$work/text"; sign no-statement "$work/text" ec-tsa
openssl cms -sign -binary -nodetach -nosmimecap -md sha256 -econtent_type 1.2.840.113549.1.9.16.1.4 -outform DER -in "$work/statement" \
    -signer "$work/ec-tsa.pem" -inkey "$work/ec-tsa.key" -out "$out/not-bound.token"
cat "$work/rsa-root.pem" "$work/ec-root.pem" >"$out/roots.crt"
cp "$work/strange.pem" "$out/strange.crt"
