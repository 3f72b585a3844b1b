#!/bin/sh
# server.sh NAME ROOT DIR [HOST PORT] runs a mail server of somebody else in the
# foreground: exim, opensmtpd, postfix, same, submission (at HOST:PORT) or dovecot (LMTP
# at DIR/lmtp); or one session of Dovecot's imap or pop3 on standard input and output. ROOT is where its packages are unpacked. It takes mail for
# dave@far.test, in the Maildir DIR/mail/dave. Root only: it lives in a mount
# namespace of its own, where ROOT/usr lies over /usr and the accounts that it
# wants exist.
#
# With DIR/cert.pem and DIR/key.pem opensmtpd offers STARTTLS. submission is a
# Postfix that wants TLS, with them (at port 465 before anything is said), and
# then a login, which Dovecot judges: by DIR/passwords (a passwd-file), or by a
# JWT that a key of DIR/keys has signed. Where DIR/socket names a socket, the
# authentication service there judges instead.
set -eu
name=$1 root=$2 dir=$3 host=${4-} port=${5-}

if [ -z "${INTEROP_NAMESPACE-}" ]; then
	INTEROP_NAMESPACE=1 exec unshare --mount --propagation private "$0" "$@"
fi
over=$dir/over
mkdir -p "$dir/mail" "$dir/spool" "$over/etc/ssl/certs" "$over/var/spool/smtpd" "$over/var/lib/opensmtpd/empty"
accounts="Debian-exim dovecot dovenull opensmtpd opensmtpq postfix postdrop"
for file in passwd group; do
	grep -vE "^($(echo "$accounts" | tr ' ' '|')):" "/etc/$file" >"$over/etc/$file"
done
id=61600
for account in $accounts; do
	id=$((id + 1))
	echo "$account:x:$id:$id::/:/bin/false" >>"$over/etc/passwd"
	echo "$account:x:$id:" >>"$over/etc/group"
done
# Names come from a file, never from a name server.
echo "127.0.0.1 localhost" >"$over/etc/hosts"
printf 'nameserver 127.0.0.1\nlookup file\n' >"$over/etc/resolv.conf"
echo "$name.test" >"$over/etc/mailname"
# opensmtpd reads the system's authorities, which a bare system has not got.
[ ! -f "$dir/cert.pem" ] || cp "$dir/cert.pem" "$over/etc/ssl/certs/ca-certificates.crt"
mount -t overlay overlay -o "lowerdir=$root/usr:/usr" /usr
for tree in etc var/lib var/spool; do
	mount -t overlay overlay -o "lowerdir=$over/$tree:/$tree" "/$tree"
done
chown nobody "$dir/mail"

exim() {
	mkdir "$dir/log"
	chown Debian-exim "$dir/spool" "$dir/log" "$dir/mail" # -C costs it root's rights
	cat >"$dir/conf" <<-END
		primary_hostname = exim.test
		spool_directory = $dir/spool
		log_file_path = $dir/log/%slog
		local_interfaces = $host
		daemon_smtp_ports = $port
		host_lookup =
		never_users =
		smtp_accept_queue_per_connection = 0
		smtputf8_advertise_hosts = *
		dsn_advertise_hosts = *
		acl_smtp_rcpt = rcpt
		begin acl
		rcpt:
		  accept domains = far.test
		         local_parts = dave
		  deny message = no such user
		begin routers
		all:
		  driver = accept
		  transport = maildir
		begin transports
		maildir:
		  driver = appendfile
		  directory = $dir/mail/dave
		  maildir_format
		  create_directory
		  user = Debian-exim
	END
	exec /usr/sbin/exim4 -C "$dir/conf" -bdf -q1m -oP "$dir/pid"
}

opensmtpd() {
	chmod 711 "$dir/spool"
	mount --bind "$dir/spool" /var/spool/smtpd
	mount -t tmpfs tmpfs /run # its control socket
	tls=
	if [ -f "$dir/cert.pem" ]; then
		echo "pki far cert \"$dir/cert.pem\" key \"$dir/key.pem\"" >"$dir/conf"
		tls="tls pki far"
	fi
	cat >>"$dir/conf" <<-END
		listen on $host port $port $tls hostname opensmtpd.test
		action "in" maildir "$dir/mail/dave" virtual { "dave@far.test" = nobody }
		match from any for rcpt-to "dave@far.test" action "in"
	END
	exec /usr/sbin/smtpd -d -f "$dir/conf"
}

# last leaves of lines that set one parameter the last. Postfix would warn of each
# other one, and its postlogd wait for itself when it has many warnings to take.
last() {
	awk -F' *= *' '{ name[NR] = $1; line[NR] = $0; at[$1] = NR }
		END { for (i = 1; i <= NR; i++) if (at[name[i]] == i) print line[i] }'
}

