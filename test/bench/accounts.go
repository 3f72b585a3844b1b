package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
)

// secret is everybody's password, and secretCrypt its hash with the usual 5,000
// rounds.
const (
	secret      = "correct horse battery staple"
	secretCrypt = "$6$benchbench$UZI1PRXLUUgQX5agI.s9TD3ftDKRLLD27hgrJTa69HQleR9PQyhyCEqnlkZ61HxuBPghNFdM6YpEqzX0XBYf50"
)

// accounts is how many people have one, and systemUsers how many of them
// come where each has a uid of their own.
const (
	accounts    = 1000
	systemUsers = 100
)

// How passwords are stored.
const (
	schemePlain = "{PLAIN}"
	schemeScram = "{SCRAM-SHA-256}"
	schemeCrypt = "{SHA512-CRYPT}"
)

// passwdFile are the accounts in Dovecot's format, which both systems read.
// Their mail is below base.
func passwdFile(set setup, base string) string {
	var b strings.Builder
	for i := range accounts {
		user := mailbox(i) + "@" + domain
		fmt.Fprintf(&b, "%s:%s:%d:%d::%s::userdb_mail=maildir:%s\n",
			user, stored(set.scheme, user), set.uid(i), set.uid(i), filepath.Join(base, mailbox(i)), filepath.Join(base, mailbox(i)))
	}
	return b.String()
}

// stored is the password of user as the file has it.
func stored(scheme, user string) string {
	switch scheme {
	case schemeScram:
		k := scramKeys(user)
		b64 := base64.StdEncoding.EncodeToString
		return fmt.Sprintf("%s%d,%s,%s,%s", scheme, scramRounds, b64(k.salt), b64(k.stored), b64(k.server))
	case schemeCrypt:
		return scheme + secretCrypt
	}
	return schemePlain + secret
}

const scramRounds = 4096

// A keys is what a client that logs in often keeps of SCRAM, so that it need
// not hash the password again (RFC 5802, 5.1): the load must not cost more than
// the server.
type keys struct{ salt, client, stored, server []byte }

var (
	keysLock sync.Mutex
	keysOf   = map[string]*keys{} // guarded by keysLock
)

func scramKeys(user string) *keys {
	keysLock.Lock()
	defer keysLock.Unlock()
	k := keysOf[user]
	if k == nil {
		salt := sha256.Sum256([]byte(user))
		salted, err := pbkdf2.Key(sha256.New, secret, salt[:16], scramRounds, sha256.Size)
		if err != nil {
			panic(err) // only for lengths that FIPS 140 forbids
		}
		client := mac(salted, "Client Key")
		stored := sha256.Sum256(client)
		k = &keys{salt[:16], client, stored[:], mac(salted, "Server Key")}
		keysOf[user] = k
	}
	return k
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// scramFirst is the client's first message without its header.
func scramFirst(c *client) string { return fmt.Sprintf("n=%s,r=load%d", c.user(), c.id) }

// scramProof answers the server's first message.
func scramProof(c *client, reply []byte) ([]byte, error) {
	first, err := base64.StdEncoding.DecodeString(string(bytes.TrimRight(reply[len("334 "):], "\r\n")))
	if err != nil {
		return nil, fmt.Errorf("challenge %q: %w", reply, err)
	}
	k := scramKeys(c.user())
	nonce, rest, _ := strings.Cut(string(first), ",")
	if want := fmt.Sprintf("s=%s,i=%d", base64.StdEncoding.EncodeToString(k.salt), scramRounds); rest != want {
		return nil, fmt.Errorf("challenge %q, want a nonce and %s", first, want)
	}
	last := "c=biws," + nonce
	proof := mac(k.stored, scramFirst(c)+","+string(first)+","+last)
	for i := range proof {
		proof[i] ^= k.client[i]
	}
	last += ",p=" + base64.StdEncoding.EncodeToString(proof)
	return append(base64.StdEncoding.AppendEncode(c.line[:0], []byte(last)), "\r\n"...), nil
}
