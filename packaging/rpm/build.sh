#!/bin/sh
# make rpm: the source and binary RPMs of the last commit, in the directory
# $1. The same commit gives the same bytes. VERSION and RELEASE, which the
# Makefile sets, go into the spec.
set -eu
cd "$(dirname "$0")/../.."
mkdir -p "$1"
out=$(cd "$1" && pwd)

missing=
for tool in git go make rpmbuild checkmodule semodule_package; do
	command -v "$tool" >/dev/null 2>&1 || missing="$missing $tool"
done
echo '#include <security/pam_appl.h>' | cc -fsyntax-only -x c - 2>/dev/null || missing="$missing the-headers-of-PAM"
if [ -n "$missing" ]; then
	echo "make rpm: these are missing:$missing; README.md names the packages that have them" >&2
	exit 1
fi

top=$(mktemp -d)
trap 'rm -rf "$top"' EXIT
trap 'exit 1' HUP INT TERM
umask 022
export SOURCE_DATE_EPOCH="$(git log -1 --format=%ct)" LC_ALL=C TZ=UTC

# The archive: the commit, and the libraries, so that the build needs no
# network.
name=yubin-$VERSION
mkdir "$top/SOURCES" "$top/SPECS"
git archive --prefix="$name/" HEAD | tar -x -C "$top"
spec=$top/$name/packaging/rpm/yubin.spec
sed -i "s/^\(Version: *\).*/\1$VERSION/; s/^\(Release: *\)[^%]*/\1$RELEASE/" "$spec"
(cd "$top/$name" && GOFLAGS=-mod=mod go mod vendor)
cp "$spec" "$top/SPECS/"
tar -C "$top" --sort=name --format=ustar --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner \
	--mode=u+rwX,go+rX,go-w -c "$name" | gzip -9n >"$top/SOURCES/$name.tar.gz"
rm -rf "${top:?}/$name"

# Without a network, and in a place of one name, which rpm writes into what it
# builds: in a namespace, where the system gives us one.
place=$top
enter=
for flags in -mn -rmn; do
	if [ "$place" = "$top" ] && unshare "$flags" mount --bind "$top" /mnt 2>/dev/null; then
		place=/mnt
		enter="unshare $flags"
	fi
done
[ -n "$enter" ] || echo "make rpm: no namespaces here: what comes out depends on the directory $top" >&2

# Where rpm knows the macros of systemd it is RHEL's or Fedora's.
set -- -ba --quiet --define "_topdir $place" --define '_buildhost localhost' \
	--define 'use_source_date_epoch_as_buildtime 1' --define 'clamp_mtime_to_source_date_epoch 1' \
	"$place/SPECS/yubin.spec"
if [ -z "$(rpm --eval '%{?_unitdir}')" ]; then
	set -- --load packaging/macros.el "$@"
fi
# shellcheck disable=SC2016 # for the inner shell
$enter sh -c '[ "$1" = "$2" ] || mount --bind "$1" "$2"; shift 2; exec rpmbuild "$@"' sh "$top" "$place" "$@" \
	>"$top/log" 2>&1 || {
	cat "$top/log" >&2
	exit 1
}
for rpm in "$top"/SRPMS/*.rpm "$top"/RPMS/*/*.rpm; do
	mv "$rpm" "$out/"
	echo "$out/${rpm##*/}"
done
