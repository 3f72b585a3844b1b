package config

import "time"

// AnvilStatusUpdateTime is of the log alone.
var AnvilStatusUpdateTime = duration("anvil_status_update_time", "600s", time.Second, `
	How often smtpd(8) logs the greatest numbers that it has counted for limits, in the lines of Postfix's anvil:
	connections at once and, where a rate is limited, rates.`)
