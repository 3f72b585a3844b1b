#!/bin/sh
# Prints the directory of a Debian system with systemd, rpm and dnf, which the
# tests lay an overlay on and boot. It is made when it is missing: once, a
# minute or two and 500 MB.
set -eu

cache=${XDG_CACHE_HOME:-/var/cache}/yubin-test
packages=systemd,systemd-sysv,dbus,rpm,dnf,procps
# A change of this file is another root.
root=$cache/root-$(sha256sum "$0" | cut -c1-12)

mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
if [ ! -d "$root" ]; then
	new=$(mktemp -d "$cache/new.XXXXXX")
	trap 'rm -rf "$new"' EXIT
	trap 'exit 1' HUP INT TERM
	chmod 755 "$new"
	debootstrap --variant=minbase --include="$packages" bookworm "$new/root" >"$new/log" 2>&1 || {
		tail -n 30 "$new/log" >&2
		echo "root.sh: debootstrap failed; it needs root and Debian's archive" >&2
		exit 1
	}
	rm -rf "$new/root/var/cache/apt/archives" "$new/root/var/lib/apt/lists"
	mv "$new/root" "$root"
fi
echo "$root"
