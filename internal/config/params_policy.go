package config

import "time"

// How smtpd(8) asks policy servers.
var (
	PolicyTimeout = duration("smtpd_policy_service_timeout", "100s", time.Second, `
		How long a policy server has to answer (check_policy_service).`)
	PolicyMaxIdle = duration("smtpd_policy_service_max_idle", "300s", time.Second, `
		How long an idle connection to a policy server is kept.`)
	PolicyMaxTTL = duration("smtpd_policy_service_max_ttl", "1000s", time.Second, `
		How long a connection to a policy server is used.`)
	PolicyRequestLimit = integer("smtpd_policy_service_request_limit", 0, 0, noLimit, `
		How many questions a connection to a policy server is used for; 0: any number.`)
	PolicyTryLimit = integer("smtpd_policy_service_try_limit", 2, 1, 100, `
		How often a policy server is tried for an answer.`)
	PolicyRetryDelay = duration("smtpd_policy_service_retry_delay", "1s", time.Second, `
		The time between two tries of a policy server.`)
	PolicyDefaultAction = str("smtpd_policy_service_default_action", "451 4.3.5 Server configuration problem", `
		The action when a policy server gives no answer.`)
	PolicyContext = str("smtpd_policy_service_policy_context", "", `
		What policy servers get as policy_context.`)
)
