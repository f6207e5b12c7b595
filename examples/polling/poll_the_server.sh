#!/bin/sh
# Asks for the requests about an order; of what has not changed since the last answer, the server sends nothing.
# It needs curl, and the variables INTERLOCK_SERVER and INTERLOCK_TOKEN.
# Usage: poll_the_server.sh ORDER FILE     The answer is kept in FILE, and its tag in FILE.etag.
set -eu
order=$1 file=$2
url=${INTERLOCK_SERVER:?names the server}/api/v1/requests
: "${INTERLOCK_TOKEN:?is the token of an agent or a service}"

# The tag is sent as If-None-Match. The token goes through a pipe: a command line is for all on this machine to read.
code=$(printf 'Authorization: Bearer %s\n' "$INTERLOCK_TOKEN" |
  curl --silent --show-error --get "$url" --data-urlencode "reference=order $order" --header @- \
    --etag-compare "$file.etag" --etag-save "$file.etag.new" --output "$file.new" --write-out '%{http_code}')

case $code in
200) mv "$file.new" "$file"; mv "$file.etag.new" "$file.etag"; echo changed ;;
304) rm -f "$file.new" "$file.etag.new"; echo unchanged ;;
*) cat "$file.new" >&2; rm -f "$file.new" "$file.etag.new"; exit 1 ;;
esac
