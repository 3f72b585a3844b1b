package aliases

import (
	"yubin/internal/config"
	"yubin/internal/match"
	"yubin/internal/nss"
	"yubin/internal/table"
)

// Params are the parameters that New reads.
func Params() []*config.Def {
	return append(nss.Params(), []*config.Def{
		config.Myorigin.Def, config.Mydestination.Def, config.RecipientDelimiter.Def, config.AliasMaps.Def,
		config.AllowMailToCommands.Def, config.AllowMailToFiles.Def, config.PropagateExtensions.Def,
		config.OwnerRequestSpecial.Def, config.ExpandOwnerAlias.Def, config.ResetOwnerAlias.Def, config.DuplicateFilterLimit.Def,
		config.ForwardPath.Def, config.ForwardExpansionFilter.Def,
	}...)
}

// New opens alias_maps and the users of the system, and reads files by open, which
// decides with whose rights: local's has those that are due, a person's own
// explain what that person may see. Tables that are missing or wrong fail in
// the lookups. Its error is a config.Problem.
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
	path, err := config.SplitBraces(config.ForwardPath.Of(c), ", \t\r\n")
	if err != nil {
		return nil, c.Fault(config.ForwardPath.Def, err.Error())
	}
	delimiters := config.RecipientDelimiter.Of(c)
	return &Expander{
		Maps: maps, Users: &System{passwd, nss.New(c).UserByID, delimiters}, Open: open, Local: destinations.Domain,
		Origin: config.Myorigin.Of(c), Delimiters: delimiters,
		Commands: kinds(config.AllowMailToCommands.Of(c)), Files: kinds(config.AllowMailToFiles.Of(c)), Propagate: kinds(config.PropagateExtensions.Of(c)),
		Owners: config.OwnerRequestSpecial.Of(c), ExpandOwner: config.ExpandOwnerAlias.Of(c), ResetOwner: config.ResetOwnerAlias.Of(c),
		Remember: config.DuplicateFilterLimit.Of(c), ForwardPath: path, ForwardFilter: config.ForwardExpansionFilter.Of(c), Warn: warn,
	}, nil
}

func kinds(list []string) []Kind {
	var all []Kind
	for _, k := range list {
		all = append(all, Kind(k))
	}
	return all
}
