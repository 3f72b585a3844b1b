package aliases

import (
	"strconv"
	"strings"

	"yubin/internal/account"
	"yubin/internal/config"
	"yubin/internal/ipc"
	"yubin/internal/match"
	"yubin/internal/nss"
	"yubin/internal/route"
	"yubin/internal/smtp"
	"yubin/internal/table"
)

// Params are the parameters that New reads.
func Params() []*config.Def {
	return append(nss.Params(),
		config.AliasMaps.Def, config.Mydestination.Def, config.ParentDomainMatchesSubdomains.Def, config.Myorigin.Def, config.RecipientDelimiter.Def,
		config.AllowMailToCommands.Def, config.AllowMailToFiles.Def, config.PropagateExtensions.Def,
		config.OwnerRequestSpecial.Def, config.ExpandOwnerAlias.Def, config.ResetOwnerAlias.Def, config.DuplicateFilterLimit.Def,
		config.ForwardPath.Def, config.ForwardExpansionFilter.Def,
	)
}

// New makes an Expander of a configuration, for the users of the system. Its error
// is a config.Problem.
func New(c *config.Config, open Opener, warn func(text string), options ...table.Option) (*Expander, error) {
	maps, err := table.OpenAliases(config.AliasMaps.Of(c), options...)
	if err != nil {
		return nil, c.Fault(config.AliasMaps.Def, err.Error())
	}
	passwd, err := table.Open("unix:passwd.byname", options...)
	if err != nil {
		return nil, err
	}
	destinations, err := match.Of(c, config.Mydestination)
	if err != nil {
		return nil, err
	}
	delimiters := config.RecipientDelimiter.Of(c)
	path, err := config.SplitBraces(config.ForwardPath.Of(c), ", \t\r\n")
	if err != nil {
		return nil, c.Fault(config.ForwardPath.Def, err.Error())
	}
	return &Expander{
		Maps: maps, Users: &System{passwd, nss.New(c).UserByID, delimiters}, Open: open, Local: destinations.Domain,
		Origin: config.Myorigin.Of(c), Delimiters: delimiters,
		Commands: kinds(config.AllowMailToCommands.Of(c)), Files: kinds(config.AllowMailToFiles.Of(c)), Propagate: kinds(config.PropagateExtensions.Of(c)),
		Owners: config.OwnerRequestSpecial.Of(c), ExpandOwner: config.ExpandOwnerAlias.Of(c), ResetOwner: config.ResetOwnerAlias.Of(c),
		Remember: config.DuplicateFilterLimit.Of(c), ForwardPath: path, ForwardFilter: config.ForwardExpansionFilter.Of(c),
		Warn: warn,
	}, nil
}

func kinds(list []string) []Kind {
	var all []Kind
	for _, k := range list {
		all = append(all, Kind(k))
	}
	return all
}

// A System is the users of the system.
type System struct {
	Passwd     account.Lookup // name to a line of passwd(5)
	ByID       func(uid uint32) (*ipc.NSSUser, error)
	Delimiters string // recipient_delimiter
}

// User looks a local part up as a user: in lower case, with its extension, then
// without.
func (s *System) User(local string) (*account.Person, error) {
	local = strings.ToLower(local)
	base, _ := route.SplitExtension(local, s.Delimiters)
	for _, name := range []string{local, base} {
		line, found, err := s.Passwd.Lookup(name)
		if err != nil {
			return nil, &Error{4, smtp.LocalProcessing, "user lookup failed", err}
		}
		if found {
			return account.ParsePasswd(line)
		}
		if base == local {
			break
		}
	}
	return nil, nil
}

// UserByID is the user with a user ID.
func (s *System) UserByID(uid int) (*account.Person, error) {
	u, err := s.ByID(uint32(uid))
	if u == nil || err != nil {
		return nil, err
	}
	return &account.Person{
		Name: u.Name, UID: strconv.FormatUint(uint64(u.UID), 10), GID: strconv.FormatUint(uint64(u.GID), 10), Home: u.Home, Shell: u.Shell,
	}, nil
}
