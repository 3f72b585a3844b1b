package config

// Accounts: authd(8) and mailctl(8).
var (
	AuthBackends = list("auth_backends", "passwd-file:$config_directory/users", `
		Where authd(8) looks accounts up and has passwords checked, in this order: passwd-file:FILE, shadow, pam:SERVICE,
		static:FIELDS, checkpassword:PROGRAM. A backend that cannot say for now ends the search: one after it does not answer
		in its place. Braces keep a backend with blanks together: { static:password={PLAIN}x uid=5000 }. users(5) has the files.`)
	PasswordScheme = choice("password_scheme", "scram-sha-256",
		[]string{"scram-sha-256", "sha512-crypt", "blf-crypt", "argon2id"}, `
		How mailctl user keeps new passwords. SCRAM-SHA-256 lets people log in with every mechanism that sends the password,
		and with SCRAM-SHA-256, which does not; the others only with those that send it.`)
	VirtualMailboxUser = account("virtual_mailbox_user", "vmail", `
		Whose the mailboxes are of accounts with a domain that name no user and group of their own.`)
)
