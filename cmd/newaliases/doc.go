// newaliases - check the alias files
//
// # Description
//
// newaliases reads the files that alias_database names and reports every line
// that delivery would pass over, with file, line and reason. There is nothing
// to rebuild: local(8) reads the text of an alias file and reads it again
// within a second of a change. It reports aliases that stand for nothing but each
// other, too. When all is well newaliases says nothing.
//
// A line of an alias file is "name: value, value...". A line that begins with
// white space continues the one before. Empty lines and lines that begin with
// # are comments. Names are compared in lower case, and of two entries with
// one name the first counts.
//
// newaliases takes the letters of sendmail(1) as well, which scripts call by this name:
// -C is -c, -oAFILE names an alias file in place of alias_database, and those
// that mean nothing here (-Ac, -bi, -odi and others) are accepted and ignored.
//
// # Files
//
//	/etc/aliases
//	    the default of alias_database
//	/etc/yubin/main.cf
//	    the configuration
//
// # Security
//
// newaliases runs with the rights of its caller and writes nothing.
//
// # Diagnostics
//
// Problems go to standard error, one a line: "newaliases: FILE:LINE: reason".
//
// # Exit status
//
//	0   no problem was found
//	1   there are problems, or a file could not be read
//	64  wrong usage
//	78  the configuration is wrong
//
// # See also
//
// local(8), mailctl(8), sendmail(8), main.cf(5)
package main
