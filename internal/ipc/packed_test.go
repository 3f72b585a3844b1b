package ipc

import (
	"reflect"
	"testing"
)

// FuzzUnpack: whatever the octets are, entries that can be read pack to octets
// that read as the same entries.
func FuzzUnpack(f *testing.F) {
	one := Entry{
		Queue: "deferred", ID: "660FAA4C78AC10", Arrival: 1, Size: -2, Sender: "a@b", Next: 3, Expires: 4, Expired: true,
		Recipients: []EntryRecipient{
			{Index: 5, Address: "c@d", Original: "o", Reason: "r", Code: "4.0.0", Host: "h", Tried: 6, Attempts: 7, Transport: "t", Nexthop: "n", Rule: "u"},
			{},
		},
	}
	f.Add(AppendEntry(AppendEntry(nil, &one), &Entry{}))
	f.Add([]byte{1, 'q', 0, 2, 2, 0, 0, 0, 0, 0xff, 0xff, 0x03})
	f.Fuzz(func(t *testing.T, b []byte) {
		read := func(b []byte) (all []Entry, packed []byte, err error) {
			err = Unpack(b, func(e *Entry) error {
				c := *e
				c.Recipients = append([]EntryRecipient(nil), e.Recipients...)
				all, packed = append(all, c), AppendEntry(packed, e)
				return nil
			})
			return all, packed, err
		}
		first, packed, err := read(b)
		if err != nil {
			return
		}
		second, _, err := read(packed)
		if err != nil || !reflect.DeepEqual(first, second) {
			t.Errorf("%+v, then %+v, %v", first, second, err)
		}
	})
}
