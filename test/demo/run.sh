#!/bin/sh
# make run: a private system below ./run and two letters (main.go).
set -eu
cd "$(dirname "$0")/../.."
CGO_ENABLED=0 go build -trimpath -o out/demo ./test/demo
exec out/demo "$@"
