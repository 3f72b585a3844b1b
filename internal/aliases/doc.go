// Package aliases finds out what an address of this system stands for, by
// alias_maps (aliases(5)), :include: files and .forward files (forward(5)). It
// delivers nothing and starts no program; it reads files through the Opener that
// it is given, with the rights that it names.
//
//	member.go   the text of a list: addresses, \name, /file, |command, :include:
//	expand.go   aliases, through all that they name in alias_maps
//	include.go  lists in files
//	forward.go  .forward files
//	system.go   users
//	new.go      all of it, as a configuration says
//	choose.go   one member of an expansion, found again
//
// # Rights
//
// A command or file has the rights of whoever owns the list it stands in: the
// alias table, or the :include: file where the table is root's. nil rights are
// those of default_privs: what root's own lists name never runs as root. A .forward
// file has its user's rights, wherever it includes from.
//
// # Members that are found again
//
// An expansion with several members becomes a message with a recipient for each.
// Those that are no addresses are kept there by Member.Key and expanded again when
// they are delivered: the queue names no rights, so that whoever can write a queue
// file gains none.
//
// Every result has the steps that led to it: which table, file and line said what.
package aliases
