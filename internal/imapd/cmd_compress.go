package imapd

import (
	"context"

	"yubin/internal/deflate"
)

// compress is COMPRESS (RFC 4978). TLS never compresses here, so that there is
// no other layer that could have it active.
func (v *visit) compress(context.Context) (reply, error) {
	v.d.SP()
	if v.d.Keyword() != "DEFLATE" {
		v.d.Fail("Unknown compression mechanism")
	}
	v.d.End()
	if v.compressed {
		v.d.Fail("COMPRESS is active already")
	}
	if err := v.d.Err(); err != nil {
		return reply{}, err
	}
	v.then = func() error {
		if err := v.Flush(); err != nil {
			return err
		}
		v.compressed = true
		v.Rebase(deflate.Over(v.Net()))
		return nil
	}
	return reply{}, nil
}
