#!/bin/sh
# make interop: installs the mail programs of other people that the tests in
# this directory speak to, and runs them. Debian or Ubuntu, as root: the servers
# among them run in mount namespaces of their own.
set -eu
cd "$(dirname "$0")/../.."

work=$(mktemp -d)
chmod 755 "$work" # the servers give up root's rights, and apt does
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

has() { command -v "$1" >/dev/null 2>&1; }

get() { DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >"$work/apt" 2>&1; }
install() {
	has apt-get || { echo "interop: please install: $*" >&2; exit 1; }
	get "$@" || { apt-get update -qq && get "$@"; } || { cat "$work/apt" >&2; exit 1; }
}

missing=
for program in swaks msmtp procmail maildrop mutt sslscan openssl curl python3 fetchmail mpop; do
	has "$program" || missing="$missing $program"
done
[ -x "$(git --exec-path)/git-send-email" ] || missing="$missing git-email"
perl -MMail::Address -e 1 2>/dev/null || missing="$missing libmailtools-perl" # git-send-email needs it
perl -MIO::Socket::SSL -e 1 2>/dev/null || missing="$missing libio-socket-ssl-perl" # Net::POP3 speaks TLS with it
has getmail || missing="$missing getmail6"
has mbsync || missing="$missing isync"
has interimap || missing="$missing interimap"
has offlineimap || missing="$missing offlineimap3"
perl -MMail::IMAPClient -e 1 2>/dev/null || missing="$missing libmail-imapclient-perl"
perl -MMail::DeliveryStatus::BounceParser -e 1 2>/dev/null || missing="$missing libmail-deliverystatus-bounceparser-perl"
[ -d /usr/share/roundcube ] || missing="$missing roundcube-core roundcube-sqlite3" # its server is php
php -m 2>/dev/null | grep -q pdo_sqlite || missing="$missing php-cli php-sqlite3"
php -m 2>/dev/null | grep -q '^imap$' || missing="$missing php-cli php-imap"
has s-nail || missing="$missing s-nail"
has node || missing="$missing nodejs"
[ -d /usr/share/nodejs/nodemailer ] || missing="$missing node-nodemailer"
[ -d /usr/share/php/Symfony/Component/Mailer ] || missing="$missing php-symfony-mailer"
perl -MMIME::Lite -e 1 2>/dev/null || missing="$missing libmime-lite-perl"
perl -MAuthen::SASL -MDigest::HMAC_MD5 -e 1 2>/dev/null || missing="$missing libauthen-sasl-perl libdigest-hmac-perl" # Net::SMTP logs in with them
has testssl || missing="$missing testssl.sh"
has script || missing="$missing bsdutils"
has maildrop || missing="$missing maildrop"
has procmail || missing="$missing procmail"
[ -x /usr/lib/dovecot/dovecot-lda ] || missing="$missing dovecot-core"
# shellcheck disable=SC2086 # a list of packages
[ -z "$missing" ] || install $missing

# Servers are unpacked and not installed: they would start, and they exclude
# each other. Only the libraries that they want are installed. So are programs
# that run by themselves, or want a mail system beside them.
servers=$work/servers
tools=$work/tools
libraries=
mkdir -p out "$servers" "$tools" "$work/lists/partial" "$work/cache/archives/partial"
. /etc/os-release
for package in postfix exim4-daemon-light opensmtpd dovecot-core dovecot-lmtpd dovecot-imapd dovecot-pop3d \
	bsd-mailx cron anacron pflogsumm logwatch fail2ban; do
	wanted=out/${package}_*.deb options=
	if [ "$package" = opensmtpd ] && [ "${VERSION_CODENAME-}" = bookworm ]; then
		# Version 6 cannot speak TLS with this release's OpenSSL; the backport can.
		wanted=out/opensmtpd_[7-9]*.deb
		options="-o Dir::Etc::SourceList=$work/backports -o Dir::Etc::SourceParts=/dev/null
			-o Dir::State::Lists=$work/lists -o Dir::Cache=$work/cache"
		mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -v security | head -n 1)
		echo "deb $mirror bookworm-backports main" >"$work/backports"
	fi
	# shellcheck disable=SC2086,SC2012 # a pattern; names of packages
	newest() { ls $wanted 2>/dev/null | sort -V | tail -n 1; }
	deb=$(newest)
	if [ -z "$deb" ]; then
		# shellcheck disable=SC2086 # a list of options
		(cd out && { apt-get $options -qq download "$package" 2>/dev/null ||
			{ apt-get $options update -qq && apt-get $options -qq download "$package"; }; })
		deb=$(newest)
	fi
	case $package in
	bsd-mailx | cron | anacron | pflogsumm | logwatch | fail2ban) dpkg -x "$deb" "$tools" ;;
	*) dpkg -x "$deb" "$servers" ;;
	esac
	# Of alternatives the first; of the whole only libraries, and what a base
	# system lacks that a server reads.
	libraries="$libraries $(dpkg-deb -f "$deb" Depends | tr ',' '\n' | sed -n 's/^ *\(lib[^ :]*\|netbase\).*/\1/p')"
done
# shellcheck disable=SC2086 # a list of packages
install $libraries
export YUBIN_SERVERS="$servers" YUBIN_TOOLS="$tools"

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

go test -tags interop -count=1 -timeout 30m -v ./test/interop
