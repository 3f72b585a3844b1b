package config

import "time"

// What the queue manager holds in memory.
var QmgrMessageRecipientLimit = integer("qmgr_message_recipient_limit", 20000, 1, 10000000, `
	The most recipients that qmgr(8) holds in memory, of all messages together. A message of more than ten recipients then waits on
	disk until there is room; smaller ones that arrive are tried at once all the same.`)

// QmgrListingCacheLimit bounds what a listing leaves behind.
var QmgrListingCacheLimit = size("qmgr_listing_cache_limit", 32<<20, 0, `
	The memory, in octets, that qmgr(8) keeps of what a listing of the queue has read of deferred messages, so that the next one
	need not open their files. 0: none. A listing that asks for routes, as mailq --json does, or chooses by more than the queue's name,
	reads the files.`)

// ParseDuration reads a time as parameters have it, 5d, and wants its unit.
func ParseDuration(v string) (time.Duration, bool) { return parseDuration(v, 0) }
