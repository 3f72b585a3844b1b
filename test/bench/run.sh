#!/bin/sh
# make bench: yubin and Debian's Postfix and Dovecot side by side (doc.go). Root.
# Arguments, or BENCHFLAGS from make, go to the program: test/bench/run.sh -h
set -eu
cd "$(dirname "$0")/../.."
CGO_ENABLED=0 go build -trimpath -o out/bench ./test/bench
# shellcheck disable=SC2086 # BENCHFLAGS are words
exec out/bench ${BENCHFLAGS-} "$@"
