#!/bin/sh
# Push, reconcile and plan against the Python client. Bounds and aims: bench/campaign.py.
cd "$(dirname "$0")" && exec python3 campaign.py "$@"
