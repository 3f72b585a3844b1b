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
