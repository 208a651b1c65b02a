#!/bin/sh
# bench/inbox.sh: acknowledged webhook events per second, durable: group commit against one commit an event.
set -e
cd "$(dirname "$0")/.."
folder=build/bench-inbox
rm -rf "$folder" && mkdir -p "$folder"
${CC:-cc} -O2 -o "$folder/deliver" bench/deliver.c
build/tcb bench/inbox.lua "$folder/deliver" "$folder"
rm -rf "$folder"
