#!/bin/sh
# spec/soak/embed.sh: the embedding example with an allocator that fails at the n-th call: every n of a 20-record campaign, in the
# host's loop and blocking; one that fails from there on; 200 sampled n of require; 50 sampled n under valgrind. And two threads under
# ThreadSanitizer.
set -u
cd "$(dirname "$0")/../.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export LIMIT=3000
verdict() { # NAME BOUND ARGS
  name=$1 bound=$2
  shift 2
  if sh spec/support/embed.sh "$@" > "$folder/$name" 2>&1 && ! grep -q ThreadSanitizer "$folder/$name"; then
    runs=$(sed -n 's/^done: .* of \([0-9]*\) runs.*/\1_runs/p' "$folder/$name")
    echo "ok $name ${runs:-clean} $bound"
  else
    tail -n 30 "$folder/$name"
    echo "MISS $name failed $bound"
  fi
}
every() { # STYLE WIDTH STEP: every STEP-th n of the campaign, each in a state of its own
  export EMBED_STYLE="$1"
  verdict "embed_$1_fails_$2" "every_n_step_$3" fail "$folder/$1-$2.d" campaign "$2" 1 "$3" 1000000
}
make -s SAN=1 archives && make -s SAN=thread archives || exit 1
export SAN=1
every loop 2 1 & one=$!
every blocking 2 1 & two=$!
wait $one $two
every loop 1000000 7 & one=$!
every blocking 1000000 11 & two=$!
wait $one $two
every loop 1 1 & one=$!
verdict embed_require_fails 200_samples fail "$folder/require" require 2 1 0 200
wait $one
export SAN=
verdict embed_valgrind 50_samples valgrind "$folder/valgrind" campaign 2 1 0 50
export SAN=thread
verdict embed_threads_tsan no_race threads "$folder/threads" 5000