# postfix MAIN: with further lines of main.cf.
postfix() {
	mkdir "$dir/etc" "$dir/data"
	chown postfix "$dir/data"
	last >"$dir/etc/main.cf" <<-END
		compatibility_level = 3.6
		queue_directory = $dir/spool
		data_directory = $dir/data
		daemon_directory = /usr/lib/postfix/sbin
		command_directory = /usr/sbin
		myhostname = postfix.test
		mydestination =
		inet_interfaces = 127.0.0.1
		inet_protocols = ipv4
		alias_maps =
		virtual_mailbox_domains = far.test
		virtual_mailbox_base = $dir/mail
		virtual_mailbox_maps = inline:{ { dave@far.test = dave/ } }
		virtual_uid_maps = static:65534
		virtual_gid_maps = static:65534
		virtual_minimum_uid = 1
		maillog_file = $dir/postfix.log
		maillog_file_prefixes = /
		${1-}
	END
	cat >"$dir/etc/master.cf" <<-END
		$host:$port inet n - n - - smtpd
		cleanup unix n - n - 0 cleanup
		qmgr unix n - n 300 1 qmgr
		rewrite unix - - n - - trivial-rewrite
		bounce unix - - n - 0 bounce
		defer unix - - n - 0 bounce
		trace unix - - n - 0 bounce
		proxymap unix - - n - - proxymap
		tlsmgr unix - - n 1000? 1 tlsmgr
		virtual unix - n n - - virtual
		local unix - n n - - local
		smtp unix - - n - - smtp
		relay unix - - n - - smtp
		error unix - - n - - error
		retry unix - - n - - error
		discard unix - - n - - discard
		anvil unix - - n - 1 anvil
		postlog unix-dgram n - n - 1 postlogd
	END
	[ ! -f "$dir/tables/aliases" ] || postalias -c "$dir/etc" -o "hash:$dir/tables/aliases"
	[ ! -f "$dir/master" ] || cat "$dir/master" >>"$dir/etc/master.cf"
	cd "$dir/spool"
	for d in active bounce corrupt defer deferred flush hold incoming private saved trace; do
		mkdir -p -m 700 "$d"
		chown postfix "$d"
	done
	mkdir -m 730 maildrop
	mkdir -m 710 public
	chown postfix:postdrop maildrop public
	mkdir pid
	exec /usr/lib/postfix/sbin/master -c "$dir/etc" -d
}

# same: a Postfix that is compared, with the lines of main.cf in DIR/main and
# those of master.cf in DIR/master.
same() { postfix "$(cat "$dir/main")"; }

# judge: Dovecot's authentication service, for submission.
judge() {
	mkdir -p "$dir/dovecot" "$dir/spool/private"
	chown -R dovecot "$dir/passwords" "$dir/keys"
	cat >"$dir/auth.conf" <<-END
		base_dir = $dir/dovecot
		state_dir = $dir/dovecot
		protocols =
		log_path = $dir/dovecot.log
		auth_verbose = yes
		auth_failure_delay = 0
		auth_mechanisms = plain login cram-md5 scram-sha-1 scram-sha-256 oauthbearer xoauth2
		passdb {
		  driver = passwd-file
		  mechanisms = plain login cram-md5 scram-sha-256
		  args = $dir/passwords
		}
		passdb {
		  driver = oauth2
		  mechanisms = oauthbearer xoauth2
		  args = $dir/oauth2
		}
		userdb {
		  driver = static
		  args = uid=dovecot gid=dovecot home=/
		}
		service auth {
		  unix_listener $dir/spool/private/auth {
		    mode = 0666
		  }
		}
		service stats {
		  chroot =
		}
		service anvil {
		  chroot =
		  # no penalty for who has failed: each test would slow down the next
		  unix_listener anvil-auth-penalty {
		    mode = 0
		  }
		}
	END
	cat >"$dir/oauth2" <<-END
		introspection_mode = local
		local_validation_key_dict = fs:posix:prefix=$dir/keys/
		username_attribute = email
	END
	/usr/sbin/dovecot -F -c "$dir/auth.conf" &
	while kill -0 $! && [ ! -S "$dir/spool/private/auth" ]; do sleep 0.05; done
}

submission() {
	wrapper=no asked=private/auth
	[ "$port" != 465 ] || wrapper=yes
	if [ -f "$dir/socket" ]; then
		asked=$(cat "$dir/socket")
	else
		judge
	fi
	postfix "$(cat <<-END
		smtpd_tls_security_level = encrypt
		smtpd_tls_wrappermode = $wrapper
		smtpd_tls_chain_files = $dir/key.pem, $dir/cert.pem
		smtpd_sasl_auth_enable = yes
		smtpd_sasl_type = dovecot
		smtpd_sasl_path = $asked
		smtpd_sasl_authenticated_header = yes
		smtpd_relay_restrictions = permit_sasl_authenticated, reject
	END
	)"
}

dovecot() {
	echo "dave@far.test::65534:65534::$dir/mail::" >"$dir/users"
	cat >"$dir/conf" <<-END
		base_dir = $dir/spool
		state_dir = $dir/spool
		protocols = lmtp
		log_path = $dir/dovecot.log
		first_valid_uid = 1
		ssl = no
		mail_location = maildir:$dir/mail/%n
		service lmtp {
		  unix_listener $dir/lmtp {
		    mode = 0666
		  }
		}
		userdb {
		  driver = passwd-file
		  args = $dir/users
		}
		passdb {
		  driver = passwd-file
		  args = $dir/users
		}
		service stats {
		  chroot =
		}
		service anvil {
		  chroot =
		}
	END
	exec /usr/sbin/dovecot -F -c "$dir/conf"
}

# session: Dovecot's imap or pop3 on standard input and output, logged in already,
# for nobody's Maildir DIR/Maildir, with the further settings of DIR/further.
session() {
	cat >"$dir/conf" <<-END
		base_dir = $dir/spool
		state_dir = $dir/spool
		protocols =
		log_path = $dir/dovecot.log
		first_valid_uid = 1
		mail_uid = 65534
		mail_gid = 65534
		ssl = no
		mail_location = maildir:$dir/Maildir
		namespace inbox {
		  inbox = yes
		}
	END
	[ ! -f "$dir/further" ] || cat "$dir/further" >>"$dir/conf"
	exec setpriv --reuid 65534 --regid 65534 --clear-groups env USER=dave HOME="$dir" "/usr/lib/dovecot/$name" -c "$dir/conf"
}

case $name in
imap | pop3) session ;;
*) "$name" ;;
esac
