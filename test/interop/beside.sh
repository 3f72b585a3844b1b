#!/bin/sh
# beside.sh ROOT OVER PROGRAM [ARGUMENT ...] runs a program of somebody else that
# knows its files by fixed names: in a mount namespace of its own, where the usr,
# etc and var of OVER lie over those of ROOT, in which packages are unpacked, and
# these over the system's. /run is empty. Root only.
set -eu
root=$1 over=$2
if [ -z "${INTEROP_NAMESPACE-}" ]; then
	INTEROP_NAMESPACE=1 exec unshare --mount --propagation private "$0" "$@"
fi
unset INTEROP_NAMESPACE
shift 2
for tree in usr etc var; do
	mkdir -p "$over/$tree"
	mount -t overlay overlay -o "lowerdir=$over/$tree:$root/$tree:/$tree" "/$tree"
done
mount -t tmpfs tmpfs /run
exec "$@"
