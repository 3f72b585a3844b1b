//go:build interop

package interop

import (
	"fmt"
	"testing"
)

// nodemailer sends a letter by a transport of that package; how are further
// fields of the letter.
func nodemailer(t *testing.T, transport, how string) {
	t.Helper()
	if o := runNodemailer(t, transport, how); o.code != 0 {
		t.Fatalf("nodemailer exits %d: %s", o.code, o.output)
	}
}

// runNodemailer is nodemailer, which may fail.
func runNodemailer(t *testing.T, transport, how string) outcome {
	t.Helper()
	return peer(t, fmt.Sprintf(`const t = require('nodemailer').createTransport(%s);
t.sendMail({from: 'Ann <ann@peer.test>', to: 'alice@example.test', bcc: 'bob@example.test', subject: 'Ein Gruß', text: 'dots\n.\n.x\nGrüße\n',
	attachments: [{filename: 'x.bin', content: Buffer.from([0, 1, 255])}], %s}).catch(e => { console.log(e.message); process.exit(1); });
`, transport, how), "env", "NODE_PATH=/usr/share/nodejs", "node", "-")
}

const nodemailerWant = `Content-Type: multipart/mixed; boundary="*"
From: Ann <ann@peer.test>
To: alice@example.test
Subject: =?UTF-8?Q?Ein_Gru=C3=9F?=
Message-ID: <*>
Date: *
MIME-Version: 1.0

--*
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

dots
.
.x
Gr=C3=BC=C3=9Fe

--*
Content-Type: application/octet-stream; name=x.bin
Content-Transfer-Encoding: base64
Content-Disposition: attachment; filename=x.bin

AAH/
--*--
`
