package smtpd

// user is who has logged in, "" when nobody has.
func (s *session) user() string { return "" }
