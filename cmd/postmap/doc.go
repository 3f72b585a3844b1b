// postmap - look keys up in lookup tables and check them, as Postfix's command does
//
// # Description
//
// Tables are text files that the mail system reads as they are, and reads again when
// they change: nothing has to be built. Without an option postmap checks tables, as
// they would be built in Postfix: a line that makes no sense is warned of.
//
// With -q it prints the value of a key; the first table that has it counts. With -q
// - it looks up each line of standard input and prints key, tab and value. With -s it
// prints all keys and values of a text file. A table without a type has that of
// default_database_type. The name of a file counts from the working directory.
//
// With -h and -b beside -q - standard input is a message, and what is looked up are the
// fields of its header, each with its line ends, and the lines of its body, as header_checks
// and body_checks of Postfix do; -m has the headers of its parts among the former. With -F
// values are names of files, apart by commas or blanks, and stand for what these hold.
//
// -d and -i, which change a database behind its text, are refused: change the text.
//
// # Exit status
//
// 0 when it was done, or a key was found; 1 when no key was found, or a table cannot be
// read; 64 for a wrong command line; 75 when a key cannot be looked up for now; 78 for
// a wrong configuration.
//
// # See also
//
// postalias(1), mailctl(8), tables(5)
package main
