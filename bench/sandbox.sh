#!/bin/sh
# bench/sandbox.sh: 3,000,000 records through the rules of the sandbox on the virtual clock.
set -e
cd "$(dirname "$0")/.."
build/tcb bench/sandbox.lua
