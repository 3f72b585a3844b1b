package queue

import "testing"

// FuzzTimes: the attributes of an envelope that smtpd writes and qmgr reads are a
// time in the future of 1970, or none; what is set reads back.
func FuzzTimes(f *testing.F) {
	for _, s := range []string{"", "0", "-1", "1764115200000000;RT", "9223372036854775807;N", "1;", ";R", "x;R"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		e := &Envelope{Attrs: map[string]string{AttrRelease: s}}
		if at := e.Release(); !at.IsZero() && at.UnixMicro() <= 0 {
			t.Errorf("release %q is %v", s, at)
		}
		d, ok := ReadDeadline(s)
		if !ok {
			return
		}
		e.SetDeadline(d)
		if again, ok := ReadDeadline(e.Attrs[AttrDeliverBy]); !ok || !again.At.Equal(d.At) || again.Return != d.Return || again.Trace != d.Trace {
			t.Errorf("deadline %q is %+v, which is %+v", s, d, again)
		}
	})
}
