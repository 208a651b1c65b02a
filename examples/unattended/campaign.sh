#!/bin/sh
# One pass of a campaign, for cron or a systemd timer: push what can be sent, settle what was sent, export what became of it.
# Run it as often as you like: it goes on where the last pass stopped, and two passes at a time are told apart by the journal.
#   campaign.sh FOLDER [push options...]       FOLDER holds today.csv, and a file `options`, a push option or value a line, if you like
set -u
umask 077                                                # the outcomes hold phone numbers
cd "$1" && shift
code=0
if [ -e options ]; then
  while IFS= read -r word; do set -- "$@" "$word"; done < options
fi
tcb push today.csv --quiet --yes --json "$@" > push.json || code=$?
case $code in
  0 | 4 | 7) ;;                                          # done; some refused or failed; some in doubt: go on
  *) echo "push ended with $code" >&2; exit "$code" ;;
esac
tcb reconcile today.csv --quiet --json --timeout 600 > reconcile.json || code=$?
tcb export today.csv > outcomes.csv.new && mv outcomes.csv.new outcomes.csv
exit "$code"
