package pipe

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"yubin/internal/ipc"
	"yubin/internal/queue"
	"yubin/internal/route"
)

// A macro is what $NAME stands for.
type macro struct {
	each  bool // differs from recipient to recipient
	value func(x *expansion, r *ipc.Recipient) string
}

// An expansion has what macros are made of.
type expansion struct {
	a          *attributes
	req        *ipc.Request
	delimiters string // recipient_delimiter
}

// macros are those of Postfix's pipe(8).
var macros = map[string]*macro{
	"client_address":     attribute(queue.AttrClientAddress),
	"client_helo":        attribute(queue.AttrHelo),
	"client_hostname":    attribute(queue.AttrClientName),
	"client_port":        attribute(queue.AttrClientPort),
	"client_protocol":    attribute(queue.AttrProtocol),
	"envid":              attribute(queue.AttrEnvID),
	"sasl_method":        attribute(queue.AttrSASLMethod),
	"sasl_sender":        attribute(queue.AttrSASLSender),
	"sasl_username":      attribute(queue.AttrSASLUser),
	"nexthop":            {value: func(x *expansion, _ *ipc.Recipient) string { return x.host(x.req.Nexthop) }},
	"queue_id":           {value: func(x *expansion, _ *ipc.Recipient) string { return x.req.ID }},
	"sender":             {value: func(x *expansion, _ *ipc.Recipient) string { return x.a.quoted(x.a.sender(x.req.Sender)) }},
	"size":               {value: func(x *expansion, _ *ipc.Recipient) string { return strconv.FormatInt(x.req.Length, 10) }},
	"recipient":          {true, func(x *expansion, r *ipc.Recipient) string { return x.address(r.Address) }},
	"original_recipient": {true, func(x *expansion, r *ipc.Recipient) string { return x.address(original(r)) }},
	"mailbox":            {true, func(x *expansion, r *ipc.Recipient) string { l, _ := x.parts(r.Address); return l }},
	"domain":             {true, func(x *expansion, r *ipc.Recipient) string { _, d := x.parts(r.Address); return d }},
	"user": {true, func(x *expansion, r *ipc.Recipient) string {
		l, _ := x.parts(r.Address)
		base, _ := route.SplitExtension(l, x.delimiters)
		return base
	}},
	"extension": {true, func(x *expansion, r *ipc.Recipient) string {
		l, _ := x.parts(r.Address)
		_, ext := route.SplitExtension(l, x.delimiters)
		return ext
	}},
}

func attribute(name string) *macro {
	return &macro{value: func(x *expansion, _ *ipc.Recipient) string { return x.req.Attrs[name] }}
}

// original is the recipient as it came in, before any rewriting.
func original(r *ipc.Recipient) string {
	if r.Original != "" {
		return r.Original
	}
	return r.Address
}

// parts are local part and domain of an address, folded as the flags say.
func (x *expansion) parts(addr string) (local, domain string) {
	local = addr
	if i := strings.LastIndexByte(addr, '@'); i >= 0 {
		local, domain = addr[:i], addr[i+1:]
	}
	if x.a.has('u') {
		local = strings.ToLower(local)
	}
	return local, x.host(domain)
}

func (x *expansion) host(domain string) string {
	if x.a.has('h') {
		return strings.ToLower(domain)
	}
	return domain
}

func (x *expansion) address(addr string) string {
	local, domain := x.parts(addr)
	if domain != "" {
		local += "@" + domain
	}
	return x.a.quoted(local)
}

// A template is one argument with its macros.
type template struct {
	parts []part
	each  bool // it has a macro that differs from recipient to recipient
}

// A part is text, or a macro.
type part struct {
	text  string
	macro *macro
}

// parseTemplate reads an argument: $NAME, ${NAME} and $(NAME) are macros, $$ is
// a dollar sign.
func parseTemplate(arg string) (t template, err error) {
	text := func(s string) {
		if n := len(t.parts); n > 0 && t.parts[n-1].macro == nil {
			t.parts[n-1].text += s
		} else if s != "" {
			t.parts = append(t.parts, part{text: s})
		}
	}
	for {
		before, rest, ok := strings.Cut(arg, "$")
		text(before)
		if !ok {
			return t, nil
		}
		if strings.HasPrefix(rest, "$") {
			text("$")
			arg = rest[1:]
			continue
		}
		var name string
		if name, arg, err = cutMacro(rest); err != nil {
			return t, err
		}
		m := macros[name]
		if m == nil {
			return t, fmt.Errorf("no macro is called $%s", name)
		}
		t.parts = append(t.parts, part{macro: m})
		t.each = t.each || m.each
	}
}

// cutMacro takes the name off what stands behind a $.
func cutMacro(s string) (name, rest string, err error) {
	end := ""
	switch {
	case strings.HasPrefix(s, "{"):
		end = "}"
	case strings.HasPrefix(s, "("):
		end = ")"
	default:
		i := strings.IndexFunc(s, func(r rune) bool {
			return r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
		})
		if i < 0 {
			i = len(s)
		}
		if i == 0 {
			return "", "", errors.New("'$' without a name, write $$ for a dollar sign,")
		}
		return s[:i], s[i:], nil
	}
	name, rest, ok := strings.Cut(s[1:], end)
	if !ok {
		return "", "", fmt.Errorf("'$%c' without its end", s[0])
	}
	return strings.TrimSpace(name), rest, nil
}

// expand returns what the template stands for with one recipient.
func (t *template) expand(x *expansion, r *ipc.Recipient) (string, error) {
	var b strings.Builder
	for _, p := range t.parts {
		if p.macro != nil {
			b.WriteString(p.macro.value(x, r))
		} else {
			b.WriteString(p.text)
		}
	}
	// prog $recipient: whoever may choose an address must not choose an option,
	// also where the first macro is empty.
	if len(t.parts) > 0 && t.parts[0].macro != nil && strings.HasPrefix(b.String(), "-") {
		return "", errOption
	}
	return b.String(), nil
}

var errOption = errors.New("an address that begins with a hyphen would be an option of the program")

// args are the argument list for some recipients: an argument that has a macro
// of recipients is there once for each of them.
func (x *expansion) args(to []*ipc.Recipient) ([]string, error) {
	var list []string
	for i := range x.a.argv {
		t := &x.a.argv[i]
		n := 1
		if t.each {
			n = len(to)
		}
		for _, r := range to[:n] {
			arg, err := t.expand(x, r)
			if err != nil {
				return nil, err
			}
			list = append(list, arg)
		}
	}
	return list, nil
}
