#!/bin/sh
# make interop: installs the mail programs of other people that the tests in
# this directory speak to, and runs them. Debian or Ubuntu; root, or all of
# swaks, msmtp, mutt, git-email and smtp-source on PATH.
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

# smtp-source is part of postfix, which must not be installed: it would start.
if ! has smtp-source; then
	deb=$(ls out/postfix_*.deb 2>/dev/null | tail -n 1)
	if [ -z "$deb" ]; then
		mkdir -p out
		(cd out && { apt-get -qq download postfix || { apt-get update -qq && apt-get -qq download postfix; }; })
		deb=$(ls out/postfix_*.deb | tail -n 1)
	fi
	dpkg -x "$deb" "$work/postfix"
	mkdir "$work/bin"
	cat >"$work/bin/smtp-source" <<-END
		#!/bin/sh
		LD_LIBRARY_PATH=$work/postfix/usr/lib/postfix exec $work/postfix/usr/sbin/smtp-source "\$@"
	END
	chmod +x "$work/bin/smtp-source"
	PATH=$work/bin:$PATH
fi

go test -tags interop -count=1 -v ./test/interop
