package config

import (
	"errors"
	"slices"
	"strings"
	"time"
)

// lockKinds are the ways to lock a mailbox file.
var lockKinds = []string{"fcntl", "flock", "dotlock"}

// subset is a list with a few legal elements.
func subset(name, def string, values []string, doc string) List {
	want := "a list of " + strings.Join(values, ", ")
	l := list(name, def, doc)
	split := l.check
	l.Type, l.check = want, func(v string) (any, error) {
		words, err := split(strings.ToLower(v))
		if err != nil {
			return nil, err
		}
		for _, w := range words.([]string) {
			if !slices.Contains(values, w) {
				return nil, errors.New("want " + want)
			}
		}
		return words, nil
	}
	return l
}

// What local(8) does with mail for users of this system: aliases, .forward files,
// commands, files and mailboxes.
var (
	DefaultPrivs = account("default_privs", "nobody", `
		The user whose rights a command or a file has that an alias of root's names, and root's own. It must not be root, nor
		mail_owner.`)
	AllowMailToCommands = subset("allow_mail_to_commands", "alias, forward", listingKinds, `
		Where "|command" may stand: alias (alias_maps), forward (.forward files), include (:include: files).`)
	AllowMailToFiles = subset("allow_mail_to_files", "alias, forward", listingKinds, `
		Where /file/name may stand, as for allow_mail_to_commands.`)
	OwnerRequestSpecial = boolean("owner_request_special", "yes", `
		Mail for an alias NAME of which there is an alias owner-NAME is sent on with owner-NAME as its sender. With a
		recipient_delimiter of -, owner-NAME and NAME-request are not parted.`)
	ExpandOwnerAlias = boolean("expand_owner_alias", "no", `
		The sender is then not owner-NAME but what that stands for.`)
	ResetOwnerAlias = boolean("reset_owner_alias", "no", `
		An alias within NAME that has no owner of its own is sent on with the original sender, and not with owner-NAME.`)
	DuplicateFilterLimit = integer("duplicate_filter_limit", 1000, 0, 10000000, `
		How many members of an expansion are remembered, so that none is delivered to twice. 0 means all.`)

	ForwardPath = template("forward_path", "$home/.forward${recipient_delimiter}${extension}, $home/.forward", `
		Files that say where a user's mail goes; the first that exists counts. $user, $home, $shell, $recipient, $local, $domain,
		$extension and $recipient_delimiter (the last two only where the address has an extension) are the recipient's. A
		path with a name that has no value is left out. Empty: there are none.`)
	ForwardExpansionFilter = str("forward_expansion_filter", deliveryFilter, `
		The characters that values in forward_path may have; others become _.`)
	LuserRelay = template("luser_relay", "", `
		The address that mail for unknown users goes to, with the names of forward_path. It is not for names that
		mailbox_transport or fallback_transport take.`)

	MailboxTransport = str("mailbox_transport", "", `
		The transport that takes what local(8) would deliver to a mailbox, after aliases and .forward files: transport:nexthop. It
		gets users that nobody knows, too.`)
	MailboxTransportMaps = list("mailbox_transport_maps", "", `
		Tables from a user's name to transport:nexthop, before mailbox_transport.`)
	FallbackTransport = str("fallback_transport", "", `
		The transport that takes mail for users that neither alias_maps nor the system knows.`)
	FallbackTransportMaps = list("fallback_transport_maps", "", `
		Tables from such a name to transport:nexthop, before fallback_transport.`)
	MailboxCommand = template("mailbox_command", "", `
		The command that takes the mail of users in place of a mailbox, with their rights, such as /usr/bin/procmail. local(8) has the
		environment it gets. A command without characters that mean something to a shell is run without one.`)
	MailboxCommandMaps = list("mailbox_command_maps", "", `
		Tables from a user's name to a command, before mailbox_command.`)

	LocalCommandShell = str("local_command_shell", "", `
		The shell that runs every command of local(8), such as "/bin/smrsh -c". Empty: /bin/sh, and only where a command needs one.`)
	CommandExpansionFilter = str("command_expansion_filter", deliveryFilter, `
		The characters that values in the environment of a command may have; others become _.`)
	CommandExecutionDirectory = template("command_execution_directory", "", `
		The directory that commands run in, with the names of forward_path. Empty: that of the mail system.`)
	ExecutionDirectoryFilter = str("execution_directory_expansion_filter", deliveryFilter, `
		The characters that values in command_execution_directory may have; others become _.`)
	PrependDeliveredHeader = subset("prepend_delivered_header", "command, file, forward", []string{"command", "file", "forward"}, `
		Where a Delivered-To field is put before a message. Without forward, loops of forwards are not found.`)

	MailboxDeliveryLock = subset("mailbox_delivery_lock", "fcntl, dotlock", lockKinds, `
		How an mbox file is locked while a message is appended: fcntl, flock, dotlock (FILE.lock).`)
	VirtualMailboxLock = subset("virtual_mailbox_lock", "fcntl", lockKinds, `
		The same for mbox files of virtual mailboxes.`)
	DeliverLockAttempts = integer("deliver_lock_attempts", 20, 1, 10000, `
		How often a lock of a mailbox is tried for before the mail is put off.`)
	DeliverLockDelay = duration("deliver_lock_delay", "1s", 0, `
		The time between two attempts.`)
	StaleLockTime = duration("stale_lock_time", "500s", time.Second, `
		A FILE.lock older than this has been left behind, and is removed.`)
	MailboxSizeLimit = size("mailbox_size_limit", 51200000, 0, `
		The size of an mbox file, or of one message in a Maildir, beyond which mail goes back. 0 means no limit. It is at least
		message_size_limit.`)
	VirtualMailboxLimit = size("virtual_mailbox_limit", 51200000, 0, `
		The same for virtual mailboxes.`)
	StrictMailboxOwnership = boolean("strict_mailbox_ownership", "yes", `
		Put mail off when the mbox file of a user belongs to somebody else.`)
	RequireHomeDirectory = boolean("require_home_directory", "no", `
		Put mail off when the home directory of a user does not exist.`)
)

// listingKinds are where a member of an expansion may stand.
var listingKinds = []string{"alias", "forward", "include"}

// deliveryFilter are the characters that Postfix lets into paths and environments.
const deliveryFilter = "1234567890!@%-_=+:,./abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
