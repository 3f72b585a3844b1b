package ipc

import "time"

// A Filter chooses the messages of a ControlRequest: queue.Filter says how.
type Filter struct {
	Queues      []string      `json:"queues,omitempty"`
	Sender      []string      `json:"sender,omitempty"`
	Recipient   []string      `json:"recipient,omitempty"`
	Destination []string      `json:"destination,omitempty"`
	Reason      []string      `json:"reason,omitempty"`
	Older       time.Duration `json:"older,omitempty"` // nanoseconds
	Newer       time.Duration `json:"newer,omitempty"`
}
