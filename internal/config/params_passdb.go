package config

// Accounts: authd(8) and mailctl(8).
var (
	AuthBackends = list("auth_backends", "passwd-file:$config_directory/users", `
		Where authd(8) looks accounts up and has passwords checked, in this order: passwd-file:FILE, shadow, pam:SERVICE,
		static:FIELDS, checkpassword:PROGRAM. A backend that cannot say for now ends the search: one after it does not answer
		in its place. Braces keep a backend with blanks together: { static:password={PLAIN}x uid=5000 }. users(5) has the files.`)
	VirtualMailboxUser = account("virtual_mailbox_user", "vmail", `
		Whose the mailboxes are of accounts with a domain that name no user and group of their own.`)
)
