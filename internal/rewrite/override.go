package rewrite

import (
	"fmt"
	"strings"

	"yubin/internal/config"
)

// Overrides are what receive_override_options leaves out.
type Overrides struct {
	Unmapped  bool // no_address_mappings
	Unchecked bool // no_unknown_recipient_checks
}

// ReadOverrides reads the parameter. Its error is a config.Problem.
func ReadOverrides(c *config.Config) (Overrides, error) {
	var o Overrides
	for _, word := range config.ReceiveOverrideOptions.Of(c) {
		switch strings.ToLower(word) {
		case "no_address_mappings":
			o.Unmapped = true
		case "no_unknown_recipient_checks":
			o.Unchecked = true
		case "no_header_body_checks", "no_milters":
		default:
			return o, c.Fault(config.ReceiveOverrideOptions.Def, fmt.Sprintf(
				"want some of no_address_mappings, no_unknown_recipient_checks, no_header_body_checks, no_milters, have %q", word))
		}
	}
	return o, nil
}
