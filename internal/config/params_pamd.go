package config

import "time"

// System users, as the libraries of the system know them: pamd(8) and its
// clients.
var (
	NSSServiceName = str("nss_service_name", "pamd", `
		The service of master.cf that knows the users and groups of the system, those of SSSD and other name services among
		them: pamd(8). It is asked where its program is installed; while it does not answer nobody knows whether a user
		exists, and mail waits. Empty, or without the program: /etc/passwd and /etc/group are read instead.`)
	PamdTimeLimit = duration("pamd_time_limit", "30s", time.Second, `
		How long one question to PAM modules or name services may take. What takes longer is ended, and not known.`)
	PamdProcessLimit = integer("pamd_process_limit", 20, 1, 1000, `
		How many passwords pamd(8) has PAM check at once, each in a process of its own; as many again look up users. What
		comes beyond that waits, for at most pamd_time_limit.`)
	PamdMaxUse = integer("pamd_max_use", 100, 1, 1000000, `
		How many questions one process of pamd(8) answers before another one takes its place: modules that lose memory or
		descriptors lose no more than those of so many.`)
	PamdCacheTime = duration("pamd_cache_time", "10s", 0, `
		For how long pamd(8) remembers that a user or group exists, or does not. 0: it asks each time. Passwords are never
		remembered.`)
	PamdCacheSize = integer("pamd_cache_size", 10000, 1, 1000000, `
		How many users and groups pamd(8) remembers at most.`)
)
