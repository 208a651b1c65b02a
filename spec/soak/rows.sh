#!/bin/sh
# The fast path against the plain path and libcsv: 10 million inputs, 2 million under the sanitizers, and a bug planted in each path.
set -u
cd "$(dirname "$0")/../.."
dir=build/fuzz
mkdir -p $dir
fuzz() { # NAME INPUTS SEED
  if (cd $dir && "./$1" "$2" "$3") > "$dir/$1-$3.out" 2>&1; then return 0; fi
  tail -n 20 "$dir/$1-$3.out"
  return 1
}
sh spec/fuzz/build.sh $dir/rows -O2 || exit 1
sh spec/fuzz/build.sh $dir/rows-asan -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined || exit 1
fuzz rows 5000000 1 & one=$!
fuzz rows 5000000 2 & two=$!
good=1
wait $one || good=0
wait $two || good=0
fuzz rows-asan 2000000 3 || good=0
cat $dir/rows-1.out $dir/rows-2.out $dir/rows-asan-3.out
awk '{ inputs += $1; mutations += $12; taken += $23 } END {
  print (mutations * 2 >= inputs && taken * 2 >= inputs ? "ok" : "MISS"), "rows_fuzz_mutations_before_the_fast_path", mutations, inputs / 2 }' $dir/rows-1.out $dir/rows-2.out $dir/rows-asan-3.out
[ $good = 1 ] && echo "ok rows_fuzz 12000000_inputs 12000000" || echo "MISS rows_fuzz a_difference none"
found=0
for plant in 'record.c:s/count > rule->most/count > rule->most + 1/' 'rows_portable.c:s/(c & 0xC0) == 0x80/(c \& 0xE0) == 0x80/' \
  'rows_sse2.c:s/_mm_set1_epi8(-64)/_mm_set1_epi8(-56)/' 'rows_avx2.c:s/TOO_SHORT | OVERLONG_3 | SURROGATE/TOO_SHORT | OVERLONG_3/' \
  'rows_x86.inc:s#(d1 ^ 0x2100) | ##' 'rows.inc:s/count > op->most ||/0 ||/' 'csv.c:s/cell->doubled = 1;/;/'; do
  PLANT=$plant sh spec/fuzz/build.sh $dir/planted -O1 || exit 1
  if (cd $dir && ./planted 2000000 5) > $dir/planted.out 2>&1; then echo "not found: $plant"; else found=$((found + 1)); echo "found $plant: $(head -n 1 $dir/planted.out)"; fi
done
[ $found = 7 ] && echo "ok rows_planted_bugs ${found}_found 7" || echo "MISS rows_planted_bugs ${found}_found 7"
[ $good = 1 ] && [ $found = 7 ]
