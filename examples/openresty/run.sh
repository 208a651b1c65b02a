#!/bin/sh
# nginx with tcb in it against the sandbox, from a prefix folder of its own: sh examples/openresty/run.sh, after `make`.
#   curl -d '{"phone": "919876543210", "order": "A-1001"}' http://127.0.0.1:8088/parcel
# With an account in the environment (TCB_BASE_URL, TCB_ACCOUNT, TCB_KEY_ID, TCB_API_KEY): against that. CONF: another configuration.
set -eu
checkout=$(cd "$(dirname "$0")/../.." && pwd)
here=$checkout/examples/openresty
if [ -z "${TCB_BASE_URL:-}" ]; then exec "$checkout/build/tcb" sandbox -- sh "$0"; fi
prefix=$(mktemp -d)
mkdir -p "$prefix/tmp" "$prefix/tcb/build"
cp -r "$checkout/lua" "$prefix/tcb/"
cp -r "$checkout/build/luajit" "$prefix/tcb/build/"
cp "$here/handlers.lua" "$prefix/"
chmod -R a+rX "$prefix"                                  # nginx' workers are nobody's when root starts it
nginx -p "$prefix" -c "${CONF:-$here/nginx.conf}" &
server=$!
trap 'kill $server 2>/dev/null; wait $server; rm -rf "$prefix"' EXIT
trap 'exit 143' TERM
trap 'exit 130' INT
echo "http://127.0.0.1:8088 (prefix $prefix, process $server)"
wait $server
