package config

// Who logs in to this host, and how: authd(8).
var (
	AuthMechanisms = list("auth_mechanisms", "", `
		The mechanisms that clients may log in with: SCRAM-SHA-256-PLUS, SCRAM-SHA-256, SCRAM-SHA-1-PLUS, SCRAM-SHA-1, EXTERNAL,
		CRAM-MD5, PLAIN, LOGIN, OAUTHBEARER, XOAUTH2. Empty: those that serve every account of auth_backends as its password is
		kept, and the last two where oauth2_local_validation_keys or oauth2_introspection_url is set. EXTERNAL must be named:
		whoever has a client certificate that is trusted is then the user whose name is in it. Each service may offer fewer.`)
	AuthFailureDelay = duration("auth_failure_delay", "2s", 0, `
		How long authd(8) keeps the answer to a login that is refused. Further failures cost more; authd(8) has the details.`)
	AuthDovecotSocket = str("auth_dovecot_socket", "", `
		Where authd(8) serves Dovecot's authentication protocol for other programs: PATH, or PATH:USER:GROUP:MODE, such as
		/var/spool/postfix/private/auth:postfix:postfix:0660. The path is absolute or below queue_directory. Who may connect
		may try passwords, and claim any client address, so the owner is root (below queue_directory: mail_owner) and the
		mode 0600 unless it says otherwise. master(8) makes the socket with the owner's rights, who must be able to write in its
		directory. Empty: nowhere.`)

	SmtpdSASLType = choice("smtpd_sasl_type", "authd", []string{"authd", "cyrus", "dovecot"}, `
		Who knows the users that log in to smtpd(8): authd(8), or with dovecot a Dovecot auth service at smtpd_sasl_path. cyrus,
		which is Postfix's default, means authd too.`)
	SmtpdSASLPath = str("smtpd_sasl_path", "smtpd", `
		Where smtpd_sasl_type = dovecot connects: the path of a socket, below queue_directory unless it is absolute, or
		inet:host:port. Postfix sites have private/auth here. A path that Dovecot's service auth { unix_listener } makes
		must let smtpd_user connect.`)

	OAuth2ValidationKeys = path("oauth2_local_validation_keys", "", `
		A file of the keys that access tokens are signed with: a JSON Web Key Set (RFC 7517), or public keys and certificates
		in PEM. Tokens are JSON Web Tokens (RFC 7519) signed by RS256, PS256, ES256, their kin of 384 and 512 bits, EdDSA, or,
		with a key of type oct in a file that only root can read, HS256. The file is read again when it has changed.`)
	OAuth2IntrospectionURL = str("oauth2_introspection_url", "", `
		An endpoint that says whose an access token is (RFC 7662), where oauth2_local_validation_keys is empty: https://, or
		http:// to a loopback address.`)
	OAuth2ClientID = str("oauth2_client_id", "", `
		The name that authd(8) gives to oauth2_introspection_url.`)
	OAuth2ClientSecretFile = path("oauth2_client_secret_file", "", `
		A file with the password that goes with oauth2_client_id. Only root may be able to read it.`)
	OAuth2UsernameAttribute = str("oauth2_username_attribute", "email", `
		What in a token, or in the answer to an introspection, names the user as auth_backends knows it.`)
	OAuth2Issuers = list("oauth2_issuers", "", `
		Whose tokens are taken (iss). Empty: anybody's whose key is there.`)
	OAuth2Audience = list("oauth2_audience", "", `
		For whom a token must be (aud). Empty: for anybody; then a token that its owner gave to another service logs in here.`)
	OAuth2Scope = list("oauth2_scope", "", `
		What a token must be good for (scope): all of these words.`)
)
