#!/bin/sh
# tcb plan on a million rows with planted faults: exactly those, in bounded memory.
cd "$(dirname "$0")" && exec python3 plan.py
