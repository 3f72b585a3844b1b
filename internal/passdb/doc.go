// Package passdb knows the accounts that people log in to: which there are, and
// whether a password is right. authd uses it, and mailctl user, which writes
// what it reads; nothing else links it.
//
//	passdb.go         the backends of auth_backends, asked in order
//	passwdfile.go     passwd-file:FILE, in Dovecot's format (entry.go)
//	shadow.go         shadow: /etc/passwd and /etc/shadow
//	static.go         static:FIELDS, the same for everybody
//	checkpassword.go  checkpassword:PROGRAM
//	pam.go            pam:SERVICE: users of the system, by pamd
//	hash.go           stored passwords: {SCHEME}data (crypt.go, digest.go, scram.go)
//	pool.go           how many are checked at once, and in whose turn
//	new.go            making one
//
// # Stored passwords
//
//	{PLAIN}ginger
//	{SCRAM-SHA-256}4096,SALT,STOREDKEY,SERVERKEY        base64
//	{SHA512-CRYPT}$6$salt$hash   or   $6$salt$hash      crypt(3); so are $5$ $1$ $y$ $2b$
//	{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$SALT$KEY
//	{SSHA512}base64 of digest and salt
//
// # What it never does
//
// No error and no report has anything of a secret, nor of a line that could
// hold one. A backend that cannot say is a temporary error, never "unknown": no
// backend after it answers in its place. A hash whose cost is absurd is refused
// before any work is done.
//
// # Standards
//
//	RFC 5802, 3    SCRAM's verifiers     scram.go
//	RFC 7677, 4    their iterations      scram.go
//	RFC 8018, 5.2  PBKDF2                digest.go
//	RFC 2307       {SSHA} and its kin    digest.go
package passdb
