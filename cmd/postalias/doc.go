// postalias - look names up in alias files and check them, as Postfix's command does
//
// # Description
//
// Postalias is postmap(1) for files in the form of aliases(5): name, colon, value. Alias
// files are read as they are, and nothing has to be built: without an option postalias
// checks them. With -q it prints what a name stands for, with -s all names of a file, each
// with colon and tab before its value, and with -q - those of standard input likewise.
//
// # Exit status
//
// Those of postmap(1).
//
// # See also
//
// newaliases(1), postmap(1), mailctl(8), tables(5)
package main
