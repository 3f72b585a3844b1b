package master

import (
	"strings"
	"testing"
)

// A hand-over of a version that this program does not know is refused, with
// what to do.
func TestParseState(t *testing.T) {
	t.Parallel()
	if h, err := parseState([]byte(`{"v":1,"program":"1.0","queue":"/q","claim":5,"new":true}`)); err != nil || h.Claim != 5 || h.Queue != "/q" {
		t.Errorf("got %+v, %v", h, err)
	}
	for text, want := range map[string]string{
		`{"v":3,"program":"9.0"}`: "the running master (version 9.0) hands over in format 3",
		`{}`:                      "hands over in format 0",
		`x`:                       "hand-over: ",
		``:                        "hand-over: ",
	} {
		if _, err := parseState([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}
