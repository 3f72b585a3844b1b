package cli

import "github.com/spf13/pflag"

// SendmailFlags defines the flags of a command that elsewhere is another name of
// sendmail: people and monitoring know those (mailq -C DIR, mailq -Ac).
func SendmailFlags(fs *pflag.FlagSet) {
	fs.VarP(fs.Lookup("config").Value, "sendmail-config", "C", "the same as -c, in sendmail's words: a `directory`")
	fs.StringP("submission", "A", "", "sendmail's choice of a `queue` (-Ac, -Am), accepted for compatibility; does nothing")
	fs.CountP("verbose", "v", "accepted for compatibility; does nothing")
}
