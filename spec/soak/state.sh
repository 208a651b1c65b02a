#!/bin/sh
# spec/soak/state.sh: the governor against damaged states, under AddressSanitizer and UBSan.
set -e
cd "$(dirname "$0")/../.."
make --no-print-directory -s SAN=1 modules runners
build/lua5.4-asan/lua -e "package.path='lua/?.lua;lua/?/init.lua;'..package.path package.cpath='build/lua5.4-asan/?.so;'..package.cpath" \
  spec/soak/state.lua "${1:-200000}"
