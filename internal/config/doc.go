// Package config reads main.cf and master.cf, and holds the one table of
// parameters (params.go). It writes nothing, and knows no program.
//
// # main.cf
//
//	# A line whose first word begins with # is a comment, also in the
//	# middle of a value. A # further on is part of the value.
//	name = value
//	name = value that
//	    goes on: the line begins with a blank
//	name =
//
// The last definition of a name wins; an empty value is not the default. Any
// name may be defined and used in the value of another:
//
//	$name ${name} $(name)      the value of name, or nothing
//	${name?text}               text, if a value is written for name
//	${name:text}               text, if none is
//	${name?{text}:{text}}      the one or the other
//	${{text} OP {text} ? {text} : {text}}
//	                           OP is == != < <= > >= on numbers or strings;
//	                           with "level" behind it, on versions: <level
//	${domain_to_ascii{text}}   a domain in its ASCII form
//	$$                         a dollar sign
//
// Texts are expanded in their turn. Elements of a list stand apart by commas
// and white space, braces hold one together: a, {b c}. Times have a unit (s,
// m, h, d, w), sizes are octets.
//
// # master.cf
//
// The same lines, with eight fields apart by blanks; "-" is the default.
//
//	service type private unpriv chroot wakeup maxproc command [-o name=value] [-v]
//
// Postfix's files load unchanged: postfix.go and master.go say what becomes of
// names, values and services that mean something else here, or nothing.
package config
