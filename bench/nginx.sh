#!/bin/sh
# bench/nginx.sh: tcb inside nginx: many requests that wait, others beside an API that stalls, and a fast API; see bench/nginx.lua.
set -e
cd "$(dirname "$0")/.."
folder=build/bench-nginx
rm -rf "$folder" && mkdir -p "$folder"
${CC:-cc} -O2 -o "$folder/load" bench/load.c
LUA_PATH="spec/?.lua;;" SPEC_ROOT=$(pwd) build/tcb bench/nginx.lua "$folder/load"
rm -rf "$folder"
