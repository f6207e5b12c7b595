#!/bin/sh
# An agent in a shell: it asks whether it may pay a bill, waits, pays once, and says what became of it.
# It needs curl and jq, and the variables INTERLOCK_SERVER and INTERLOCK_TOKEN.
set -eu
order=${1:-4711}
api=${INTERLOCK_SERVER:?names the server}/api/v1
: "${INTERLOCK_TOKEN:?is the token of an agent}"

# The token goes through a pipe: on a command line, everybody on this machine could read it.
call() {
  path=$1; shift
  printf 'Authorization: Bearer %s\n' "$INTERLOCK_TOKEN" |
    curl --silent --show-error --fail-with-body --retry 4 --header @- "$@" "$api$path"
}

refused() { echo "$1" | jq -r '.detail // .' >&2; exit 1; }

# Asked again with the same key, it is the same request.
asked=$(call /requests --header "Idempotency-Key: pay order $order" --json "$(jq -n --arg order "$order" '{
  asked: {kind: "approval", name: "pay", args: {amount: "120.00", to: "ACME"}},
  description: "The bill of order \($order)", reference: "order \($order)"}')")
id=$(echo "$asked" | jq -r .id)
echo "Asked as $id."

while now=$(call "/requests/$id/outcome?wait=60"); [ "$(echo "$now" | jq -r .status)" = open ]; do :; done
if [ "$(echo "$now" | jq -r .status)" != approved ]; then
  echo "not paid: $(echo "$now" | jq -r .status)"
  exit 1
fi

claim=$(echo "$now" | jq '{digest, tool: "ask_and_act.sh", repeatable: "idempotent", lasts: 60}')
# The key names this one try: with another tool than an idempotent one, a claim that is made again is refused.
claimed=$(call "/requests/$id/claim" --header "Idempotency-Key: $$ $(date +%s)" --json "$claim") || refused "$claimed"
if [ "$(echo "$claimed" | jq -r .effect.state)" = claimed ]; then
  # Pay here, what people have approved: .stands.args, under the key .effect.key, which is the same for every attempt.
  receipt=$(echo "$claimed" | jq '.stands.args + {receipt: .effect.key}')
  result=$(echo "$claimed" | jq --argjson receipt "$receipt" '{attempt: .effect.attempt, state: "executed", result: $receipt}')
  claimed=$(call "/requests/$id/result" --json "$result") || refused "$claimed"
fi
echo "$claimed" | jq -r '"\(.effect.state): \(.effect.result | tojson)"'
