// Package pipe is the delivery agent for external programs: the transports of
// master.cf whose command is pipe.
//
// Each such service is a process of its own, which has the attributes that
// master.cf gives it behind the program's name: who the program runs as, how
// the message is written for it, and its argument list. Package ipc has the
// conversation with qmgr (deliver.go), package command runs the programs and
// knows what their ends mean.
//
// Reading order: command.go, attributes.go, argv.go, deliver.go, letter.go.
//
// # Standards
//
//	RFC 5321, 4.4     Return-Path              letter.go
//	RFC 3464, 2.3.3   delivered and relayed    deliver.go
//
// It never runs a program as root or as one of the system's own accounts, never
// gives an argument to a shell, and never lets an address become an option: an
// argument that begins with a macro does not begin with a hyphen.
package pipe
