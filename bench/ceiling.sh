#!/bin/sh
# bench/ceiling.sh: an account at its documented limits, on the virtual clock; see bench/ceiling.lua.
set -e
cd "$(dirname "$0")/.."
folder=build/bench-ceiling
rm -rf "$folder" && mkdir -p "$folder"
build/tcb bench/ceiling.lua "$folder"
rm -rf "$folder"
