package config

import (
	_ "embed"
	"slices"
	"strings"
)

// postfixNames are the names of Postfix's parameters, a line each: those that
// are not in the table are accepted and change nothing.
//
//go:embed postfix.txt
var postfixNames string

// IsPostfix reports whether Postfix has a parameter of this name.
func IsPostfix(name string) bool {
	return name != "" && strings.Contains("\n"+postfixNames, "\n"+name+"\n")
}

// transportSuffixes end the names of parameters that Postfix makes for each
// transport of master.cf.
var transportSuffixes = [...]string{
	"_delivery_slot_cost", "_delivery_slot_discount", "_delivery_slot_loan",
	"_destination_concurrency_failed_cohort_limit", "_destination_concurrency_limit",
	"_destination_concurrency_negative_feedback", "_destination_concurrency_positive_feedback",
	"_destination_rate_delay", "_destination_recipient_limit", "_extra_recipient_limit",
	"_initial_destination_concurrency", "_minimum_delivery_slots", "_recipient_limit",
	"_recipient_refill_delay", "_recipient_refill_limit", "_time_limit", "_transport_rate_delay",
}

// IsTransportName reports whether name is a parameter of one transport.
func IsTransportName(name string) bool {
	known, _ := isTransportName(name)
	return known
}

// isTransportName reports whether name is a parameter of one transport, and
// whether it changes anything here.
func isTransportName(name string) (known, used bool) {
	for _, suffix := range transportSuffixes {
		if transport, ok := strings.CutSuffix(name, suffix); ok && transport != "" {
			return true, slices.ContainsFunc(table.rows, func(d *Def) bool { return d.suffix == suffix })
		}
	}
	return false, false
}
