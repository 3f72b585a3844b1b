package mailbox

import "yubin/internal/mutf7"

// EncodeUTF7 writes a folder's name as it stands on the disk.
func EncodeUTF7(name string) string { return mutf7.Encode(name) }

// DecodeUTF7 is the reverse of EncodeUTF7; ok is false for what that does not
// write.
func DecodeUTF7(s string) (name string, ok bool) { return mutf7.Decode(s) }
