#!/bin/sh
# A provisioner in a shell, and an example for one of your own: it makes and revokes keys by the admin API of a server,
# here the control plane of `bitting serve`. It needs curl. What it cannot do it says, and the checks that need it are
# skipped. An order is one line without a space between its parts, and `do` is its first, so that sed can read it. `bitting explain provisioner` has the protocol.
#
#   [provisioner]
#   command = ["sh", "keys.sh"]
#
# The address and the token come from BITTING_CONTROL_URL and BITTING_CONTROL_TOKEN.
set -eu

control() {
  method=$1 path=$2
  # The body comes on the standard input; an answer without one is {}.
  answer=$(curl --silent --show-error --fail -X "$method" "$BITTING_CONTROL_URL$path" \
    -H "Authorization: Bearer $BITTING_CONTROL_TOKEN" -H 'Content-Type: application/json' --data-binary @-)
  printf '%s' "${answer:-{\}}" | tr -d '\r\n'
  echo
}

while read -r order; do
  name=$(printf '%s' "$order" | sed -n 's/^{"do":"\([^"]*\)".*/\1/p')
  id=$(printf '%s' "$order" | sed -n 's/.*"id":"\([^"]*\)".*/\1/p')
  body=$(printf '%s' "$order" | sed 's/^{"do":"[^"]*",\{0,1\}/{/')
  case $name in
    world) echo | control GET /v1/credentials ;;
    mint-key) printf '%s' "$body" | control POST /v1/keys ;;
    revoke-key) printf '{}' | control POST "/v1/keys/$id/revoke" ;;
    expire-key) printf '{}' | control POST "/v1/keys/$id/expire" ;;
    *) echo '{"unsupported": true}' ;;
  esac
done
