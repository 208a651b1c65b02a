#!/bin/sh
# spec/soak/nginx.sh: 20,000 requests of rough clients through nginx to a rough service: no leak, no error; see spec/soak/nginx.lua.
set -e
cd "$(dirname "$0")/../.."
LUA_PATH="spec/?.lua;;" SPEC_ROOT=$(pwd) build/tcb spec/soak/nginx.lua "${1:-20000}"
