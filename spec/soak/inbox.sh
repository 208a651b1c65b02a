#!/bin/sh
# spec/soak/inbox.sh: 10,000 webhook events, each delivered 1 to 4 times, shuffled, the receiver killed 20 times with SIGKILL; then the
# acknowledgements while a handler sleeps 30 s.
set -e
cd "$(dirname "$0")/../.."
for seed in 1 2 3; do
  folder=$(mktemp -d)
  result=$(python3 spec/support/storm.py build/tcb "$folder" 10000 20 $seed)
  rm -rf "$folder"
  printf "%s\n" "$result" | cut -c1-200
  printf "%s\n" "$result" | python3 -c '
import json, sys
r = json.load(sys.stdin)
good = r["acknowledged"] == r["distinct"] == r["events"] == 10000 and r["kills"] == 20 and r["code"] == 0 and not r["key_in_log"]
print("%s inbox_survives_kills_seed'$seed' %d_of_%d_effects %d" % ("ok" if good else "MISS", r["distinct"], r["acknowledged"], r["events"]))
'
done
folder=$(mktemp -d)
cc -O2 -o "$folder/deliver" bench/deliver.c
build/tcb spec/soak/inbox_blocked.lua "$folder/deliver" "$folder"
rm -rf "$folder"
