// Package pamd asks the libraries of the system about its users: PAM whether a
// password is right, the name services who exists. It is the one program that
// is linked with the C library, for those are libraries of C.
//
// Modules of PAM and of name services are other people's code: they hang, they
// crash, they lose memory, and few are made for threads. So the daemon itself
// runs none of it: each question is answered by a worker, a process of this
// program that answers one at a time. One that takes too long is killed, one
// that crashes takes nobody with it, one that has answered many is replaced.
//
//	pamd.go    who may ask what
//	pool.go    the workers
//	worker.go  what a worker does
//	cache.go   users and groups that were asked for a moment ago
//	config.go  whether PAM can use a service
//	pam.go     PAM, by way of C (build tag pam, and cgo)
//	nss.go     the name services, likewise
//	none.go    a build without: every question fails
//
// A password is in the packet that brings it and in the one to the worker, and
// is overwritten in both; it is in no argument, log line or error, and no
// process of this program leaves a core.
package pamd
