#!/bin/sh
# spec/fuzz/build.sh OUT [FLAGS...]: builds the fuzz program of the feed; with PLANT=FILE:SED a copy of the sources is built in which that
# change was made, to see that it is found. PROGRAM=memory: another program of this folder.
set -eu
cd "$(dirname "$0")/../.."
out=$1 && shift
root=src
if [ -n "${PLANT:-}" ]; then
  root=$(mktemp -d)
  trap 'rm -rf "$root"' EXIT
  cp -r src/core "$root"
  sed -i "${PLANT#*:}" "$root/core/${PLANT%%:*}"
  ! cmp -s "src/core/${PLANT%%:*}" "$root/core/${PLANT%%:*}" || { echo "the change to ${PLANT%%:*} does not apply"; exit 2; }
fi
sources=
for name in feed feed_again feed_carry feed_exclude feed_input feed_json feed_unique feed_order pairs sort ndjson jscan rows rows_portable \
  rows_sse2 rows_avx2 record shape csv reader decode phone instant zone text fault shown redact spans buf ctx err clock; do
  sources="$sources $root/core/$name.c"
done
${CC:-gcc} -std=gnu11 -g "$@" -I"$root" -o "$out" "spec/fuzz/${PROGRAM:-rows}.c" $sources -lcsv
