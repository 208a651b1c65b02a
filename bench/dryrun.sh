#!/bin/sh
# The dry run against the Python client and a Lua + cjson client. Bounds and aims: bench/dryrun.py.
cd "$(dirname "$0")" && exec python3 dryrun.py
