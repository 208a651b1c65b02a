#!/bin/sh
# The first HTTPS request of a process against a bare C program's, and the start alone against Lua's. Bounds: bench/https.py.
cd "$(dirname "$0")" && exec python3 https.py
