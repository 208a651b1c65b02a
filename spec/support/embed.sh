#!/bin/sh
# spec/support/embed.sh KIND FOLDER [ARGS]: builds examples/embed/host.c, or a program around it, and runs it against a sandbox.
#   example LINES                          as a user would: installed files and pkg-config; so many lines of examples/data/deliveries.csv
#   threads LINES                          two threads, a state each
#   fail PHASE WIDTH FIRST STEP COUNT      an allocator that fails at the n-th call: see embed_fail.c
#   valgrind PHASE WIDTH FIRST STEP COUNT  the same under valgrind
# SAN=1 or thread in the environment: with AddressSanitizer and UBSan, or with ThreadSanitizer.
set -eu
cd "$(dirname "$0")/../.."
kind=$1 dir=$2
shift 2
mkdir -p "$dir"
case $dir in /*) ;; *) dir=$(pwd)/$dir ;; esac
cjson=$(lua5.4 -e 'print(package.searchpath("cjson", package.cpath))')
files=lua
run() {                                                  # in a sandbox without limits, with the Lua files of $files and lua-cjson
  LUA_PATH="$files/?.lua;$files/?/init.lua" LUA_CPATH="${cjson%cjson.so}?.so" TCB_LOG=${TCB_LOG:-error} CJSON=$cjson \
    LSAN_OPTIONS=suppressions=spec/support/lsan.supp:print_suppressions=0 \
    timeout "${LIMIT:-500}" build/tcb sandbox --seed 1 --limit mint=0 --limit push=0 --settle 0 --ledger "$dir/ledger" -- "$@"
}
build() {                                                # SOURCE
  make --no-print-directory -s archives
  case ${SAN-} in
  1) lib=build/lib-asan flags="-fsanitize=address,undefined -fno-sanitize-recover=undefined" ;;
  thread) lib=build/lib-tsan flags=-fsanitize=thread ;;
  *) lib=build/lib flags= ;;
  esac
  gcc -g -O1 $flags -Wall -Wextra -Werror -Isrc -Isrc/bind -Ibuild/gen $(pkg-config --cflags lua5.4) -o "$dir/$kind" "spec/support/$1" \
    $lib/libtcb_curl.a $lib/libtcb_sqlite.a $lib/libtcb.a $(pkg-config --libs lua5.4 libcurl sqlite3) -lm -lpthread
}
failing() {                                              # no record is lost, and none is sent twice: the ledger's count lies between what is known
  echo phone,our_number,sender,reason,from,until > "$dir/rows.csv"
  for i in $(seq 10 29); do echo "9198765400$i,911204567801,Acme,Your parcel $i arrives today,2030-12-31 09:00,2030-12-31 10:00"; done >> "$dir/rows.csv"
  good=1
  run "$@" > "$dir/out" || good=0                        # a leak found at the end is an exit code alone
  cat "$dir/out"
  [ $good = 1 ]
  sed -n 's/.*"call":"push".*"status":200.*"records":\([0-9]*\).*/\1/p' "$dir/ledger" | awk -v known="$(tail -n 1 "$dir/out")" '
    { accepted += $1 }
    END {
      split(known, part, ": "); split(part[3], n, /[^0-9]+/)
      print "accepted by the ledger:", accepted
      exit !(n[1] <= accepted && accepted <= n[1] + n[2])
    }'
}
deliveries() { head -n $(($1 + 1)) examples/data/deliveries.csv > "$dir/rows.csv"; }
case $kind in
example)
  deliveries "$1"
  make --no-print-directory -s install PREFIX="$dir/root" > /dev/null
  export PKG_CONFIG_PATH="$dir/root/lib/pkgconfig"
  files=$dir/root/share/lua/5.4
  gcc -Wall -Wextra -Werror -o "$dir/host" examples/embed/host.c $(pkg-config --cflags --libs tcb-curl tcb-sqlite)
  TCB_CLOCK=2026-12-01T06:00:00Z run "$dir/host" examples/embed/campaign.lua "$dir/rows.csv" "$dir/journal.db" ;;
threads)
  deliveries "$1"
  build embed_threads.c
  TCB_CLOCK=2026-12-01T06:00:00Z run "$dir/$kind" examples/embed/campaign.lua "$dir/rows.csv" "$dir/one.db" "$dir/two.db" ;;
fail)
  build embed_fail.c
  failing "$dir/$kind" spec/support/embed_fail.lua "$dir/rows.csv" "$dir" "$@" ;;
valgrind)
  build embed_fail.c
  failing valgrind --quiet --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite --suppressions=spec/support/valgrind.supp \
    "$dir/$kind" spec/support/embed_fail.lua "$dir/rows.csv" "$dir" "$@" ;;
esac
