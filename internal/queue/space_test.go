package queue

import "testing"

// One rule says everywhere whether there is room.
func TestShort(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		space Space
		want  string
	}{
		{Space{5000, minInodes}, ""},
		{Space{5000, -1}, ""}, // btrfs does not count inodes
		{Space{4999, minInodes}, "4999 octets free, below queue_minfree (5000)"},
		{Space{5000, 0}, "0 inodes left, 1000 are wanted"},
	} {
		got := ""
		if err := c.space.Short(5000); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%+v: %q, want %q", c.space, got, c.want)
		}
	}
	if _, err := SpaceIn("/no/such/directory"); err == nil {
		t.Error("a directory that is not there has room")
	}
}
