#!/bin/sh
# make interop: installs the mail programs of other people that the tests in
# this directory speak to, and runs them. Debian or Ubuntu, as root: the servers
# among them run in mount namespaces of their own.
set -eu
cd "$(dirname "$0")/../.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

has() { command -v "$1" >/dev/null 2>&1; }

missing=
for program in swaks msmtp mutt; do
	has "$program" || missing="$missing $program"
done
[ -x "$(git --exec-path)/git-send-email" ] || missing="$missing git-email"
perl -MMail::Address -e 1 2>/dev/null || missing="$missing libmailtools-perl" # git-send-email needs it
has script || missing="$missing bsdutils"
if [ -n "$missing" ]; then
	has apt-get || { echo "interop: please install:$missing" >&2; exit 1; }
	apt-get update -qq
	# shellcheck disable=SC2086 # a list of packages
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >"$work/apt" 2>&1 ||
		{ cat "$work/apt" >&2; exit 1; }
fi

# Servers are unpacked and not installed: they would start, and they exclude
# each other. Only the libraries that they want are installed.
servers=$work/servers
libraries=
mkdir -p out "$servers"
for package in postfix exim4-daemon-light dovecot-core dovecot-lmtpd; do
	deb=$(ls out/"$package"_*.deb 2>/dev/null | tail -n 1)
	if [ -z "$deb" ]; then
		(cd out && { apt-get -qq download "$package" || { apt-get update -qq && apt-get -qq download "$package"; }; })
		deb=$(ls out/"$package"_*.deb | tail -n 1)
	fi
	dpkg -x "$deb" "$servers"
	libraries="$libraries $(dpkg-deb -f "$deb" Depends | tr ',|' '\n\n' | sed -n 's/^ *\(lib[^ :]*\).*/\1/p')"
done
# shellcheck disable=SC2086 # a list of packages
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $libraries >"$work/apt" 2>&1 ||
	{ cat "$work/apt" >&2; exit 1; }
chmod 755 "$work" # the servers give up root's rights
export YUBIN_SERVERS="$servers"

# smtp-source is part of postfix.
if ! has smtp-source; then
	mkdir "$work/bin"
	cat >"$work/bin/smtp-source" <<-END
		#!/bin/sh
		LD_LIBRARY_PATH=$servers/usr/lib/postfix exec $servers/usr/sbin/smtp-source "\$@"
	END
	chmod +x "$work/bin/smtp-source"
	PATH=$work/bin:$PATH
fi

go test -tags interop -count=1 -v ./test/interop
