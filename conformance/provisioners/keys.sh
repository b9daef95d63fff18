#!/bin/sh
# A provisioner in a shell, and an example for one of your own: it makes and revokes keys by the admin API of a server,
# here the control plane of `bitting serve`. It needs curl and jq. What it cannot do it says, and the checks that need it
# are skipped. `bitting explain provisioner` has the protocol.
#
#   [provisioner]
#   command = ["sh", "keys.sh"]
#
# The address and the token come from BITTING_CONTROL_URL and BITTING_CONTROL_TOKEN.
set -eu

control() {
  method=$1 path=$2
  # The body comes on the standard input; an answer without one is {}.
  curl --silent --show-error --fail -X "$method" "$BITTING_CONTROL_URL$path" \
    -H "Authorization: Bearer $BITTING_CONTROL_TOKEN" -H 'Content-Type: application/json' --data-binary @- | jq -c . | grep . || echo '{}'
}

while read -r order; do
  name=$(printf '%s' "$order" | jq -r .do)
  id=$(printf '%s' "$order" | jq -r '.id // ""')
  body=$(printf '%s' "$order" | jq -c 'del(.do)')
  case $name in
    world) echo | control GET /v1/credentials ;;
    mint-key) printf '%s' "$body" | control POST /v1/keys ;;
    revoke-key) printf '{}' | control POST "/v1/keys/$id/revoke" ;;
    expire-key) printf '{}' | control POST "/v1/keys/$id/expire" ;;
    *) echo '{"unsupported": true}' ;;
  esac
done
