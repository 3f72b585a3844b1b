package ipc

// AuthVersion is the version of the conversation about logins, between a
// program that faces clients (smtpd, the login role of pop3d and imapd) and
// authd's socket public/authd. The client says Hello with RoleAuth, then sends
// AuthRequests, many outstanding; authd answers each with one AuthReply, in any
// order.
const AuthVersion = 1

// What an AuthRequest wants.
const (
	AuthMechanisms = "mechanisms" // which mechanisms this client may use, on this channel
	AuthBegin      = "begin"      // begin an exchange
	AuthContinue   = "continue"   // the client's next response
	AuthCancel     = "cancel"     // forget the exchange; not answered
	AuthSession    = "session"    // hand the connection of a login that succeeded to master, with two descriptors
)

// An AuthRequest is one step of an exchange. Exchange is a number that the
// asking process has chosen; it names one exchange until that has ended.
type AuthRequest struct {
	Op        string     `json:"op"`
	Exchange  uint64     `json:"x"`
	Mechanism string     `json:"mech,omitempty"`    // begin; upper case
	Response  []byte     `json:"resp,omitempty"`    // begin: the initial response
	Initial   bool       `json:"initial,omitempty"` // begin: there is an initial response, though it may be empty
	Facts     *AuthFacts `json:"facts,omitempty"`   // mechanisms, begin
	// Session goes with AuthSession, or with AuthBegin of a mechanism that needs
	// one step, to spare the other request. Beside it go two descriptors: the client's
	// connection, or the inner end of what carries its TLS, and one end of a
	// socket pair on which the session process acknowledges (SessionAck).
	Session *AuthSessionStart `json:"session,omitempty"`
}

// AuthFacts are what is known of a client before it says who it is.
type AuthFacts struct {
	Service string    `json:"service"` // protocol: smtp, pop3, imap
	Client  string    `json:"rip"`     // IP address of the client
	Port    uint16    `json:"rport,omitempty"`
	Local   string    `json:"lip,omitempty"` // IP address it connected to
	LPort   uint16    `json:"lport,omitempty"`
	Session string    `json:"sid,omitempty"` // the session's ID in the log
	TLS     *TLSFacts `json:"tls,omitempty"` // nil: no TLS
}

// TLSFacts are what is known of a client's TLS.
type TLSFacts struct {
	Version  string `json:"version"`
	Cipher   string `json:"cipher"`
	SNI      string `json:"sni,omitempty"`
	Exporter []byte `json:"exporter,omitempty"` // channel binding tls-exporter (RFC 9266)
	// CertName is the name in a client certificate that was verified, for
	// EXTERNAL.
	CertName string `json:"cert,omitempty"`
}

// States of an AuthReply.
const (
	AuthOK       = "ok"       // success; or the list of mechanisms; or master has the connection
	AuthGoOn     = "go on"    // Challenge waits for a response
	AuthFailed   = "failed"   // the client is not who it says
	AuthTempFail = "tempfail" // nobody can say now
)

// Codes of failures, where one is known (RFC 5530; RFC 3206).
const (
	AuthCodeFailed      = "AUTHENTICATIONFAILED"
	AuthCodeAuthz       = "AUTHORIZATIONFAILED"
	AuthCodeUnavailable = "UNAVAILABLE"
	AuthCodeExpired     = "EXPIRED"
	AuthCodePrivacy     = "PRIVACYREQUIRED"
	AuthCodeMalformed   = "MALFORMED" // the client does not speak the mechanism
	AuthCodeUnknown     = "MECHANISM" // no such mechanism here
	AuthCodeDisabled    = "DISABLED"  // the account may not use this service
)

// An AuthReply answers an AuthRequest. Text may be shown to the client and
// tells nothing of what exists.
type AuthReply struct {
	Exchange   uint64   `json:"x"`
	State      string   `json:"state"`
	Mechanisms []string `json:"mechs,omitempty"`
	Challenge  []byte   `json:"chal,omitempty"` // go on; with ok: what the mechanism says with success
	User       string   `json:"user,omitempty"` // ok: the account's canonical name; failed: what was tried, clean, for the log
	Code       string   `json:"code,omitempty"`
	Text       string   `json:"text,omitempty"`
	Seated     bool     `json:"seated,omitempty"` // ok: master has the connection that came with begin
}

// An AuthSessionStart is what authd does not know of a session.
type AuthSessionStart struct {
	// Entry is the name in master.cf of the service that the client has come
	// to: the session gets that entry's options.
	Entry  string `json:"entry"`
	Tag    string `json:"tag,omitempty"`    // IMAP's tag of the command that logged in
	Unread []byte `json:"unread,omitempty"` // octets that came behind that command
	Secure bool   `json:"secure,omitempty"` // TLS, or as good
	// Enabled are capabilities that were agreed on before login, such as POP3's UTF8.
	Enabled []string `json:"enabled,omitempty"`
	// Heard tells that the login process waits for the SessionAck first, and for
	// authd's answer only where none comes: master logs the login.
	Heard bool `json:"heard,omitempty"`
}
