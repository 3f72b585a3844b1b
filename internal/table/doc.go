// Package table looks keys up in the lookup tables that main.cf names as
// type:name. It reads tables and never writes or compiles one.
//
// # Types
//
//	hash btree dbm lmdb cdb texthash   text at NAME: "key value" lines (text.go);
//	                                   a compiled NAME.db or NAME.lmdb is not looked at
//	cidr       text at NAME: "network/length value" lines, first match wins (cidr.go)
//	regexp     text at NAME: "/pattern/flags value" lines, first match wins (regexp.go);
//	pcre       the patterns are POSIX's or Perl's, both run by Go's RE2 (dialect.go)
//	unix       passwd.byname, group.byname: the system's accounts (unix.go, package nss)
//	userdb     the accounts that authd knows: mailbox, uid, gid, user, domain (userdb.go)
//	inline     the pairs in the name itself: inline:{ key=value, { key = two words } }
//	static     the name is the value of every key
//	randmap    a random one of randmap:{value, ...} (compound.go)
//	environ    the variables of the environment
//	unionmap   what all of unionmap:{type:name, ...} have, with commas between
//	pipemap    each of pipemap:{type:name, ...} is asked for what the one before has
//	tcp        a server at host:port, asked by tcp_table(5)'s protocol (tcp.go)
//	socketmap  a server at inet:host:port:map or unix:path:map, asked by Sendmail's
//	           protocol (socketmap.go)
//	debug      what follows is a type:name whose lookups are reported
//	fail       every lookup is a temporary error, for tests of configurations
//	proxy      what follows is a type:name of its own, and is opened as such
//
// Where the table is one of alias_maps or alias_database, the same types of
// text hold "name: value" lines (alias.go).
//
// Parts of a key, such as the domain of an address, are not looked up in cidr,
// regexp, pcre, randmap, tcp and socketmap (Part).
//
// # Text
//
// A logical line begins with text; lines after it that begin with white space
// continue it, with the blanks they have. Empty lines and lines whose first character that is not a blank
// is # vanish. Keys are compared in lower case. Of several entries with one key
// the first counts.
//
// A table of a million lines has the size of its file and some 28 MB in memory, in 20
// pieces, whatever the number of lines; reading it takes some 0.4 s of a processor, once
// a process and change, however many parameters name it. The daemons begin with it when
// they start (Warm), so that the greeting does not wait and the first address seldom
// does; while a changed table is read, the old one answers. Looking for one key in the text without an index
// takes a third of that, for each key: an address has three or four.
//
// # Change and failure
//
// A file is looked at again at most once a second, and read again when it has
// changed; the new content replaces the old at once and whole. A file that is
// written in place counts once it has been quiet for a second. A file that
// cannot be read, or whose content cannot be a table, makes every lookup fail
// with a temporary error until it is mended: an unknown answer is never "not
// found". A single line that makes no sense is left out, as Postfix does, and
// is reported with file and line. A pattern that cannot be compiled is not such a
// line: nobody knows which keys it was meant for, so that lookups that come to it
// fail. Servers have time-outs and bounded replies; whatever goes wrong with them
// is temporary.
package table
