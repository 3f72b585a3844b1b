package config

import (
	"strings"
	"testing"
	"time"
)

// A family's member counts for its transport, its head for the others.
func TestSchedulingFamilies(t *testing.T) {
	t.Parallel()
	c := load(t, `
initial_destination_concurrency = 7
slow_initial_destination_concurrency = 1
slow_destination_rate_delay = 2
slow_transport_rate_delay = 1m
slow_destination_concurrency_failed_cohort_limit = 3
default_destination_concurrency_positive_feedback = 0.5 / concurrency
slow_destination_concurrency_negative_feedback = 1/sqrt_concurrency
`)
	if err := c.Check(Defs()); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		transport      string
		first, cohorts int
		site, whole    time.Duration
		up, down       FeedbackRule
	}{
		{"smtp", 7, 1, 0, 0, FeedbackRule{0.5, "concurrency"}, FeedbackRule{1, ""}},
		{"slow", 1, 3, 2 * time.Second, time.Minute, FeedbackRule{0.5, "concurrency"}, FeedbackRule{1, "sqrt_concurrency"}},
	} {
		tr := test.transport
		if n, k := InitialConcurrency.For(c, tr), FailedCohortLimit.For(c, tr); n != test.first || k != test.cohorts {
			t.Errorf("%s: initial %d, cohorts %d", tr, n, k)
		}
		if d, e := DestinationRateDelay.For(c, tr), TransportRateDelay.For(c, tr); d != test.site || e != test.whole {
			t.Errorf("%s: delays %v, %v", tr, d, e)
		}
		if u, d := PositiveFeedback.For(c, tr), NegativeFeedback.For(c, tr); u != test.up || d != test.down {
			t.Errorf("%s: feedback %v, %v", tr, u, d)
		}
	}
	for _, name := range []string{"slow_initial_destination_concurrency", "slow_transport_rate_delay", "slow_destination_rate_delay"} {
		if known, used := isTransportName(name); !known || !used {
			t.Errorf("%s: known %t, used %t", name, known, used)
		}
	}
}

func TestFeedbackValues(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "2", "-0.1", "x", "NaN", "1/", "1/foo", "1/concurrency/2", "/concurrency"} {
		c := load(t, "smtp_destination_concurrency_negative_feedback = "+bad+"\n")
		err := c.Check([]*Def{NegativeFeedback.Def})
		if err == nil || !strings.Contains(err.Error(), "main.cf:1: smtp_destination_concurrency_negative_feedback: want a number in 0..1") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
