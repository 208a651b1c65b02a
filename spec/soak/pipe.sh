#!/bin/sh
# 20 million rows through a pipe: push, dry run and plan in as much memory as 1 million (spec/soak/pipe.py). ROWS="MANY FEW": other sizes.
cd "$(dirname "$0")" && exec python3 pipe.py ${ROWS:-}
