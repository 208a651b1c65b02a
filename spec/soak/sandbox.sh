#!/bin/sh
# spec/soak/sandbox.sh: mutated bodies against the sandbox under AddressSanitizer and UBSan; what it accepts is JSON, and so is what it says.
set -e
cd "$(dirname "$0")/../.."
rounds=${ROUNDS:-200000}
make --no-print-directory -s SAN=1 modules runners > /dev/null
if TCB_FUZZ=$rounds spec/run -s -asan -a lua5.4 spec/sandbox/fuzz_spec.lua; then echo "ok sandbox_fuzz_rounds $rounds $rounds"
else echo "MISS sandbox_fuzz_rounds 0 $rounds"; fi
