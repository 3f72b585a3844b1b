package config

// MinFree is how much room the file system of the queue needs for mail to be taken,
// octets: queue_minfree, or what stands in for it.
func MinFree(c *Config) int64 {
	if n := QueueMinfree.Of(c); n > 0 {
		return n
	}
	limit := MessageSizeLimit.Of(c)
	return limit + limit/2
}

// HostLookup is how the client for SMTP (LMTP) finds hosts: dns, native, in this
// order. Off is the parameter, with its value, by which no name server is asked; empty:
// they are.
func HostLookup(c *Config, lmtp bool) (ways []string, off string) {
	level := SmtpDNSSupportLevel.In(lmtp)
	switch {
	case level.Of(c) == "disabled":
		return []string{"native"}, level.Name + ": disabled"
	case level.Of(c) == "" && DisableDNSLookups.Of(c):
		return []string{"native"}, DisableDNSLookups.Name + ": yes"
	}
	return SmtpHostLookup.In(lmtp).Of(c), ""
}
