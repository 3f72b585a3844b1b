package config

import "time"

// What the queue manager holds in memory.
var QmgrMessageRecipientLimit = integer("qmgr_message_recipient_limit", 20000, 1, 10000000, `
	The most recipients that qmgr(8) holds in memory, of all messages together. A message of more than ten recipients then waits on
	disk until there is room; smaller ones that arrive are tried at once all the same.`)

// ParseDuration reads a time as parameters have it, 5d, and wants its unit.
func ParseDuration(v string) (time.Duration, bool) { return parseDuration(v, 0) }
