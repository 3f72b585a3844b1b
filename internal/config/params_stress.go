package config

import (
	"fmt"
	"time"
)

// Stress is what smtpd(8) sets itself.
var Stress = str("stress", "", `
	What parameters of smtpd(8) may ask for: smtpd_timeout = ${stress?{10}:{300}}s. It is "yes" while nine tenths of the
	connections that master.cf's maxproc allows are in use, and until a quarter of them is free again; the log says when
	that begins. Sessions that are under way follow at once. "-o stress=yes" in master.cf makes it last, "-o stress=" ends it.`)

// otherwise gives p a default that follows from others.
func (p Int) otherwise(text string) Int {
	p.Default = text
	return p
}

// Stressed returns c as it is under stress; c itself where stress is set by hand.
// What has been checked of c is checked of it.
func (c *Config) Stressed() (*Config, error) {
	if _, ok := c.raw[Stress.Name]; ok {
		return c, nil
	}
	n := c.with([]string{Stress.Name + "=yes"})
	for _, d := range table.rows {
		if c.parsed[d.index].Load() == nil {
			continue
		}
		if _, err := n.parse(d); err != nil {
			return nil, fmt.Errorf("with %s=yes: %w", Stress.Name, err)
		}
	}
	return n, nil
}

// AnvilStatusUpdateTime has the name of the server that counts in Postfix.
var AnvilStatusUpdateTime = duration("anvil_status_update_time", "600s", time.Second, `
	How often smtpd(8) logs the most that one client did, as anvil: connections at once, and connections, messages,
	recipients, AUTH commands and TLS sessions in anvil_rate_time_unit. Clients in smtpd_client_event_limit_exceptions are
	not counted.`)
