package config

// LoginUser is the user of the login role of pop3d and imapd.
var LoginUser = account("login_user", "yubinnull", `
	The user that POP3 and IMAP connections are served as until somebody has logged in. It owns no file.`, "dovenull")
