#!/bin/sh
# spec/soak/crash.sh: 300 kills of push and reconcile at moments drawn from the sandbox's event count, 50 connections cut after the commit.
set -e
cd "$(dirname "$0")/../.."
exec build/tcb spec/soak/crash.lua 300 50 100000 "${SEED:-1}"
